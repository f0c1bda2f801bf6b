"""Published models with random weights: their configs, parameters, words and pictures."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import jax.numpy as jnp
import numpy as np

from accelerated.cases import draw, draw_like
from ovseg_jax.config import Config, ModelConfig
from ovseg_jax.foundation.typing import Batch, Params, Proposals, Text
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.methods.method import Method
from ovseg_jax.vocabulary.prompts import templates

SLOTS, SEGMENTS = 24, 12
"""Ground-truth slots of a picture, and how many are filled: about as many as COCO's photos have."""


def config_of(name: str, dtype: Any) -> Config:
    """Loads the config `configs/name.py`, to be computed in `dtype` and with fresh weights."""
    config = importlib.import_module(f"configs.{name.replace('/', '.')}").get_config()
    clip = dataclasses.replace(config.model.clip, compute_dtype=jnp.dtype(dtype).name)
    model = dataclasses.replace(config.model, clip=clip)
    return dataclasses.replace(config, model=model, init_from="", init_parts=())


def build_model(config: ModelConfig) -> tuple[Method, Params]:
    """Builds a method and draws its parameters."""
    method = build.method(config)
    return method, draw_like(parameter_shapes(method))


def draw_text(config: ModelConfig, method: Method, names: int, seed: int = 0) -> Text:
    """Draws a vocabulary of unit vectors, one name per class, as padded as inference pads it."""
    count, width = len(templates(config.templates)), method.towers.embedding_dim
    (rows,) = draw(seed, names, count, width, turns=1)
    rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    yes = jnp.ones(names, bool)
    return Text(embeddings=rows, classes=jnp.arange(names), valid=yes, seen=yes)


def draw_batch(size: tuple[int, int], count: int, labelled: int, classes: int, seed: int) -> Batch:
    """Draws pictures of noise, cut into a grid of 12 rectangles, in 24 ground-truth slots.

    Args:
        size: Height and width in pixels.
        count: Pictures.
        labelled: How many of the rectangles have a label.
        classes: Labels are drawn below this.
        seed: Of the numbers.
    """
    rng = np.random.default_rng(seed)
    rows, columns = (
        np.arange(side) * parts // side for side, parts in zip(size, (3, 4), strict=True)
    )
    ids = 1 + 4 * rows[:, None] + columns
    labels = np.full((count, SLOTS), -1)
    labels[:, :labelled] = rng.integers(0, classes, (count, labelled))
    return Batch(
        images=jnp.asarray(rng.integers(0, 256, (count, *size, 3), np.uint8)),
        sizes=jnp.full((count, 2), jnp.asarray(size, jnp.int32)),
        segment_ids=jnp.asarray(np.broadcast_to(ids, (count, *size)), jnp.int32),
        labels=jnp.asarray(labels, jnp.int32),
        crowds=jnp.zeros((count, SLOTS), bool),
        valid=jnp.ones(count, bool),
    )


def draw_masks(count: int, size: tuple[int, int], slots: int, seed: int = 0) -> Proposals:
    """Draws ellipses of many sizes as hard masks over one picture; the other slots are empty."""
    rng = np.random.default_rng(seed)
    y, x = (np.arange(side) / side for side in size)
    masks = np.zeros((1, slots, *size), bool)
    for mask in masks[0, :count]:
        (v, u), (b, a) = rng.uniform(0.1, 0.9, 2), np.exp(rng.uniform(np.log(0.04), np.log(0.4), 2))
        mask[:] = ((y - v) / b)[:, None] ** 2 + ((x - u) / a) ** 2 < 1
    valid = jnp.arange(slots)[None] < count
    return Proposals(masks=jnp.asarray(masks), valid=valid)

"""Golden cases of MaskCLIP: mask tokens through all blocks with relative mask attention."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import FisaConfig
from ovseg_jax.convert.rules import Rule, apply, conv, layer, norm, prefixed
from ovseg_jax.convert.towers.vit import TABLE
from ovseg_jax.foundation.typing import Text
from ovseg_jax.methods.fisa import Fisa, class_rows
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.fisa.mask_tokens import covered_tokens

from . import Case, Outputs, runner

KEPT = (1, 6)
"""Blocks, counted from 1, behind which tokens are compared."""


def added(blocks: list[int]) -> tuple[Rule, ...]:
    """Rows of the parameters that MaskCLIP adds to CLIP's tower."""
    rows: list[Rule] = []
    for place, block in enumerate(blocks):
        own = f"relative_block{block}"
        inside = rf"transformer\.resblocks\.{block}\.attn\."
        rows += norm(inside + "q_prime_norm_added_params", f"{own}/query_norm")
        rows += layer(inside + "k_prime_proj_weight_added_params", f"{own}/key")
        beside = rf"transformer\.conv{{}}_added_params\.{place}"
        rows += layer(beside.format(1), f"{own}/patches", conv)
        rows += layer(beside.format(3), f"{own}/pixels")
    return prefixed(tuple(rows), "maskclip.visual.", "")


def method_of(config: dict) -> Fisa:
    """The method without words, on a tower of the case's sizes; its text tower is never used."""
    visual = VisionTransformer(
        image_size=config["input_resolution"],
        patch=config["patch_size"],
        width=config["width"],
        layers=config["layers"],
        heads=config["heads"],
        embedding_dim=config["output_dim"],
        activation="quick_gelu",
    )
    text = TextTower(vocab_size=2, context_length=2, width=2, heads=1, layers=1, embedding_dim=2)
    return Fisa(
        clip=Clip(visual=visual, text=text),
        config=FisaConfig(
            clip_size=0,
            words_enter="none",
            adapter_layers=0,
            relative_blocks=tuple(config["attention_layers_with_mask_embedding"]),
            num_points=1,
        ),
    )


def text_of(rows: np.ndarray) -> Text:
    """The given rows, each a class of its own."""
    count = len(rows)
    return Text(
        embeddings=jnp.asarray(rows)[:, None],
        classes=jnp.arange(count),
        valid=jnp.ones(count, bool),
        seen=jnp.zeros(count, bool),
    )


def walked(method: Fisa, pixels: jax.Array, masks: jax.Array, text: Text) -> dict:
    """Everything the case asks for; rows of blocks are masks, class token, patches."""
    tower = method.clip.visual
    features = method._encode(pixels, jnp.asarray([pixels.shape[1:3]]))
    _, memories = tower.run(pixels, remember=KEPT)
    covered = covered_tokens(masks, tower.patch)
    trail = method.walk(features, covered, masks, class_rows(text), text.valid)
    embedded = method.clip.project(trail[-1][0])
    logits = method.compare(embedded, method.words(features, text), text)[..., :-1]
    blocks = {
        f"block{count}": jnp.concatenate([trail[count - 1][0], memories[count].tokens], axis=1)
        for count in KEPT
    }
    outputs = {"mask_class_tokens": embedded, "pred_logits": logits, "pred_masks": trail[-1][1]}
    return blocks | outputs


@runner("maskclip_ucsd", "relative_mask_attention")
def run(case: Case) -> Outputs:
    """A normalised image and mask logits at CLIP's size to tokens, logits and refined masks."""
    config = case.config
    method = method_of(config)
    pixels = jnp.asarray(np.moveaxis(case.inputs["image_normalized"], 1, -1))
    masks = jnp.asarray(case.inputs["pred_masks"])[None]
    text = text_of(case.inputs["text_embeddings"])
    inputs = pixels, masks, text
    shapes = jax.eval_shape(lambda key: method.init(key, *inputs, method=walked), jax.random.key(0))
    expected = shapes["params"] | {"clip": {"visual": shapes["params"]["clip"]["visual"]}}
    table = prefixed(TABLE, "maskclip.", "clip/")
    blocks = config["attention_layers_with_mask_embedding"]
    params, _ = apply((*table, *added(blocks)), case.checkpoint(), expected, case.name)
    params["clip"]["logit_scale"] = np.float32(-np.log(config["temperature"]))
    compute = jax.jit(lambda params, *x: method.apply({"params": params}, *x, method=walked))
    outputs = jax.device_get(compute(jax.tree.map(jnp.asarray, params), *inputs))
    return {name: np.asarray(x) for name, x in outputs.items()}

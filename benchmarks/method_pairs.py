"""The same method twice, ours and the plain PyTorch formulation, with the same random weights."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import method_references
import numpy as np
import torch
from jax.typing import DTypeLike

from ovseg_jax.config import FisaConfig, MaskClipPlusPlusConfig, OVSegConfig
from ovseg_jax.foundation.typing import Batch, Features, Params, Proposals, Regions, Text
from ovseg_jax.methods.fisa import Fisa
from ovseg_jax.methods.maskclippp import MaskClipPlusPlus
from ovseg_jax.methods.method import Method
from ovseg_jax.methods.ovseg import OVSeg
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.variants import build_clip
from ovseg_jax.ops.compiler import compiler_options

CLASSES = 150
CLIP_SIDE = 448
"""Side of what FISA's tower sees."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One method at one size.

    Attributes:
        name: Of the row.
        method: Ours.
        theirs: Maps weights, image, masks and texts to logits in PyTorch.
        masks: How many are classified.
        side: Of the frame in pixels.
        templates: Prompts per name that the method reads.
        cached: Whether what `encode` keeps saves the tower when masks change.
    """

    name: str
    method: Method
    theirs: Callable[..., torch.Tensor]
    masks: int
    side: int
    templates: int = 1
    cached: bool = True


def settings(dtype: DTypeLike = "float32") -> list[Setting]:
    """Returns what is measured: ViT-B/16 as OpenAI published it, 150 classes.

    Args:
        dtype: Of our activations.
    """
    text = TextTower(vocab_size=8, context_length=4, width=12, heads=2, layers=1, embedding_dim=512)
    clip = build_clip("vit_b_16_quickgelu", dtype, "bicubic_aligned").clone(text=text)
    prompted = OVSeg(clip=clip, config=OVSegConfig())
    tuned = MaskClipPlusPlus(clip=clip, config=MaskClipPlusPlusConfig())
    ranked = FisaConfig(clip_size=CLIP_SIDE, rank=96)  # 128 does not divide into 12 heads
    early = Fisa(clip=clip, config=ranked)
    return [
        Setting("OVSeg crops", prompted, method_references.ovseg, 32, 640, cached=False),
        Setting("OVSeg crops", prompted, method_references.ovseg, 100, 640, cached=False),
        Setting("MaskCLIP++", tuned, method_references.maskclippp, 100, 512, templates=14),
        Setting("FISA", early, method_references.fisa, 100, 640),
    ]


def draw_masks(count: int, side: int, seed: int) -> np.ndarray:
    """Draws ellipses of many sizes, each cut by a random half plane: [count, side, side] bool."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    masks = np.zeros((count, side, side), bool)
    for mask in masks:
        (v, u), (b, a) = rng.uniform(0.1, 0.9, 2), np.exp(rng.uniform(np.log(0.04), np.log(0.4), 2))
        angle = rng.uniform(0, 2 * np.pi)
        inside = ((y - v) / b) ** 2 + ((x - u) / a) ** 2 < 1
        mask[:] = inside & ((y - v) * np.sin(angle) + (x - u) * np.cos(angle) > -0.5 * min(a, b))
    return masks


def draw_rows(templates: int, width: int, seed: int) -> np.ndarray:
    """Draws unit vectors: [classes, templates, width]."""
    rows = np.random.default_rng(seed).standard_normal((CLASSES, templates, width), np.float32)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def text_of(rows: np.ndarray) -> Text:
    """Returns a vocabulary of one name per class."""
    classes, yes = jnp.arange(len(rows)), jnp.ones(len(rows), bool)
    return Text(embeddings=jnp.asarray(rows), classes=classes, valid=yes, seen=yes)


def draw_params(method: Method) -> Params:
    """Draws parameters that keep the variance, with norms near one and CLIP's temperature."""
    batch = Batch(images=jnp.zeros((1, 64, 64, 3), jnp.uint8), sizes=jnp.full((1, 2), 64))
    proposals = Proposals(masks=jnp.zeros((1, 1, 64, 64), bool), valid=jnp.ones((1, 1), bool))
    templates = getattr(method.config, "num_templates", 1)
    text = text_of(draw_rows(templates, method.clip.embedding_dim, 0))
    tokens = jnp.zeros((1, 4), jnp.int32)
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch, proposals, text, tokens)
    rng = np.random.default_rng(1)

    def draw(path: tuple, leaf: Any) -> jax.Array:
        noise, last = rng.standard_normal(leaf.shape, np.float32), path[-1].key
        if last == "logit_scale":
            return jnp.log(100.0)
        if leaf.ndim > 1:
            noise = noise / np.sqrt(np.prod(leaf.shape[:-1]))
        else:
            noise = 0.1 * noise + (last == "scale")
        near = "distribution" in str(path)  # masks stay near what they were
        return jnp.asarray(0.05 * noise if near else noise)

    return jax.tree_util.tree_map_with_path(draw, shapes["params"])


class Ours:
    """Encoding, embedding and scoring, compiled as inference compiles them."""

    def __init__(self, method: Method, params: Params, side: int):
        jit = functools.partial(jax.jit, compiler_options=compiler_options())
        self.params, self.sizes = params, jnp.full((1, 2), side)
        self.embeds_first = method.embeds_first
        self._encode = jit(functools.partial(encode, method))
        self._embed = jit(functools.partial(embed, method))
        self._score = jit(functools.partial(score, method))

    def encode(self, image: jax.Array) -> Features:
        """Encodes a photo [side, side, 3]."""
        return self._encode(self.params, image[None], self.sizes)

    def embed(self, features: Features, masks: jax.Array) -> Regions | None:
        """Embeds masks [q, side, side]; None where words enter before that."""
        return self._embed(self.params, features, masks[None]) if self.embeds_first else None

    def score(
        self, features: Features, masks: jax.Array, text: Text, regions: Regions | None = None
    ) -> jax.Array:
        """Returns the logits of masks [q, side, side] by class, from their embeddings if known."""
        if regions is None:
            regions = self.embed(features, masks)
        scored = self._score(self.params, features, masks[None], text, regions)
        return jax.block_until_ready(scored)

    def __call__(self, image: jax.Array, masks: jax.Array, text: Text) -> jax.Array:
        """Goes from pixels, masks and words to logits."""
        return self.score(self.encode(image), masks, text)

    def spare_programs(self) -> int:
        """Returns how many programs have been compiled beyond one per computation."""
        computations = self._encode, self._embed, self._score
        return sum(each._cache_size() for each in computations) - 2 - self.embeds_first


def encode(method: Method, params: Params, images: jax.Array, sizes: jax.Array) -> Features:
    """Encodes frames [b, side, side, 3]."""
    return method.apply({"params": params}, images.astype(jnp.float32), sizes, method="encode")


def embed(method: Method, params: Params, features: Features, masks: jax.Array) -> Regions:
    """Embeds masks [b, q, side, side]."""
    return method.apply({"params": params}, features, proposals_of(masks), method="embed")


def score(
    method: Method,
    params: Params,
    features: Features,
    masks: jax.Array,
    text: Text,
    regions: Regions | None = None,
) -> jax.Array:
    """Returns the logits of the first image's masks by class, without void."""
    apply = functools.partial(method.apply, {"params": params}, features)
    if regions is None:
        scores = apply(proposals_of(masks), text, method="score")
    else:
        scores = apply(regions, text, method="score_regions")
    return scores.logits[0, :, :-1]


def proposals_of(masks: jax.Array) -> Proposals:
    """Takes masks for proposals, all of them valid."""
    return Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))

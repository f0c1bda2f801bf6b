"""FC-CLIP with Mask-Adapter twice, ours and the originals' formulation, with the same weights.

Random weights make masks of noise, which no trained generator makes. So both sides run their
generator in full, and then go on with drawn masks in place of its own (`shown`).
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from method_pairs import draw_masks, text_of

from ovseg_jax.config import EnsembleConfig, MaskAdapterConfig, QueryGeneratorConfig
from ovseg_jax.foundation.typing import Batch, Features, Params, Proposals, Text
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.panoptic import PanopticRules, panoptic_segments
from ovseg_jax.inference.steps import Steps
from ovseg_jax.methods.mask_adapter import MaskAdapter
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.generators.variants import build_generator

ENSEMBLE = EnsembleConfig(alpha=0.7, beta=0.9)
LOGIT = 6.0
"""Mask logits of drawn masks, inside; outside they are negative."""


@dataclasses.dataclass(frozen=True)
class Size:
    """What is measured; the defaults are the headline's.

    Attributes:
        side: Of the photo in pixels.
        queries: Masks.
        classes: Words, half of them seen in training and two thirds of them things.
        tiny: Narrow and shallow, to try the program.
    """

    side: int = 640
    queries: int = 100
    classes: int = 150
    tiny: bool = False


@dataclasses.dataclass(frozen=True)
class Scene:
    """One photo, words, and the masks that take the place of the generator's."""

    image: np.ndarray
    rows: np.ndarray
    shown: np.ndarray


def build(size: Size) -> MaskAdapter:
    """Builds ConvNeXt-B with FC-CLIP's generator and the adapter; the text tower is a stub."""
    dims, depths, width = (128, 256, 512, 1024), (3, 3, 27, 3), 640
    generator, adapter = QueryGeneratorConfig(num_queries=size.queries), MaskAdapterConfig()
    if size.tiny:
        dims, depths, width = (16, 32, 48, 64), (1, 1, 2, 1), 48
        layers = {"encoder_layers": 2, "decoder_layers": 4, "decoder_hidden": 64}
        narrow = {"width": 64, "mask_width": 64, "encoder_hidden": 64, **layers}
        generator = dataclasses.replace(generator, **narrow)
        adapter = dataclasses.replace(adapter, width=48)
    text = TextTower(
        vocab_size=8, context_length=4, width=12, heads=2, layers=1, embedding_dim=width
    )
    clip = Clip(visual=ConvNeXtTower(dims=dims, depths=depths, embedding_dim=width), text=text)
    return MaskAdapter(clip=clip, config=adapter, generator=build_generator(generator, width))


def draw_scene(size: Size, width: int, seed: int) -> Scene:
    """Draws a photo of noise, words, and ellipses of many sizes, each cut by a line."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((size.classes, width), np.float32)
    masks = draw_masks(size.queries, size.side // 4, seed)
    noise = rng.standard_normal(masks.shape, np.float32)
    return Scene(
        image=rng.integers(0, 256, (size.side, size.side, 3), np.uint8),
        rows=rows / np.linalg.norm(rows, axis=-1, keepdims=True),
        shown=np.where(masks, LOGIT, -LOGIT).astype(np.float32) + noise,
    )


def seen(classes: int) -> np.ndarray:
    """Every second class is one of the training vocabulary."""
    return np.arange(classes) % 2 == 0


def things(classes: int) -> np.ndarray:
    """Two classes of three are things."""
    return np.arange(classes) % 3 > 0


class Ours:
    """Our side, by the steps that inference compiles."""

    def __init__(self, size: Size, method: MaskAdapter, params: Params):
        self.size, self.params = size, params
        self.steps = Steps(method, ENSEMBLE)
        self.frame = Frame.plain(size.side, size.side)

    def text(self, rows: np.ndarray) -> Text:
        """Returns a vocabulary of one name per class and one template."""
        known = jnp.asarray(seen(len(rows)))
        return text_of(rows[:, None]).replace(seen=known)

    def encode(self, image: np.ndarray) -> tuple[Batch, Features]:
        """Runs the trunk."""
        sizes = jnp.full((1, 2), self.size.side, jnp.int32)
        batch = Batch(images=jnp.asarray(image)[None], sizes=sizes)
        return batch, self.steps.encode(self.params, batch)

    def score(self, features: Features, proposals: Proposals, text: Text) -> jax.Array:
        """Names masks: log probabilities [q, k + 1]."""
        return self.steps.compare(self.params, features, proposals, text).log_probs[0]

    def segment(self, scene: Scene, *, own: bool = False) -> dict[str, np.ndarray]:
        """Goes from pixels to segments."""
        batch, features = self.encode(scene.image)
        text = self.text(scene.rows)
        found = self.steps.propose(self.params, batch, features, text)
        shown = found if own else found.replace(masks=jnp.asarray(scene.shown)[None])
        answer = self.score(features, shown, text)
        rules = PanopticRules(0.0, 0.8)
        result = panoptic_segments(
            answer, shown.masks[0], self.frame, things(len(scene.rows)), rules
        )
        made = {"dense": features.dense[0], "masks": found.masks[0], "names": found.class_logits[0]}
        return {**made, "answer": answer, "ids": result.segment_ids, "info": result.info}

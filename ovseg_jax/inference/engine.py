"""A model made ready to answer: compiled once per shape, masks in bounded portions.

Shapes come from bounded sets (frames are multiples of 32, masks and words are padded to buckets),
so after the first photos nothing compiles any more.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from PIL import Image

from ovseg_jax.config import InferenceConfig
from ovseg_jax.inference.encoded import EncodedImage, fingerprint
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.ops.compiler import compiler_options, keep_heap_small
from ovseg_jax.ops.frames import prepare
from ovseg_jax.typing import Batch, Features, Params, Proposals, Regions, Text
from ovseg_jax.vocabulary.classes import ClassList

BUCKETS = (16, 32, 64, 128, 256)
"""Mask counts that are compiled for; more masks are classified in turns of the last."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What a segmenter needs to know of a model.

    Attributes:
        method: The method's module.
        params: All its parameters.
        inference: Sizes and thresholds.
        tokenizer: Texts to token ids.
        templates: Name of the model's own prompt set.
        train_classes: The training vocabulary; None if the model names none.
        weights_key: Identifies the parameters in the text cache; empty for no cache.
        name: What reports call the model.
    """

    method: Any
    params: Params
    inference: InferenceConfig
    tokenizer: Any
    templates: str = "vild14"
    train_classes: ClassList | None = None
    weights_key: str = ""
    name: str = "model"


class Engine:
    """The computations of a model, jitted: photo, words, masks, and masks by words.

    Where a method embeds masks before it reads words, the photo keeps the embeddings of its latest
    masks: other words for the same masks cost a product of matrices.

    Attributes:
        parts: The model.
        params: Its parameters, on the device.
    """

    def __init__(self, parts: ModelParts):
        """Moves the parameters to the device; compiles nothing yet."""
        self.parts = parts
        self.params = jax.tree.map(jnp.asarray, parts.params)
        keep_heap_small()
        jit = functools.partial(jax.jit, compiler_options=compiler_options())
        self._encode = jit(self._encode_image)
        self._embed = jit(self._embed_text)
        self._regions = jit(self._embed_masks, static_argnames="with_maps")
        self._score = jit(self._score_masks, static_argnames="with_maps")
        self._propose = jit(self._propose_masks)
        self._class_maps = jit(self._maps_of_classes)

    def encode(self, pixels: UInt8[np.ndarray, "H W 3"]) -> EncodedImage:
        """Runs the image tower on a photo at its test size."""
        inference = self.parts.inference
        stride = self.parts.method.stride
        prepared = prepare(pixels, inference.short_side, inference.long_side, stride)
        sizes = jnp.asarray([prepared.size])
        features = self._encode(self.params, jnp.asarray(prepared.frame)[None], sizes)
        return EncodedImage(pixels, prepared, features)

    def embed(self, tokens: Int[np.ndarray, "r l"]) -> Float[np.ndarray, "r d"]:
        """Runs the text tower."""
        return np.asarray(self._embed(self.params, tokens))

    def score(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"], text: Text, with_maps: bool
    ) -> tuple[Float[np.ndarray, "q k1"], Float[np.ndarray, "q m h w"] | None]:
        """Classifies masks given at the photo's size, some at a time.

        Returns:
            Probability of each class slot and of void; and activation maps if they were asked
            for and the method has them.
        """
        size = BUCKETS[-1]
        portions = [masks[first : first + size] for first in range(0, len(masks), size)]
        if not portions:
            return np.zeros((0, text.valid.shape[0] + 1), np.float32), None
        results = [self._score_some(image, portion, text, with_maps) for portion in portions]
        probabilities, maps = zip(*results, strict=True)
        return np.concatenate(probabilities), None if maps[0] is None else np.concatenate(maps)

    def propose(self, image: EncodedImage, text: Text) -> Proposals:
        """Proposes masks over the photo's frame by the model's own generator."""
        sizes = jnp.asarray([image.prepared.size])
        frame = jnp.asarray(image.prepared.frame)[None]
        return self._propose(self.params, frame, sizes, image.features, text)

    def class_maps(self, image: EncodedImage, text: Text) -> Float[jax.Array, "k h w"]:
        """Compares every cell with every class, for methods that need no masks (`DensePixels`)."""
        return self._class_maps(self.params, image.features, text)[0]

    def name(
        self, image: EncodedImage, proposals: Proposals, text: Text, with_maps: bool
    ) -> tuple[Float[np.ndarray, "q k1"], Proposals, Float[np.ndarray, "q m h w"] | None]:
        """Names the masks of a generator, joining its opinion with the method's.

        Returns:
            Log probability of each class slot and of void; the proposals, as refined as the method
            refines them; and activation maps if they were asked for and the method has them.
        """
        log_probs, refined, maps = self._compare(image, proposals, text, with_maps)
        if refined is not None:
            proposals = proposals.replace(masks=refined)
        maps = None if maps is None else np.asarray(maps)[0]
        return np.asarray(log_probs)[0], proposals, maps

    def _score_some(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"], text: Text, with_maps: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        slots = next(size for size in BUCKETS if size >= len(masks))
        frame = np.zeros((1, slots, *image.prepared.frame.shape[:2]), bool)
        height, width = image.prepared.size
        for slot, mask in enumerate(masks):
            frame[0, slot, :height, :width] = shrink_mask(mask, (height, width))
        valid = jnp.arange(slots)[None] < len(masks)
        proposals = Proposals(masks=jnp.asarray(frame), valid=valid)
        # Masks that were given stay as they are, also where the method would refine them.
        log_probs, _, maps = self._compare(image, proposals, text, with_maps)
        # Cut on the host: on the device each number of masks would be a program of its own.
        kept_maps = None if maps is None else np.asarray(maps)[0, : len(masks)]
        return np.exp(np.asarray(log_probs)[0, : len(masks)]), kept_maps

    def _compare(
        self, image: EncodedImage, proposals: Proposals, text: Text, with_maps: bool
    ) -> tuple[jax.Array, jax.Array | None, jax.Array | None]:
        """Log probabilities, refined masks and maps, from kept embeddings where there are some."""
        regions = None
        if self.parts.method.embeds_first:
            bare = Proposals(masks=proposals.masks, valid=proposals.valid)
            inputs = self.params, image.features, bare
            key = fingerprint(np.asarray(bare.masks), with_maps)
            regions = image.recall(key, lambda: self._regions(*inputs, with_maps=with_maps))
        return self._score(
            self.params, image.features, proposals, text, regions, with_maps=with_maps
        )

    def _encode_image(self, params: Params, frames: jax.Array, sizes: jax.Array) -> Features:
        method, images = self.parts.method, frames.astype(jnp.float32)
        return method.apply({"params": params}, images, sizes, method="encode")

    def _embed_text(self, params: Params, ids: jax.Array) -> jax.Array:
        def encode_text(bound: Any, ids: jax.Array) -> jax.Array:
            return bound.clip.encode_text(ids)

        return self.parts.method.apply({"params": params}, ids, method=encode_text)

    def _propose_masks(
        self, params: Params, frames: jax.Array, sizes: jax.Array, features: Features, text: Text
    ) -> Proposals:
        batch = Batch(images=frames, sizes=sizes)
        return self.parts.method.apply({"params": params}, batch, features, text, method="propose")

    def _maps_of_classes(self, params: Params, features: Features, text: Text) -> jax.Array:
        return self.parts.method.apply({"params": params}, features, text, method="class_maps")

    def _embed_masks(
        self, params: Params, features: Features, proposals: Proposals, with_maps: bool
    ) -> Regions:
        method = self.parts.method
        regions = method.apply({"params": params}, features, proposals, method="embed")
        return regions if with_maps else regions.replace(maps=None)

    def _score_masks(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        text: Text,
        regions: Regions | None,
        with_maps: bool,
    ) -> tuple[jax.Array, jax.Array | None, jax.Array | None]:
        apply = functools.partial(self.parts.method.apply, {"params": params}, features)
        if regions is None:
            scores = apply(proposals, text, method="score")
        else:
            scores = apply(regions, text, method="score_regions")
        maps = scores.regions.maps if with_maps and scores.regions is not None else None
        weights, grid = self.parts.inference.ensemble, features.dense.shape[1:3]
        rule = choose_rule(proposals, weights, grid, repeats=self.parts.method.repeats_names)
        log_probs = rule.join(proposals, scores.logits, text)
        return log_probs, scores.masks, maps


def shrink_mask(mask: Bool[np.ndarray, "H W"], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """Resizes a hard mask like the photo, antialiased, inside where at least half is covered.

    A mask too small for that keeps the cells that it covers most, so it never vanishes.
    """
    if mask.shape == tuple(size):
        return mask
    if not mask.any():
        return np.zeros(size, bool)
    grey = Image.fromarray(mask.astype(np.float32))
    covered = np.asarray(grey.resize(size[::-1], Image.Resampling.BILINEAR))
    return covered >= min(covered.max(), 0.5)

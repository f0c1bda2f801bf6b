"""A model made ready to answer: compiled once per shape, masks in bounded portions.

Shapes come from bounded sets (frames are multiples of 32, masks and words are padded to buckets),
so after the first photos nothing compiles any more.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ovseg_jax.inference import answering
from ovseg_jax.inference.answering import ScoredMasks
from ovseg_jax.inference.encoded_image import EncodedImage, fingerprint
from ovseg_jax.inference.mask_makers.mask_maker import BUCKETS, HardMasks, slots_for
from ovseg_jax.inference.model import Model
from ovseg_jax.methods.method import Method
from ovseg_jax.ops.compiler import compiler_options, keep_heap_small
from ovseg_jax.ops.images.network_input import Prepared, prepare
from ovseg_jax.typing import Batch, Features, Params, Proposals, Regions, Text


class Engine:
    """The computations of a model, jitted: photo, words, masks, and masks by words.

    Where a method embeds masks before it reads words, the photo keeps the embeddings of its latest
    masks: other words for the same masks cost a product of matrices.

    Attributes:
        model: The model.
        params: Its parameters, on the device.
    """

    def __init__(self, model: Model):
        """Moves the parameters to the device; compiles nothing yet."""
        self.model = model
        self.params = jax.tree.map(jnp.asarray, model.params)
        keep_heap_small()
        jit = functools.partial(jax.jit, compiler_options=compiler_options())

        def compiled(step: Callable) -> Callable:
            return jit(functools.partial(step, model.method))

        self._encode, self._embed_text = compiled(answering.encode), compiled(answering.embed_text)
        self._propose, self._class_maps = compiled(answering.propose), compiled(_class_maps)
        self._make, self._name = compiled(answering.make_masks), compiled(answering.name_masks)
        self._embed = jit(self._embed_masks, static_argnames=("with_maps", "with_masks"))
        self._answer = jit(self._answer_masks, static_argnames="with_maps")

    def encode(self, pixels: UInt8[np.ndarray, "H W 3"]) -> EncodedImage:
        """Runs the image tower on a photo at its test size."""
        inference = self.model.inference
        stride = self.model.method.stride
        prepared = prepare(pixels, inference.short_side, inference.long_side, stride)
        return EncodedImage(pixels, prepared, self._encode(self.params, _batch(prepared)))

    def embed(self, tokens: Int[np.ndarray, "r l"]) -> Float[np.ndarray, "r d"]:
        """Runs the text tower."""
        return np.asarray(self._embed_text(self.params, tokens))

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
        """Proposes masks over the photo's frame by the model's own generator.

        Where words do not touch the masks, the photo keeps them for the next words.
        """
        batch = _batch(image.prepared)
        if not self.model.method.proposes_first:
            return self._propose(self.params, batch, image.features, text)
        made = image.once("own masks", lambda: self._make(self.params, batch, image.features))
        return self._name(self.params, image.features, made, text)

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
        found = self._compare(image, proposals, text, with_maps, with_masks=True)
        if found.masks is not None:
            proposals = proposals.replace(masks=found.masks)
        maps = None if found.maps is None else np.asarray(found.maps)[0]
        return np.asarray(found.log_probs)[0], proposals, maps

    def _score_some(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"], text: Text, with_maps: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        proposals = HardMasks(masks).over(image.frame, slots_for(len(masks)))
        # Masks that were given stay as they are, also where the method would refine them.
        found = self._compare(image, proposals, text, with_maps, with_masks=False)
        # Cut on the host: on the device each number of masks would be a program of its own.
        kept_maps = None if found.maps is None else np.asarray(found.maps)[0, : len(masks)]
        return np.exp(np.asarray(found.log_probs)[0, : len(masks)]), kept_maps

    def _compare(
        self,
        image: EncodedImage,
        proposals: Proposals,
        text: Text,
        with_maps: bool,
        *,
        with_masks: bool,
    ) -> ScoredMasks:
        """Answers from kept embeddings where there are some."""
        regions = None
        if self.model.method.embeds_first:
            bare = Proposals(masks=proposals.masks, valid=proposals.valid)
            inputs = self.params, image.features, bare
            wanted = {"with_maps": with_maps, "with_masks": with_masks}
            key = fingerprint(np.asarray(bare.masks), *wanted.values())
            regions = image.recall(key, lambda: self._embed(*inputs, **wanted))
        return self._answer(
            self.params, image.features, proposals, text, regions, with_maps=with_maps
        )

    def _embed_masks(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        with_maps: bool,
        with_masks: bool,
    ) -> Regions:
        regions = answering.embed(self.model.method, params, features, proposals)
        return regions.replace(
            maps=regions.maps if with_maps else None, masks=regions.masks if with_masks else None
        )

    def _answer_masks(
        self,
        params: Params,
        features: Features,
        proposals: Proposals,
        text: Text,
        regions: Regions | None,
        with_maps: bool,
    ) -> ScoredMasks:
        method, ensemble = self.model.method, self.model.inference.ensemble
        found = answering.answer(method, params, features, proposals, text, ensemble, regions)
        return found if with_maps else found.replace(maps=None)


def _batch(prepared: Prepared) -> Batch:
    return Batch(
        images=jnp.asarray(prepared.frame)[None], sizes=jnp.asarray([prepared.size], jnp.int32)
    )


def _class_maps(method: Method, params: Params, features: Features, text: Text) -> jax.Array:
    return answering.apply(method, params, "class_maps", features, text)

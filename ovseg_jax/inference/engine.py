"""A model made ready to answer: compiled once per shape, masks in bounded portions.

Shapes come from bounded sets (frames are multiples of 32, masks and words are padded to buckets),
so after the first photos nothing compiles any more.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from ovseg_jax.foundation.typing import Batch, Proposals, Regions, Text
from ovseg_jax.inference.answering import ScoredMasks
from ovseg_jax.inference.encoded_image import EncodedImage, fingerprint
from ovseg_jax.inference.mask_makers.mask_maker import BUCKETS, HardMasks, slots_for
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.steps import compiled_steps, without_names
from ovseg_jax.ops.compiler import keep_heap_small
from ovseg_jax.ops.images.network_input import Prepared, prepare


class Engine:
    """The computations of a model, jitted: photo, words, masks, and masks by words.

    Where a method embeds masks before it reads words, the photo keeps the embeddings of its latest
    masks: other words for the same masks cost a product of matrices.

    Attributes:
        model: The model.
        params: Its parameters, on the device.
        steps: Its programs, which other engines of the same model share.
    """

    def __init__(self, model: Model):
        """Moves the parameters to the device; compiles nothing yet."""
        self.model = model
        self.params = jax.device_put(model.params)
        self.steps = compiled_steps(model.method, model.inference.ensemble)
        keep_heap_small()

    def encode(self, pixels: UInt8[np.ndarray, "H W 3"]) -> EncodedImage:
        """Runs the image tower on a photo at its test size."""
        inference = self.model.inference
        stride = self.model.method.stride
        prepared = prepare(pixels, inference.short_side, inference.long_side, stride)
        return EncodedImage(pixels, prepared, self.steps.encode(self.params, _batch(prepared)))

    def embed(self, tokens: Int[np.ndarray, "r l"]) -> Float[np.ndarray, "r d"]:
        """Runs the text tower."""
        return np.asarray(self.steps.embed_text(self.params, tokens))

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

    def embed_masks(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"]
    ) -> Float[np.ndarray, "q d"] | None:
        """Embeds masks given at the photo's size; None where words have a part in that."""
        if not self.model.method.embeds_first:
            return None
        size = BUCKETS[-1]
        # No masks are embedded as an empty portion, for the number of columns.
        portions = [masks[at : at + size] for at in range(0, max(1, len(masks)), size)]
        found = [self._embed_some(image, portion) for portion in portions]
        known = [vectors for vectors in found if vectors is not None]
        return np.concatenate(known) if known else None

    def propose(self, image: EncodedImage, text: Text) -> Proposals:
        """Proposes masks over the photo's frame by the model's own generator.

        Where words do not touch the masks, the photo keeps them for the next words.
        """
        batch = _batch(image.prepared)
        if not self.model.method.proposes_first:
            return self.steps.propose(self.params, batch, image.features, text)
        made = image.once(
            "own masks", lambda: self.steps.make_masks(self.params, batch, image.features)
        )
        return self.steps.name_masks(self.params, image.features, made, text)

    def class_maps(self, image: EncodedImage, text: Text) -> Float[jax.Array, "k h w"]:
        """Compares every cell with every class, for methods that need no masks (`DensePixels`)."""
        return self.steps.class_maps(self.params, image.features, text)[0]

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

    def _embed_some(
        self, image: EncodedImage, masks: Bool[np.ndarray, "q H W"]
    ) -> Float[np.ndarray, "q d"] | None:
        proposals = HardMasks(masks).over(image.frame, slots_for(len(masks)))
        found = self._regions(image, proposals, with_maps=False, with_masks=False).embeddings
        return None if found is None else np.asarray(found)[0, : len(masks)]

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
            regions = self._regions(image, proposals, with_maps=with_maps, with_masks=with_masks)
        return self.steps.answer(
            self.params, image.features, proposals, text, regions, with_maps=with_maps
        )

    def _regions(
        self, image: EncodedImage, proposals: Proposals, *, with_maps: bool, with_masks: bool
    ) -> Regions:
        """Embeds masks, unless the photo keeps their embeddings."""
        bare = without_names(proposals)
        inputs = self.params, image.features, bare
        wanted = {"with_maps": with_maps, "with_masks": with_masks}
        key = fingerprint(np.asarray(bare.masks), *wanted.values())
        return image.recall(key, lambda: self.steps.embed(*inputs, **wanted))


def _batch(prepared: Prepared) -> Batch:
    return Batch(
        images=jnp.asarray(prepared.frame)[None], sizes=jnp.asarray([prepared.size], jnp.int32)
    )

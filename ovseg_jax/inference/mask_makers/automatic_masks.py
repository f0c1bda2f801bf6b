"""SAM's automatic mask generation: a grid of points, and the good and distinct masks they give.

Matches `SamAutomaticMaskGenerator` of facebookresearch/segment-anything (docs/reference 7.1).
Points are decoded some at a time; what survives of a batch is kept as bits, so that memory is
bounded by the batch and not by the grid.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt8

from ovseg_jax.config import SamConfig
from ovseg_jax.foundation.typing import Params
from ovseg_jax.inference.mask_makers.mask_maker import HardMasks
from ovseg_jax.inference.mask_makers.point_grid import (
    Box,
    crop_boxes,
    point_grid,
    touches_inner_edge,
)
from ovseg_jax.inference.postprocess.geometry import (
    Frame,
    cut_rows,
    resize_tile,
    rows_per_tile,
    to_output,
)
from ovseg_jax.ops.compiler import compiler_options
from ovseg_jax.ops.images.pillow import resize_image
from ovseg_jax.ops.masks.boxes import boxes_of, distinct_boxes
from ovseg_jax.ops.masks.specks import without_specks
from ovseg_jax.vocabulary.classes import ClassList


@dataclasses.dataclass(frozen=True)
class AutomaticMasks:
    """Masks of one photo, at its size.

    Attributes:
        bits: The masks, eight pixels to a byte.
        size: Height and width of the photo.
        boxes: Left, top, right and bottom pixel of each mask.
        ious: IoU that the model expects of each mask.
        stability: Share of pixels that do not hang on the threshold.
        points: x and y of the point that each mask came from.
        crops: Part of the photo, left, top, right, bottom, that each mask was found in.
    """

    bits: UInt8[np.ndarray, "q bytes"]
    size: tuple[int, int]
    boxes: Int[np.ndarray, "q 4"]
    ious: Float[np.ndarray, " q"]
    stability: Float[np.ndarray, " q"]
    points: Float[np.ndarray, "q 2"]
    crops: Int[np.ndarray, "q 4"]

    def __len__(self) -> int:
        return len(self.bits)

    @property
    def masks(self) -> Bool[np.ndarray, "q H W"]:
        """The masks, unpacked."""
        flat = np.unpackbits(self.bits, axis=1, count=self.size[0] * self.size[1])
        return flat.reshape(len(self), *self.size).astype(bool)

    def take(self, kept: np.ndarray) -> AutomaticMasks:
        """Returns some of the masks, by index or by truth."""
        fields = ("bits", "boxes", "ious", "stability", "points", "crops")
        return dataclasses.replace(self, **{name: getattr(self, name)[kept] for name in fields})

    def best(self, most: int) -> AutomaticMasks:
        """Returns the `most` masks with the highest expected IoU, in the order that they have."""
        return self.take(np.sort(np.argsort(-self.ious, kind="stable")[:most]))

    @classmethod
    def join(cls, parts: list[AutomaticMasks]) -> AutomaticMasks:
        """Joins masks of the same photo."""
        fields = ("bits", "boxes", "ious", "stability", "points", "crops")
        joined = {name: np.concatenate([getattr(x, name) for x in parts]) for name in fields}
        return cls(size=parts[0].size, **joined)


class AutomaticMaskGenerator:
    """Finds everything in a photo that is worth a mask.

    Attributes:
        options: Grid and thresholds.
        params: The model's parameters, on the device.
    """

    kind = "SAM"

    def __init__(self, model: Any, params: Params, options: SamConfig, *, most: int = 0):
        """Compiles nothing yet.

        Args:
            model: A `ovseg_jax.models.sam.sam.Sam`.
            params: Its parameters.
            options: Grid and thresholds.
            most: How many masks another model gets of a photo, those with the highest expected
                IoU; 0 for all.
        """
        self.options, self.most = options, most
        self._model = model
        self.params = jax.tree.map(jnp.asarray, params)
        jit = functools.partial(jax.jit, compiler_options=compiler_options())
        self._encode = jit(lambda p, *x: model.apply({"params": p}, *x, method="encode"))
        self._decode = jit(lambda p, *x: model.apply({"params": p}, *x, method="decode"))

    # As a `mask_maker.MaskMaker`: all of the work is in looking.

    def choose_words(self, words: ClassList) -> None:
        """Does nothing: it knows no words."""

    def look(self, pixels: UInt8[np.ndarray, "H W 3"]) -> AutomaticMasks:
        """Finds the masks of a photo, or the best of them."""
        found = self.generate(pixels)
        return found.best(self.most) if self.most else found

    def make(self, looked: AutomaticMasks) -> HardMasks:
        """Returns them."""
        return HardMasks(looked.masks)

    def generate(self, pixels: UInt8[np.ndarray, "H W 3"]) -> AutomaticMasks:
        """Returns the masks of a photo, those that the model thinks best first in each part."""
        size, options = pixels.shape[:2], self.options
        parts = crop_boxes(size, options.crop_layers, options.crop_overlap)
        found = [self._search(pixels, box, layer) for box, layer in parts]
        masks = AutomaticMasks.join(found)
        if len(parts) > 1:  # what is found in a small part is finer
            sides = masks.crops[:, 2:] - masks.crops[:, :2]
            kept = distinct_boxes(masks.boxes, 1 / sides.prod(1), options.nms_iou)
            masks = masks.take(kept)
        return self._cleaned(masks) if options.min_region and len(masks) else masks

    def _search(self, pixels: np.ndarray, box: Box, layer: int) -> AutomaticMasks:
        """The distinct masks of one part of a photo."""
        left, top, right, bottom = box
        part = pixels[top:bottom, left:right]
        side, options = self._model.image_size, self.options
        image, picture = self._embed(part)
        count = int(options.points_per_side / options.crop_points_factor**layer)
        points = point_grid(count) * np.array([right - left, bottom - top])
        frame = Frame((side, side), picture, part.shape[:2])
        scale = np.array([picture[1] / (right - left), picture[0] / (bottom - top)])
        batch = options.points_per_batch
        batches = [
            self._try_points(image, points[first : first + batch], scale, frame, box, pixels.shape)
            for first in range(0, len(points), batch)
        ]
        masks = AutomaticMasks.join(batches)
        return masks.take(distinct_boxes(masks.boxes, masks.ious, options.nms_iou))

    def _embed(self, part: np.ndarray) -> tuple[Array, tuple[int, int]]:
        """Encodes a part of a photo whose longer side fills the input."""
        side = self._model.image_size
        scale = side / max(part.shape[:2])
        height, width = (int(length * scale + 0.5) for length in part.shape[:2])
        picture = (height, width)
        padded = np.zeros((1, side, side, 3), np.uint8)
        padded[0, : picture[0], : picture[1]] = resize_image(part, picture)
        sizes = jnp.array([picture])
        return self._encode(self.params, jnp.asarray(padded, jnp.float32), sizes), picture

    def _try_points(
        self, image: Array, points: np.ndarray, scale: np.ndarray, frame: Frame, box: Box, shape
    ) -> AutomaticMasks:
        """Masks of a few points that pass all thresholds, as bits of the whole photo."""
        options, missing = self.options, self.options.points_per_batch - len(points)
        filled = np.pad(points * scale, ((0, missing), (0, 0)))[:, None]
        labels = jnp.ones(filled.shape[:2], jnp.int32)
        logits, ious = self._decode(self.params, image, jnp.float32(filled), labels)
        ious = np.asarray(ious)[: len(points)].reshape(-1)
        kept = np.flatnonzero(ious > options.min_iou)
        origin = np.repeat(points, logits.shape[1], axis=0)[kept]
        flat = logits.reshape(-1, *logits.shape[2:])
        slots = 1 << max(len(kept) - 1, 0).bit_length()  # few shapes compile
        chosen = flat[np.pad(kept, (0, slots - len(kept)))]
        hard, stability, boxes = (
            np.asarray(x)[: len(kept)] for x in measure(chosen, frame, options.stability_offset)
        )
        offset = np.array([box[0], box[1]] * 2)
        with np.errstate(invalid="ignore"):
            good = stability >= options.min_stability
        good &= ~touches_inner_edge(boxes + offset, box, (0, 0, shape[1], shape[0]))
        return AutomaticMasks(
            bits=_packed(hard[good], box, shape[:2]),
            size=shape[:2],
            boxes=(boxes + offset)[good],
            ious=ious[kept][good],
            stability=stability[good],
            points=(origin + offset[:2])[good],
            crops=np.broadcast_to(np.array(box), (int(good.sum()), 4)),
        )

    def _cleaned(self, masks: AutomaticMasks) -> AutomaticMasks:
        """Removes small holes and islands; of masks that became alike, untouched ones stay."""
        whole, least = masks.masks, self.options.min_region
        cleaned = np.stack([without_specks(mask, least) for mask in whole])
        same = (cleaned == whole).all((1, 2))
        boxes = np.asarray(boxes_of(jnp.asarray(cleaned)))
        kept = distinct_boxes(boxes, same.astype(np.float32), self.options.nms_iou)
        bits = np.packbits(cleaned.reshape(len(cleaned), -1), axis=1)
        return dataclasses.replace(masks, bits=bits, boxes=boxes).take(kept)


@functools.partial(jax.jit, static_argnames=("frame", "offset"))
def measure(
    logits: Float[Array, "q _h _w"], frame: Frame, offset: float
) -> tuple[Bool[Array, "q H W"], Float[Array, " q"], Int[Array, "q 4"]]:
    """Brings masks to the size of the answer, some rows at a time.

    Returns:
        Hard masks, their stability, and their boxes.
    """
    rows = rows_per_tile(frame, 3 * logits.shape[0])
    tiles = cut_rows(to_output(logits.shape[1], frame, 0), rows)
    columns = to_output(logits.shape[2], frame, 1)
    real = jnp.arange(len(tiles.starts) * rows).reshape(-1, rows) < tiles.height

    def harden(tile: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        start, weights, inside = tile
        large = resize_tile(logits, start, weights, columns)
        counted = inside[None, :, None]
        sure = ((large > offset) & counted).sum((1, 2))
        possible = ((large > -offset) & counted).sum((1, 2))
        return (large > 0).swapaxes(0, 1), sure, possible

    inputs = (jnp.asarray(tiles.starts), jnp.float32(tiles.weights), real)
    hard, sure, possible = jax.lax.map(harden, inputs)
    masks = hard.reshape(-1, *hard.shape[2:])[: tiles.height].swapaxes(0, 1)
    return masks, sure.sum(0) / possible.sum(0), boxes_of(masks)


def _packed(masks: np.ndarray, box: Box, size: tuple[int, int]) -> UInt8[np.ndarray, "q bytes"]:
    whole = np.zeros((len(masks), *size), bool)
    whole[:, box[1] : box[3], box[0] : box[2]] = masks
    return np.packbits(whole.reshape(len(masks), size[0] * size[1]), axis=1)

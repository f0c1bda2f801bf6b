"""Where mask pixels land: from mask cells through the padded input to the original photo.

A mask at any resolution covers the padded input. The reference resizes it bilinearly to that
size, cuts the padding away and resizes again to the photo's own size. Both steps are linear and
separable, so one small matrix per axis does them together, and a few output rows need only the
few mask rows below them. That is what bounds the memory of everything in this folder.
"""

from __future__ import annotations

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.ops.images.resize import interpolation_matrix, resize_masks

Size = tuple[int, int]
HARD = 200.0
"""Logit of a certain pixel: exp(-200) is zero in float32."""
COLUMN_BLOCK = 128
"""Output columns that are resized by one product."""
TILE_BYTES = 64 * 2**20
"""Memory that one tile's largest tensors may take together."""


@dataclasses.dataclass(frozen=True)
class Frame:
    """Three sizes of one image, each as height and width in pixels; hashable, so static in jit.

    Attributes:
        padded: The network's input, padding included; masks cover all of it.
        picture: The part of it that is picture; it starts at the top left.
        output: The size of the answer, usually that of the photo.
    """

    padded: Size
    picture: Size
    output: Size

    @classmethod
    def plain(cls, height: int, width: int) -> Frame:
        """A frame without padding or resizing."""
        return cls(*([(height, width)] * 3))


def as_logits(
    masks: Float[Array, "*b _h _w"] | Bool[Array, "*b _h _w"],
) -> Float[Array, "*b _h _w"]:
    """Writes hard masks as logits so large that their sigmoid is exactly 0 or 1 in float32.

    Logits pass unchanged. A resized edge of such a mask lies where the coverage crosses one half.
    """
    return jnp.where(masks, HARD, -HARD) if masks.dtype == jnp.bool_ else masks


def resize_to_output(mask_logits: Float[Array, "q _h _w"], frame: Frame) -> Float[Array, "q _H _W"]:
    """Resizes, crops and resizes whole masks, step by step: the plain form, for few masks."""
    padded = resize_masks(mask_logits, frame.padded)
    return resize_masks(padded[:, : frame.picture[0], : frame.picture[1]], frame.output)


def to_picture(source: int, frame: Frame, axis: int) -> Float[np.ndarray, "picture source"]:
    """The matrix that takes `source` mask cells of one axis to the pixels of the picture."""
    return interpolation_matrix(source, frame.padded[axis])[: frame.picture[axis]]


def to_output(source: int, frame: Frame, axis: int) -> Float[np.ndarray, "output source"]:
    """The matrix that takes `source` mask cells of one axis to the pixels of the answer."""
    picture = to_picture(source, frame, axis)
    return interpolation_matrix(frame.picture[axis], frame.output[axis]) @ picture


@dataclasses.dataclass(frozen=True)
class RowTiles:
    """A matrix over rows cut into tiles of equal height, each with only the rows it reads.

    Attributes:
        starts: First input row of each tile.
        weights: Weights of each tile over its input rows; rows past the end are zero.
        height: Number of output rows in all, the padding of the last tile not counted.
    """

    starts: Int[np.ndarray, " tiles"]
    weights: Float[np.ndarray, "tiles rows band"]
    height: int


def cut_rows(matrix: Float[np.ndarray, "H h"], rows: int) -> RowTiles:
    """Cuts a banded matrix into tiles of `rows` output rows."""
    height, source = matrix.shape
    count = -(-height // rows)
    padded = np.zeros((count * rows, source))
    padded[:height] = matrix
    tiles = padded.reshape(count, rows, source)
    used = (tiles != 0).any(1)  # [tiles, source]
    first = used.argmax(1)
    last = source - 1 - used[:, ::-1].argmax(1)
    band = int((last - first).max()) + 1
    starts = np.minimum(first, source - band)
    weights = np.stack([tile[:, s : s + band] for tile, s in zip(tiles, starts, strict=True)])
    return RowTiles(starts=starts, weights=weights, height=height)


def rows_per_tile(frame: Frame, channels: int, limit: int = TILE_BYTES) -> int:
    """How many output rows fit into `limit` bytes with `channels` float32 values per pixel."""
    width = max(frame.output[1], frame.picture[1])
    scale = max(1.0, frame.picture[0] / frame.output[0])
    return int(np.clip(limit / (4 * channels * width * scale), 1, frame.output[0]))


def resize_tile(
    masks: Float[Array, "q _h _w"],
    start: Int[Array, ""],
    weights: Float[Array, "rows band"],
    columns: Float[np.ndarray, "_W _w"],
) -> Float[Array, "q rows _W"]:
    """Resizes the rows of one tile: its band of mask rows by columns first, then by rows."""
    band = lax.dynamic_slice_in_dim(masks, start, weights.shape[1], axis=1)
    return resize_both(band, weights, columns)


def resize_both(
    masks: Float[Array, "q _h _w"],
    rows: Float[Array, "_H _h"],
    columns: Float[np.ndarray, "_W _w"],
) -> Float[Array, "q _H _W"]:
    """Multiplies the last axis by `columns`, then the one before by `rows`."""
    wide = _resize_columns(masks, columns)
    return jnp.einsum("Hh,qhW->qHW", jnp.float32(rows), wide, precision="highest")


def _resize_columns(
    masks: Float[Array, "q h _w"], columns: Float[np.ndarray, "_W _w"]
) -> Float[Array, "q h _W"]:
    """Multiplies by a banded matrix block by block, so that its zeros cost little."""
    if columns.shape[0] == columns.shape[1] and np.array_equal(columns, np.eye(len(columns))):
        return masks
    tiles = cut_rows(columns, COLUMN_BLOCK)
    band = tiles.weights.shape[2]
    blocks = [
        jnp.einsum("qhw,Ww->qhW", masks[..., s : s + band], jnp.float32(w), precision="highest")
        for s, w in zip(tiles.starts.tolist(), tiles.weights, strict=True)
    ]
    return jnp.concatenate(blocks, axis=-1)[..., : tiles.height]

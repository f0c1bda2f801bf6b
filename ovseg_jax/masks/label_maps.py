"""From a stored picture to masks: ids, border, colours, opacity, smooth edges."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Int, UInt8

from ovseg_jax.foundation.errors import MasksError, first_few, warn
from ovseg_jax.masks.found import empty_masks
from ovseg_jax.masks.pictures import StoredPicture
from ovseg_jax.masks.smooth import distinct, is_soft, refuse_smooth

VOC_BORDER = 224 + 256 * 224 + 65536 * 192
"""The colour of index 255 in the palette of Pascal VOC, which marks what is not judged."""
MAX_STRETCHED = 16
"""Ids that were spread over 0 to 255 to be seen are few."""


@dataclasses.dataclass(frozen=True)
class LabelMap:
    """A number per pixel, and which numbers are masks.

    Attributes:
        ids: The numbers.
        values: Those that are masks, ascending.
        kind: What the numbers are, for the places of masks.
    """

    ids: Int[np.ndarray, "H W"]
    values: Int[np.ndarray, " q"]
    kind: str = "id"

    @property
    def places(self) -> tuple[str, ...]:
        """What each mask is called within the picture."""
        if self.kind == "colour":
            return tuple(f"colour {_rgb(value)}" for value in self.values)
        if self.kind == "id":
            return tuple(f"id {value}" for value in self.values)
        return (self.kind,) * len(self.values)

    def masks(self, where: str) -> Bool[np.ndarray, "q H W"]:
        """Returns a mask per value."""
        masks = empty_masks(len(self.values), self.ids.shape, where)
        for mask, value in zip(masks, self.values, strict=True):
            np.equal(self.ids, value, out=mask)
        return masks


def label_map(picture: StoredPicture, where: str) -> LabelMap:
    """Reads a picture as a label map or as one mask.

    * 0 (black) is nothing; every other value is a mask. Colours count as R + 256 G + 65536 B.
    * 255 beside smaller ids is border or "ignore", and no mask; alone it is a mask. So is VOC's
      border colour.
    * One mask with smooth edges is cut at half its level.
    * Where opacity varies and one colour is opaque, or a photo is, the opaque pixels are the mask;
      else what is transparent is nothing.

    Raises:
        MasksError: It is no label map; the message says what it looks like.
    """
    if picture.alpha is not None:
        return _with_alpha(picture, picture.alpha.astype(np.int64), where)
    if picture.values.ndim == 2:
        return _from_levels(_whole(picture.values, where), where, picture.indexed)
    if (picture.values == picture.values[..., :1]).all():
        return _from_levels(picture.values[..., 0].astype(np.int64), where)
    if _one_hue(picture.values) and is_soft(levels := picture.values.max(-1).astype(np.int64)):
        return _cut(levels, where)
    return _from_colours(picture.ids, where)


def single_mask(picture: StoredPicture, where: str) -> Bool[np.ndarray, "H W"]:
    """Reads a picture that holds one mask; black is an empty one.

    Raises:
        MasksError: It holds several values.
    """
    found = label_map(picture, where)
    if len(found.values) > 1:
        raise MasksError(
            f"{where}: holds the values {first_few(found.values)}, where every picture is one mask "
            "(0 outside, one value inside)"
        )
    return (found.ids == found.values[0]) if len(found.values) else np.zeros(found.ids.shape, bool)


def _whole(values: np.ndarray, where: str) -> Int[np.ndarray, "H W"]:
    """Returns ids as whole numbers; a map of fractions is cut at half."""
    if values.dtype.kind != "f":
        if values.dtype.kind == "i" and values.min() < 0:
            raise MasksError(f"{where}: holds negative values, down to {values.min()}")
        return values.astype(np.int64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise MasksError(f"{where}: holds fractions that are negative or not finite")
    if (values == np.round(values)).all() and values.max() < 2**31:
        return values.astype(np.int64)
    if values.max() > 1:
        raise MasksError(f"{where}: holds fractions up to {values.max():g}, which are no ids")
    warn(f"{where}: holds fractions; read as one mask, cut at one half")
    return (values >= 0.5).astype(np.int64)


def _from_levels(levels: Int[np.ndarray, "H W"], where: str, indexed: bool = False) -> LabelMap:
    values = _nonzero(levels)
    if not len(values):
        warn(f"{where}: every pixel is 0, so it holds no mask")
    if len(values) < 2:
        return LabelMap(levels, values)
    if not indexed and is_soft(levels):
        return _cut(levels, where)
    refuse_smooth(levels, values, where)
    return LabelMap(levels, _without_border(values, where))


def _cut(levels: Int[np.ndarray, "H W"], where: str) -> LabelMap:
    top = levels.max()
    warn(f"{where}: grey levels up to {top} are read as one mask with smooth edges, cut at half")
    return LabelMap((levels * 2 >= top).astype(np.int64), np.array([1]), "the mask")


def _without_border(values: Int[np.ndarray, " q"], where: str) -> Int[np.ndarray, " q"]:
    """Leaves out the value that label maps keep for "ignore"."""
    full = 255 if values[-1] <= 255 else 65535
    others = values[:-1]
    if values[-1] != full or others[-1] == full - 1:  # ids that count up to the end
        return values
    if len(values) <= MAX_STRETCHED and _is_stretched(values):
        warn(f"{where}: {first_few(values)} look stretched for the eye; {full} is a mask too")
        return values
    warn(
        f'{where}: {full} beside the ids {first_few(others)} is read as border or "ignore", and is '
        "no mask, as 0 is none; where 0 is a class, store every id plus one"
    )
    return others


def _is_stretched(values: Int[np.ndarray, " q"]) -> bool:
    """Whether values are evenly spread up to the highest: 85, 170, 255."""
    even = np.arange(1, len(values) + 1) * values[-1] / len(values)
    return bool((np.abs(values - even) <= 1).all())


def _from_colours(ids: Int[np.ndarray, "H W"], where: str) -> LabelMap:
    values = _nonzero(ids)
    refuse_smooth(ids, values, where)
    if VOC_BORDER in values and len(values) > 1:
        warn(f"{where}: the colour {_rgb(VOC_BORDER)} is Pascal VOC's border, and is no mask")
        values = values[values != VOC_BORDER]
    return LabelMap(ids, values, "colour")


def _one_hue(colours: UInt8[np.ndarray, "H W 3"]) -> bool:
    """Whether all colours are shades of one."""
    for step in (16, 1):  # a few pixels tell most pictures that have several
        some = colours[::step, ::step].reshape(-1, 3).astype(np.int32)
        levels = some.max(-1, keepdims=True)
        brightest = some[levels.argmax()]
        if (np.abs(some * levels.max() - brightest * levels) > levels.max()).any():
            return False
    return True


def _with_alpha(picture: StoredPicture, alpha: Int[np.ndarray, "H W"], where: str) -> LabelMap:
    """Reads a picture whose opacity varies."""
    if not alpha.any():
        raise MasksError(f"{where}: every pixel is transparent; save it without transparency")
    levels = _nonzero(alpha)
    inside = alpha > 0
    if len(levels) > 1:
        inside = alpha * 2 >= alpha.max()
    ids = np.where(inside, picture.ids, 0)
    colours = distinct(picture.ids[alpha == alpha.max()])
    if len(colours) > 1 and not _is_photo(ids, colours):
        grey = picture.values.ndim == 2 or (picture.values == picture.values[..., :1]).all()
        if 0 in colours:
            warn(f"{where}: opaque black is read as nothing, as what is transparent is")
        if picture.values.ndim == 3 and grey:
            ids = ids % 256
        return _from_levels(ids, where) if grey else _from_colours(ids, where)
    if len(levels) > 1:
        warn(f"{where}: the mask is its opacity, whose {len(levels)} levels are cut at half")
    return LabelMap(inside.astype(np.int64), np.array([1]), "opacity")


def _is_photo(ids: Int[np.ndarray, "H W"], colours: Int[np.ndarray, " n"]) -> bool:
    try:
        refuse_smooth(ids, colours, "")
    except MasksError:
        return True
    return False


def _nonzero(values: Int[np.ndarray, "H W"]) -> Int[np.ndarray, " q"]:
    found = distinct(values)
    return found[found > 0]


def _rgb(value: int) -> tuple[int, int, int]:
    return int(value) % 256, int(value) // 256 % 256, int(value) // 65536

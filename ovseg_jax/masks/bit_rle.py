"""Label Studio's run lengths of bits (those of thi.ng's `rle-pack`), both ways, within bounds.

A stream of bits: how many values in all (32 bits), bits per value less one (5), four sizes of
lengths, each less one (4 bits each). Then blocks: one bit whether the block repeats one value, two
bits which of the four sizes its length has, the length less one, and the value or values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, UInt8

from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.masks.found import Size

CHANNELS = 4
"""Values per pixel: red, green, blue and opacity, which is the mask."""
LENGTHS = (3, 4, 8, 16)
"""Bits of the four sizes of lengths that we write; Label Studio's own are the same."""


class _Bits:
    """Reads numbers from a stream of bits."""

    def __init__(self, packed: bytes):
        self._bits = np.unpackbits(np.frombuffer(packed, np.uint8))
        self._next = 0

    def take(self, count: int) -> UInt8[np.ndarray, " n"]:
        bits = self._bits[self._next : self._next + count]
        if len(bits) < count:
            raise MasksError("'rle' ends in the middle of a block")
        self._next += count
        return bits

    def number(self, count: int) -> int:
        return int("".join(map(str, self.take(count))), 2)


def decode_bit_rle(packed: Any, size: Size) -> Bool[np.ndarray, "H W"]:
    """Decodes the mask of a brush.

    Args:
        packed: List of bytes.
        size: Height and width.

    Raises:
        MasksError: It is malformed, or not of this size, which is checked before decoding.
    """
    if not isinstance(packed, list) or any(type(b) is not int or not 0 <= b < 256 for b in packed):
        raise MasksError("'rle' is not a list of bytes")
    bits = _Bits(bytes(packed))
    total, expected = bits.number(32), size[0] * size[1] * CHANNELS
    if total != expected:
        raise MasksError(
            f"'rle' holds {total} values, not {size[0]} x {size[1]} x {CHANNELS} = {expected}"
        )
    depth = bits.number(5) + 1
    if depth != 8:
        raise MasksError(f"'rle' holds values of {depth} bits, not 8")
    lengths = [bits.number(4) + 1 for _ in range(4)]
    return _blocks(bits, lengths, total).reshape(*size, CHANNELS)[..., -1] > 0


def _blocks(bits: _Bits, lengths: list[int], total: int) -> UInt8[np.ndarray, " n"]:
    values = np.zeros(total, np.uint8)
    start = 0
    while start < total:
        repeats = bits.number(1)
        count = 1 + bits.number(lengths[bits.number(2)])
        if start + count > total:
            raise MasksError(f"'rle' holds more than the {total} values that it states")
        own = np.packbits(bits.take(8 if repeats else 8 * count))
        values[start : start + count] = own
        start += count
    return values


def encode_bit_rle(mask: Bool[np.ndarray, "H W"]) -> list[int]:
    """Encodes a mask as a brush of Label Studio: 255 in all channels inside, 0 outside."""
    flat = mask.ravel()
    starts = np.flatnonzero(np.r_[True, flat[1:] != flat[:-1]])
    runs = np.diff(np.r_[starts, flat.size]) * CHANNELS
    head = f"{flat.size * CHANNELS:032b}{8 - 1:05b}" + "".join(
        f"{bits - 1:04b}" for bits in LENGTHS
    )
    body = [_block(run, inside) for run, inside in zip(runs.tolist(), flat[starts], strict=True)]
    bits = np.frombuffer("".join([head, *body]).encode(), np.uint8) - ord("0")
    return np.packbits(bits).tolist()


def _block(run: int, inside: bool) -> str:
    """Blocks that repeat one value, as many as a run needs."""
    most = 1 << LENGTHS[-1]
    whole, rest = divmod(run, most)
    return "".join(_one_block(each, inside) for each in [*[most] * whole, *[rest] * (rest > 0)])


def _one_block(run: int, inside: bool) -> str:
    size = next(i for i, bits in enumerate(LENGTHS) if run <= 1 << bits)
    return f"1{size:02b}{run - 1:0{LENGTHS[size]}b}{255 * inside:08b}"

"""Colour jitter equals a plain statement of it, pixel by pixel, and OpenCV's colours."""

import itertools

import numpy as np
import pytest

from ovseg_jax.inputs import colors

RNG = np.random.default_rng(0)
PIXELS = np.concatenate(
    [
        RNG.integers(0, 256, (300, 3), np.uint8),
        np.array(list(itertools.product((0, 1, 127, 128, 254, 255), repeat=3)), np.uint8),
    ]
)


def hsv(red, green, blue):
    high, low = max(red, green, blue), min(red, green, blue)
    span = high - low
    saturation = 0 if not high else (span * round(255 * 4096 / high) + 2048) // 4096
    if not span:
        return 0, saturation, high
    if high == red:
        sixths = green - blue
    elif high == green:
        sixths = blue - red + 2 * span
    else:
        sixths = red - green + 4 * span
    hue = (sixths * round(180 * 4096 / (6 * span)) + 2048) // 4096
    return hue % 180 if hue < 0 else hue, saturation, high


def rgb(hue, saturation, value):
    one = np.float32(1)
    high, grey = value * np.float32(1 / 255), saturation * np.float32(1 / 255)
    sixth, part = hue // 30 % 6, np.float32(hue % 30) * np.float32(1 / 30)
    low, fall = high * (one - grey), high * (one - grey * part)
    rise = high * (one - grey * (one - part))
    levels = (
        *((high, rise, low), (fall, high, low), (low, high, rise)),
        *((low, fall, high), (rise, low, high), (high, low, fall)),
    )[sixth]
    return [int(level * np.float32(255)) for level in levels]


def cut(value):
    return int(min(max(value, np.float32(0)), np.float32(255)))


def expected(pixel, draws):
    """The same by the sentence: brightness; contrast, saturation, hue, or contrast last."""
    on, amounts = draws[:4] < 0.5, draws[4:8]
    now = [int(level) for level in pixel]
    if on[0]:
        more = np.float32(32 * (2 * amounts[0] - 1))
        now = [cut(np.float32(level) + more) for level in now]

    def contrast(now):
        return [cut(np.float32(level) * np.float32(0.5 + amounts[1])) for level in now]

    if on[1] and draws[8] < 0.5:
        now = contrast(now)
    if on[2]:
        hue, saturation, value = hsv(*now)
        now = rgb(hue, cut(np.float32(saturation) * np.float32(0.5 + amounts[2])), value)
    if on[3]:
        hue, saturation, value = hsv(*now)
        now = rgb((hue + int(37 * amounts[3]) - 18) % 180, saturation, value)
    return contrast(now) if on[1] and draws[8] >= 0.5 else now


@pytest.mark.parametrize("case", range(24))
def test_jitter_equals_the_plain_statement(case):
    draws = np.random.default_rng(case).random(colors.DRAWS).astype(np.float32)
    if case < 8:  # each switch and order alone, then all
        draws[:4] = np.where(np.arange(4) == case % 4, 0, 0.9) if case < 4 else 0
        draws[8] = case % 2 * 0.9
    made = colors.jitter_colors(PIXELS.reshape(12, -1, 3), draws).reshape(-1, 3)
    np.testing.assert_array_equal(made, [expected(pixel, draws) for pixel in PIXELS])


def test_pixels_of_every_band_are_treated_alike(monkeypatch):
    image, draws = RNG.integers(0, 256, (40, 50, 3), np.uint8), np.float32([0] * 4 + [0.8] * 5)
    whole = colors.jitter_colors(image, draws)
    monkeypatch.setattr(colors, "_BAND", 333)
    np.testing.assert_array_equal(colors.jitter_colors(image, draws), whole)


def test_without_any_switch_nothing_changes_and_the_picture_is_never_written_to():
    image = RNG.integers(0, 256, (4, 5, 3), np.uint8)
    image.setflags(write=False)
    np.testing.assert_array_equal(colors.jitter_colors(image, np.full(9, 0.9, np.float32)), image)
    assert (colors.jitter_colors(image, np.float32([0] * 9)) != image).any()


def test_colours_are_those_of_opencv():
    """Hue, saturation and value to the bit; back within one level, mostly to the bit."""
    cv2 = pytest.importorskip("cv2")
    image = RNG.integers(0, 256, (400, 500, 3), np.uint8)
    theirs = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    ours = np.stack(colors.to_hsv(image.reshape(-1, 3)), axis=1)
    np.testing.assert_array_equal(ours, theirs.reshape(-1, 3))
    back = cv2.cvtColor(theirs, cv2.COLOR_HSV2RGB).reshape(-1, 3)
    gap = np.abs(colors.to_rgb(*ours.T) - back.astype(int))
    assert gap.max() <= 1 and (gap > 0).mean() < 0.03

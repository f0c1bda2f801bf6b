"""The drawn world's things: every class can be drawn, varies, and looks like no other."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
from PIL import Image

from data.toy_world import paint, scenes, world
from data.toy_world.drawings import DRAWINGS, parts

LOOKS = 24


@functools.cache
def _looks(thing: str) -> np.ndarray:
    """Returns the mean and the spread of a class at 16 x 16 pixels, [2, 768]."""
    pictures = []
    for seed in range(LOOKS):
        rng = np.random.default_rng([seed, world.THING_NAMES.index(thing)])
        hue = world.HABITS[thing].hue
        sticker = scenes.drawn(rng, thing, hue, 48.0, tilted=False)
        flat = (sticker.colors + 0.5 * (1 - sticker.coverage)) * 255
        small = Image.fromarray(flat.clip(0, 255).astype(np.uint8)).resize((16, 16))
        pictures.append(np.asarray(small, np.float32).ravel() / 255)
    return np.stack([np.mean(pictures, 0), np.std(pictures, 0)])


def test_there_is_a_drawing_for_every_thing():
    assert set(DRAWINGS) == set(world.THING_NAMES)


@pytest.mark.parametrize("thing", world.THING_NAMES)
def test_every_thing_is_drawn_from_parts_in_any_colour(thing):
    for seed, hue in enumerate(world.HUES):
        drawing = DRAWINGS[thing](np.random.default_rng(seed), world.HUE_COLORS[hue])
        assert len(drawing) >= 3
        points = np.concatenate([part.points for part in drawing])
        assert np.isfinite(points).all() and np.abs(points).max() < 1.6
        assert np.ptp(points, axis=0).max() > 1.2
        assert all(0.0 <= value <= 1.0 for part in drawing for value in part.color)


@pytest.mark.parametrize("thing", world.THING_NAMES)
def test_the_mask_fills_its_box_and_is_one_region(thing):
    for seed in range(6):
        rng = np.random.default_rng([3, seed])
        sticker = scenes.drawn(rng, thing, world.HABITS[thing].hue, 40.0)
        rows, columns = np.nonzero(sticker.mask)
        sides = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert 36 <= max(sides) <= 41
        assert sticker.mask.mean() > 0.12
        assert not sticker.mask[[0, -1]].any() and not sticker.mask[:, [0, -1]].any()
        assert _largest_region(sticker.mask) > 0.9 * sticker.mask.sum()


def _largest_region(mask: np.ndarray) -> int:
    """Counts the pixels of the largest region whose pixels touch, corners included."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    return int(np.bincount(labels.ravel())[1:].max())


@pytest.mark.parametrize("thing", world.THING_NAMES)
def test_a_thing_is_the_same_at_any_size(thing):
    hue = world.HABITS[thing].hue
    small, large = (
        scenes.drawn(np.random.default_rng(5), thing, hue, side, tilted=False)
        for side in (40.0, 160.0)
    )
    length = 4 * len(small.mask)
    padded = np.zeros((length, length))
    start = (length - len(large.mask)) // 2
    place = slice(start, start + len(large.mask))
    padded[place, place] = large.coverage[..., 0]
    quarter = padded.reshape(len(small.mask), 4, len(small.mask), 4).mean((1, 3)) >= 0.5
    union = (quarter | small.mask).sum()
    assert (quarter & small.mask).sum() > 0.85 * union


@pytest.mark.parametrize("thing", world.THING_NAMES)
def test_no_two_drawings_of_a_class_are_equal(thing):
    pictures = {
        scenes.drawn(np.random.default_rng(seed), thing, "red", 30.0, tilted=False).colors.tobytes()
        for seed in range(8)
    }
    assert len(pictures) == 8


def test_no_two_classes_look_alike():
    """Means of classes differ, in some pixels and by more than classes vary themselves."""
    for first, second in itertools.combinations(world.THING_NAMES, 2):
        (mean, spread), (other, other_spread) = _looks(first), _looks(second)
        difference = np.abs(mean - other)
        assert difference.mean() > 0.035, (first, second)
        assert (difference > 0.5 * (spread + other_spread) + 0.05).mean() > 0.1, (first, second)


def test_a_pose_sets_side_turn_and_mirror():
    rectangle = [parts.Part(parts.rectangle(-1.0, -0.5, 1.0, 0.5), (0.5, 0.2, 0.2))]
    rectangle.append(parts.mark(parts.rectangle(0.0, -0.5, 1.0, 0.5), (0.9, 0.9, 0.9)))
    rng = np.random.default_rng(0)
    plain, turned, mirrored = (
        paint.draw_thing(rng, rectangle, pose)
        for pose in (
            paint.Pose(60.0),
            paint.Pose(60.0, angle=np.pi / 2),
            paint.Pose(60.0, flipped=True),
        )
    )
    for sticker, sides in ((plain, (30, 60)), (turned, (60, 30))):
        rows, columns = np.nonzero(sticker.mask)
        assert np.abs(np.array([np.ptp(rows), np.ptp(columns)]) + 1 - sides).max() <= 3
    assert plain.colors[30, 45, 0] > 1.3 * plain.colors[30, 15, 0]
    assert mirrored.colors[30, 15, 0] > 1.3 * mirrored.colors[30, 45, 0]


def test_a_sticker_is_cut_at_the_borders():
    sticker = scenes.drawn(np.random.default_rng(0), "ball", "red", 20.0)
    whole = np.zeros((40, 40), bool)
    for left, top in ((-8, 5), (30, 33), (10, 10)):
        place, part = sticker.at(left, top, 40)
        whole[place] |= part.mask
        assert part.mask.shape == part.coverage.shape[:2] == whole[place].shape
    place, part = sticker.at(-100, 0, 40)
    assert part.mask.size == 0 and whole[place].size == 0

"""The drawn world's scenes: exact, reproducible, and true to its own protocol."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.toy_world import canvas, naming_sheet, preview, scenes, textures, world
from data.toy_world.crops import random_crop
from data.toy_world.scenes import Scene, make_scene
from data.toy_world.splits import (
    FULL_COUNTS,
    SPLIT_SEEDS,
    draw_example,
    draw_whole,
    keep_classes,
)
from ovseg_jax.vocabulary.classes import load_preset


def _draw(style: str, count: int, size: int = 128) -> list[Scene]:
    return [make_scene(np.random.default_rng([5, i]), style, size) for i in range(count)]


@pytest.fixture(scope="module")
def drawn() -> list[Scene]:
    return _draw("web", 60) + _draw("scene", 120)


def test_the_world_has_48_classes_of_which_16_are_unseen():
    assert len(world.CLASS_NAMES) == len(set(world.CLASS_NAMES)) == 48
    assert sum(world.IS_THING) == 40
    assert len(world.UNSEEN) == 16 and len(world.SEEN) == 32
    assert sorted(world.SEEN + world.UNSEEN) == list(range(48))
    stuff_unseen = [world.CLASS_NAMES[i] for i in world.UNSEEN if not world.IS_THING[i]]
    assert stuff_unseen == ["sand", "road"]


def test_no_two_classes_share_a_name():
    names = [name for index in range(48) for name in world.class_names(index)]
    several = [world.plural(name) for index in range(40) for name in world.class_names(index)]
    assert len(names) == len(set(names)) and len(several) == len(set(several))
    assert not {name for name in several if name not in ("fish", "starfish")} & set(names)
    assert set(world.SYNONYMS) <= set(world.CLASS_NAMES)
    assert all(name.isascii() and name.islower() and " " not in name for name in names)


def test_every_stuff_has_about_five_residents_and_colours_are_known():
    residents = collections.Counter(habit.home for habit in world.HABITS.values())
    assert set(residents) == set(world.STUFF_NAMES)
    assert set(residents.values()) <= {4, 5, 6}
    for habit in world.HABITS.values():
        assert {habit.hue, *habit.others} <= set(world.HUES)
        assert habit.others and habit.hue not in habit.others


def test_vocabulary_preset_equals_the_world():
    preset = load_preset("toy_world48")
    assert [entry.synonyms for entry in preset.classes] == [
        world.class_names(index) for index in range(48)
    ]
    assert tuple(preset.thing_mask) == world.IS_THING
    seen = load_preset("toy_world_seen32")
    assert tuple(entry.original_id for entry in seen.classes) == world.SEEN
    assert seen.names == tuple(world.CLASS_NAMES[index] for index in world.SEEN)


def test_stuff_textures_differ_in_colour_or_grain():
    looks = []
    for index, texture in enumerate(textures.TEXTURE_FUNCTIONS):
        pixels = texture(np.random.default_rng(index), 128)
        assert pixels.shape == (128, 128, 3) and pixels.dtype == np.float32
        looks.append(np.r_[pixels.mean((0, 1)), np.abs(np.diff(pixels, axis=0)).mean()])
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(looks, 2)]
    assert min(distances) > 0.08


@pytest.mark.parametrize("texture", textures.TEXTURE_FUNCTIONS)
def test_a_texture_shows_the_same_in_more_pixels(texture):
    small, large = (texture(np.random.default_rng(3), size) for size in (64, 128))
    halved = large.reshape(64, 2, 64, 2, 3).mean((1, 3))
    blur = [np.asarray(x).reshape(16, 4, 16, 4, 3).mean((1, 3)) for x in (small, halved)]
    assert np.abs(blur[0] - blur[1]).mean() < 0.03


def test_same_seed_gives_the_same_picture():
    first, second = (make_scene(np.random.default_rng(3), "scene") for _ in range(2))
    other = make_scene(np.random.default_rng(4), "scene")
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.segment_ids, second.segment_ids)
    assert first.captions == second.captions
    assert (first.image != other.image).mean() > 0.5


def test_every_segment_has_one_category_and_enough_pixels(drawn):
    for scene in drawn:
        assert scene.image.dtype == np.uint8 and scene.image.shape == (128, 128, 3)
        assert scene.segment_ids.dtype == np.uint8 and scene.segment_ids.shape == (128, 128)
        counts = np.bincount(scene.segment_ids.ravel())[1:]
        assert len(counts) == len(scene.categories) == len(scene.hues) == len(scene.grounds)
        assert counts.min() >= canvas.MIN_PIXELS
        assert set(scene.categories.tolist()) <= set(range(48))


def test_scenes_hold_about_six_segments_and_web_pictures_three(drawn):
    web = np.mean([len(scene.categories) for scene in drawn[:60]])
    scene = np.mean([len(scene.categories) for scene in drawn[60:]])
    assert 2.4 < web < 3.8
    assert 5.0 < scene < 6.5


def test_most_things_are_at_home_and_many_are_not(drawn):
    at_home = [
        world.HABITS[world.CLASS_NAMES[category]].home == world.CLASS_NAMES[ground]
        for scene in drawn
        for category, ground in zip(scene.categories, scene.grounds, strict=True)
        if world.IS_THING[category]
    ]
    assert 0.4 < np.mean(at_home) < 0.75


def test_the_sky_is_above_other_stuff(drawn):
    sky, seen = world.CLASS_NAMES.index("sky"), 0
    for scene in drawn:
        stuff = [n for n, c in enumerate(scene.categories, 1) if not world.IS_THING[c]]
        heights = {
            scene.categories[n - 1]: np.nonzero(scene.segment_ids == n)[0].mean() for n in stuff
        }
        if sky in heights and len(heights) > 1:
            seen += 1
            assert heights[sky] == min(heights.values())
    assert seen > 20


@pytest.fixture(scope="module")
def pasted() -> list[canvas.Canvas]:
    """Pictures in the making with all things that they will have."""
    made = []

    def finish(rng, picture):
        made.append(picture)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "_finish", finish)
        for seed in range(60):
            make_scene(np.random.default_rng([6, seed]), "scene")
    return made


def test_every_thing_keeps_its_share_of_pixels(pasted):
    for picture in pasted:
        first = len(picture.stuff) + 1
        left = np.bincount(picture.segments.ravel(), minlength=first + len(picture.areas))[first:]
        assert left.tolist() == picture.visible
        assert (left >= canvas.MIN_VISIBLE * np.asarray(picture.areas)).all()
        assert len(picture.things) == len(picture.hues) == len(picture.grounds) == len(left)


def test_sizes_are_within_their_range_and_larger_things_come_first():
    low, mode, high = scenes.STYLES["scene"].sides
    for seed in range(40):
        sides = scenes._sides(np.random.default_rng(seed), scenes.STYLES["scene"], 200)
        assert sides == sorted(sides, reverse=True) and 2 <= len(sides) <= 6
        assert 200 * low <= min(sides) and max(sides) <= 200 * high
    many = [
        side
        for seed in range(200)
        for side in scenes._sides(np.random.default_rng(seed), scenes.STYLES["scene"], 1)
    ]
    assert 0.2 < np.median(many) < 0.3 and low < mode < high


def test_a_mask_covers_the_pixels_that_the_thing_painted(monkeypatch):
    """White things on black ground without light and noise: the mask is where white prevails."""
    black = lambda rng, size: np.zeros((size, size, 3), np.float32)  # noqa: E731
    real = scenes.drawn

    def white(*arguments):
        sticker = real(*arguments)
        return sticker._replace(colors=np.repeat(sticker.coverage, 3, 2))

    monkeypatch.setattr(textures, "TEXTURE_FUNCTIONS", (black,) * 8)
    monkeypatch.setattr(scenes, "drawn", white)
    monkeypatch.setattr(scenes, "lit", lambda rng, pixels: (pixels * 255).astype(np.uint8))
    for scene in _draw("scene", 8):
        is_thing = np.r_[False, np.asarray(world.IS_THING)[scene.categories]]
        mask = is_thing[scene.segment_ids]
        assert mask.any()
        assert (mask != (scene.image[..., 0] > 127)).sum() <= 0.03 * mask.sum()


def test_size_scales_the_picture():
    alike = 0
    for seed in range(12):
        small, large = (make_scene(np.random.default_rng([8, seed]), "scene", s) for s in (96, 192))
        assert large.image.shape == (192, 192, 3)
        assert np.bincount(large.segment_ids.ravel())[1:].min() >= 30 * (192 / 128) ** 2
        if small.categories.tolist() == large.categories.tolist():
            agree = small.segment_ids == large.segment_ids[::2, ::2]
            alike += agree.mean() > 0.93 and small.captions == large.captions
    assert alike >= 8


@pytest.mark.parametrize("size", [32, 512])
def test_the_smallest_and_a_large_picture_can_be_drawn(size):
    scene = make_scene(np.random.default_rng(1), "scene", size)
    assert scene.image.shape == (size, size, 3) and len(scene.categories) > 1


@pytest.mark.parametrize("style,size,word", [("photo", 96, "style"), ("web", 16, "size")])
def test_bad_arguments_are_named(style, size, word):
    with pytest.raises(ValueError, match=word):
        make_scene(np.random.default_rng(0), style, size)


def test_web_hides_all_masks_and_train_hides_unseen_ones():
    for index in range(20):
        web, train = draw_example("web", index), draw_example("train", index)
        assert web.segment_ids.max() == 0 and len(web.categories) == 0
        assert set(train.categories.tolist()) <= set(world.SEEN)
        assert train.segment_ids.max() == len(train.categories)
    evaluated = {c for i in range(60) for c in draw_example("validation", i).categories.tolist()}
    assert len(evaluated & set(world.UNSEEN)) == 16


def test_masks_shows_every_mask():
    for index in range(10):
        revealed, whole = draw_example("masks", index), draw_whole("masks", index)
        np.testing.assert_array_equal(revealed.segment_ids, whole.segment_ids)
        np.testing.assert_array_equal(revealed.categories, whole.categories)


def test_a_part_of_a_scene_shows_what_its_segments_say():
    for seed in range(15):
        scene = make_scene(np.random.default_rng(seed), "scene", 192)
        part = random_crop(np.random.default_rng(seed), scene, 128)
        assert part.image.shape == (128, 128, 3) and part.segment_ids.shape == (128, 128)
        counts = np.bincount(part.segment_ids.ravel(), minlength=len(part.categories) + 1)[1:]
        assert len(counts) == len(part.categories) == len(part.hues) and (counts > 0).all()
        assert set(part.categories.tolist()) <= set(scene.categories.tolist())
        assert len(part.captions) == 2 and all(part.captions)


def test_parts_are_small_and_hide_all_masks():
    first = draw_example("parts", 5)
    draw_example("parts", 80)  # of another scene, in between
    again = draw_example("parts", 5)
    assert first.image.shape == (64, 64, 3) and len(first.captions) == 2
    assert first.segment_ids.max() == 0 and len(first.categories) == 0
    np.testing.assert_array_equal(first.image, again.image)
    others = [draw_example("parts", index) for index in range(20)]
    assert len({part.image.tobytes() for part in others}) > 15  # a thing may fill its picture


def test_parts_show_things_of_all_classes():
    wholes = [draw_whole("parts", index) for index in range(400)]
    seen = {category for part in wholes for category in part.categories.tolist()}
    assert len(seen) == len(world.CLASS_NAMES)


def test_keep_classes_renumbers_segments():
    scene = make_scene(np.random.default_rng(9), "scene")
    wanted = tuple(sorted(set(scene.categories.tolist())))[1:]
    kept = keep_classes(scene, wanted)
    assert len(kept.hues) == len(kept.grounds) == len(kept.categories)
    for number, category in enumerate(kept.categories, start=1):
        mask = kept.segment_ids == number
        before = np.unique(scene.segment_ids[mask])
        assert len(before) == 1
        assert scene.categories[before[0] - 1] == category
        assert scene.hues[before[0] - 1] == kept.hues[number - 1]
        np.testing.assert_array_equal(mask, scene.segment_ids == before[0])
    hidden = np.isin(np.r_[-1, scene.categories], wanted, invert=True)[scene.segment_ids]
    np.testing.assert_array_equal(kept.segment_ids == 0, hidden)


def test_splits_show_different_pictures():
    images = [draw_example(split, 0).image for split in SPLIT_SEEDS if split != "parts"]
    for first, second in itertools.combinations(images, 2):
        assert (first != second).mean() > 0.5
    assert set(FULL_COUNTS) == set(SPLIT_SEEDS)
    assert len(set(SPLIT_SEEDS.values())) == len(SPLIT_SEEDS)
    with pytest.raises(ValueError, match="split"):
        draw_example("val", 0)


def test_a_scene_without_hues_and_grounds_loses_classes_too():
    scene = dataclasses.replace(make_scene(np.random.default_rng(9), "scene"), hues=(), grounds=())
    assert keep_classes(scene, (int(scene.categories[0]),)).categories.tolist() == [
        scene.categories[0]
    ]


def test_drawing_needs_no_tensorflow():
    program = "import sys, data.toy_world.splits; sys.exit('tensorflow' in sys.modules)"
    root = Path(world.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_preview_shows_all_classes():
    sheet = preview.contact_sheet(scene_count=2)
    assert sheet.width == 10 * preview.CELL
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000


def test_the_naming_sheet_keeps_its_answers_apart(tmp_path):
    naming_sheet.write(tmp_path, count=7, seed=1)
    key = (tmp_path / "key.txt").read_text().split("\n")[:-1]
    assert [int(row.split()[0]) for row in key] == list(range(1, 8))
    assert {row.split()[1] for row in key} <= set(world.THING_NAMES)
    assert (tmp_path / "classes.txt").read_text().split() == sorted(world.THING_NAMES)
    assert (tmp_path / "sheet.png").stat().st_size > 10_000

"""The toy world's drawing code: exact, reproducible, and true to its own protocol."""

from __future__ import annotations

import collections
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.toy_world import captions, preview, scenes, shapes, textures, things, world
from data.toy_world.splits import FULL_COUNTS, SPLIT_SEEDS, draw_example, keep_classes
from ovseg_jax.vocabulary.classes import load_preset


def _draw(style: str, count: int, size: int = 96) -> list[scenes.Scene]:
    return [scenes.make_scene(np.random.default_rng([5, i]), style, size) for i in range(count)]


@pytest.fixture(scope="module")
def drawn() -> list[scenes.Scene]:
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
    assert len(names) == len(set(names))
    assert set(world.SYNONYMS) <= set(world.CLASS_NAMES)
    assert all(name.isascii() and name.islower() and " " not in name for name in names)


def test_only_twins_share_a_look_and_home_tells_them_apart():
    looks = collections.defaultdict(list)
    for name, look in zip(world.THING_NAMES, world.APPEARANCES, strict=True):
        looks[look.silhouette, look.hue, look.emblem_hue, look.glyph].append((name, look.home))
    shared = [group for group in looks.values() if len(group) > 1]
    assert {frozenset(name for name, _ in group) for group in shared} == {
        frozenset(pair) for pair in world.TWINS
    }
    for (_, first), (_, second) in shared:
        assert abs(first - second) == 4


def test_looks_follow_the_formulas():
    for index, (name, look) in enumerate(zip(world.THING_NAMES, world.APPEARANCES, strict=True)):
        row, column = divmod(index, 5)
        assert look.hue == row
        assert look.emblem_hue != look.hue
        if name not in {second for _, second in world.TWINS}:
            assert look.silhouette == (row + 3 * column) % 8
            assert look.emblem_hue == (row + 1 + (column + row) % 7) % 8
            assert look.glyph == (column + 2 * row) % 4
            assert look.home == (5 * index + row) % 8


def test_vocabulary_preset_equals_the_world():
    preset = load_preset("toy_world48")
    assert [entry.synonyms for entry in preset.classes] == [
        world.class_names(index) for index in range(48)
    ]
    assert tuple(preset.thing_mask) == world.IS_THING
    seen = load_preset("toy_world_seen32")
    assert tuple(entry.original_id for entry in seen.classes) == world.SEEN
    assert seen.names == tuple(world.CLASS_NAMES[index] for index in world.SEEN)


@pytest.mark.parametrize("first,second", list(itertools.combinations(range(8), 2)))
def test_silhouettes_differ_in_area_or_overlap(first, second):
    v, u = np.mgrid[-1.3:1.3:131j, -1.3:1.3:131j]
    one = shapes.SILHOUETTE_FUNCTIONS[first](u, v) < 0
    other = shapes.SILHOUETTE_FUNCTIONS[second](u, v) < 0
    assert (one & other).sum() / (one | other).sum() < 0.87


def test_silhouettes_stay_inside_their_window():
    v, u = np.mgrid[-2:2:401j, -2:2:401j]
    for silhouette in shapes.SILHOUETTE_FUNCTIONS:
        inside = silhouette(u, v) < 0
        assert np.hypot(u[inside], v[inside]).max() * np.sqrt(1.15) < shapes.EXTENT
        assert 1.4 < inside.mean() * 16 < 3.0


def test_stuff_textures_have_different_colours():
    y, x = np.mgrid[0:96, 0:96].astype(np.float32)
    means = [
        texture(np.random.default_rng(i), x, y).mean(axis=(0, 1))
        for i, texture in enumerate(textures.TEXTURE_FUNCTIONS)
    ]
    distances = [np.abs(a - b).max() for a, b in itertools.combinations(means, 2)]
    assert min(distances) > 0.08


def test_same_seed_gives_the_same_picture():
    first, second = (scenes.make_scene(np.random.default_rng(3), "scene") for _ in range(2))
    other = scenes.make_scene(np.random.default_rng(4), "scene")
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.segment_ids, second.segment_ids)
    assert first.captions == second.captions
    assert (first.image != other.image).mean() > 0.5


def test_every_segment_has_one_category_and_enough_pixels(drawn):
    for scene in drawn:
        assert scene.image.dtype == np.uint8 and scene.image.shape == (96, 96, 3)
        assert scene.segment_ids.dtype == np.uint8 and scene.segment_ids.shape == (96, 96)
        counts = np.bincount(scene.segment_ids.ravel())[1:]
        assert len(counts) == len(scene.categories)
        assert counts.min() >= scenes.MIN_PIXELS
        assert set(scene.categories.tolist()) <= set(range(48))


def test_scenes_hold_about_six_segments_and_web_pictures_three(drawn):
    web = np.mean([len(scene.categories) for scene in drawn[:60]])
    scene = np.mean([len(scene.categories) for scene in drawn[60:]])
    assert 2.4 < web < 3.8
    assert 5.0 < scene < 6.5


def test_twins_are_drawn_on_their_home_stuff_only():
    offset = len(world.THING_NAMES)
    seen = 0
    for scene in _draw("scene", 150):
        present = set(scene.categories.tolist())
        for thing in present & world.TWIN_INDICES:
            seen += 1
            assert world.APPEARANCES[thing].home + offset in present
    assert seen > 30


def test_a_mask_covers_the_pixels_that_the_thing_painted(monkeypatch):
    """White things on black ground without light and noise: the mask is where white prevails."""
    black = lambda rng, x, y: np.zeros((*x.shape, 3), np.float32)  # noqa: E731
    white = lambda rng, look, hue, pose, grid: np.ones((*grid[2].shape, 3))  # noqa: E731
    monkeypatch.setattr(textures, "TEXTURE_FUNCTIONS", (black,) * 8)
    monkeypatch.setattr(things, "painted", white)
    monkeypatch.setattr(scenes, "lit", lambda rng, pixels: (pixels * 255).astype(np.uint8))
    for scene in _draw("scene", 5):
        is_thing = np.r_[False, np.asarray(world.IS_THING)[scene.categories]]
        mask = is_thing[scene.segment_ids]
        assert mask.any()
        assert (mask != (scene.image[..., 0] > 127)).sum() <= 0.01 * mask.sum()


def test_size_scales_the_picture(drawn):
    large = scenes.make_scene(np.random.default_rng(2), "scene", 160)
    assert large.image.shape == (160, 160, 3)
    assert np.bincount(large.segment_ids.ravel())[1:].min() >= scenes.MIN_PIXELS * (160 / 96) ** 2


@pytest.mark.parametrize("style,size,word", [("photo", 96, "style"), ("web", 16, "size")])
def test_bad_arguments_are_named(style, size, word):
    with pytest.raises(ValueError, match=word):
        scenes.make_scene(np.random.default_rng(0), style, size)


def test_captions_use_known_words_and_name_only_what_is_there(drawn):
    known = set(captions.caption_words())
    owner = {name: index for index in range(48) for name in world.class_names(index)}
    longest = 0
    for scene in drawn:
        assert len(scene.captions) == 2
        for text in scene.captions:
            words = text.split(" ")
            assert set(words) <= known
            mentioned = {owner[word] for word in words if word in owner}
            assert mentioned and mentioned <= set(scene.categories.tolist())
            longest = max(longest, len(words))
    assert 12 < longest <= captions.MAX_WORDS


def test_caption_of_a_picture_without_things_names_the_ground():
    rng = np.random.default_rng(0)
    texts = [captions.make_caption(rng, [], [], [40]) for _ in range(20)]
    assert all("grass" in text or "lawn" in text for text in texts)


def test_unseen_classes_occur_in_captions_of_every_split():
    owner = {name: index for index in range(48) for name in world.class_names(index)}
    for split in SPLIT_SEEDS:
        words = {
            word
            for index in range(150)
            for text in draw_example(split, index).captions
            for word in text.split()
        }
        assert len({owner[word] for word in words if word in owner} & set(world.UNSEEN)) >= 14


def test_web_hides_all_masks_and_train_hides_unseen_ones():
    for index in range(20):
        web, train = draw_example("web", index), draw_example("train", index)
        assert web.segment_ids.max() == 0 and len(web.categories) == 0
        assert set(train.categories.tolist()) <= set(world.SEEN)
        assert train.segment_ids.max() == len(train.categories)
    evaluated = {c for i in range(60) for c in draw_example("validation", i).categories.tolist()}
    assert len(evaluated & set(world.UNSEEN)) == 16


def test_keep_classes_renumbers_segments():
    scene = scenes.make_scene(np.random.default_rng(9), "scene")
    wanted = tuple(sorted(set(scene.categories.tolist())))[1:]
    kept = keep_classes(scene, wanted)
    for number, category in enumerate(kept.categories, start=1):
        mask = kept.segment_ids == number
        before = np.unique(scene.segment_ids[mask])
        assert len(before) == 1
        assert scene.categories[before[0] - 1] == category
        np.testing.assert_array_equal(mask, scene.segment_ids == before[0])
    hidden = np.isin(np.r_[-1, scene.categories], wanted, invert=True)[scene.segment_ids]
    np.testing.assert_array_equal(kept.segment_ids == 0, hidden)


def test_splits_show_different_pictures():
    images = [draw_example(split, 0).image for split in ("train", "validation", "test")]
    for first, second in itertools.combinations(images, 2):
        assert (first != second).mean() > 0.5
    assert set(FULL_COUNTS) == set(SPLIT_SEEDS)
    with pytest.raises(ValueError, match="split"):
        draw_example("val", 0)


def test_drawing_needs_no_tensorflow():
    program = "import sys, data.toy_world.splits; sys.exit('tensorflow' in sys.modules)"
    root = Path(world.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_preview_shows_all_classes(tmp_path):
    sheet = preview.contact_sheet(scene_count=2)
    assert sheet.width == 10 * preview.CELL
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000

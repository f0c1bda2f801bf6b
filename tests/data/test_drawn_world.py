"""The drawn world's code: exact, reproducible, and true to its own protocol."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.drawn_world import captions, crops, preview, scenes, textures, things, world
from data.drawn_world.drawings import DRAWINGS
from data.drawn_world.drawn import Patch, Pose
from data.drawn_world.splits import FULL_COUNTS, SPLIT_SEEDS, draw_example, keep_classes
from ovseg_jax.vocabulary.classes import load_preset


def _draw(style: str, count: int, size: int = 128) -> list[scenes.Scene]:
    return [scenes.make_scene(np.random.default_rng([5, i]), style, size) for i in range(count)]


@pytest.fixture(scope="module")
def drawn() -> list[scenes.Scene]:
    return _draw("web", 30) + _draw("scene", 60)


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


def test_every_thing_has_a_drawing_colours_and_a_home():
    assert set(DRAWINGS) == set(world.LOOKS) == set(world.THING_NAMES)
    for look in world.APPEARANCES:
        assert look.hues and look.homes
    homes = {home for look in world.APPEARANCES for home in look.homes}
    assert homes == set(range(len(world.STUFF_NAMES)))


def drawn_alone(thing, seed=0, size=128, **pose):
    """A thing upright in the middle; its colours on black and its mask."""
    rng = np.random.default_rng([seed, thing])
    hue = world.APPEARANCES[thing].hues[0]
    patch = things.draw_thing(rng, thing, hue, Pose(size / 2, size / 2, 0.3 * size, **pose), size)
    picture, mask = np.zeros((size, size, 3), np.float32), np.zeros((size, size), bool)
    picture[patch.area], mask[patch.area] = patch.paint, patch.mask
    return picture, mask


@pytest.mark.parametrize("name", world.THING_NAMES)
def test_a_thing_fills_its_box_and_varies(name):
    thing = world.THING_NAMES.index(name)
    pictures, masks = zip(*(drawn_alone(thing, seed) for seed in range(6)), strict=True)
    for mask in masks:
        rows, columns = np.nonzero(mask)
        longer = max(np.ptp(rows), np.ptp(columns)) + 1
        assert 0.75 * 0.6 * 128 < longer < 1.1 * 0.6 * 128
        assert mask.sum() > 0.15 * longer**2
    assert all((one != two).mean() > 0.01 for one, two in itertools.pairwise(pictures))


@pytest.mark.parametrize("name", world.THING_NAMES)
def test_turned_mirrored_and_enlarged_things_keep_their_area(name):
    thing = world.THING_NAMES.index(name)
    area = drawn_alone(thing)[1].sum()
    for pose in ({"angle": 0.3}, {"mirrored": True}, {"aspect": 1.15}):
        assert drawn_alone(thing, **pose)[1].sum() == pytest.approx(area, rel=0.05)
    assert drawn_alone(thing, size=256)[1].sum() == pytest.approx(4 * area, rel=0.06)


def test_no_two_things_look_alike():
    """The nearest pair of mean pictures, in colours of their own, differs as much as a shade."""
    means = np.stack(
        [
            np.mean([drawn_alone(thing, seed, 32)[0] for seed in range(4)], axis=0).ravel()
            for thing in range(len(world.THING_NAMES))
        ]
    )
    distances = np.linalg.norm(means[:, None] - means, axis=-1) + 1e6 * np.eye(len(means))
    assert distances.min() > 4.0


def test_a_thing_at_the_rim_is_cut_off():
    rng = np.random.default_rng(0)
    patch = things.draw_thing(rng, 0, 0, Pose(2.0, 127.0, 20.0), 128)
    rows, columns = patch.area
    assert (rows.stop, columns.start) == (128, 0)
    assert patch.coverage.shape == (rows.stop - rows.start, columns.stop - columns.start)
    assert 0.2 * 400 * np.pi < patch.mask.sum() < 0.4 * 400 * np.pi


def test_vocabulary_preset_equals_the_world():
    preset = load_preset("toy_world48")
    assert [entry.synonyms for entry in preset.classes] == [
        world.class_names(index) for index in range(48)
    ]
    assert tuple(preset.thing_mask) == world.IS_THING
    seen = load_preset("toy_world_seen32")
    assert tuple(entry.original_id for entry in seen.classes) == world.SEEN
    assert seen.names == tuple(world.CLASS_NAMES[index] for index in world.SEEN)


def test_stuff_textures_have_different_colours():
    y, x = np.mgrid[0:128, 0:128].astype(np.float32)
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
        assert scene.image.dtype == np.uint8 and scene.image.shape == (128, 128, 3)
        assert scene.segment_ids.dtype == np.uint8 and scene.segment_ids.shape == (128, 128)
        counts = np.bincount(scene.segment_ids.ravel())[1:]
        assert len(counts) == len(scene.categories)
        assert counts.min() >= scenes.MIN_PIXELS
        assert set(scene.categories.tolist()) <= set(range(48))


def test_scenes_hold_about_six_segments_and_web_pictures_fewer(drawn):
    web = np.mean([len(scene.categories) for scene in drawn[:30]])
    scene = np.mean([len(scene.categories) for scene in drawn[30:]])
    assert 2.0 < web < 3.4
    assert 5.0 < scene < 6.5


def test_a_mask_covers_the_pixels_that_the_thing_painted(monkeypatch):
    """White things on black ground without light and noise: the mask is where white prevails."""
    black = lambda rng, x, y: np.zeros((*x.shape, 3), np.float32)  # noqa: E731

    def white(*arguments):
        patch = painted(*arguments)
        return Patch(patch.area, np.repeat(patch.coverage[..., None], 3, 2), patch.coverage)

    painted = things.draw_thing
    monkeypatch.setattr(textures, "TEXTURE_FUNCTIONS", (black,) * 8)
    monkeypatch.setattr(things, "draw_thing", white)
    monkeypatch.setattr(scenes, "lit", lambda rng, pixels: (pixels * 255).astype(np.uint8))
    for scene in _draw("scene", 5):
        is_thing = np.r_[False, np.asarray(world.IS_THING)[scene.categories]]
        mask = is_thing[scene.segment_ids]
        assert mask.any()
        assert (mask != (scene.image[..., 0] > 127)).sum() <= 0.01 * mask.sum()


def test_size_scales_the_picture(drawn):
    large = scenes.make_scene(np.random.default_rng(2), "scene", 160)
    assert large.image.shape == (160, 160, 3)
    assert np.bincount(large.segment_ids.ravel())[1:].min() >= scenes.MIN_PIXELS * (160 / 128) ** 2


@pytest.mark.parametrize("style,size,word", [("photo", 128, "style"), ("web", 16, "size")])
def test_bad_arguments_are_named(style, size, word):
    with pytest.raises(ValueError, match=word):
        scenes.make_scene(np.random.default_rng(0), style, size)


OWNER = {name: index for index in range(48) for name in world.class_names(index)}
SEVERAL = {captions.plural(name): index for name, index in OWNER.items()}


def named_in(text):
    """Classes of a caption's nouns."""
    known = SEVERAL | OWNER
    return [known[word] for word in text.split(" ") if word in known]


def test_captions_use_known_words_and_name_only_what_is_there(drawn):
    known = set(captions.caption_words())
    longest = 0
    for scene in drawn:
        assert len(scene.captions) == 2
        for text in scene.captions:
            assert set(text.split(" ")) <= known
            assert named_in(text) and set(named_in(text)) <= set(scene.categories.tolist())
            longest = max(longest, len(text.split(" ")))
    assert 12 < longest <= captions.MAX_WORDS


def test_most_things_are_named_and_not_all(drawn):
    things_seen = [c for scene in drawn for c in scene.categories if c < 40]
    named = [c for scene in drawn for c in set(named_in(scene.captions[0])) if c < 40]
    assert 0.7 < len(named) / len(things_seen) < 0.95


def seen(name, place=(0.5, 0.5), hue=0):
    return captions.Seen(world.CLASS_NAMES.index(name), hue, place)


def test_a_picture_without_things_names_the_ground():
    rng = np.random.default_rng(0)
    texts = [captions.make_caption(rng, [seen("grass", hue=-1)]) for _ in range(20)]
    assert all("grass" in text or "lawn" in text for text in texts)


def test_several_of_a_kind_are_counted():
    rng = np.random.default_rng(0)
    group = [seen("leaf", (x, 0.5)) for x in (0.2, 0.5, 0.8)]
    texts = [captions.make_caption(rng, group) for _ in range(60)]
    assert any("three leaves" in text for text in texts)
    assert not any(wrong in text for text in texts for wrong in ("three leaf ", "four", "leafs"))


def test_places_are_true():
    rng = np.random.default_rng(0)
    pair = [seen("tower", (0.2, 0.5)), seen("harp", (0.8, 0.55))]
    texts = " / ".join(captions.make_caption(rng, pair) for _ in range(300))
    assert "tower left of" in texts and "harp right of" in texts
    assert "tower right of" not in texts and "above" not in texts and "below" not in texts


def test_things_keep_to_the_sizes_of_their_style():
    longest = []
    for scene in _draw("scene", 50):
        for number, category in enumerate(scene.categories, start=1):
            rows, columns = np.nonzero(scene.segment_ids == number)
            if world.IS_THING[category]:
                longest.append((max(np.ptp(rows), np.ptp(columns)) + 1) / 128)
    assert min(longest) < 0.14 and 0.2 < np.median(longest) < 0.34 and max(longest) < 0.75


def test_sky_lies_above():
    offset = len(world.THING_NAMES)
    sky = offset + scenes.SKY
    heights = []
    for scene in _draw("scene", 70):
        where = {c: n for n, c in enumerate(scene.categories.tolist(), start=1) if c >= offset}
        if sky in where and len(where) > 1:
            rows = {c: np.nonzero(scene.segment_ids == n)[0].mean() for c, n in where.items()}
            heights.append(rows[sky] == min(rows.values()))
    assert len(heights) > 5 and all(heights)


def test_a_part_of_a_scene_is_captioned_by_what_it_holds():
    for seed in range(20):
        scene = scenes.make_scene(np.random.default_rng(seed), "scene", 192)
        part = crops.random_crop(np.random.default_rng(seed), scene, 128)
        assert part.image.shape == (128, 128, 3) and part.segment_ids.shape == (128, 128)
        assert part.segment_ids.max() == len(part.categories) == len(part.hues) > 0
        for text in part.captions:
            assert set(named_in(text)) <= set(part.categories.tolist())


def test_unseen_classes_occur_in_captions_of_every_split():
    for split in SPLIT_SEEDS:
        texts = (text for index in range(40) for text in draw_example(split, index).captions)
        named = {category for text in texts for category in named_in(text)}
        assert len(named & set(world.UNSEEN)) >= 10


def test_web_hides_all_masks_and_train_hides_unseen_ones():
    for index in range(10):
        web, train = draw_example("web", index), draw_example("train", index)
        assert web.segment_ids.max() == 0 and len(web.categories) == 0
        assert set(train.categories.tolist()) <= set(world.SEEN)
        assert train.segment_ids.max() == len(train.categories)
    evaluated = {c for i in range(90) for c in draw_example("validation", i).categories.tolist()}
    assert len(evaluated & set(world.UNSEEN)) == 16
    outlined = {c for i in range(90) for c in draw_example("masks", i).categories.tolist()}
    assert len(outlined & set(world.UNSEEN)) == 16


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
    program = "import sys, data.drawn_world.splits; sys.exit('tensorflow' in sys.modules)"
    root = Path(world.__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program], cwd=root, check=False).returncode == 0


def test_preview_shows_all_classes(tmp_path):
    sheet = preview.contact_sheet(scene_count=1)
    assert sheet.width == 10 * preview.CELL
    assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 1000

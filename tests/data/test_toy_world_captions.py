"""Captions of the toy world say what is there, and nothing that is not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from data.toy_world import captions, world
from data.toy_world.scenes import Scene, make_scene
from data.toy_world.seen import Seen, SeenThing, seen_in
from data.toy_world.splits import SPLIT_SEEDS, draw_example

OWNER = {name: index for index in range(48) for name in world.class_names(index)}
SEVERAL = {world.plural(name): index for name, index in OWNER.items() if index < 40}


@pytest.fixture(scope="module")
def drawn() -> list[Scene]:
    return [
        make_scene(np.random.default_rng([5, i]), style)
        for style in ("web", "scene")
        for i in range(150)
    ]


def _thing(name: str, x: float, y: float, hue: str = "", ground: str = "grass") -> SeenThing:
    return SeenThing(OWNER[name], hue, OWNER[ground], x, y)


def test_captions_use_known_words_and_name_only_what_is_there(drawn):
    known, longest = set(captions.caption_words()), 0
    for scene in drawn:
        assert len(scene.captions) == 2
        for text in scene.captions:
            words = text.split(" ")
            assert set(words) <= known
            mentioned = {{**SEVERAL, **OWNER}[w] for w in words if w in OWNER or w in SEVERAL}
            assert mentioned and mentioned <= set(scene.categories.tolist())
            longest = max(longest, len(words))
    assert 15 < longest <= captions.MAX_WORDS


def test_numbers_and_colours_are_those_of_the_scene(drawn):
    numbers = colours = 0
    several = "|".join(SEVERAL)
    for scene in drawn:
        categories = scene.categories.tolist()
        for text in scene.captions:
            pattern = rf"\b({'|'.join(captions.NUMBERS)}) (?:\w+ )?({several})\b"
            for number, name in re.findall(pattern, text):
                numbers += 1
                assert categories.count(SEVERAL[name]) == captions.NUMBERS.index(number) + 2
            pattern = rf"\b({'|'.join(world.HUES)}) ({'|'.join(OWNER)})\b"
            for hue, name in re.findall(pattern, text):
                colours += 1
                pairs = zip(categories, scene.hues, strict=True)
                assert (OWNER[name], hue) in set(pairs)
    assert numbers > 20 and colours > 40


def test_what_a_thing_is_said_to_be_on_is_below_it(drawn):
    checked = 0
    for scene in drawn:
        for text in scene.captions:
            found = re.search(r"(\w+) (?:on|in) the (\w+)", text)
            if found and found[1] in OWNER:
                checked += 1
                pairs = zip(scene.categories.tolist(), scene.grounds, strict=True)
                assert (OWNER[found[1]], OWNER[found[2]]) in set(pairs)
    assert checked > 50


@pytest.mark.parametrize(
    "place,allowed",
    [
        ((0.5, 0.1), {"above", ""}),
        ((0.5, 0.9), {"below", ""}),
        ((0.05, 0.5), {"left of", ""}),
        ((0.98, 0.5), {"right of", ""}),
        ((0.75, 0.5), {"right of", "next to", ""}),
        ((0.55, 0.52), {""}),
    ],
)
def test_relations_follow_the_centres(place, allowed):
    seen = Seen([_thing("boat", 0.5, 0.5), _thing("bird", *place)], {})
    opposite = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}
    said = set()
    for seed in range(400):
        text = captions.write_caption(np.random.default_rng(seed), seen)
        found = re.search(rf"(\w+) ({'|'.join(captions.RELATIONS)}) the", text)
        relation = found[2] if found else ""
        is_bird = not found or found[1] == "bird"
        said.add(relation if is_bird else opposite.get(relation, relation))
    assert said == allowed


def test_a_caption_of_several_has_a_plural_and_a_plural_verb():
    seen = Seen([_thing("fish", 0.2, 0.2), _thing("fish", 0.8, 0.8)], {})
    texts = {captions.write_caption(np.random.default_rng(seed), seen) for seed in range(60)}
    assert {"two fish", "there are two fish", "these are two fish"} <= texts
    seen = Seen([_thing("box", 0.1 * n, 0.2, "red") for n in range(6)], {})
    texts = {captions.write_caption(np.random.default_rng(seed), seen) for seed in range(90)}
    assert {"six boxes", "we see six red crates"} <= texts or {
        "six boxes",
        "six red boxes",
    } <= texts


def test_no_caption_is_longer_than_the_text_towers_read():
    things = [_thing(n, 0.15 * i, 0.5, "red") for i, n in enumerate(world.THING_NAMES[:6])]
    seen = Seen(things, {OWNER["grass"]: 0.2, OWNER["sky"]: 0.8, OWNER["road"]: 0.5})
    lengths = {
        len(captions.write_caption(np.random.default_rng(seed), seen).split())
        for seed in range(3000)
    }
    assert 25 <= max(lengths) <= captions.MAX_WORDS


def test_caption_of_a_picture_without_things_names_the_ground():
    texts = [
        captions.write_caption(np.random.default_rng(seed), Seen([], {OWNER["grass"]: 0.5}))
        for seed in range(20)
    ]
    assert all("grass" in text or "lawn" in text for text in texts)


def test_some_things_are_left_out_and_most_are_named():
    seen = Seen([_thing(name, 0.1, 0.1) for name in ("clock", "book", "cone", "harp")], {})
    named = [
        sum(word in ("clock", "book", "cone", "harp") for word in text.split())
        for text in (captions.write_caption(np.random.default_rng(s), seen) for s in range(300))
    ]
    assert 0.8 < np.mean(named) / 4 < 0.9


def _two_things() -> Scene:
    """A ball on the left on grass, a small gem on the right on sand, 40 x 40 pixels."""
    ids = np.ones((40, 40), np.uint8)
    ids[:, 20:] = 2
    ids[10:20, 4:14] = 3
    ids[30:33, 30:33] = 4
    categories = np.array([OWNER[name] for name in ("grass", "sand", "ball", "gem")])
    hues, grounds = ("", "", "red", "blue"), tuple(categories[[0, 1, 0, 1]].tolist())
    return Scene(np.zeros((40, 40, 3), np.uint8), ids, categories, [], hues, grounds)


@pytest.mark.parametrize(
    "box,things,stuff",
    [
        (None, {"ball", "gem"}, {"grass", "sand"}),
        ((0, 0, 20, 40), {"ball"}, {"grass"}),
        ((8, 0, 22, 40), {"ball"}, {"grass", "sand"}),
        ((10, 0, 22, 40), set(), {"grass", "sand"}),  # less than half of the ball
        ((20, 0, 40, 40), set(), {"sand"}),  # the gem fills a hundredth
        ((28, 28, 36, 36), {"gem"}, {"sand"}),
        ((5, 11, 9, 15), {"ball"}, set()),  # nothing but a part of the ball
    ],
)
def test_a_part_shows_what_is_mostly_inside_and_large_enough(box, things, stuff):
    seen = seen_in(_two_things(), box)
    assert {world.CLASS_NAMES[thing.category] for thing in seen.things} == things
    assert {world.CLASS_NAMES[index] for index in seen.stuff} == stuff


def test_a_caption_of_a_part_names_nothing_from_elsewhere():
    for seed in range(60):
        text = captions.caption_of(np.random.default_rng(seed), _two_things(), (28, 28, 36, 36))
        assert not {"ball", "sphere", "grass", "lawn", "red"} & set(text.split())
        assert {"gem", "jewel", "sand"} & set(text.split())


def test_places_in_a_part_are_those_of_the_part():
    (thing,) = seen_in(_two_things(), (0, 0, 20, 40)).things
    assert (thing.x, thing.y) == (pytest.approx(9 / 20), pytest.approx(15 / 40))
    assert (thing.hue, world.CLASS_NAMES[thing.ground]) == ("red", "grass")


def test_unseen_classes_occur_in_captions_of_every_split_that_has_some():
    for split in SPLIT_SEEDS.keys() - {"masks"}:
        words = {
            word
            for index in range(150)
            for text in draw_example(split, index).captions
            for word in text.split()
        }
        assert len({OWNER[word] for word in words if word in OWNER} & set(world.UNSEEN)) >= 14

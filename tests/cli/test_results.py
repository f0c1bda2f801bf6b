"""Names of results: one to one with photos, simple where they can be, the same every time."""

import random
import time
import unicodedata
from argparse import Namespace
from pathlib import Path

import pytest

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.results import MOST_BYTES, open_file, open_results, source_of, stems
from ovseg_jax.inference.output.save import names_of_answer


@pytest.mark.parametrize(
    ("photos", "expected"),
    [
        (["a.jpg"], ["a"]),
        (["a.jpg", "b.png"], ["a", "b"]),
        (["a.jpg", "a.png", "b.png"], ["a_jpg", "a_png", "b"]),
        (["a.jpg", "a.png", "a_jpg.png"], ["a.jpg", "a_png", "a_jpg"]),
        (["x/a.jpg", "y/a.jpg", "y/b.jpg"], ["x_a_jpg", "y_a_jpg", "b"]),
        (["x/1/a.jpg", "y/1/a.jpg"], ["x_1_a_jpg", "y_1_a_jpg"]),
        (["a.b.jpg", "a.jpg"], ["a.b", "a"]),
        (["a", "a.tar.gz"], ["a", "a.tar"]),
        (["a.jpg", "./a.jpg", "x/../a.jpg"], ["a", "a", "a"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_photos_keep_their_names_as_far_as_they_can(photos, expected):
    assert stems([Path(photo) for photo in photos]) == expected


@pytest.mark.parametrize("twin", ["A.jpg", "a.JPG", "sub/a.jpg"])
def test_case_and_folders_do_not_make_a_name_shared(twin):
    first, second = stems([Path("a.jpg"), Path(twin)])
    assert first.casefold() != second.casefold()


def test_forms_of_accents_do_not_make_a_name_shared():
    pair = stems([Path("\u00e9.jpg"), Path("e\u0301.jpg")])
    assert len({unicodedata.normalize("NFC", stem) for stem in pair}) == 2


PARTS = "a", "A", "_", "jpg", "labels", "\u00e9", "e\u0301", "."


def drawn(rng):
    folder = rng.choice(["", "x/", "y/", "x/y/", "x_y/"])
    name = "".join(rng.choice(PARTS) for _ in range(3))
    return Path(f"/photos/{folder}n{name}{rng.choice(['.jpg', '.png', '.JPG', ''])}")


@pytest.mark.parametrize("seed", range(30))
def test_any_photos_get_files_of_their_own_and_the_order_is_no_matter(seed):
    rng = random.Random(seed)
    photos = sorted({drawn(rng) for _ in range(60)})
    found = dict(zip(photos, stems(photos), strict=True))
    names = [name for stem in found.values() for name in names_of_answer(stem, maps=1)]
    folded = {unicodedata.normalize("NFC", name).casefold() for name in names}
    assert len(folded) == len(names) == 5 * len(photos)
    rng.shuffle(photos)
    assert dict(zip(photos, stems(photos), strict=True)) == found
    alone = [photo for photo in photos if found[photo] == photo.stem]
    assert stems(alone) == [photo.stem for photo in alone]


@pytest.mark.parametrize("letter", ["a", "写"])
def test_long_names_leave_room_for_endings_and_stay_apart(letter):
    long = letter * (240 // len(letter.encode()))
    found = stems([Path(f"{long}1.jpg"), Path(f"{long}2.jpg")])
    assert len(set(found)) == 2 and max(len(stem.encode()) for stem in found) <= MOST_BYTES


def test_one_input_is_noted_by_its_path_and_more_by_a_hash(tmp_path):
    assert source_of([tmp_path]) == tmp_path
    assert source_of([tmp_path, tmp_path / "a"]) == source_of([tmp_path, tmp_path / "a"])
    assert source_of([tmp_path, tmp_path / "a"]) != source_of([tmp_path, tmp_path / "b"])


def test_ten_thousand_photos_are_claimed_in_seconds(tmp_path):
    photos = [tmp_path / f"{number}.jpg" for number in range(10_000)]
    arguments = Namespace(out=tmp_path / "out", masks=None, overwrite=False)
    started = time.perf_counter()
    results = open_results(
        arguments,
        list(zip(photos, stems(photos), strict=True)),
        lambda folder, photo, stem: names_of_answer(stem),
    )
    assert len(results._claimed) == 30_000
    assert time.perf_counter() - started < 60


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UsageError, match="is a folder; give the name of a file"):
        open_file(Namespace(overwrite=True), tmp_path, "")

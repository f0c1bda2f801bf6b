"""Which files are photos, and what is said about those that are not."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs import folders
from ovseg_jax.inputs.images import ImageError
from ovseg_jax.inputs.listing import list_images, list_photos


@pytest.fixture
def said():
    """Collects warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield lambda: [str(each.message) for each in caught if each.category is OvsegWarning]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Three photos among other things."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.PNG", "c.avif", "sub/d.jpg", "sub/deep/e.jpg"):
        make(tmp_path / name)
    return tmp_path


def make(path, content=b""):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(paths):
    return [path.name for path in paths]


def test_photos_come_by_name_and_the_rest_is_counted_and_named(folder, said):
    for name in ("notes.txt", "more.txt", "LICENSE", "x.heic", "y.CR2", "._a.PNG", ".DS_Store"):
        make(folder / name)
    assert names(list_images(folder)) == ["a.PNG", "b.png", "c.avif"]
    (message,) = said()
    assert message.startswith(f"{folder}: 3 photos; passed over: ")
    assert "3 other files (2 .txt, 1 without ending)" in message
    assert (
        "2 unreadable photos (x.heic, y.CR2; Pillow has no reader for them here: convert" in message
    )
    assert "1 subfolder (sub; --recursive looks inside)" in message
    assert "1 hidden file (._a.PNG)" in message and "DS_Store" not in message


def test_a_folder_of_photos_alone_needs_no_word(folder, said):
    for path in (folder / "sub" / "deep" / "e.jpg", make(folder / "sub" / "deep" / ".DS_Store")):
        assert path.exists()
    assert names(list_images("sub/deep")) == ["e.jpg"] and not said()


def test_subfolders_on_request_without_hidden_ones_and_circles(folder, said):
    make(folder / ".git" / "f.jpg")
    os.symlink(folder, folder / "sub" / "round")
    assert names(list_images(folder, recursive=True)) == [
        "a.PNG",
        "b.png",
        "c.avif",
        "d.jpg",
        "e.jpg",
    ]
    assert not said()


def test_what_we_wrote_is_no_photo(folder, said):
    results = OutputFolder(folder)
    for name in ("a_overlay.png", "a_maps/mask_000.png"):
        results.write(name, lambda file: file.write(b"1"))
    OutputFolder(folder / "out").write("b_overlay.png", lambda file: file.write(b"1"))
    assert names(list_images(folder)) == ["a.PNG", "b.png", "c.avif"]
    assert "3 earlier results (a_maps, a_overlay.png, out)" in said()[0]
    assert "a_overlay.png" not in names(list_images("*.png"))
    assert "b_overlay.png" not in names(list_images(folder, recursive=True))


def test_an_ending_that_pillow_cannot_read_here_is_named(folder, said, monkeypatch):
    monkeypatch.setattr(folders.features, "check", lambda codec: codec != "avif")
    folders.readable_endings.cache_clear()
    assert names(list_images(folder)) == ["a.PNG", "b.png"]
    assert "1 unreadable photo (c.avif; " in said()[0]
    monkeypatch.undo()
    folders.readable_endings.cache_clear()


def test_every_ending_that_is_accepted_is_really_read(tmp_path):
    """What Pillow writes under an ending that we accept, it also reads."""
    written = 0
    for ending in sorted(folders.readable_endings()):
        path = tmp_path / f"a{ending}"
        try:
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
        except (OSError, KeyError, ValueError):  # some endings are read only, or hold other modes
            continue
        with Image.open(path) as picture:
            assert picture.size == (8, 8)
        written += 1
    assert written >= 12 and {".jpg", ".jfif", ".tif", ".webp"} <= folders.readable_endings()


@pytest.mark.parametrize("ending", [".pdf", ".eps", ".mpg", ".h5", ".ico", ".txt", ".json", ""])
def test_other_endings_are_no_photos(ending):
    assert ending not in folders.readable_endings()


def test_a_folder_without_photos_says_what_is_there(tmp_path):
    with pytest.raises(ImageError, match=r"holds no picture \(it is empty\); accepted are \.apng"):
        list_images(tmp_path)
    make(tmp_path / "a.txt")
    make(tmp_path / "sub" / "a.jpg")
    with pytest.raises(
        ImageError, match=r"\(1 other file \(1 \.txt\); 1 subfolder \(sub; --recursive"
    ):
        list_images(tmp_path)


def test_a_file_that_is_named_is_taken_whatever_its_ending(folder):
    assert list_images(make(folder / "odd.xyz")) == [folder / "odd.xyz"]
    assert list_images(make(folder / "._a.jpg")) == [folder / "._a.jpg"]


def test_patterns_are_expanded_where_no_file_has_that_name(folder, said):
    assert names(list_images("*.png")) == ["b.png"]
    assert names(list_images("sub/**/*.jpg")) == ["d.jpg", "e.jpg"]
    make(folder / "notes.txt")
    assert names(list_images("*")) == ["a.PNG", "b.png", "c.avif"]
    assert "notes.txt" not in said()[0] and "1 .txt" in said()[0]
    for name in ("f[1].jpg", "f*.jpg", "f1.jpg"):
        make(folder / name)
    assert names(list_images("f[1].jpg")) == ["f[1].jpg"]
    assert names(list_images("f*.jpg")) == ["f*.jpg"]
    with pytest.raises(ImageError, match="no file matches this pattern"):
        list_images("*.tif")


def test_each_photo_counts_once(folder, said):
    found = list_photos(["b.png", folder, "sub/../b.png", Path("c.avif")])
    assert names(found.photos) == ["b.png", "a.PNG", "c.avif"] and not found.refused
    assert "b.png, b.png, c.avif: given twice" in said()[-1].replace(f"{folder}/", "").replace(
        "sub/../", ""
    )


def test_names_that_lead_nowhere_are_kept_beside_those_that_do(folder):
    given = ["nowhere.jpg", "b.png", "https://example.org/a.jpg", "sub/deep/*.tif"]
    found = list_photos(given)
    assert names(found.photos) == ["b.png"]
    assert ["no such file" in str(found.refused[0]), "address" in str(found.refused[1])] == [
        True
    ] * 2
    assert len(found.refused) == 3
    with pytest.raises(ImageError, match=r"nowhere\.jpg"):
        list_photos(given[:1] + given[2:])


def test_an_empty_name_is_not_the_working_folder(folder):
    with pytest.raises(ImageError, match="name is empty"):
        list_photos([""])
    assert list_photos(["", "b.png"]).photos == [Path("b.png")]

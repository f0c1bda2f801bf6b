"""The TFDS builder of COCO-Stuff, on dummy data in the publisher's layout."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data.coco_stuff import coco_stuff_dataset_builder as stuff  # noqa: E402

DUMMY = Path(stuff.__file__).parent / "dummy_data"
GAPS = (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)
"""Pixel values between 0 and 181 that are no class: COCO ids 12, 26, 29, 30, 45, 66, ..."""


class CocoStuffTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = stuff.Builder
    SPLITS = {"train": 5, "validation": 3}
    BUILDER_CONFIG_NAMES_TO_TEST = ["full"]


class PreparedTest(CocoStuffTest):
    """The same on the maps that scripts make."""

    EXAMPLE_DIR = str(Path(stuff.__file__).parent / "dummy_data_detectron2")


def test_prepared_maps_give_what_the_published_give(tmp_path):
    def records(folder):
        root = Path(stuff.__file__).parent / folder
        found = tfds.as_numpy(_prepare(root, tmp_path / folder, "full").as_dataset(split="train"))
        return {
            x["file_name"]: (x["categories"].tolist(), x["segment_ids"].tobytes()) for x in found
        }

    assert records("dummy_data_detectron2") == records("dummy_data")


def _prepare(root, data_dir, config="validation"):
    builder = stuff.Builder(config=config, data_dir=str(data_dir))
    settings = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=settings)
    return builder


def test_182_raw_values_become_171_contiguous_classes():
    table = stuff.raw_to_index()
    assert table.shape == (256,)
    assert tuple(np.flatnonzero(table[:182] == stuff.VOID)) == GAPS
    assert (table[182:] == stuff.VOID).all()
    np.testing.assert_array_equal(table[table != stuff.VOID], np.arange(171))


def test_a_map_decodes_to_one_region_per_class():
    raw = np.asarray([[0, 181, 255], [11, 0, 89]], np.uint8)
    found = stuff.decode_regions(raw, stuff.raw_to_index())
    assert found.categories == [0, 79, 170]
    np.testing.assert_array_equal(found.ids, [[1, 3, 0], [0, 1, 2]])


def test_built_examples_agree_with_the_publishers_files(tmp_path):
    builder = _prepare(DUMMY, tmp_path, "full")
    table = stuff.raw_to_index()
    names = set()
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        names.add(example["file_name"].decode())
        path = DUMMY / "stuffthingmaps" / "train2017" / example["file_name"].decode()
        raw = np.asarray(Image.open(path.with_suffix(".png")))
        classes = np.r_[stuff.VOID, example["categories"]][example["segment_ids"][..., 0]]
        np.testing.assert_array_equal(classes, table[raw])
        assert (np.diff(example["categories"]) > 0).all()
        assert example["image"].dtype == np.uint8 and example["image"].shape[-1] == 3
    assert names == {f"{index:012d}.jpg" for index in range(1, 6)}


def test_the_map_without_labels_is_left_out():
    raw = np.asarray(Image.open(DUMMY / "stuffthingmaps/train2017/000000000006.png"))
    assert (raw == 255).all()
    assert stuff.decode_regions(raw, stuff.raw_to_index()).categories == []


@pytest.mark.parametrize(
    "missing", ["stuffthingmaps/val2017", "val2017/000000000002.jpg", "val2017"]
)
def test_a_missing_file_is_named(tmp_path, missing):
    root = shutil.copytree(DUMMY, tmp_path / "coco")
    path = root / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(Exception, match=f"not found; expected the .* {path}"):
        _prepare(root, tmp_path / "out")


def test_an_empty_map_folder_and_a_coloured_map_are_named(tmp_path):
    root = shutil.copytree(DUMMY, tmp_path / "coco")
    maps = root / "stuffthingmaps" / "val2017"
    Image.new("RGB", (80, 64)).save(maps / "000000000001.png")
    with pytest.raises(Exception, match="000000000001.png: the pixel map should be of mode L"):
        _prepare(root, tmp_path / "out")
    for path in maps.glob("*.png"):
        path.unlink()
    with pytest.raises(Exception, match="no pixel map found; expected files"):
        _prepare(root, tmp_path / "out")

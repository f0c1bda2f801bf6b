"""The TFDS builder of PASCAL VOC on dummy data: as published, as prepared, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from label_trees import draw_map, draw_photo
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from etils import epath  # noqa: E402

from data import make_dummy_pascal  # noqa: E402
from data.label_map_files import regions  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402
from data.pascal_voc import pascal_voc_dataset_builder as voc  # noqa: E402

PLACE = Path(voc.__file__).parent
DUMMY, PREPARED = PLACE / "dummy_data", PLACE / "dummy_data_detectron2"
pytestmark = pytest.mark.filterwarnings("ignore:.*the published set has")


class PublishedTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder, on the publisher's layout."""

    DATASET_CLASS = voc.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["pas20_train", "pas21_train"]


class PreparedTest(PublishedTest):
    """The same on detectron2's layout."""

    EXAMPLE_DIR = str(PREPARED)


def examples(root, data_dir, config, split="validation"):
    builder = voc.Builder(config=config, data_dir=str(data_dir))
    settings = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=settings)
    records = tfds.as_numpy(builder.as_dataset(split=split))
    return {example["file_name"].decode(): example for example in records}


@pytest.mark.parametrize("config", ["pas20", "pas21"])
@pytest.mark.parametrize("root", [DUMMY, PREPARED, PREPARED / "pascal_voc_d2"])
def test_both_layouts_give_the_drawn_labels(tmp_path, root, config):
    found = examples(root, tmp_path, config)
    assert list(sorted(found)) == [f"{stem}.jpg" for stem in make_dummy_pascal.stems("val")]
    for index, stem in enumerate(make_dummy_pascal.stems("val")):
        raw = make_dummy_pascal.voc_labels(make_dummy_pascal.scene_of("val", index)).astype(int)
        void = (raw == 255) | ((raw == 0) & (config == "pas20"))
        wanted = np.where(void, -1, raw - (config == "pas20"))
        example = found[f"{stem}.jpg"]
        classes = np.append(example["categories"], -1)[
            example["segment_ids"][..., 0].astype(int) - 1
        ]
        np.testing.assert_array_equal(classes, wanted)
        assert example["image"].shape[-1] == 3  # one of them is grey


def test_class_lists_are_the_presets():
    assert voc.class_list("", "").name == voc.class_list("", "pas20_train").name == "pascal_voc20"
    assert voc.class_list("", "pas21").names[:2] == ("background", "aeroplane")
    assert voc.class_list("", "pas21").names[1:] == voc.class_list("", "pas20").names


def test_background_of_cat_seg_comes_last(tmp_path):
    place = tmp_path / "VOCdevkit" / "VOC2012"
    draw_photo(place / "JPEGImages" / "x.jpg")
    path = place / "annotations_detectron2_bg" / "val" / "x.png"
    draw_map(path, np.array([[20, 0], [19, 255]], np.uint8))
    files = voc.find_split(epath.Path(tmp_path), "validation", True)
    found = regions(files.maps["x"], files)
    assert found.categories == [0, 1, 20]
    np.testing.assert_array_equal(found.ids[::6, ::8], [[1, 2], [3, 0]])
    with pytest.raises(ManualFileError, match="holds neither SegmentationClass"):
        voc.find_split(epath.Path(tmp_path), "validation", False)


def test_raw_labels_in_a_prepared_folder_are_recognised(tmp_path):
    root = shutil.copytree(PREPARED, tmp_path / "sets")
    maps = root / "pascal_voc_d2" / "annotations_pascal20" / "validation"
    labels = np.asarray(Image.open(maps / "2008_100000.png")).copy()
    Image.fromarray(np.where(labels == 255, 0, labels + 1)).save(maps / "2008_100000.png")
    with pytest.raises(ManualFileError, match="label 20 is none of this set; .*these raw maps"):
        examples(root, tmp_path / "out", "pas20")


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("ImageSets/Segmentation/val.txt", "list of photos not found; expected the file .*val.txt"),
        ("SegmentationClass/2008_100001.png", "1 of 2 maps are missing, such as 2008_100001.png"),
        ("JPEGImages/2008_100001.jpg", "1 of 2 photos are missing: 2008_100001.jpg"),
        ("JPEGImages", "the photos not found; expected the folder .*JPEGImages"),
    ],
)
def test_what_is_missing_is_named(tmp_path, missing, message):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    path = root / "VOCdevkit" / "VOC2012" / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ManualFileError, match=message):
        examples(root, tmp_path / "out", "pas20")


def test_a_map_in_colours_is_refused(tmp_path):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    path = root / "VOCdevkit" / "VOC2012" / "SegmentationClass" / "2008_100000.png"
    Image.open(path).convert("RGB").save(path)
    with pytest.raises(ManualFileError, match="2008_100000.png: labels should be one number"):
        examples(root, tmp_path / "out", "pas21")


def test_the_script_draws_the_dummy_data_that_are_there(tmp_path):
    make_dummy_pascal.main(tmp_path)
    for name in ("pascal_voc", "pascal_context"):
        files = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        twins = [PLACE.parent / path.relative_to(tmp_path) for path in files]
        kept = [p for p in (PLACE.parent / name).rglob("*") if "dummy_data" in str(p)]
        assert sorted(twins) == sorted(path for path in kept if path.is_file())
        for path, twin in zip(files, twins, strict=True):
            if path.suffix in (".png", ".tif"):
                np.testing.assert_array_equal(Image.open(path), Image.open(twin))
            elif path.suffix in (".json", ".txt"):
                assert path.read_text() == twin.read_text()

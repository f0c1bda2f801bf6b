"""The TFDS builder of PASCAL-Context on dummy data, its two truths and its two orders."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

tfds = pytest.importorskip("tensorflow_datasets")

from etils import epath  # noqa: E402

from data import make_dummy_pascal  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402
from data.pascal_context import evidence, matlab, merged, orders  # noqa: E402
from data.pascal_context import pascal_context_dataset_builder as context  # noqa: E402
from ovseg_jax.vocabulary.classes import load_preset  # noqa: E402
from ovseg_jax.vocabulary.matching import folded  # noqa: E402

PLACE = Path(context.__file__).parent
DUMMY, PREPARED = PLACE / "dummy_data", PLACE / "dummy_data_detectron2"
REALSET = Path(os.environ.get("OVSEG_REALSET", Path(__file__).parents[3] / "shared" / "realset"))
pytestmark = pytest.mark.filterwarnings("ignore:.*the published set has", "ignore:.*are read")
VOC_ORDER = orders.voc_first(epath.Path("nowhere"))


class PublishedTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder, on the publisher's layout."""

    DATASET_CLASS = context.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["context59_train", "context459_train", "context59_mat_train"]


class PreparedTest(PublishedTest):
    """The same on detectron2's layout."""

    EXAMPLE_DIR = str(PREPARED)
    BUILDER_CONFIG_NAMES_TO_TEST = ["context59_train", "context459_train"]


def examples(root, data_dir, config):
    builder = context.Builder(config=config, data_dir=str(data_dir))
    settings = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=settings)
    records = tfds.as_numpy(builder.as_dataset(split="validation"))
    return {Path(example["file_name"].decode()).stem: class_map(example) for example in records}


def class_map(example):
    ids = example["segment_ids"][..., 0].astype(int)
    return np.append(example["categories"], -1)[ids - 1]


def drawn():
    """The published labels of each photo for validation."""
    stems = make_dummy_pascal.stems("val")
    scenes = [make_dummy_pascal.scene_of("val", index) for index in range(len(stems))]
    return dict(zip(stems, map(make_dummy_pascal.context_labels, scenes), strict=True))


def of_59(raw):
    position = {label: index - 1 for index, label in enumerate(orders.RAW_59)}
    return np.vectorize(lambda label: position.get(label, -1), otypes=[int])(raw)


@pytest.mark.parametrize(
    ("root", "config"),
    [(DUMMY, "context59"), (DUMMY, "context59_mat"), (PREPARED, "context59")]
    + [(DUMMY, "context459"), (PREPARED, "context459")],
)
def test_all_layouts_give_the_drawn_labels(tmp_path, root, config):
    found = examples(root, tmp_path, config)
    assert set(found) == set(drawn())
    for stem, raw in drawn().items():
        wanted = raw.astype(int) - 1 if config == "context459" else of_59(raw)
        np.testing.assert_array_equal(found[stem], wanted)
    assert any((classes == 255).any() for classes in found.values()) == (config == "context459")


# ---- numbers, names, orders ---------------------------------------------------------------


def test_numbers_names_and_presets_say_the_same():
    few, many = load_preset("pascal_context59"), load_preset("pascal_context459")
    assert len(orders.RAW_59) == 60 and sorted(orders.RAW_59) == list(orders.RAW_59)
    assert list(orders.NAMES_59) == sorted(orders.NAMES_59)
    ours = {"computer": "computer case", "light": "lamp", "road": "street", "wood": "wood piece"}
    ours["table"] = "diningtable"
    assert [ours.get(name, name) for name in orders.NAMES_59] == list(few.names)
    for raw, entry in zip(orders.RAW_59[1:], few.classes, strict=True):
        shared = set(map(folded, entry.synonyms))
        twin = set(map(folded, many.classes[raw - 1].synonyms))
        assert shared & twin or entry.name in ("diningtable", "street", "computer case"), entry


def test_vocs_classes_come_first_in_the_other_order():
    assert sorted(VOC_ORDER) == list(range(59))
    names = [orders.NAMES_59[index] for index in VOC_ORDER]
    assert names[:2] == ["aeroplane", "bicycle"] and names[10] == "table" and names[14] == "person"
    assert names[20:24] == ["bag", "bed", "bench", "book"] and names[-1] == "wood"


def test_the_publishers_list_is_read_by_names_whatever_numbers_it_has(tmp_path):
    other = {"table": "diningtable", "cloth": "clothes", "bedclothes": "bedcloth"}
    names = [other.get(name, name) for name in orders.VOC_FIRST]
    path = tmp_path / "59_labels.txt"
    path.write_text("".join(f"{k + 1}: {name}\n" for k, name in enumerate(names)))
    np.testing.assert_array_equal(orders.voc_first(epath.Path(tmp_path)), VOC_ORDER)
    path.write_text("\n".join(["bag", *names[:20], *names[21:]]))
    assert orders.voc_first(epath.Path(tmp_path))[:2].tolist() == [1, 0]
    path.write_text("\n".join(names).replace("wood", "plastic"))
    with pytest.raises(ManualFileError, match="59_labels.txt: its 59 lines .* not found: wood"):
        orders.voc_first(epath.Path(tmp_path))


def test_labels_with_other_numbers_are_refused(tmp_path):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    path = root / "VOCdevkit" / "VOC2010" / "labels.txt"
    lines = [f"{raw}: {name}" for raw, name in zip(orders.RAW_59[1:], orders.NAMES_59, strict=True)]
    path.write_text("\n".join(lines))
    assert len(examples(root, tmp_path / "out", "context59_mat")) == 2
    path.write_text("\n".join(lines).replace("9: bag", "10: bag"))
    with pytest.raises(ManualFileError, match="'bag' should have the number 9, found 10"):
        examples(root, tmp_path / "again", "context59_mat")


# ---- a folder pc59_val ----------------------------------------------------------------------


def label_of(classes, order):
    """The labels in which somebody writes classes."""
    labels = np.full(60, 255)
    labels[:59] = np.argsort(VOC_ORDER) if order == "voc" else np.arange(59)
    return labels[classes].astype(np.uint8)


@pytest.fixture(params=["voc", "alphabet"])
def folder(request, tmp_path):
    """VOC2010 with photos and prepared maps; their order, and nothing else that tells it."""
    place = shutil.copytree(DUMMY, tmp_path / "sets") / "VOCdevkit" / "VOC2010"
    for stem, raw in drawn().items():
        path = place / "annotations_detectron2" / "pc59_val" / f"{stem}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(label_of(of_59(raw), request.param)).save(path)
    (place / "trainval_merged.json").rename(tmp_path / "merged.json")
    (place / "trainval").rename(tmp_path / "trainval")
    return place, request.param, tmp_path


def draw_things(place):
    """VOC2010's own maps, of things alone."""
    things = {orders.RAW_59[orders.NAMES_59.index(n) + 1]: k for k, n in enumerate(orders.THINGS)}
    (place / "SegmentationClass").mkdir()
    for stem, raw in drawn().items():
        labels = np.vectorize(lambda label: things.get(label, -1) + 1, otypes=[np.uint8])(raw)
        Image.fromarray(labels).save(place / "SegmentationClass" / f"{stem}.png")
    assert labels.any()


def assert_right(found):
    for stem, raw in drawn().items():
        np.testing.assert_array_equal(found[stem], of_59(raw))


def test_without_evidence_the_user_is_asked_and_believed(folder):
    place, order, out = folder
    with pytest.raises(ManualFileError, match="Is label 1 'bicycle'.*context59_voc.*_alphabet"):
        examples(place, out / "asked", "context59")
    assert_right(examples(place, out / "told", f"context59_{order}"))


@pytest.mark.parametrize("source", ["mats", "pictures"])
def test_other_files_show_the_order_and_contradict_a_wrong_answer(folder, source):
    place, order, out = folder
    draw_things(place) if source == "pictures" else (out / "trainval").rename(place / "trainval")
    told = "2 of 2 maps agree" if source == "mats" else "of . maps agree with .*SegmentationClass"
    with pytest.warns(UserWarning, match=told):
        assert_right(examples(place.parent, out / "found", "context59"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert_right(examples(place, out / "told", f"context59_{order}"))
    wrong = "alphabet" if order == "voc" else "voc"
    with pytest.raises(ManualFileError, match=f"only where they are read .*context59_{order}"):
        examples(place, out / "wrong", f"context59_{wrong}")


def test_the_merged_file_is_read_itself_and_contradicts_a_wrong_answer(folder):
    place, order, out = folder
    (out / "merged.json").rename(place / "trainval_merged.json")
    assert_right(examples(place, out / "found", "context59"))
    wrong = "alphabet" if order == "voc" else "voc"
    with pytest.raises(ManualFileError, match=f"merged.json only where .*context59_{order}"):
        examples(place, out / "wrong", f"context59_{wrong}")


def test_a_map_that_fits_neither_order_does_not_vote():
    truth = np.array([[14, 14, 36, -1]])
    assert evidence.vote(np.array([[14, 14, 14, 7]]), truth, VOC_ORDER) == "alphabet"
    assert evidence.vote(np.array([[7, 7, 14, 255]]), truth, VOC_ORDER) == "voc"
    assert evidence.vote(np.array([[15, 15, 37, 7]]), truth, VOC_ORDER) == ""  # raw, from 1
    assert evidence.vote(np.array([[0, 0, 0, 0]]), truth * 0, VOC_ORDER) == ""  # the same in both
    assert evidence.vote(np.array([[255, 255, 255, 255]]), truth, VOC_ORDER) == ""


@pytest.mark.skipif(not REALSET.is_dir(), reason="no folder of real photos")
def test_the_order_of_real_maps_is_seen():
    listed = json.loads((REALSET / "classes" / "pascal_context60.json").read_text())
    assert listed[1:] == list(orders.VOC_FIRST)
    for path in sorted((REALSET / "gt").glob("pc60_*.png")):
        raw = np.asarray(Image.open(path)).astype(int)
        truth = np.append(VOC_ORDER, -1)[raw - 1]
        assert evidence.vote(np.where(raw, raw - 1, 255), truth, VOC_ORDER) == "voc"
        assert evidence.vote(np.where(truth < 0, 255, truth), truth, VOC_ORDER) == "alphabet"


# ---- what is refused ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "config", "message"),
    [
        ("annotations_ctx59", "context59", "label 59 is none of this set; 59 is the publisher's"),
        ("annotations_ctx459", "context459", "label 459 is none of this set; 459 is the publish"),
    ],
)
def test_raw_labels_in_a_prepared_folder_are_recognised(tmp_path, root, config, message):
    sets = shutil.copytree(PREPARED, tmp_path / "sets")
    (path,) = (sets / "pascal_ctx_d2" / root / "validation").glob("2008_100000.*")
    labels = np.asarray(Image.open(path)).copy()
    labels[-1, -1] = 459 if "459" in root else 59
    Image.fromarray(labels).save(path)
    with pytest.raises(ManualFileError, match=f"{path.name}: {message}"):
        examples(sets, tmp_path / "out", config)


def test_maps_of_459_classes_in_8_bits_are_refused(tmp_path):
    sets = shutil.copytree(PREPARED, tmp_path / "sets")
    (path,) = (sets / "pascal_ctx_d2" / "annotations_ctx459" / "validation").glob("2008_100000.*")
    Image.fromarray(np.minimum(np.asarray(Image.open(path)), 255).astype(np.uint8)).save(path)
    with pytest.raises(ManualFileError, match="100000.tif: has 8 bits, the set's labels have 16"):
        examples(sets, tmp_path / "out", "context459")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"Labels": np.ones((2, 2), np.uint16)}, "holds no 'LabelMap'"),
        ({"LabelMap": np.ones((2, 2, 3), np.uint16)}, r"whole numbers \[height, width\], found"),
        ({"LabelMap": np.full((2, 2), 0.5)}, "found float64"),
        ({"LabelMap": {"field": 1}}, "found .* \\[1, 1\\]"),
        ({"LabelMap": np.array([["a"]], object)}, "found object"),
        ({"LabelMap": np.full((2, 2), 460, np.uint16)}, "label 460 is none of the 459"),
        ({"LabelMap": np.full((2, 2), -3, np.int16)}, "label -3 is none of the 459"),
        (b"not MATLAB", "holds no 'LabelMap'"),
        (b"", "holds no 'LabelMap'"),
    ],
)
def test_other_content_of_matlab_files_is_refused(tmp_path, content, message):
    path = epath.Path(tmp_path / "x.mat")
    path.write_bytes(content) if isinstance(content, bytes) else savemat(path, content)
    with pytest.raises(ManualFileError, match=f"x.mat: .*{message}"):
        matlab.read_label_map(path)


def test_a_matlab_file_that_breaks_off_is_refused(tmp_path):
    whole = (DUMMY / "VOCdevkit/VOC2010/trainval/2008_100000.mat").read_bytes()
    path = epath.Path(tmp_path / "x.mat")
    for size in (60, 130, 140, 200, len(whole) - 9):
        path.write_bytes(whole[:size])
        with pytest.raises(ManualFileError, match="x.mat: "):
            matlab.read_label_map(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("annos_segmentation"), "not PASCAL-Context's merged file"),
        (lambda content: content["images"][0].pop("phase"), "not .* merged file .*'phase'"),
        (lambda content: content["images"][4].pop("height"), "not .* merged file .*'height'"),
        (lambda content: content["annos_segmentation"][-1].pop("category_id"), "'category_id'"),
        (lambda content: content["annos_segmentation"][-1].update(segmentation=[]), "image 5: "),
        (
            lambda content: content["annos_segmentation"][-1].update(category_id=24),
            "image 5: category 24 is none of the 59",
        ),
        (
            lambda content: content["annos_segmentation"][-1]["segmentation"].update(size=[9, 9]),
            "image 5: is 9 x 9",
        ),
    ],
)
def test_a_damaged_merged_file_is_named(tmp_path, change, message):
    path = epath.Path(tmp_path) / merged.MERGED
    content = json.loads((DUMMY / "VOCdevkit" / "VOC2010" / merged.MERGED).read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(ManualFileError, match=f"{merged.MERGED}: .*{message}"):
        list(merged.merged_59(path.parent, "validation"))


def test_what_others_hide_wholly_may_be_of_any_class(tmp_path):
    path = epath.Path(tmp_path) / merged.MERGED
    content = json.loads((DUMMY / "VOCdevkit" / "VOC2010" / merged.MERGED).read_text())
    last = content["annos_segmentation"][-1]
    content["annos_segmentation"].insert(0, last | {"category_id": 24})
    path.write_text(json.dumps(content))
    found = dict(merged.merged_59(path.parent, "validation"))
    assert found["2008_100001"].categories == sorted(found["2008_100001"].categories)


@pytest.mark.parametrize(
    ("missing", "config", "message"),
    [
        ("trainval_merged.json", "context59", "trainval_merged.json; .*context59_mat reads it"),
        ("trainval/2008_100001.mat", "context459", "not found; .*2008_100001.mat"),
        ("JPEGImages/2008_100001.jpg", "context59", "photos are missing: 2008_100001.jpg"),
        ("", "context59_voc", "label maps not found; expected the folder .*pc59_val"),
        ("", "context59_voc_train", "pc59_val: only validation is prepared there"),
    ],
)
def test_what_is_missing_is_named(tmp_path, missing, config, message):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    if missing:
        (root / "VOCdevkit" / "VOC2010" / missing).unlink()
    with pytest.raises(ManualFileError, match=message):
        examples(root, tmp_path / "out", config)


def test_without_any_list_the_split_is_not_guessed(tmp_path):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    for name in ("trainval_merged.json", "pascalcontext_val.txt"):
        (root / "VOCdevkit" / "VOC2010" / name).unlink()
    with pytest.raises(ManualFileError, match="nothing says which photos are validation"):
        examples(root, tmp_path / "out", "context459")

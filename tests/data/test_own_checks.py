"""`ovseg data check`: what only one set can get wrong, and folders of one's own label maps."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from label_trees import draw_map, draw_photo

tfds = pytest.importorskip("tensorflow_datasets")

from PIL import Image  # noqa: E402
from planted import DATA, DETECTRON2, change_labels, one_pixel  # noqa: E402

from data.ade20k_full import objects  # noqa: E402
from data.checks import counts, formats, names, sizes, values  # noqa: E402
from data.checks import root as roots  # noqa: E402
from data.checks.examine import REFUSED, examine  # noqa: E402
from data.label_maps import layout as label_maps  # noqa: E402
from data.mapillary.trees import V2  # noqa: E402
from data.pascal_context.orders import voc_first  # noqa: E402
from data.pascal_context.trees import ORDER  # noqa: E402


def problems(report, kind):
    return [problem for problem in report.problems if problem.kind == kind]


def fatal(report):
    return {problem.kind for problem in report.problems if problem.fatal}


@pytest.fixture
def context(tmp_path):
    """PASCAL-Context as OVSeg and CAT-Seg prepare it, in the order of the alphabet."""
    place = tmp_path / "VOCdevkit" / "VOC2010"
    published = DATA / "pascal_context" / "dummy_data" / "VOCdevkit" / "VOC2010"
    shutil.copytree(published / "JPEGImages", place / "JPEGImages")
    maps = DATA / "pascal_context" / DETECTRON2 / "pascal_ctx_d2" / "annotations_ctx59"
    shutil.copytree(maps / "validation", place / "annotations_detectron2" / "pc59_val")
    return place


def test_an_unknown_order_of_classes_is_a_question(context):
    (told,) = problems(examine("pascal_context", context.parents[1], "context59"), ORDER)
    assert told.fatal and "Is label 1 'bicycle'" in told.text
    assert "context59_alphabet" in told.text and "context59_voc" in told.text
    report = examine("pascal_context", context.parents[1], "context59_voc")
    assert not fatal(report), "nothing speaks against what the config says"


def test_the_order_of_classes_is_told_where_files_show_it(context):
    merged = DATA / "pascal_context/dummy_data/VOCdevkit/VOC2010/trainval"
    shutil.copytree(merged, context / "trainval")
    (told,) = problems(examine("pascal_context", context.parents[1], "context59"), ORDER)
    assert not told.fatal and "by the alphabet" in told.text and "2 of 2 maps" in told.text
    (told,) = problems(examine("pascal_context", context.parents[1], "context59_voc"), ORDER)
    assert told.fatal and "--config context59_alphabet" in told.text


def test_maps_of_ovseg_in_the_folder_of_fc_clip_are_told(tmp_path):
    place = shutil.copytree(DATA / "pascal_context" / DETECTRON2, tmp_path / "set")
    source = DATA / "pascal_context/dummy_data/VOCdevkit/VOC2010"
    shutil.copytree(source / "trainval", place / "VOCdevkit" / "VOC2010" / "trainval")
    (told,) = problems(examine("pascal_context", place, "context59"), ORDER)
    assert not told.fatal
    other = np.argsort(voc_first(source)).astype(np.uint8)  # the label of each class
    table = np.append(other, np.full(256 - 59, 255, np.uint8))
    for path in (place / "pascal_ctx_d2" / "annotations_ctx59").rglob("*.png"):
        change_labels(path, lambda labels: table[labels])
    (told,) = problems(examine("pascal_context", place, "context59"), ORDER)
    assert told.fatal and "VOC's classes first" in told.text


def test_matlab_files_of_no_known_split_are_told(tmp_path):
    place = shutil.copytree(DATA / "pascal_context" / "dummy_data", tmp_path / "set")
    (place / "VOCdevkit" / "VOC2010" / "pascalcontext_val.txt").unlink()
    (place / "VOCdevkit" / "VOC2010" / "trainval_merged.json").unlink()
    (told,) = problems(examine("pascal_context", place, "context459"), REFUSED)
    assert "nothing says which photos are validation" in told.text


def test_maps_of_the_full_ade20k_are_compared_with_their_lists(tmp_path):
    place = shutil.copytree(DATA / "ade20k_full" / "dummy_data", tmp_path / "set")
    first, second = sorted(place.rglob("ADE_val_*.json"))
    content = json.loads(first.read_text())
    content["annotation"]["filename"] = "ADE_val_00000777.jpg"
    del content["annotation"]["object"][0]
    first.write_text(json.dumps(content))
    second.write_bytes(b'{"annotation": "\xe9"}')  # no UTF-8
    report = examine("ade20k_full", place, "published")
    texts = [problem.text for problem in problems(report, objects.OTHER)]
    assert len(texts) == 2 and fatal(report) == {objects.OTHER}
    assert any("that of ADE_val_00000777" in text for text in texts)
    assert any("classes that are not listed" in text for text in texts)
    (told,) = problems(report, objects.DAMAGED)
    assert not told.fatal and told.file == str(second)


def test_parquet_files_are_read_as_the_reader_does(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "validation-0.parquet").write_bytes(b"no parquet")
    (told,) = problems(examine("ade20k_full", tmp_path, "published"), REFUSED)
    assert "is no parquet file" in told.text


def test_a_damaged_list_of_instance_categories_is_told(tmp_path):
    place = shutil.copytree(DATA / "ade20k" / "dummy_data", tmp_path / "set")
    listed = place / "ADEChallengeData2016" / "ade20k_instance_catid_mapping.txt"
    listed.write_text("a\tb\nno number\t3\n")
    (told,) = problems(examine("ade20k", place, "panoptic"), REFUSED)
    assert "has a row that is not numbers" in told.text


@pytest.mark.parametrize("config", ["semantic", "panoptic"])
def test_the_labels_of_mapillary_v2_alone_are_told(tmp_path, config):
    place = shutil.copytree(DATA / "mapillary" / "dummy_data", tmp_path / "set") / "validation"
    for kind in ("labels", "panoptic"):
        (place / "v2.0").mkdir(exist_ok=True)
        (place / kind).rename(place / "v2.0" / kind)
    (told,) = problems(examine("mapillary", place.parent, config), V2.kind)
    assert told.fatal and "65 of v1.2" in told.advice
    (place / "v2.0").rename(place / "v1.2")
    assert not fatal(examine("mapillary", place.parent, config))


@pytest.mark.parametrize("config", ["pas20", "pas21"])
def test_photos_of_other_kinds_beside_prepared_maps_are_no_problem(tmp_path, config):
    source = DATA / "pascal_voc" / "dummy_data" / "VOCdevkit" / "VOC2012"
    maps = DATA / "pascal_voc" / DETECTRON2 / "pascal_voc_d2" / "annotations_pascal20"
    shutil.copytree(source / "JPEGImages", tmp_path / "JPEGImages")
    folder = f"annotations_detectron2{'_bg' if config == 'pas21' else ''}"
    shutil.copytree(maps / "validation", tmp_path / folder / "val")
    report = examine("pascal_voc", tmp_path, config)
    assert not fatal(report) and report.reads["validation"].photos == 2


def test_train_ids_of_some_photos_only_are_read_with_the_label_ids_of_the_others(tmp_path):
    place = shutil.copytree(DATA / "cityscapes" / "dummy_data", tmp_path / "set")
    label = min((place / "gtFine" / "val").rglob("*_labelIds.png"))
    made = Path(str(label).replace("labelIds", "labelTrainIds"))
    Image.fromarray(np.full((24, 32), 13, np.uint8)).save(made)
    label.unlink()
    report = examine("cityscapes", place, "semantic")
    assert not fatal(report)
    assert {split: read.photos for split, read in report.reads.items()} == {
        "validation": 1,
        "validation, label ids": 1,
    }
    (told,) = problems(report, counts.COUNT)
    assert "has 1 photos with labels, the published one 499" in told.text
    shutil.copy(next((place / "gtFine" / "train").rglob("*_labelIds.png")), made)
    report = examine("cityscapes", place, "semantic")
    assert fatal(report) == {"label ids where train ids are expected"}


def test_faults_in_label_maps_of_ones_own_are_told_at_once(tmp_path):
    place = tmp_path / "set"
    for name in "abcdef":
        draw_photo(place / "images" / f"{name}.jpg")
        draw_map(place / "labels" / f"{name}.png", np.array([[0, 1], [255, 2]], np.uint8))
    (place / "classes.txt").write_text("sky\nroad\ntree\n")
    assert not examine("label_maps", place).problems
    (place / "labels" / "a.png").unlink()
    (place / "images" / "b.jpg").unlink()
    Image.new("RGB", (4, 5)).save(place / "images" / "c.jpg")
    Image.new("RGB", (16, 12)).save(place / "labels" / "d.png")
    change_labels(place / "labels" / "e.png", one_pixel(3))
    Image.open(place / "labels" / "f.png").save(place / "labels" / "f.png", format="JPEG")
    report = examine("label_maps", place)
    kinds = names.UNLABELLED, names.UNPICTURED, sizes.SIZE, formats.COLOURS, formats.JPEG
    assert fatal(report) == {*kinds, values.RANGE}
    (told,) = [x for x in problems(report, values.RANGE) if x.file.endswith("e.png")]
    assert "set 'first: 1'" in told.advice
    shutil.rmtree(place / "labels")
    assert fatal(examine("label_maps", place)) == {label_maps.DESCRIPTION}
    described = "photos: images\nlabels: maps\nnames: [sky, road, tree]\n"
    (place / "dataset.yaml").write_text(described)
    assert roots.MISSING in fatal(examine("label_maps", place))

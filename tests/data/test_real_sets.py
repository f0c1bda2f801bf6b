"""Real photos of the published sets, through the real builders, compared pixel by pixel."""

import json

import numpy as np
import pytest
import real_sets
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from real_sets import entries, needs_realset, stem, truth

pytest.importorskip("tensorflow_datasets")


from ovseg_jax.config import DataConfig
from ovseg_jax.inputs.datasets import decode, open_split
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.vocabulary.classes import load_preset

pytestmark = [
    needs_realset,
    pytest.mark.filterwarnings("ignore:.*the published set has", "ignore:.*are read"),
]


def read(place, name, config):
    """Examples of the validation split by the stem of their photo, and the classes."""
    data = DataConfig(
        name=name,
        config=config,
        split="validation",
        root=str(place),
        prepared=str(place.parent / "records"),
        vocabulary="",
    )
    examples = map(decode, open_split(data))
    return {x["file_name"].rsplit(".", 1)[0]: x for x in examples}, class_list(data).classes


def class_map(example):
    """Class of every pixel; -1 where it has none."""
    return np.append(example["categories"], -1)[example["segment_ids"] - 1]


@pytest.mark.parametrize(("config", "first"), [("pas20", 1), ("pas21", 0)])
def test_voc(tmp_path, config, first):
    found, _ = read(real_sets.voc(tmp_path), "pascal_voc", config)
    assert len(found) == len(entries("voc"))
    for entry in entries("voc"):
        raw = truth(entry).astype(int)
        wanted = np.where((raw == 255) | (raw < first), -1, raw - first)
        np.testing.assert_array_equal(class_map(found[stem(entry)]), wanted)


def test_pascal_context_with_59_classes_of_which_vocs_come_first(tmp_path):
    from data.pascal_context import orders

    known = json.loads((real_sets.REALSET / "classes" / "pascal_context60.json").read_text())
    assert tuple(known[1:]) == orders.VOC_FIRST
    found, classes = read(real_sets.pascal_context(tmp_path), "pascal_context", "context59")
    position = [-1, *[orders.NAMES_59.index(name) for name in known[1:]]]
    assert len(classes) == 59
    for entry in entries("pascal_context"):
        wanted = np.array(position)[truth(entry)]
        np.testing.assert_array_equal(class_map(found[stem(entry)]), wanted)


def test_pascal_context_with_459_classes(tmp_path):
    place = real_sets.pascal_context(tmp_path)
    found, classes = read(place, "pascal_context", "context459")
    few, classes_of_few = read(place, "pascal_context", "context59")
    assert len(classes) == 459
    for entry in entries("pascal_context"):
        example, other = found[stem(entry)], few[stem(entry)]
        np.testing.assert_array_equal(class_map(example) < 0, truth(entry) == 0)
        for index in example["categories"]:  # the same thing by another number
            of_few = np.unique(class_map(other)[class_map(example) == index])
            assert len(of_few) == 1
            assert {*classes_of_few[of_few[0]].synonyms} & {*classes[index].synonyms}


def test_ade_with_150_classes(tmp_path):
    found, _ = read(real_sets.ade20k(tmp_path), "ade20k", "semantic")
    assert len(found) == len(entries("ade150"))
    for entry in entries("ade150"):
        np.testing.assert_array_equal(class_map(found[stem(entry)]), truth(entry).astype(int) - 1)


def test_ade_with_847_classes(tmp_path):
    place = real_sets.ade20k_full(tmp_path)
    found, _ = read(place, "ade20k_full", "original")
    small, _ = read(place, "ade20k_full", "published")
    classes = load_preset("ade847").classes
    for entry in entries("ade_full"):
        example = found[stem(entry)]
        raw_ids = np.array([0, *[classes[c].original_id for c in example["categories"]]])
        np.testing.assert_array_equal(raw_ids[example["segment_ids"]], truth(entry))
        for index in example["categories"]:
            known = entry["id_to_name"][str(classes[index].original_id)].split(", ")
            assert classes[index].name in known
        assert small[stem(entry)]["image"].shape == (512, 683, 3)


def test_coco_panoptic_with_its_crowd(tmp_path):
    found, classes = read(real_sets.coco_panoptic(tmp_path), "coco_panoptic", "validation")
    ids = {each.original_id: n for n, each in enumerate(load_preset("coco_panoptic133").classes)}
    assert len(classes) == 133
    for entry in entries("coco_panoptic"):
        example, colours = found[stem(entry)], truth(entry).astype(int)
        raw = colours[..., 0] + 256 * colours[..., 1] + 65536 * colours[..., 2]
        infos = entry["segments_info"]
        assert example["categories"].tolist() == [ids[info["category_id"]] for info in infos]
        assert example["crowds"].tolist() == [bool(info["iscrowd"]) for info in infos]
        drawn = np.array([0, *[info["id"] for info in infos]])[example["segment_ids"]]
        np.testing.assert_array_equal(drawn, raw)


def test_coco_instances_keep_what_others_hide(tmp_path):
    place = real_sets.coco_instances(tmp_path)
    found, classes = read(place, "coco_instances", "validation")
    theirs = COCO(str(place / "annotations" / "instances_val2017.json"))
    assert len(classes) == 80 and len(found) == len(theirs.imgs)
    hidden = 0
    for image in theirs.loadImgs(theirs.getImgIds()):
        example = found[image["file_name"].rsplit(".", 1)[0]]
        objects = theirs.imgToAnns[image["id"]]
        masks = _masks(example)
        hidden += sum(map(bool, example["whole"]))
        assert len(masks) == len(objects)
        for item, mask, category in zip(objects, masks, example["categories"], strict=True):
            assert theirs.cats[item["category_id"]]["name"] == classes[category].name
            np.testing.assert_array_equal(mask, theirs.annToMask(item).astype(bool))
    assert hidden


def _masks(example):
    ids = example["segment_ids"]

    def unpacked(runs):
        return run_lengths.decode({"size": list(ids.shape), "counts": runs}).astype(bool)

    return [
        unpacked(runs) if runs else ids == number
        for number, runs in enumerate(example["whole"], start=1)
    ]

"""The real photos, laid out as the publishers lay out the sets from which they come."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy.io import savemat

from ovseg_jax.disk.shipped import CONFIGS
from ovseg_jax.vocabulary.classes import load_preset

REALSET = Path(os.environ.get("OVSEG_REALSET", Path(__file__).parents[2] / "shared" / "realset"))
needs_realset = pytest.mark.skipif(not REALSET.is_dir(), reason="no folder of real photos")


def entries(of_set):
    """The manifest's lines of one set."""
    known = json.loads((REALSET / "manifest.json").read_text())
    return [entry for entry in known if entry["set"] == of_set]


def stem(entry):
    """The publisher's name of a photo, which the collection put a set's name before."""
    return Path(entry["image"]).stem.split("_", 1)[1]


def truth(entry):
    """The pixels of an entry's label map."""
    return np.asarray(Image.open(REALSET / entry["gt"]))


def copied(source, *target):
    path = Path(*target)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(REALSET / source, path)


def saved(pixels, *target):
    path = Path(*target)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def voc(folder):
    """VOC 2012: photos, maps and the list of validation photos."""
    place = folder / "VOC2012"
    for entry in entries("voc"):
        copied(entry["image"], place / "JPEGImages" / f"{stem(entry)}.jpg")
        copied(entry["gt"], place / "SegmentationClass" / f"{stem(entry)}.png")
    listed = place / "ImageSets" / "Segmentation" / "val.txt"
    listed.parent.mkdir(parents=True)
    listed.write_text("\n".join(stem(entry) for entry in entries("voc")) + "\n")
    return place


def mess_dram(folder):
    """VOC's photos as DRAM of MESS, whose classes are eleven of VOC's and the background."""
    place = folder / "DRAM_processed"
    content = yaml.safe_load((CONFIGS / "data" / "mess" / "dram.yaml").read_text())
    names = [name.replace("-", "") for name in content["names"]]
    known = json.loads((REALSET / "classes" / "voc21.json").read_text())
    table = np.full(256, 255, np.uint8)
    table[: len(known)] = [names.index(n if n in names else "background") for n in known]
    part = content["splits"]["test"]
    for entry in entries("voc"):
        copied(entry["image"], place / part["photos"] / f"{stem(entry)}.jpg")
        saved(table[truth(entry)], place / part["labels"] / f"{stem(entry)}.png")
    return place


def pascal_context(folder):
    """VOC 2010: 459 classes as MATLAB files, 59 as OVSeg prepared them, VOC's twenty first."""
    from data.pascal_context import orders

    place = folder / "VOC2010"
    raw = np.array([0, *[orders.RAW_59[orders.NAMES_59.index(n) + 1] for n in orders.VOC_FIRST]])
    for entry in entries("pascal_context"):
        name, labels = stem(entry), truth(entry)
        copied(entry["image"], place / "JPEGImages" / f"{name}.jpg")
        few = place / "annotations_detectron2" / "pc59_val" / f"{name}.png"
        saved((labels - 1).astype(np.uint8), few)
        (place / "trainval").mkdir(exist_ok=True)
        savemat(place / "trainval" / f"{name}.mat", {"LabelMap": raw[labels].astype(np.uint16)})
    listed = [stem(entry) for entry in entries("pascal_context")]
    (place / "pascalcontext_val.txt").write_text("\n".join(listed) + "\n")
    return place


def ade20k(folder):
    """The challenge's 150 classes; all of a thing in a photo is one object, as far as maps tell."""
    place = folder / "ADEChallengeData2016"
    things = np.flatnonzero(load_preset("ade150").thing_mask).tolist()
    category = np.zeros(256, np.uint8)
    category[1 + np.array(things)] = 1 + np.arange(len(things))
    for entry in entries("ade150"):
        name, labels = stem(entry), truth(entry)
        copied(entry["image"], place / "images" / "validation" / f"{name}.jpg")
        copied(entry["gt"], place / "annotations" / "validation" / f"{name}.png")
        red = category[labels]
        saved(
            np.stack([red, red, 0 * red], axis=-1),
            place / "annotations_instance" / "validation" / f"{name}.png",
        )
    return place


def ade20k_full(folder):
    """The release of 2021: the class of a pixel stands in red and green."""
    place = folder / "ADE20K_2021_17_01"
    for entry in entries("ade_full"):
        scene = place / "images" / "ADE" / "validation" / "urban" / "street"
        copied(entry["image"], scene / f"{stem(entry)}.jpg")
        codes = truth(entry).astype(int)
        colours = np.stack([codes // 256 * 10, codes % 256, 0 * codes], axis=-1)
        saved(colours.astype(np.uint8), scene / f"{stem(entry)}_seg.png")
    return place


def coco_panoptic(folder):
    """Validation photos of COCO panoptic; one of them has a crowd."""
    place, images, annotations = folder / "coco", [], []
    for entry in entries("coco_panoptic"):
        name = stem(entry)
        copied(entry["image"], place / "val2017" / f"{name}.jpg")
        copied(entry["gt"], place / "panoptic_val2017" / f"{name}.png")
        known = {"id": int(name), "height": entry["height"], "width": entry["width"]}
        images.append(known | {"file_name": f"{name}.jpg"})
        told = {"image_id": int(name), "file_name": f"{name}.png"}
        annotations.append(told | {"segments_info": entry["segments_info"]})
    known = load_preset("coco_panoptic133").classes
    categories = [
        {"id": each.original_id, "name": each.name, "isthing": int(each.is_thing)} for each in known
    ]
    file = place / "annotations" / "panoptic_val2017.json"
    _write(file, images, annotations, categories=categories)
    return place


def coco_instances(folder, photos=12):
    """Photos with objects of COCO's 80 things, as validation photos."""
    place = folder / "coco"
    content = json.loads((REALSET / "gt" / "coco128_instances.json").read_text())
    images = content["images"][:photos]
    for image in images:
        copied(f"images/{image['file_name']}", place / "val2017" / image["file_name"])
    kept = {image["id"] for image in images}
    annotations = [item for item in content["annotations"] if item["image_id"] in kept]
    file = place / "annotations" / "instances_val2017.json"
    _write(file, images, annotations, categories=content["categories"])
    return place


def _write(path, images, annotations, categories):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))

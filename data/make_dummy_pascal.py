"""Draws the dummy data of PASCAL VOC and PASCAL-Context, as published and as detectron2 has them.

`python -m data.make_dummy_pascal [FOLDER]` writes `dummy_data` and `dummy_data_detectron2` below
FOLDER/pascal_voc and FOLDER/pascal_context (FOLDER is this one by default). The photos are toy
scenes whose classes are given numbers of those sets; among them are a grey photo, void pixels,
and a label that is one of 459 classes but none of 59. Both layouts hold the same truth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from data.dummy_scenes import draw_upper_part
from data.pascal_context.orders import RAW_59
from data.segments import pack
from data.toy_world.scenes import Scene

HEIGHT, WIDTH = 48, 64
PHOTOS = {"train": 3, "val": 2}
FOLDERS = {"train": "training", "val": "validation"}
BORDER = 255
OTHER = 256
"""Among the 459 labels it is a class; it would be void if a map of 8 bits could hold it."""


def main(folder: Path) -> None:
    """Writes all four trees below `folder`."""
    for name, published, prepared in (
        ("pascal_voc", _write_voc, _write_prepared_voc),
        ("pascal_context", _write_context, _write_prepared_context),
    ):
        published(folder / name / "dummy_data" / "VOCdevkit")
        prepared(folder / name / "dummy_data_detectron2")


def scene_of(phase: str, index: int) -> Scene:
    """Returns the toy scene that a photo shows."""
    return draw_upper_part([51, list(PHOTOS).index(phase), index], HEIGHT, WIDTH)


def stems(phase: str) -> list[str]:
    """Returns the names of a phase's photos."""
    return [f"2008_{list(PHOTOS).index(phase)}{index:05d}" for index in range(PHOTOS[phase])]


def voc_labels(scene: Scene) -> np.ndarray:
    """Returns uint8 [H, W] as published: stuff is background, what has no segment is border."""
    toy = np.asarray(scene.categories)
    numbers = np.append(BORDER, np.where(toy < 40, toy % 20 + 1, 0))
    labels = numbers[scene.segment_ids].astype(np.uint8)
    labels[:3, :9] = BORDER
    return labels


def context_labels(scene: Scene) -> np.ndarray:
    """Returns uint16 [H, W] as published: 0 void, 1 to 459 the classes."""
    numbers = np.array([0, *(RAW_59[category + 1] for category in scene.categories)])
    labels = numbers[scene.segment_ids].astype(np.uint16)
    labels[:3, :9], labels[:3, 9:18] = 0, OTHER
    return labels


def _write_voc(root: Path) -> None:
    place = root / "VOC2012"
    for phase in PHOTOS:
        for index, stem in enumerate(stems(phase)):
            scene = scene_of(phase, index)
            _write_photo(place / "JPEGImages" / f"{stem}.jpg", scene.image, grey=index == 1)
            path = place / "SegmentationClass" / f"{stem}.png"
            _write_map(path, voc_labels(scene), palette=True)
        listed = place / "ImageSets" / "Segmentation" / f"{phase}.txt"
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.write_text("\n".join(stems(phase)) + "\n")


def _write_prepared_voc(root: Path) -> None:
    place = root / "pascal_voc_d2"
    for phase, folder in FOLDERS.items():
        for index, stem in enumerate(stems(phase)):
            scene = scene_of(phase, index)
            _write_photo(place / "images" / folder / f"{stem}.jpg", scene.image, grey=index == 1)
            raw = voc_labels(scene)
            twenty = np.where(np.isin(raw, (0, BORDER)), BORDER, raw - 1).astype(np.uint8)
            for name, labels in (("annotations_pascal21", raw), ("annotations_pascal20", twenty)):
                _write_map(place / name / folder / f"{stem}.png", labels)


def _write_context(root: Path) -> None:
    place = root / "VOC2010"
    images: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    for phase in PHOTOS:
        for index, stem in enumerate(stems(phase)):
            scene = scene_of(phase, index)
            raw = context_labels(scene)
            _write_photo(place / "JPEGImages" / f"{stem}.jpg", scene.image, grey=index == 1)
            (place / "trainval").mkdir(exist_ok=True)
            savemat(place / "trainval" / f"{stem}.mat", {"LabelMap": raw}, do_compression=True)
            number = len(images) + 1
            size = {"height": HEIGHT, "width": WIDTH}
            images.append({"image_id": number, "file_name": f"{stem}.jpg", "phase": phase} | size)
            items += _annotations(raw, number)
    (place / "pascalcontext_val.txt").write_text("\n".join(stems("val")) + "\n")
    content = {"images": images, "annos_segmentation": items}
    (place / "trainval_merged.json").write_text(json.dumps(content, indent=1) + "\n")


def _annotations(raw: np.ndarray, image: int) -> list[dict[str, Any]]:
    """The first class is under all others, as order in the file decides."""
    kept = [int(label) for label in np.unique(raw) if label in RAW_59[1:]]
    whole = np.isin(raw, kept)
    found = []
    for label in kept:
        mask = whole if label == kept[0] else raw == label
        segmentation = {"size": [HEIGHT, WIDTH], "counts": pack(mask).decode()}
        found.append({"image_id": image, "category_id": label, "segmentation": segmentation})
    return found


def _write_prepared_context(root: Path) -> None:
    place = root / "pascal_ctx_d2"
    table = np.full(460, BORDER)
    table[list(RAW_59[1:])] = np.arange(59)
    for phase, folder in FOLDERS.items():
        for index, stem in enumerate(stems(phase)):
            scene = scene_of(phase, index)
            raw = context_labels(scene)
            _write_photo(place / "images" / folder / f"{stem}.jpg", scene.image, grey=index == 1)
            few = place / "annotations_ctx59" / folder / f"{stem}.png"
            _write_map(few, table[raw].astype(np.uint8))
            _write_map(place / "annotations_ctx459" / folder / f"{stem}.tif", raw - np.uint16(1))


def _write_photo(path: Path, image: np.ndarray, grey: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    photo = Image.fromarray(image)
    (photo.convert("L") if grey else photo).save(path, quality=85)


def _write_map(path: Path, labels: np.ndarray, palette: bool = False) -> None:
    """Writes labels; with a palette whose colours say nothing of the labels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels)
    if palette:
        image.putpalette([value for n in range(256) for value in (255 - n, n // 2, n)])
    image.save(path, compression="tiff_lzw" if path.suffix == ".tif" else None)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

"""Draws the dummy data of ADE20K-150 and of the full ADE20K: published, and as detectron2 has it.

`python -m data.make_dummy_ade [FOLDER]` writes `dummy_data` and `dummy_data_detectron2` below
FOLDER/ade20k and FOLDER/ade20k_full (FOLDER is this one by default). The photos are toy scenes
whose classes are given numbers of those sets; among them are a grey photo, void pixels, a thing
without an instance, stuff that things hide as a whole, and a class of the release that does not
count. Both layouts hold the same truth.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from data.ade20k_full.ade20k_full_dataset_builder import as_published
from data.dummy_scenes import draw_upper_part
from data.segments import pack
from data.toy_world.scenes import Scene
from ovseg_jax.vocabulary.classes import load_preset

HEIGHT, WIDTH = 48, 64
PHOTOS = {"training": 3, "validation": 2}
SHORT = {"training": "train", "validation": "val"}
TOY_THINGS = 40
UNCOUNTED = 5
"""A class of the release that is none of the 847."""


def main(folder: Path) -> None:
    """Writes all four trees below `folder`."""
    for split in PHOTOS:
        entries = [_photo(split, index) for index in range(PHOTOS[split])]
        small = folder / "ade20k"
        _write_published(small / "dummy_data" / "ADEChallengeData2016", split, entries)
        _write_prepared(small / "dummy_data_detectron2" / "ADEChallengeData2016", split, entries)
        full, release = folder / "ade20k_full", "ADE20K_2021_17_01"
        _write_release(full / "dummy_data" / release, split, entries)
        _write_prepared_full(full / "dummy_data_detectron2" / release, split, entries)


def _photo(split: str, index: int) -> dict[str, Any]:
    """Draws a scene and says what is in it, by the numbers of the two sets."""
    scene = draw_upper_part([37, list(PHOTOS).index(split), index], HEIGHT, WIDTH)
    image = scene.image if index != 1 else np.asarray(Image.fromarray(scene.image).convert("L"))
    numbers = np.array([0, *(_class_of(category) + 1 for category in scene.categories)])
    labels = numbers[scene.segment_ids]
    labels[:3, :9] = 0
    name = f"ADE_{SHORT[split]}_{index + 1:08d}"
    things = [n for n, c in enumerate(scene.categories, 1) if c < TOY_THINGS][1:]
    return {"name": name, "image": image, "scene": scene, "labels": labels, "things": things}


def _class_of(toy: int) -> int:
    """Toy things become things of ADE20K-150, toy stuff becomes stuff."""
    is_thing = load_preset("ade150").thing_mask
    chosen = np.flatnonzero(is_thing if toy < TOY_THINGS else ~is_thing)
    return int(chosen[toy % TOY_THINGS])


def _write_published(root: Path, split: str, entries: list[dict[str, Any]]) -> None:
    for entry in entries:
        _save(root / "images" / split / f"{entry['name']}.jpg", entry["image"])
        maps = root / "annotations" / split / f"{entry['name']}.png"
        _save(maps, entry["labels"].astype(np.uint8))
        colours = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for number, segment in enumerate(entry["things"], start=1):
            mask = entry["scene"].segment_ids == segment
            colours[mask] = (_category(entry, segment), number, 0)
        _save(root / "annotations_instance" / split / f"{entry['name']}.png", colours)


def _category(entry: dict[str, Any], segment: int) -> int:
    """Categories of instances are the things in turn, from 1."""
    things = np.flatnonzero(load_preset("ade150").thing_mask).tolist()
    return things.index(_class_of(entry["scene"].categories[segment - 1])) + 1


def _write_prepared(root: Path, split: str, entries: list[dict[str, Any]]) -> None:
    """Stuff from the semantic map, then things over it, in the order of their numbers."""
    classes = load_preset("ade150").classes
    panoptic: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for entry in entries:
        name, labels = entry["name"], entry["labels"]
        _save(root / "images" / split / f"{name}.jpg", entry["image"])
        prepared = (labels - 1).astype(np.uint8)
        _save(root / "annotations_detectron2" / split / f"{name}.png", prepared)
        ids, segments = _panoptic(entry)
        colours = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=-1)
        folder = root / f"ade20k_panoptic_{SHORT[split]}"
        _save(folder / f"{name}.png", colours.astype(np.uint8))
        listed = {"image_id": name, "file_name": f"{name}.png", "segments_info": segments}
        panoptic.append(listed)
        objects += _objects(entry, len(objects))
    named = [{"id": n, "name": x.name, "isthing": int(x.is_thing)} for n, x in enumerate(classes)]
    images = [
        {"id": entry["name"], "file_name": f"{entry['name']}.jpg", "height": HEIGHT, "width": WIDTH}
        for entry in entries
    ]
    content = {"images": images, "annotations": panoptic, "categories": named}
    _write_json(root / f"ade20k_panoptic_{SHORT[split]}.json", content)
    things = [x for x in named if x["isthing"]]
    content = {"images": images, "annotations": objects, "categories": things}
    _write_json(root / f"ade20k_instance_{SHORT[split]}.json", content)


def _panoptic(entry: dict[str, Any]) -> tuple[np.ndarray, list[dict[str, Any]]]:
    labels, is_thing = entry["labels"], load_preset("ade150").thing_mask
    ids, segments = np.zeros((HEIGHT, WIDTH), np.int64), []
    stuff = [n for n in np.unique(labels).tolist() if n and not is_thing[n - 1]]
    masks = [(n - 1, labels == n) for n in stuff]
    found = entry["scene"].segment_ids
    masks += [(_class_of(entry["scene"].categories[n - 1]), found == n) for n in entry["things"]]
    for number, (category, mask) in enumerate(masks, start=1):
        ids[mask] = number * 70001
        area = int(mask.sum())
        segments.append({"id": number * 70001, "category_id": category, "iscrowd": 0, "area": area})
    return ids, [x for x in segments if x["area"]]


def _objects(entry: dict[str, Any], first: int) -> list[dict[str, Any]]:
    found = []
    for segment in entry["things"]:
        mask = entry["scene"].segment_ids == segment
        if mask.any():
            outline = {"size": [HEIGHT, WIDTH], "counts": pack(mask).decode()}
            category = _class_of(entry["scene"].categories[segment - 1])
            found.append(
                {"id": first + len(found) + 1, "image_id": entry["name"], "category_id": category}
                | {"segmentation": outline, "iscrowd": 0, "area": int(mask.sum())}
            )
    return found


def release_codes(scene: Scene) -> np.ndarray:
    """Returns int64 [H, W]: the release's class of each pixel, 0 for none."""
    known = [entry.original_id for entry in load_preset("ade847").classes]
    codes = np.array([0, *(known[7 * category] for category in scene.categories)])
    labels = codes[scene.segment_ids]
    labels[:3, :9], labels[:3, 9:18] = 0, UNCOUNTED
    return labels


def _write_release(root: Path, split: str, entries: list[dict[str, Any]]) -> None:
    for number, entry in enumerate(entries):
        scene = ("urban", "street") if number % 2 else ("home_or_hotel", "bedroom")
        folder = root.joinpath("images", "ADE", split, *scene)
        name, codes = entry["name"], release_codes(entry["scene"])
        _save(folder / f"{name}.jpg", entry["image"])
        colours = np.stack([codes // 256 * 10, codes % 256, 0 * codes], axis=-1)
        _save(folder / f"{name}_seg.png", colours.astype(np.uint8))
        objects = [
            {"id": n, "name": "toy", "name_ndx": code}
            for n, code in enumerate(np.unique(codes[codes > 0]).tolist())
        ]
        about = {"filename": f"{name}.jpg", "imsize": [HEIGHT, WIDTH, 3], "object": objects}
        _write_json(folder / f"{name}.json", {"annotation": about})


def _write_prepared_full(root: Path, split: str, entries: list[dict[str, Any]]) -> None:
    """Photos are written again as JPEG, as the scripts do."""
    table = np.full(26 * 256, 2**16 - 1, np.uint16)
    for index, known in enumerate(load_preset("ade847").classes):
        table[known.original_id] = index
    for entry in entries:
        labels = table[release_codes(entry["scene"])]
        file = root / "images_detectron2" / split / f"{entry['name']}.jpg"
        stored = _save(root.parent / "photo.jpg", entry["image"])
        content, _ = as_published(stored.read_bytes(), labels)
        stored.unlink()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        _save(root / "annotations_detectron2" / split / f"{entry['name']}.tif", labels)


def _save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {".jpg": {"quality": 85}, ".tif": {"compression": "tiff_lzw"}}
    Image.fromarray(pixels).save(path, **options.get(path.suffix, {}))
    return path


def _write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

"""Which kind of annotations a folder holds: one function per kind, tried in turn.

* COCO instances: one JSON file, or one for training and one for validation.
* COCO panoptic: JSON and a folder of PNG files.
* A mask file per photo: LabelMe's JSON beside it, YOLO's polygons in `labels/`.
* Label maps: PNG files in a folder of their own, and a file of names.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from etils import epath

from data.categories import read_categories
from data.instances import with_slashes
from data.manual_files import ManualFileError, displayed_size
from data.own.photos import Photos, is_held_out, is_label
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.classes import load_class_file

NAME_FILES = ("classes.txt", "names.txt", "labels.txt", "obj.names", "data.yaml", "dataset.yaml")
"""Where tools keep the names of numbered classes."""
YOLO_FOLDER = "labels"


@dataclasses.dataclass(frozen=True)
class Found:
    """What a folder holds.

    Attributes:
        kind: In words.
        set_name: The config of `photo_set` that reads it.
        entries: One per photo, as a manifest has them, without its split.
        held_out: Which photos their files call validation or test.
        names: Names of the classes where the annotations do not carry them, in order.
    """

    kind: str
    set_name: str
    entries: list[dict[str, Any]]
    held_out: list[bool]
    names: tuple[str, ...] = ()


def find(root: Path) -> Found:
    """Says what a folder holds.

    Raises:
        ManualFileError: Nothing is known in there, or something is missing or damaged.
    """
    for kind in (coco_instances, coco_panoptic, mask_files, label_maps):
        found = kind(root)
        if found is not None and found.entries:
            return found
    raise ManualFileError(
        f"{root}: no annotations found. Known are a COCO JSON (instances, or panoptic with its "
        "PNG folder), LabelMe's JSON beside each photo, YOLO's polygons in labels/, and label maps "
        f"(PNG) in labels/, masks/ or annotations/ with their names in one of "
        f"{', '.join(NAME_FILES)}"
    )


def coco_instances(root: Path) -> Found | None:
    """COCO instances files, such as a pair for training and validation."""
    files = {p: c for p, c in _json_files(root).items() if _has(c, "segmentation")}
    if not files:
        return None
    photos, entries, held_out = Photos(root), [], []
    for path, content in files.items():
        for image in content["images"]:
            photo = photos.find(image["file_name"], path.parent.relative_to(root), path)
            entries.append(_entry(root, "instances", photo, path.relative_to(root)))
            held_out.append(len(files) > 1 and is_held_out(path.relative_to(root)))
    return Found("COCO instances", "instances", _once(root, entries), held_out)


def coco_panoptic(root: Path) -> Found | None:
    """COCO panoptic files with categories of their own; categories become class numbers."""
    files = {p: c for p, c in _json_files(root).items() if _has(c, "segments_info")}
    if not files:
        return None
    names: dict[str, int] = {}
    entries, held_out, maps = [], [], _pictures_by_name(root)
    labels = {
        (path, item["file_name"]): _map_of(maps, path, item["file_name"])
        for path, content in files.items()
        for item in content["annotations"]
    }
    photos = Photos(root, labels.values())
    for path, content in files.items():
        own = read_categories(content, str(path))
        number = {key: names.setdefault(name, len(names)) for key, name in own.items()}
        images = {image["id"]: image for image in content.get("images", ())}
        for item in content["annotations"]:
            label = labels[path, item["file_name"]]
            name = images.get(item["image_id"], {}).get("file_name") or f"{label.stem}.jpg"
            photo = photos.find(name, path.parent.relative_to(root), path)
            segments = [_numbered(info, number, path) for info in item["segments_info"]]
            entry = _entry(root, "panoptic", photo, label.relative_to(root))
            entries.append(entry | {"segments_info": segments})
            held_out.append(len(files) > 1 and is_held_out(path.relative_to(root)))
    return Found("COCO panoptic", "panoptic", _once(root, entries), held_out, tuple(names))


def mask_files(root: Path) -> Found | None:
    """A file of named masks per photo: LabelMe's beside it, or YOLO's in a folder `labels`."""
    entries, held_out, names = [], [], dict[str, None]()
    for photo in Photos(root).paths:
        file = next((p for p in _places_of_masks(photo) if (root / p).is_file()), None)
        if file is None:
            continue
        entry = _entry(root, "masks", photo, file)
        found = MaskFiles(root / file).read(root / photo, entry["height"], entry["width"])
        if len(found.masks) and found.names is None:
            raise ManualFileError(
                f"{root / file}: its masks have no names; put classes.txt or data.yaml into {root}"
            )
        names |= dict.fromkeys(found.names or ())
        entries.append(entry)
        held_out.append(is_held_out(photo))
    listed = _names(root)
    return Found(
        "a mask file per photo", "masks", entries, held_out, listed or tuple(sorted(names))
    )


def label_maps(root: Path) -> Found | None:
    """Label maps in a folder of their own, and a file that names their numbers."""
    maps = {
        path.stem: path
        for path in sorted(root.rglob("*.png"))
        if is_label(path.relative_to(root)) and path.is_file()
    }
    photos = [photo for photo in Photos(root).paths if photo.stem in maps]
    if not photos:
        return None
    names = _names(root)
    if not names:
        raise ManualFileError(
            f"{root}: has label maps, such as {next(iter(maps.values()))}, and no names for their "
            f"numbers; write {root / NAME_FILES[0]}, line n for label n - 1"
        )
    entries = [_entry(root, "labels", p, maps[p.stem].relative_to(root)) for p in photos]
    return Found("label maps", "labels", entries, list(map(is_held_out, photos)), names)


def _names(root: Path) -> tuple[str, ...]:
    """The names of numbered classes that lie at the top of the folder; empty where none do."""
    file = next((root / name for name in NAME_FILES if (root / name).is_file()), None)
    return () if file is None else tuple(load_class_file(file).names)


def _json_files(root: Path) -> dict[Path, dict[str, Any]]:
    """The JSON files at the top and one folder below that list images and annotations."""
    found = {}
    for path in sorted([*root.glob("*.json"), *root.glob("*/*.json")]):
        if path.name.startswith("."):  # macOS's side files
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8-sig"))
        except (ValueError, OSError) as error:
            raise ManualFileError(f"{path}: cannot be read as JSON: {error}") from error
        if isinstance(content, dict) and isinstance(content.get("annotations"), list):
            found[path] = content
    return found


def _has(content: Mapping[str, Any], field: str) -> bool:
    """Whether annotations carry a field."""
    return any(isinstance(item, dict) and field in item for item in content["annotations"])


def _entry(root: Path, set_name: str, photo: Path, label: Path) -> dict[str, Any]:
    width, height = displayed_size(epath.Path(root / photo))
    entry = {"set": set_name, "image": photo.as_posix(), "gt": label.as_posix()}
    return entry | {"width": width, "height": height}


def _once(root: Path, entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refuses a photo that two files annotate: it would be trained on and scored."""
    known: dict[str, str] = {}
    for entry in (entries := list(entries)):
        other = known.setdefault(entry["image"], entry["gt"])
        if other != entry["gt"] and entry["set"] == "instances":
            raise ManualFileError(
                f"{root / entry['image']}: is annotated in {other} and in {entry['gt']}; a photo "
                "belongs to one of training and validation"
            )
    return entries


def _pictures_by_name(root: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(root.rglob("*.png")):
        found.setdefault(path.name, []).append(path)
    return found


def _map_of(maps: Mapping[str, list[Path]], source: Path, name: str) -> Path:
    """The panoptic PNG of this name: in the folder called like its JSON, or the only one."""
    found = maps.get(Path(with_slashes(name)).name, [])
    own = [path for path in found if path.parent.name == source.stem]
    if len(own or found) != 1:
        raise ManualFileError(
            f"{source}: names the panoptic map {name!r}; found {len(found)} of that name, expected "
            f"one in {source.with_suffix('')}"
        )
    return (own or found)[0]


def _numbered(info: Mapping[str, Any], number: Mapping[int, int], path: Path) -> dict[str, Any]:
    if info["category_id"] not in number:
        raise ManualFileError(
            f"{path}: a segment has category {info['category_id']}, which 'categories' lacks"
        )
    fields = {"id": info["id"], "category_id": number[info["category_id"]]}
    return fields | {"iscrowd": info.get("iscrowd", 0)}


def _places_of_masks(photo: Path) -> Iterable[Path]:
    """Where the mask file of a photo may lie, from the root."""
    yield photo.with_suffix(".json")
    swap: Callable[[str], str] = lambda part: YOLO_FOLDER if part == "images" else part  # noqa: E731
    if "images" in photo.parts:
        yield Path(*map(swap, photo.parts)).with_suffix(".txt")
    yield photo.with_suffix(".txt")

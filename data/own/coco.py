"""COCO's files in a folder of one's own: instances, and panoptic with a folder of PNG files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from data.categories import classes_of, read_categories
from data.checks.sizes import OTHER_SIZE, TURN
from data.instances import with_slashes
from data.manual_files import ManualFileError, orientation
from data.own.files import Folder, left_out
from data.own.found import Found, entry_of
from data.own.photos import Photos, is_held_out
from ovseg_jax.vocabulary.matching import folded

UNLISTED = "that no annotation file lists, left out"
EMPTY = "without an object, kept as it is"


def coco_instances(folder: Folder) -> Found | None:
    """COCO instances files, such as a pair for training and validation."""
    root, files = folder.root, {p: c for p, c in folder.json.items() if _has(c, "segmentation")}
    if not files:
        return None
    photos, entries, held_out, empty = Photos(folder), [], [], []
    for path, content in files.items():
        _check_pixels(path, content)
        filled = {item.get("image_id") for item in content["annotations"]}
        for image in content.get("images", ()):
            photo = photos.find(image["file_name"], path.parent.relative_to(root), path)
            entry = entry_of(root, "instances", photo, path.relative_to(root))
            _check_size(root / photo, (entry["width"], entry["height"]), image, path)
            entries.append(entry)
            held_out.append(len(files) > 1 and is_held_out(path.relative_to(root)))
            empty += [] if image.get("id") in filled else [photo]
    notes = _unlisted(photos, entries) + left_out("photo", EMPTY, empty)
    others = [path.relative_to(root) for path in folder.json if path not in files]
    notes += left_out("JSON file", "without masks, left out", others)
    return Found("COCO instances", "instances", _once(root, entries), held_out, notes=notes)


def coco_panoptic(folder: Folder) -> Found | None:
    """COCO panoptic files with categories of their own; categories become class numbers."""
    root, files = folder.root, {p: c for p, c in folder.json.items() if _has(c, "segments_info")}
    if not files:
        return None
    entries, held_out, maps = [], [], _pictures_by_name(folder)
    labels = {
        (path, item["file_name"]): _map_of(maps, path, item["file_name"])
        for path, content in files.items()
        for item in content["annotations"]
    }
    photos, blank = Photos(folder, labels.values()), []
    own = {path: read_categories(content, str(path)) for path, content in files.items()}
    classes = classes_of([name for names in own.values() for name in names.values()], "panoptic")
    place = {folded(name): number for number, name in enumerate(classes.names)}
    for path, content in files.items():
        number = {key: place[folded(name)] for key, name in own[path].items()}
        images = {image["id"]: image for image in content.get("images", ())}
        mapped = {item["image_id"] for item in content["annotations"]}
        blank += [image["file_name"] for key, image in images.items() if key not in mapped]
        for item in content["annotations"]:
            label = labels[path, item["file_name"]]
            name = images.get(item["image_id"], {}).get("file_name") or f"{label.stem}.jpg"
            photo = photos.find(name, path.parent.relative_to(root), path)
            segments = [_numbered(info, number, path) for info in item["segments_info"]]
            entry = entry_of(root, "panoptic", photo, label.relative_to(root))
            entries.append(entry | {"segments_info": segments})
            held_out.append(len(files) > 1 and is_held_out(path.relative_to(root)))
    notes = _unlisted(photos, entries)
    notes += left_out("listed photo", "without a panoptic map, left out", blank)
    source = " and ".join(str(path.relative_to(root)) for path in files)
    return Found(
        "COCO panoptic", "panoptic", _once(root, entries), held_out, classes, source, notes=notes
    )


def _has(content: Mapping[str, Any], field: str) -> bool:
    """Whether annotations carry a field."""
    return any(isinstance(item, dict) and field in item for item in content["annotations"])


def _unlisted(photos: Photos, entries: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    used = {entry["image"] for entry in entries}
    return left_out("photo", UNLISTED, [x for x in photos.paths if x.as_posix() not in used])


def _check_pixels(path: Path, content: Mapping[str, Any]) -> None:
    """Refuses outlines in shares of width and height: they would cover no pixel."""
    shapes = [x.get("segmentation") for x in content["annotations"] if isinstance(x, dict)]
    outlines = [o for shape in shapes if isinstance(shape, list) for o in shape]
    values = [v for o in outlines if isinstance(o, list) for v in o if isinstance(v, int | float)]
    if values and all(0 <= value <= 1 for value in values):
        raise ManualFileError(
            f"{path}: all coordinates of outlines lie between 0 and 1; COCO's are pixels: multiply "
            "x by the width and y by the height of each photo"
        )


def _check_size(
    photo: Path, shown: tuple[int, int], image: Mapping[str, Any], source: Path
) -> None:
    """Refuses a photo of another size than the file says: outlines would lie elsewhere."""
    listed = (image.get("width"), image.get("height"))
    if None in listed or listed == shown:
        return
    with Image.open(photo) as picture:
        turned = orientation(picture)
    text = f"{photo}: is {shown[0]} x {shown[1]} (width x height)"
    text += f" as displayed, by its EXIF orientation {turned}" if turned > 1 else ""
    advice = TURN if turned > 1 and listed == shown[::-1] else OTHER_SIZE
    raise ManualFileError(f"{text}, in {source.name} {listed[0]} x {listed[1]}; {advice}")


def _once(root: Path, entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Refuses a photo that two files annotate: it would be trained on and scored."""
    known: dict[str, str] = {}
    for entry in (entries := list(entries)):
        other = known.setdefault(entry["image"], entry["gt"])
        if other != entry["gt"]:
            raise ManualFileError(
                f"{root / entry['image']}: is annotated in {other} and in {entry['gt']}; a photo "
                "belongs to one of training and validation"
            )
    return entries


def _pictures_by_name(folder: Folder) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in folder.paths:
        if path.suffix == ".png":
            found.setdefault(path.name, []).append(folder.root / path)
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

"""A folder of photos and one COCO instances file, without a manifest: what it holds."""

from __future__ import annotations

from typing import Any

from etils import epath

from data.instances import InstancesFile, with_slashes
from data.manual_files import ManualFileError, displayed_size

FOLDER_SET = "instances"
"""The set that such a folder is."""
ANNOTATIONS = ("", "annotations")
IMAGES = ("", "images")
"""Where exports put their JSON file and their photos, seen from the folder."""


def list_photos(root: epath.Path) -> list[dict[str, Any]]:
    """Returns an entry, as a manifest has them, for each photo that the file lists.

    Raises:
        ManualFileError: The folder has no JSON file or several, or lacks a photo.
    """
    file = InstancesFile(find_annotations(root))
    where = file.path.relative_to(root).as_posix()
    return [_entry(root, image, where) for image in file.images]


def find_annotations(root: epath.Path) -> epath.Path:
    """Returns the one COCO instances file of a folder.

    Raises:
        ManualFileError: There is none, or there are several.
    """
    files = [path for folder in ANNOTATIONS for path in sorted((root / folder).glob("*.json"))]
    found = [path for path in files if not path.name.startswith(".")]  # macOS's side files
    if len(found) != 1:
        names = ", ".join(path.relative_to(root).as_posix() for path in found) or "none"
        raise ManualFileError(
            f"{root}: expected one COCO instances file (*.json, or annotations/*.json), found "
            f"{names}; with several, or none, list the photos in a manifest.json"
        )
    return found[0]


def _entry(root: epath.Path, image: dict[str, Any], annotations: str) -> dict[str, Any]:
    name = with_slashes(image["file_name"])
    if name.startswith("/") or ".." in epath.Path(name).parts:
        raise ManualFileError(
            f"{root / annotations}: 'file_name' {name!r} leads out of {root}; photos are looked "
            "for in there"
        )
    choices = [epath.Path(folder) / name for folder in IMAGES]
    place = next((place for place in choices if (root / place).is_file()), None)
    if place is None:
        raise ManualFileError(
            f"{root / annotations}: lists {name!r}, which is neither at {root / choices[0]} nor at "
            f"{root / choices[1]}"
        )
    width, height = image.get("width"), image.get("height")
    if not (isinstance(width, int) and isinstance(height, int)):
        width, height = displayed_size(root / place)
    fields = {"set": FOLDER_SET, "image": place.as_posix(), "gt": annotations}
    return fields | {"width": width, "height": height}

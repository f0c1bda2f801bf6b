"""Which kind of annotations a folder holds: one function per kind, tried in turn.

* COCO instances: one JSON file, or one for training and one for validation.
* COCO panoptic: JSON and a folder of PNG files.
* A mask file per photo: LabelMe's JSON beside it, YOLO's polygons in `labels/`.
* Label maps: PNG files in a folder of their own, and a file of names.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from data.manual_files import ManualFileError
from data.own.coco import coco_instances, coco_panoptic
from data.own.files import Folder, left_out
from data.own.found import Found
from data.own.label_maps import label_maps
from data.own.mask_files import mask_files
from data.own.names import NAME_FILES

UNREAD = (".heic", ".heif", ".avif", ".gif", ".jfif", ".jp2", ".dng", ".raw")
"""Pictures of kinds that training does not read."""


def find(root: Path) -> Found:
    """Says what a folder holds.

    Raises:
        ManualFileError: Nothing is known in there, or something is missing or damaged.
    """
    folder = Folder(root)
    for kind in (coco_instances, coco_panoptic, mask_files, label_maps):
        found = kind(folder)
        if found is not None and found.entries:
            unread = [path for path in folder.paths if path.suffix.lower() in UNREAD]
            notes = left_out("picture", "of a kind that is not read, left out", unread)
            return dataclasses.replace(found, notes=found.notes + notes)
    raise ManualFileError(
        f"{root}: no annotations found. Known are a COCO JSON (instances, or panoptic with its "
        "PNG folder), LabelMe's JSON beside each photo, YOLO's polygons in labels/, and label maps "
        f"(PNG) in labels/, masks/ or annotations/ with their names in one of "
        f"{', '.join(NAME_FILES)}"
    )

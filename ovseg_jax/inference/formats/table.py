"""All formats in which answers can be written, and what each of them can hold.

Only names and words here, so that a help text imports nothing. Each name is that of a module beside
this one, whose `WRITER` writes.
"""

from __future__ import annotations

import dataclasses

from ovseg_jax.foundation.errors import OvsegError


class FormatError(OvsegError, ValueError):
    """Answers that cannot be written in a format; the message names the file and the remedy."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One format.

    Attributes:
        name: As --format takes it; its module here and its folder among the results are called so.
        tool: What opens it.
        files: What is written into its folder.
        overlaps: Whether masks may overlap.
        holes: Whether masks with holes stay what they are.
        scores: Whether it has a place for scores.
    """

    name: str
    tool: str
    files: str
    overlaps: bool = True
    holes: bool = True
    scores: bool = True


TABLE = (
    Row("coco", "pycocotools, FiftyOne, detectron2, CVAT", "annotations.json"),
    Row(
        "coco_panoptic",
        "panopticapi, detectron2",
        "panoptic.json, panoptic/PHOTO.png",
        overlaps=False,
    ),
    Row("labelme", "LabelMe", "PHOTO.json"),
    Row("yolo_seg", "Ultralytics, Roboflow", "labels/PHOTO.txt, data.yaml", scores=False),
    Row("cvat", "CVAT (CVAT for images 1.1)", "annotations.xml", scores=False),
    Row("label_studio", "Label Studio", "tasks.json, labels.xml"),
    Row("geojson", "QuPath, GIS tools", "PHOTO.geojson"),
)
NAMES = tuple(row.name for row in TABLE)

"""Formats that people have and that are not read: recognised, so that the error names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCEPTED = (
    "masks come as .json (COCO, LabelMe, Label Studio, VIA, our own), .geojson (pixels), .xml "
    "(CVAT for images), label maps (.png, .tif, .bmp), .npz, .txt (YOLO polygons) or a folder"
)
ENDINGS = {
    ".zip": "an archive; unpack it",
    ".tar": "an archive; unpack it",
    ".gz": "packed; unpack it",
    ".npy": "one array; save masks [masks, height, width] by np.savez(file, masks=masks)",
    ".csv": "a table; run lengths in tables (Kaggle) have no agreed layout: convert them to COCO",
    ".pkl": "pickled, and never loaded, since loading could run any program",
    ".pt": "pickled, and never loaded, since loading could run any program",
    ".pth": "pickled, and never loaded, since loading could run any program",
    ".mat": "MATLAB's; save PNG label maps",
    ".h5": "HDF5; save .npz",
    ".nii": "NIfTI; save PNG label maps",
    ".svg": "a drawing; save PNG label maps",
    ".yaml": "a list of names; masks are in the .txt files of YOLO's labels folder: give that",
    ".yml": "a list of names; masks are in the .txt files of YOLO's labels folder: give that",
}
JSON_FORMATS = (
    ({"objects", "size"}, "Supervisely's; export COCO or PNG masks from there"),
    ({"items", "categories"}, "Datumaro's; convert it to COCO (datum convert -f coco_instances)"),
    ({"shapes", "tags", "version"}, "CVAT's own; export COCO 1.0 or CVAT for images 1.1 there"),
    ({"imgHeight", "imgWidth", "objects"}, "Cityscapes' polygons; give the _labelIds.png files"),
    ({"type", "features"}, "GeoJSON of degrees; that of pixels has 'image', or is QuPath's"),
    ({"image", "masks", "vocabulary"}, "an answer of `ovseg classify`, which repeats no masks"),
    ({"images", "info"}, "a COCO file without 'annotations' (images of a test split?)"),
    ({"images", "categories"}, "a COCO file without 'annotations'"),
)
"""Keys that a format has, all of them; the first that fits decides."""


def name_of_json(content: Any) -> str:
    """Says which format without masks that are read a JSON has; empty if it is not known."""
    if isinstance(content, list):
        first = content[0] if content else None
        return name_of_json(first) if isinstance(first, Mapping) and "shapes" in first else ""
    return next((says for keys, says in JSON_FORMATS if keys <= set(content)), "")


def name_of_file(path: Path) -> str:
    """Says what a file with an ending that is not read is."""
    suffix = path.suffix.lower()
    if suffix == ".xml":
        with path.open("rb") as file:
            start = file.read(4096)
        if b"<annotation" in start:
            return "Pascal VOC's XML, which holds boxes; give SegmentationObject/ or -Class/ PNGs"
        return "XML"
    return ENDINGS.get(suffix, f"of the kind {suffix}" if suffix else "a name without an ending")

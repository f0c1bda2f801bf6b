"""Sets as small as their dummy data, and faults planted into them, for `test_planted_faults.py`."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat, savemat

from data import build
from data.build import module_of
from data.checks import counts, describe, formats, names, panoptic, root, sizes, values
from data.checks.layout import Layout, Part

DATA = Path(build.__file__).parent
DETECTRON2 = "dummy_data_detectron2"


@dataclasses.dataclass(frozen=True)
class Case:
    """One tree of one set.

    Attributes:
        name: Builder.
        config: Its config.
        form: What labels are: "8 bits", "16 bits", "MATLAB", "colours", "ids" or "objects".
        other: How labels look in another form, and what that is called; None where none is told.
        folder: Of the dummy data.
        split: Which part is spoilt.
    """

    name: str
    config: str
    form: str
    other: tuple[Callable[[np.ndarray], np.ndarray], str] | None = None
    folder: str = "dummy_data"
    split: str = "validation"

    def __str__(self):
        tree = "-detectron2" if self.folder == DETECTRON2 else ""
        return f"{self.name}-{self.config}{tree}-{self.form.replace(' ', '')}"

    def copy(self, place: Path) -> Path:
        """Copies the dummy data."""
        return shutil.copytree(DATA / self.name / self.folder, place)

    def layout(self, place: Path) -> Layout:
        return module_of(self.name).layout(str(place), self.config)

    def part(self, place: Path) -> Part:
        return self.layout(place).parts[self.split]


@dataclasses.dataclass
class Victim:
    """A photo to be spoilt, with all that belongs to it."""

    case: Case
    place: Path
    part: Part
    name: str

    @property
    def photo(self) -> Path:
        return self.part.photos[self.name]

    @property
    def label(self) -> Path:
        return self.part.labels[self.name]

    @property
    def has_list(self) -> bool:
        return self.part.listed is not None

    def edit_list(self, edit):
        """Changes the JSON file that lists the photos."""
        content = json.loads(self.part.source.read_text())
        edit(content)
        self.part.source.write_text(json.dumps(content))

    def edit_segments(self, edit):
        """Changes the `segments_info` of the photo."""

        def change(content):
            (entry,) = [x for x in content["annotations"] if self.name in x["file_name"]]
            edit(entry["segments_info"])

        self.edit_list(change)


def victim(case: Case, place: Path) -> Victim:
    """Takes the first photo of the split."""
    part = case.part(place)
    return Victim(case, place, part, min(part.photos))


def change_labels(path: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Writes the numbers of a label file anew, in the same form."""
    if path.suffix == ".mat":
        savemat(path, {"LabelMap": change(loadmat(path)["LabelMap"])})
        return
    image = Image.open(path)
    changed = Image.fromarray(change(np.array(image)))
    if image.mode == "P":
        changed.putpalette(image.getpalette())
    changed.save(path)


def one_pixel(value) -> Callable[[np.ndarray], np.ndarray]:
    """Returns what sets one pixel."""

    def change(labels):
        labels[5, 5] = value
        return labels

    return change


# Each plants one fault, and returns its name and the file that should be told.


def missing_label(x: Victim):
    x.label.unlink()
    return (names.LISTED_LABEL, x.name) if x.has_list else (names.UNLABELLED, x.photo.name)


def missing_photo(x: Victim):
    x.photo.unlink()
    if x.has_list or x.case.form == "objects":
        return names.LISTED_PHOTO, x.name
    return names.UNPICTURED, x.label.name


def other_size(x: Victim):
    Image.open(x.photo).resize((20, 14)).save(x.photo)
    return sizes.SIZE, x.photo.name


def stored_turned(x: Victim):
    """EXIF data turn a photo that is read as displayed, or have turned one that is not."""
    exif, image = Image.Exif(), Image.open(x.photo)
    exif[0x0112] = 6
    if not x.case.layout(x.place).upright:
        image = image.transpose(Image.Transpose.ROTATE_90)
    image.save(x.photo, exif=exif)
    return sizes.SIZE, x.photo.name


def in_colour(x: Victim):
    image = Image.open(x.label)
    if x.case.form in ("ids", "colours"):
        image.quantize(8).save(x.label)
        return formats.NO_IDS, x.label.name
    Image.fromarray(np.array(image).astype(np.uint8)).convert("RGB").save(x.label)
    return formats.COLOURS, x.label.name


def as_jpeg(x: Victim):
    image = Image.open(x.label)
    (image if image.mode == "RGB" else image.convert("L")).save(x.label, format="JPEG")
    return formats.JPEG, x.label.name


def out_of_range(x: Victim):
    value = {"8 bits": 201, "16 bits": 60000, "MATLAB": 470, "colours": (101, 9, 0)}[x.case.form]
    change_labels(x.label, one_pixel(value))
    return values.RANGE, x.label.name


def other_form(x: Victim):
    assert x.case.other is not None
    change, kind = x.case.other
    for path in x.part.labels.values():
        change_labels(path, change)
    return kind, None


def eight_bits(x: Victim):
    Image.fromarray(np.minimum(np.array(Image.open(x.label)), 255).astype(np.uint8)).save(x.label)
    return formats.NARROW, x.label.name


def cut_to_eight_bits(x: Victim):
    """All files of the set, since one of them may well have few labels."""
    for part in x.case.layout(x.place).parts.values():
        for path in part.labels.values():
            change_labels(path, lambda labels: np.minimum(labels, 255).astype(np.uint16))
    return formats.CUT, x.label.parent.name


def unlisted_id(x: Victim):
    x.edit_segments(lambda segments: segments.pop(0))
    return panoptic.UNLISTED, x.label.name


def segment_without_pixel(x: Victim):
    x.edit_segments(lambda segments: segments.append(segments[0] | {"id": 16_000_000}))
    return panoptic.NO_PIXEL, x.label.name


def id_twice(x: Victim):
    x.edit_segments(lambda segments: segments.append(segments[0]))
    return panoptic.TWICE, x.label.name


def id_zero(x: Victim):
    x.edit_segments(lambda segments: segments.append(segments[0] | {"id": 0}))
    return panoptic.ZERO, x.label.name


def wrong_category(x: Victim):
    def change(content):
        if "annos_segmentation" in content:
            content["annos_segmentation"][-1]["category_id"] = 7
            return
        for entry in content["categories"]:
            entry["name"] = f"warp core {entry['id']}"
            entry.pop("synonyms", None)  # LVIS's are names too
        if x.case.name == "ade20k":  # there the ids are the classes
            content["categories"][0]["id"] = 777

    x.edit_list(change)
    return describe.CATEGORIES, x.part.source.name


def one_level_off(x: Victim):
    return root.OFF, None


def another_count(x: Victim):
    return counts.COUNT, None


FAULTS = (
    one_level_off,
    missing_label,
    missing_photo,
    other_size,
    stored_turned,
    in_colour,
    as_jpeg,
    out_of_range,
    other_form,
    eight_bits,
    cut_to_eight_bits,
    unlisted_id,
    segment_without_pixel,
    id_twice,
    id_zero,
    wrong_category,
    another_count,
)

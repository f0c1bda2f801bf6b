"""Rows that the papers publish for the sets of our suites, in percent.

Each row names the paper's system; ours stand beside those of their own method. Where two papers
print different numbers for one system, both are kept under the paper's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One row of a table.

    Attributes:
        system: What the paper calls it, with tower and training data.
        source: Paper and table.
        scores: Percent by evaluation of the suite.
    """

    system: str
    source: str
    scores: Mapping[str, float]


METRIC = {
    "open_vocabulary": "semantic/mIoU",
    "mess": "semantic/mIoU",
    "panoptic": "panoptic/PQ",
}
"""The number that the rows of a suite are about."""

FIVE = ("a150", "a847", "pc59", "pc459", "pas20")


def _five(system: str, source: str, *scores: float) -> PublishedRow:
    return PublishedRow(system, source, dict(zip(FIVE, scores, strict=False)))


ROWS: Mapping[tuple[str, str], tuple[PublishedRow, ...]] = {
    ("open_vocabulary", "mask_adapter"): (
        _five(
            "FC-CLIP with Mask-Adapter, ConvNeXt-L",
            "Mask-Adapter Tab. 1",
            36.6,
            14.1,
            59.7,
            19.3,
            95.5,
        ),
        _five(
            "MAFT+ with Mask-Adapter, ConvNeXt-B",
            "Mask-Adapter Tab. 1",
            35.6,
            14.2,
            58.4,
            17.9,
            95.1,
        ),
        _five(
            "MAFT+ with Mask-Adapter, ConvNeXt-L",
            "Mask-Adapter Tab. 1",
            38.2,
            16.2,
            60.4,
            22.7,
            95.8,
        ),
    ),
    ("open_vocabulary", "mask_pooling"): (
        _five("FC-CLIP, ConvNeXt-L", "Mask-Adapter Tab. 1", 34.1, 14.8, 58.4, 18.2, 95.4),
    ),
    ("open_vocabulary", "maft_plus"): (
        _five("MAFT+, ConvNeXt-B", "Mask-Adapter Tab. 1", 34.5, 13.8, 57.5, 18.5, 95.5),
        _five("MAFT+, ConvNeXt-L", "Mask-Adapter Tab. 1", 36.3, 15.5, 59.5, 21.2, 96.4),
        _five("MAFT+, ConvNeXt-L", "MaskCLIP++ README", 36.1, 15.1, 59.4, 21.6, 96.5),
    ),
    ("open_vocabulary", "maskclippp"): (
        _five("ConvNeXt-B, MAFT+-B masks", "MaskCLIP++ Tab. 5", 35.4, 14.5, 59.1, 18.7, 95.8),
        _five(
            "EVA02-L/14-336 with text, MAFT+-L masks",
            "MaskCLIP++ Tab. 5",
            38.2,
            16.8,
            62.5,
            23.9,
            96.8,
        ),
        _five(
            "EVA02-L/14-336 with text, FC-CLIP-L masks",
            "MaskCLIP++ README",
            37.1,
            15.4,
            62.6,
            21.3,
            96.4,
        ),
    ),
    ("open_vocabulary", "ovseg"): (
        _five("R-101c and ViT-B/16", "OVSeg Tab. 1", 24.8, 7.1, 53.3, 11.0, 92.6),
        _five("Swin-B and ViT-L/14", "OVSeg Tab. 1", 29.6, 9.0, 55.7, 12.4, 94.5),
    ),
    ("open_vocabulary", "fisa"): (
        _five("Swin-B and ViT-L/14-336", "FISA Tab. 1", 36.8, 16.1, 62.4, 23.6),
    ),
    ("panoptic", "fisa"): (
        PublishedRow(
            "Swin-B and ViT-L/14-336",
            "FISA Tab. 1",
            {"a150_panoptic": 28.1, "mapillary": 19.0, "coco_panoptic": 56.4},
        ),
    ),
    ("panoptic", "mask_pooling"): (
        PublishedRow(
            "FC-CLIP, ConvNeXt-L",
            "FISA Tab. 1",
            {"a150_panoptic": 26.8, "mapillary": 18.2, "coco_panoptic": 54.4},
        ),
    ),
    ("panoptic", "maskclippp"): (
        PublishedRow("EVA02-L/14, FC-CLIP-L masks", "MaskCLIP++ README", {"a150_panoptic": 27.3}),
    ),
}
"""By suite and kind of method."""


def rows_for(suite: str, method: str) -> tuple[PublishedRow, ...]:
    """Returns the published rows beside which a result of this method stands; may be empty."""
    return ROWS.get((suite, method), ())

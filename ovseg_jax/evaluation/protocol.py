"""The protocol card: how a score came about, stored beside it.

A number without its protocol cannot be compared: sizes, ensemble weights, templates, the class
file and the mIoU convention each move it by points.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ovseg_jax.config import InferenceConfig
from ovseg_jax.evaluation.score_table import text_table
from ovseg_jax.ops.images.network_input import frame_multiple

TRUTH = (
    "objects whole, also where others hide them (AP); crowds are excused (PQ), ignored (AP), "
    "of their class (mIoU), never masks to name (accuracy)"
)
"""How evaluators take annotations, as pycocotools, panopticapi and detectron2 do."""
FEDERATED = (
    f"{TRUTH}; AP as of LVIS: the 300 best objects of a photo, those of classes that it was not "
    "searched for left out, wrong ones excused where not all of their class are annotated"
)
"""The same for sets of which photos were searched for some classes only, as lvis-api does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProtocolCard:
    """Everything that has to be equal for two scores to be comparable.

    Attributes:
        dataset: Data set, configuration and split.
        images: Images that were scored.
        resize: How images were brought to the network's size, in words.
        mask_source: Where the masks came from.
        method: Kind of method.
        ensemble: What the rule that named the masks says of itself: whose opinions counted, with
            which exponents; see `ovseg_jax.inference.ensemble`.
        templates: Name of the prompt set.
        num_templates: Prompts per name.
        class_file: Name of the class list.
        class_file_hash: `vocabulary.classes.class_file_hash` of it.
        num_classes: Classes scored.
        num_names: Names including synonyms.
        num_seen: Classes that share a name with the training vocabulary.
        train_vocabulary: The class list that decides "seen".
        miou: Convention of the number called mIoU.
        thresholds: Object and overlap threshold of the panoptic task.
        truth: What counts as true where objects are crowds or overlap; `TRUTH`.
        weights: Key of the weights.
        dtype: Type of activations.
        version: Version of this package.
        records: Tells the photos and labels that were read from any others; empty where unknown.
        published_images: How many photos the publisher's split has; 0 where nobody says it.
    """

    dataset: str
    images: int
    resize: str
    mask_source: str
    method: str
    ensemble: str
    templates: str
    num_templates: int
    class_file: str
    class_file_hash: str
    num_classes: int
    num_names: int
    num_seen: int
    train_vocabulary: str
    miou: str
    thresholds: str
    weights: str
    dtype: str
    version: str
    truth: str = TRUTH
    records: str = ""
    published_images: int = 0

    @property
    def is_part(self) -> bool:
        """Whether fewer photos were scored than the publisher's split has."""
        return self.images < self.published_images

    def rows(self) -> list[tuple[str, str]]:
        """Returns (field, value) in reading order."""
        return [(name.replace("_", " "), str(value)) for name, value in vars(self).items()]

    def table(self) -> str:
        """Renders the card as aligned text."""
        return _align(self.rows())


def describe_resize(config: InferenceConfig, stride: int, fixed: Sequence[int] = ()) -> str:
    """Says in words how images reach the network's size.

    Args:
        config: Its `short_side` and `long_side`.
        stride: Pixels per cell of the method, which decides the padding.
        fixed: Height and width of the frame that the data stream makes, where it does.
    """
    if fixed:
        return f"fitted into {fixed[0]} x {fixed[1]}, scored at that size"
    padding = f"padded to multiples of {frame_multiple(stride)}"
    if not config.short_side:
        return f"not resized, {padding}"
    sides = f"short side {config.short_side}, long side at most {config.long_side}"
    return f"{sides}, Pillow bilinear, {padding}"


def report(card: ProtocolCard, scores: Mapping[str, float]) -> str:
    """Renders scores with their card below, for the terminal."""
    return f"{text_table(scores)}\n\nprotocol\n{card.table()}"


def to_json(
    card: ProtocolCard,
    scores: Mapping[str, float],
    classes: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Writes scores, card and the numbers of each class as one JSON object; NaN becomes null."""
    content: dict[str, Any] = {"scores": _clean(scores), "protocol": dataclasses.asdict(card)}
    if classes is not None:
        content["classes"] = {name: _clean(numbers) for name, numbers in classes.items()}
    return json.dumps(content, indent=1)


def _clean(numbers: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in numbers.items()}


def _align(rows: Sequence[tuple[str, str]]) -> str:
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)

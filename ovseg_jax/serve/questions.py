"""What a visitor may ask of a photo, read from JSON that may be anything."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, get_args

from ovseg_jax.inference.results import Task
from ovseg_jax.serve.limits import Limits, Refusal

TASKS: tuple[str, ...] = get_args(Task)


@dataclasses.dataclass(frozen=True)
class Question:
    """Words for a photo.

    Attributes:
        words: As typed: `;` parts classes, `,` parts synonyms. Empty for the model's own list.
        background: Words that compete and stay unlabelled; None for the default, "none" for none.
        task: "semantic", "panoptic" or "instance".
        min_score: Below it pixels and segments stay unlabelled; None for the model's own.
        model: By the name that `GET /api/models` gives.
    """

    words: str
    background: str | None
    task: Task
    min_score: float | None
    model: str


def read_question(content: object, models: tuple[str, ...], limits: Limits) -> Question:
    """Reads a question.

    Args:
        content: Parsed JSON.
        models: Names of the models that are here, the default first.
        limits: For the length of the words.

    Raises:
        Refusal: A field is missing, unknown or wrong; the message names it.
    """
    if not isinstance(content, Mapping):
        raise Refusal(400, 'the body is no JSON object; send {"words": "cat, kitten; sofa"}')
    fields = {field.name for field in dataclasses.fields(Question)}
    if unknown := sorted(map(str, set(content) - fields)):
        raise Refusal(400, f"unknown fields {unknown}; known: {', '.join(sorted(fields))}")
    return Question(
        words=_text(content, "words", limits) or "",
        background=_text(content, "background", limits),
        task=_one_of(content, "task", TASKS),
        min_score=_score(content.get("min_score")),
        model=_one_of(content, "model", models),
    )


def _text(content: Mapping[str, Any], name: str, limits: Limits) -> str | None:
    value = content.get(name)
    if value is not None and not isinstance(value, str):
        raise Refusal(400, f"{name} is {type(value).__name__}; give text")
    if value and len(value) > limits.words:
        raise Refusal(413, f"{name} has {len(value)} letters; at most {limits.words}")
    return value


def _one_of(content: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Any:
    value = content.get(name, known[0])
    if value not in known:
        raise Refusal(400, f"{name} is {value!r}; give one of {', '.join(known)}")
    return value


def _score(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise Refusal(400, f"min_score is {value!r}; give a probability from 0 to 1")
    if math.isnan(value):
        raise Refusal(400, "min_score is NaN; give a probability from 0 to 1")
    return float(value)

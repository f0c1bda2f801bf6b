"""What a run does before its first step: refuses what cannot run, reads words, opens the stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jax

from ovseg_jax.config import Config
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.typing import Text
from ovseg_jax.inputs.labels import class_filter, class_list
from ovseg_jax.inputs.stream import Stream, train_stream
from ovseg_jax.loading import build
from ovseg_jax.loading.checks import check_classes
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.training import content, preflight, record, sharding
from ovseg_jax.training.changes import Change
from ovseg_jax.training.report import say
from ovseg_jax.training.state import TrainState
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens


class Accepted(NamedTuple):
    """What a run begins or goes on with: what differs from its record, and what it reads."""

    changes: list[Change]
    content: content.Content
    news: list[str]


def accepted(workdir: Path, config: Config, anyway: bool) -> Accepted:
    """Refuses what cannot run or go on; writes nothing."""
    changes = record.accepted_changes(workdir, config, anyway=anyway)
    preflight.check_training(config)
    read = content.content_of(config.data) if config.num_steps else {}
    return Accepted(changes, read, content.check(workdir, read, anyway=anyway))


def announce(config: Config) -> None:
    """Says what computes, and in which type."""
    devices.announce("training")
    wanted = config.model.clip.compute_dtype
    if wanted == "auto":
        say(
            f"activations are {devices.compute_dtype(wanted)} on this platform, parameters float32 "
            "(model.clip.compute_dtype)"
        )


def vocabulary(config: Config) -> ClassList:
    """Loads the training vocabulary, whose names the model must be able to tell apart."""
    classes = class_list(config.data)
    check_classes(config.model, classes)
    check_tokens(classes, templates(config.model.templates), build.tokenizer(config.model))
    return classes


def text(config: Config, method: Any, state: TrainState, classes: ClassList, mesh: Any) -> Text:
    """Embeds the training vocabulary, whole on every device."""
    embedded = embed_vocabulary(config.model, method, state.params, classes, keep_tokens=True)
    return jax.device_put(embedded, sharding.replicated(mesh))


def stream(config: Config, classes: ClassList, mesh: Any, position: int) -> Stream:
    """Opens the training data at a position."""
    return train_stream(
        config.data,
        config.seed,
        sharding=sharding.batch_sharding(mesh),
        start=position,
        tokenizer=build.tokenizer(config.model),
        class_filter=class_filter(config.data, classes),
    )


def keep_record(workdir: Path, config: Config, accepted: Accepted, first: int) -> None:
    """Writes the run's record, or extends it by what differs from now on."""
    if jax.process_index() == 0:
        record.write(workdir, config, accepted.changes, first)
        content.write(workdir, accepted.content, first)


def tell(workdir: Path, config: Config, accepted: Accepted, first: int) -> None:
    """Says where and how a run goes on."""
    if first:
        say(f"{workdir} goes on from step {first} of {config.num_steps}")
    for change in accepted.changes:
        why = record.reason(change, config) or "because of --resume-anyway"
        say(f"from here on {change} ({why})")
    for line in accepted.news:
        say(f"from here on other data, {line} (because of --resume-anyway)")

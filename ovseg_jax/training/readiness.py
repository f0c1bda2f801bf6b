"""Whether an experiment can run, and what it will do, without computing or preparing anything."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import AbstractMesh

from ovseg_jax.config import Config
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError, counted
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import without_places
from ovseg_jax.training import layout, preflight, ranges, shapes, sharding, shares
from ovseg_jax.training.optimizer import make_schedule
from ovseg_jax.training.problems import PreflightError, Problems
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens


class Readiness(NamedTuple):
    """What a check found.

    Attributes:
        facts: Pairs of a subject and what is so, in the order of the config.
        problems: What stands in the way, all of it.
    """

    facts: list[tuple[str, str]]
    problems: list[str]


def readiness(config: Config, count: int) -> Readiness:
    """Looks at all of an experiment; reads class lists and the shapes of stored weights only.

    Args:
        config: The experiment.
        count: Devices that it is to run on.
    """
    problems, facts = Problems(), []
    preflight.note_settings(config, problems, count, counted(count, "device"))
    preflight.note_data(config, problems)
    subjects = (_model, _words, _batch, _rate, _places, _step)
    if any(ranges.refusals(config)):  # they would fail in there without saying why
        subjects = (_words, _batch)
    elif problems.lines():
        subjects = subjects[:-1]
    for subject in subjects:
        with problems.noted():
            facts += subject(config, count)
    return Readiness(facts, problems.lines())


def _model(config: Config, count: int) -> list[tuple[str, str]]:
    del count
    model, method = config.model, build.method(config.model)
    alone = AbstractMesh((1, 1, 1), sharding.AXES, axis_types=sharding.AUTO)
    state, _ = shapes.state_shapes(config, method, alone)
    trained, frozen = trees.count(state.trainable), trees.count(state.frozen)
    name = f"{model.method.kind} on {model.clip.variant or 'no CLIP'}"
    numbers = f"{(trained + frozen) / 1e6:.1f} M parameters, {trained / 1e6:.3f} M of them trained"
    return [("model", f"{name}, {model.clip.compute_dtype}: {numbers}")]


def _words(config: Config, count: int) -> list[tuple[str, str]]:
    del count
    classes, sentences = class_list(config.data), templates(config.model.templates)
    if tokenizer := build.tokenizer(config.model):
        check_tokens(classes, sentences, tokenizer)
    names = len(classes.synonym_rows[0])
    said = f"{counted(len(classes), 'class', 'es')}, {counted(names, 'name')}"
    kind = f"{counted(len(sentences), 'template')} ({config.model.templates})"
    return [("words", f"{config.data.vocabulary or config.data.name}: {said}, {kind}")]


def _batch(config: Config, count: int) -> list[tuple[str, str]]:
    data, mesh = config.data, _mesh(config, count)
    height, width = data.image_size
    over = shares.named(config, mesh.size)
    each = f"{data.batch_size / sharding.picture_groups(mesh):g} on each of {over}"
    size = f"{counted(data.batch_size, 'image')} of {height} x {width}"
    return [("batch", f"{size}, up to {counted(data.max_segments, 'segment')} each; {each}")]


def _rate(config: Config, count: int) -> list[tuple[str, str]]:
    del count
    optimizer, last = config.optimizer, config.num_steps
    schedule = make_schedule(optimizer, last)
    marks = {0, optimizer.warmup_steps, last // 2, *optimizer.milestones, max(last - 1, 0)}
    rates = [
        f"{np.asarray(schedule(step)).item():.3g} at {step:,}"
        for step in sorted(marks)
        if step < last
    ]
    return [("learning rate", f"{optimizer.schedule}: {', '.join(rates) or 'no steps'}")]


def _places(config: Config, count: int) -> list[tuple[str, str]]:
    """Every array of the state and where it lies."""
    mesh = _mesh(config, count)
    state, _ = shapes.state_shapes(config, build.method(config.model), mesh)
    lines = layout.described(state.params, state.optimizer)
    return [("" if number else "on devices", line) for number, line in enumerate(lines)]


def _step(config: Config, count: int) -> list[tuple[str, str]]:
    """Traces the whole step, by shapes."""
    mesh = _mesh(config, count)
    if not config.num_steps or config.data.batch_size % sharding.picture_groups(mesh):
        return []
    step, inputs = shapes.step_and_inputs(config, mesh)
    try:
        _, metrics = jax.eval_shape(step, *without_places(inputs))
    except (TypeError, ValueError) as error:
        if isinstance(error, OvsegError):
            raise
        reason = str(error).strip().splitlines()[0]
        raise PreflightError(f"the training step cannot be traced: {reason}") from error
    return [("step", f"traced; logs {', '.join(sorted(metrics))}")]


def _mesh(config: Config, count: int) -> AbstractMesh:
    """A mesh of devices that need not be here."""
    shape = sharding.mesh_shape(config.mesh, count, counted(count, "device"))
    return AbstractMesh(shape, sharding.AXES, axis_types=sharding.AUTO)

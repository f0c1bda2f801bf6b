"""The training loop."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ovseg_jax import build, configs_io, devices
from ovseg_jax.checks import check_classes
from ovseg_jax.config import Config
from ovseg_jax.embedding import embed_vocabulary
from ovseg_jax.inputs.labels import class_filter, class_list
from ovseg_jax.inputs.stream import Stream, train_stream
from ovseg_jax.parameters import answering_part
from ovseg_jax.stored.run_layout import WEIGHTS
from ovseg_jax.training import (
    checkpoint,
    content,
    finished,
    hosts,
    layout,
    preflight,
    record,
    run_folder,
    sharding,
    state,
    step,
)
from ovseg_jax.training.evaluations import Evaluations
from ovseg_jax.training.keeper import Keeper
from ovseg_jax.training.report import TrainingReport, say
from ovseg_jax.training.stopping import StopRequest
from ovseg_jax.typing import Text
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens
from ovseg_jax.weights import save_weights


def train(
    config: Config, workdir: Path, *, stop: StopRequest | None = None, resume_anyway: bool = False
) -> state.TrainState:
    """Trains to `config.num_steps`, going on from the newest whole checkpoint in `workdir`.

    Without steps nothing is read from the training data: the parameters that the config joins are
    written, and what it asks for is evaluated.

    Args:
        config: The experiment.
        workdir: Where checkpoints, numbers, the resolved config and, at the end, `weights/` go;
            safe to kill at any time and to call again.
        stop: Asked behind every step whether to save and end.
        resume_anyway: Go on even where fields differ that change the model or the stream, or
            from a checkpoint without hashes.

    Returns:
        The final state.

    Raises:
        ovseg_jax.training.record.RecordError: The folder holds a run of another config, or what it
            was trained on has changed.
        ovseg_jax.training.run_folder.BusyError: Another process trains there.
        ovseg_jax.training.health.DivergenceError: A loss or gradient is not finite.
        ovseg_jax.training.stopping.Interruption: `stop` asked for it; the same call goes on.
    """
    hosts.connect()
    workdir = workdir.absolute()
    accepted = _accepted(workdir, config, resume_anyway)
    devices.announce("training")
    mesh = sharding.make_mesh(config.mesh)
    method = build.method(config.model)
    source = build.mask_source(config.masks)
    vocabulary = _vocabulary(config)

    with contextlib.ExitStack() as cleanup:
        cleanup.enter_context(run_folder.taken(workdir))
        current, tx = state.create(config, method, mesh)
        layout.announce(current.params, current.optimizer)
        description = configs_io.to_dict(config)
        run = checkpoint.open_run(workdir, config.checkpoint, description, trust=resume_anyway)
        current, position = run.restore(current)
        first = int(current.step)
        record.check_length(config, first)
        text = _text(config, method, current, vocabulary, mesh)
        steps = range(first + 1, config.num_steps + 1)
        stream = _stream(config, vocabulary, mesh, position) if steps else None
        if stream is not None:
            cleanup.callback(stream.close)
        _keep_record(workdir, config, accepted, first)
        report = TrainingReport(workdir, config.num_steps, first, config.log_every)
        cleanup.callback(report.close)
        cleanup.callback(run.finish_saving)
        stop = stop or StopRequest()
        keeper = Keeper(config, run, report, Evaluations(config, method, workdir, stop))
        keeper.start(current, mesh, stop)

        if stream is not None:
            raw = step.make_step(method, source, tx, config.seed)
            current = _take_steps(steps, raw, stream, current, text, keeper)
        run.wait()
        # After the last step is on disk: a run that was killed here finds its way back here.
        _save_weights(workdir, config, current)
        keeper.score_final(current)
        return current


def _take_steps(
    steps: range,
    raw: Any,
    stream: Stream,
    current: state.TrainState,
    text: Text,
    keeper: Keeper,
) -> state.TrainState:
    """Trains through the steps; the first batch says what the step is compiled for."""
    update = None
    for number in steps:
        batch = next(stream)
        update = update or step.compile_step(raw, current, batch, text)
        current, metrics = update(current, batch, text)
        keeper.stop.error = stream.failure
        keeper.step_done(number, current, metrics, stream.position)
    keeper.stop.error = None  # nothing is left to read
    return current


class _Accepted(NamedTuple):
    """What a run begins or goes on with: what differs from its record, and what it reads."""

    changes: list[record.Change]
    content: content.Content
    news: list[str]


def _accepted(workdir: Path, config: Config, anyway: bool) -> _Accepted:
    """Refuses what cannot run or go on; writes nothing."""
    changes = record.accepted_changes(workdir, config, anyway=anyway)
    preflight.check_training(config)
    read = content.content_of(config.data) if config.num_steps else {}
    return _Accepted(changes, read, content.check(workdir, read, anyway=anyway))


def _vocabulary(config: Config) -> ClassList:
    """Loads the training vocabulary, whose names the model must be able to tell apart."""
    vocabulary = class_list(config.data)
    check_classes(config.model, vocabulary)
    check_tokens(vocabulary, templates(config.model.templates), build.tokenizer(config.model))
    return vocabulary


def _text(
    config: Config, method: Any, current: state.TrainState, vocabulary: ClassList, mesh: Any
) -> Text:
    """Embeds the training vocabulary, whole on every device."""
    text = embed_vocabulary(config.model, method, current.params, vocabulary, keep_tokens=True)
    return jax.device_put(text, sharding.replicated(mesh))


def _stream(config: Config, vocabulary: ClassList, mesh: Any, position: int) -> Stream:
    return train_stream(
        config.data,
        config.seed,
        sharding=sharding.batch_sharding(mesh),
        start=position,
        tokenizer=build.tokenizer(config.model),
        class_filter=class_filter(config.data, vocabulary),
    )


def _save_weights(workdir: Path, config: Config, current: state.TrainState) -> None:
    """Writes `weights/`, which makes the run a model, with the number of its steps."""
    model, params = answering_part(config.model, sharding.gathered(current.params))
    if jax.process_index() == 0:
        trained = {finished.STEP: config.num_steps}
        save_weights(workdir / WEIGHTS, model, params, report=trained)


def _keep_record(workdir: Path, config: Config, accepted: _Accepted, first: int) -> None:
    """Writes or extends the run's record, and says where and how a run goes on."""
    if jax.process_index() == 0:
        record.write(workdir, config, accepted.changes, first)
        content.write(workdir, accepted.content, first)
    if first:
        say(f"{workdir} goes on from step {first} of {config.num_steps}")
    for change in accepted.changes:
        why = record.reason(change, config) or "because of --resume-anyway"
        say(f"from here on {change} ({why})")
    for line in accepted.news:
        say(f"from here on other data, {line} (because of --resume-anyway)")

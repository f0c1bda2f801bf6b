"""A training run from its first check to its last score."""

from __future__ import annotations

import functools
from contextlib import ExitStack, closing
from pathlib import Path

import jax

from ovseg_jax.config import Config
from ovseg_jax.disk import configs_io
from ovseg_jax.disk.run_layout import WEIGHTS
from ovseg_jax.foundation.terminal import Progress
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import answering_part
from ovseg_jax.loading.weights import save_weights
from ovseg_jax.training import (
    agreement,
    beginning,
    checkpoint,
    finished,
    hosts,
    layout,
    numbers,
    record,
    run_folder,
    sharding,
    state,
)
from ovseg_jax.training.alone import leaving_alone
from ovseg_jax.training.evaluations import Evaluations
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.keeper import Keeper
from ovseg_jax.training.page import write_page
from ovseg_jax.training.profiling import Profile
from ovseg_jax.training.report import TrainingReport
from ovseg_jax.training.steps import Recipe, take_steps
from ovseg_jax.training.stopping import StopRequest
from ovseg_jax.training.views import open_view
from ovseg_jax.training.watchdog import watching


def train(
    config: Config,
    workdir: Path,
    *,
    stop: StopRequest | None = None,
    resume_anyway: bool = False,
    profile: range = range(0),
    progress: Progress = "auto",
) -> state.TrainState:
    """Trains to `config.num_steps`, going on from the newest whole checkpoint in `workdir`.

    Without steps no training data are read: joined parameters are written and evaluated.

    Args:
        config: The experiment.
        workdir: Where checkpoints, numbers, the resolved config and, at the end, `weights/` go;
            safe to kill at any time and to call again.
        stop: Asked behind every step whether to save and end.
        resume_anyway: Go on even where fields differ that change the model or the stream, or
            from a checkpoint without hashes.
        profile: Steps to trace.
        progress: How it is shown; see `ovseg_jax.foundation.terminal`.

    Returns:
        The final state.

    Raises:
        ovseg_jax.training.record.RecordError: The folder holds a run of another config, or what it
            was trained on has changed.
        ovseg_jax.training.run_folder.BusyError: Another process trains there.
        ovseg_jax.training.agreement.DifferenceError: Hosts start from different things.
        ovseg_jax.training.health.DivergenceError: A loss or gradient is not finite.
        ovseg_jax.training.stopping.Interruption: `stop` asked for it; the same call goes on.
    """
    goodput = Goodput()
    hosts.connect()
    workdir = workdir.absolute()
    accepted = beginning.accepted(workdir, config, resume_anyway)
    beginning.announce(config)
    mesh, method = sharding.make_mesh(config.mesh), build.method(config.model)
    classes = beginning.vocabulary(config)

    with ExitStack() as cleanup:
        cleanup.enter_context(leaving_alone())
        view = cleanup.enter_context(open_view(progress, config, goodput))
        cleanup.enter_context(run_folder.taken(workdir))
        agreement.meet("start")
        current, tx = state.create(config, method, mesh)
        layout.announce(current.params, current.optimizer)
        description = configs_io.to_dict(config)
        run = checkpoint.open_run(workdir, config.checkpoint, description, trust=resume_anyway)
        current, position = run.restore(current)
        record.check_length(config, first := int(current.step))
        text = beginning.text(config, method, current, classes, mesh)
        agreement.check_equal(config=description, data=accepted.content, state=current, words=text)
        beginning.tell(workdir, config, accepted, first)
        goodput.goes_on(workdir, first)
        noted = cleanup.enter_context(numbers.noted_in(workdir))
        report = TrainingReport(workdir, config.num_steps, config.log_every, goodput, noted, view)
        cleanup.callback(report.close)
        cleanup.callback(run.finish_saving)
        cleanup.enter_context(leaving_alone())  # before that waits for hosts that are lost
        stop = stop or StopRequest()
        keeper = Keeper(config, run, report, Evaluations(config, method, workdir, stop), goodput)
        keep_record = functools.partial(beginning.keep_record, workdir, config, accepted, first)
        keeper.start(current, mesh, stop, keep_record)

        if first < config.num_steps:
            cleanup.enter_context(watching(goodput, config.step.watchdog_seconds, workdir))
            stream = beginning.stream(config, classes, mesh, position)
            cleanup.callback(stream.close)
            tracing = cleanup.enter_context(closing(Profile(profile, workdir)))
            recipe = Recipe(config, method, build.mask_source(config.masks), tx)
            current = take_steps(recipe, stream, current, text, keeper, tracing)
        _end(workdir, config, current, keeper, report)
        return current


def _end(
    workdir: Path, config: Config, current: state.TrainState, keeper: Keeper, report: TrainingReport
) -> None:
    """Writes what a run leaves; after a kill in here, the next one finds its way back here."""
    keeper.settle()
    with keeper.goodput.during("save"):
        _save_weights(workdir, config, current)
    keeper.score_final(current)
    with keeper.goodput.during("save"):
        report.close()  # its last numbers belong on the page
        if jax.process_index() == 0:
            write_page(workdir, config, config.num_steps)


def _save_weights(workdir: Path, config: Config, current: state.TrainState) -> None:
    """Writes `weights/`, which makes the run a model, with the number of its steps."""
    model, params = answering_part(config.model, sharding.gathered(current.params))
    if jax.process_index() == 0:
        trained = {finished.STEP: config.num_steps}
        save_weights(workdir / WEIGHTS, model, params, report=trained)

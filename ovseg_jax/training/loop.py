"""The training loop."""

from __future__ import annotations

import json
from pathlib import Path

import jax

from ovseg_jax import build, configs_io, devices
from ovseg_jax.config import Config
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.inputs.stream import train_stream
from ovseg_jax.training import checkpoint, preflight, sharding, state, step
from ovseg_jax.training.evaluations import Evaluations
from ovseg_jax.training.report import Report
from ovseg_jax.weights import save_weights


def train(config: Config, workdir: Path) -> state.TrainState:
    """Trains to `config.num_steps`, going on from the newest checkpoint in `workdir`.

    Without steps nothing is read from the training data: the parameters that the config joins are
    written, and what it asks for is evaluated.

    Args:
        config: The experiment.
        workdir: Where checkpoints, numbers, the resolved config and, at the end, `weights/` go;
            safe to kill at any time and to call again.

    Returns:
        The final state.
    """
    sharding.connect_hosts()
    preflight.check_training(config)
    devices.announce("training")
    mesh = sharding.make_mesh(config.mesh)
    method = build.method(config.model)
    build.check_source(config.masks, method)
    source = build.mask_source(config.masks)
    current, tx = state.create(config, method, mesh)

    run = checkpoint.open_run(workdir, config.checkpoint, configs_io.to_dict(config))
    if jax.process_index() == 0:
        (workdir / "config.json").write_text(json.dumps(configs_io.to_dict(config), indent=1))
    current, position = run.restore(current)

    vocabulary = class_list(config.data)
    build.check_classes(config.model, vocabulary)
    text = build.text(config.model, method, current.params, vocabulary, keep_tokens=True)
    text = jax.device_put(text, sharding.replicated(mesh))
    steps, stream = range(int(current.step) + 1, config.num_steps + 1), None
    if steps:
        stream = train_stream(
            config.data,
            config.seed,
            sharding=sharding.batch_sharding(mesh),
            start=position,
            tokenizer=build.tokenizer(config.model),
            class_filter=build.class_filter(config.data, vocabulary),
        )
    report = Report(workdir, config.num_steps, int(current.step), config.log_every)
    evaluations = Evaluations(config, method, workdir)

    update = None
    for number in steps:
        batch = next(stream)
        if update is None:
            raw = step.make_step(method, source, tx, config.seed)
            update = step.compile_step(raw, current, batch, text)
        current, metrics = update(current, batch, text)
        report.scalars(number, metrics)
        run.save_if_due(current, number, stream.position, last=number == config.num_steps)
        if number < config.num_steps:
            evaluations.run_if_due(number, current.params, report)
    if stream is not None:
        stream.close()
    run.wait()
    # After the last step is on disk: a run that was killed here finds its way back to this line.
    params = sharding.gathered(current.params)
    if jax.process_index() == 0:
        save_weights(workdir / "weights", config.model, params)
    evaluations.run_if_due(config.num_steps, current.params, report)
    report.close()
    return current

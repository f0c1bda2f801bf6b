"""What can be known before anything is compiled or written, with all problems in one message.

First what a config says is compared with what is there: names, folders, devices, the shapes of
stored weights. Only when that is in order are data sets opened, which may mean preparing them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ovseg_jax import build, devices, trees
from ovseg_jax.config import Config, DataConfig, EvaluationConfig, ModelConfig
from ovseg_jax.errors import OvsegError
from ovseg_jax.inputs.builders import DataError, check_place
from ovseg_jax.inputs.datasets import open_split
from ovseg_jax.inputs.labels import class_list, named_classes
from ovseg_jax.loading import resolve
from ovseg_jax.training import initial, sharding
from ovseg_jax.weights import find_weights


class PreflightError(OvsegError, ValueError):
    """An experiment cannot run; the message lists everything that stands in its way."""


class Problems:
    """Collects the refusals of checks, so that a user learns of all of them at once."""

    def __init__(self):
        """Starts with none."""
        self._errors: dict[str, OvsegError] = {}

    @contextlib.contextmanager
    def noted(self, where: str = "") -> Iterator[None]:
        """Notes a refusal inside of it; `where` says which part of the config it is about."""
        try:
            yield
        except OvsegError as error:
            if not any(line.endswith(str(error)) for line in self._errors):
                self._errors[f"{where}{error}"] = error

    def tell(self) -> None:
        """Raises what was noted, if anything was.

        Raises:
            OvsegError: The only refusal, as it is.
            PreflightError: Several refusals, or one of a named part of the config.
        """
        lines = list(self._errors)
        if len(lines) > 1:
            raise PreflightError(trees.listing("this cannot run", lines))
        for line, error in self._errors.items():
            raise error if line == str(error) else PreflightError(line) from error


def check_training(config: Config) -> None:
    """Checks a training run and its evaluations.

    Raises:
        OvsegError: What stands in the way; a `PreflightError` where it is several things.
    """
    problems = Problems()
    with problems.noted():
        _check_devices(config)
    with problems.noted():
        method = build.method(config.model)
        build.check_source(config.masks, method)
        build.mask_source(config.masks)
        _check_parameters(config, method)
    if config.num_steps:
        _check_data(config.data, problems)
    _check_items(build.evaluations(config), config.model, problems)
    problems.tell()
    if config.num_steps:
        with problems.noted():
            build.check_classes(config.model, _opened(config.data))
    _open_items(build.evaluations(config), problems)
    problems.tell()


def check_evaluations(items: Sequence[EvaluationConfig], model: ModelConfig) -> None:
    """Checks evaluations before the first of them starts.

    Raises:
        OvsegError: What stands in the way; a `PreflightError` where it is several things.
    """
    problems = Problems()
    _check_items(items, model, problems)
    problems.tell()
    _open_items(items, problems)
    problems.tell()


def _check_devices(config: Config) -> None:
    sharding.make_mesh(config.mesh)
    count = len(devices.found())
    if config.num_steps and config.data.batch_size % count:
        raise DataError(
            f"data.batch_size: {config.data.batch_size} images do not divide over {count} devices; "
            "use a multiple"
        )


def _check_parameters(config: Config, method: Any) -> None:
    """Compares patterns and stored weights with the parameters of the model."""
    shapes = build.parameter_shapes(method)
    trees.split(shapes, config.optimizer.trainable)
    if config.init_from or config.init_parts:
        initial.check_initial(shapes, config)


def _check_data(data: DataConfig, problems: Problems, where: str = "") -> None:
    with problems.noted(where):
        check_place(data)
    with problems.noted(where):
        if data.vocabulary:
            build.class_filter(data, named_classes(data.vocabulary))


def _check_items(items: Sequence[EvaluationConfig], model: ModelConfig, problems: Problems) -> None:
    with problems.noted():
        method = build.method(model)
        for item in items:
            build.check_source(item.masks, method, f"masks of evaluation {item.name!r}: masks")
    with problems.noted("model.train_vocabulary: "):
        if model.train_vocabulary:
            named_classes(model.train_vocabulary)
    for item in items:
        where = f"evaluation {item.name!r}: "
        _check_data(item.data, problems, where)
        with problems.noted(f"{where}masks.path: "):
            if item.masks.kind == "model" and item.masks.path:
                find_weights(resolve(item.masks.path))


def _open_items(items: Sequence[EvaluationConfig], problems: Problems) -> None:
    for item in items:
        with problems.noted(f"evaluation {item.name!r}: "):
            _opened(item.data)


def _opened(data: DataConfig) -> Any:
    """Opens a data set, which compares its classes with the vocabulary; returns the vocabulary."""
    open_split(data)
    classes = class_list(data)
    build.class_filter(data, classes)
    return classes

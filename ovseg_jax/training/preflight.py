"""What can be known before anything is compiled or written, with all problems in one message.

What a config says is compared with what is there: names, folders, devices, the shapes of stored
weights, classes and vocabularies; and numbers with their ranges. Only when that is in order are
data sets opened, which may mean preparing them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from ovseg_jax.config import Config, DataConfig, EvaluationConfig, ModelConfig
from ovseg_jax.config.data import SYNTHETIC, data_sets
from ovseg_jax.config.experiment import located_evaluations
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import devices, trees
from ovseg_jax.foundation.errors import warn
from ovseg_jax.inputs.builders import DataError, check_place
from ovseg_jax.inputs.datasets import check_known_split, open_split
from ovseg_jax.inputs.found_files import check_files
from ovseg_jax.inputs.labels import class_filter, class_list, named_classes, positions
from ovseg_jax.inputs.order import check_mixture
from ovseg_jax.inputs.synthetic import check_synthetic
from ovseg_jax.loading import build
from ovseg_jax.loading.checks import check_classes, check_source
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import find_weights
from ovseg_jax.methods.method import Method
from ovseg_jax.training import initial, ranges, shares
from ovseg_jax.training.optimizer import scale_updates
from ovseg_jax.training.problems import Problems


def check_training(config: Config) -> None:
    """Checks a training run and its evaluations.

    Raises:
        OvsegError: What stands in the way; a `PreflightError` where it is several things.
    """
    problems = Problems()
    note_settings(config, problems, len(devices.found()), devices.described())
    _check_data(sections(config, problems), problems)
    if config.num_steps:
        check_classes(config.model, class_list(config.data))


def note_settings(config: Config, problems: Problems, count: int, described: str) -> None:
    """Notes what is wrong with a training and its evaluations, but for their data.

    Args:
        config: The experiment.
        problems: Where it is noted.
        count: Devices that it is to run on.
        described: What messages call them.
    """
    note_numbers(config, problems)
    _warn_of_warmup(config)
    note_step(config, problems, count, described)
    for check in (_check_best, initial.check_places, _check_initial):
        with problems.noted():
            check(config)
    _check_items(located_evaluations(config), config.model, problems)


def note_step(config: Config, problems: Problems, count: int, described: str) -> None:
    """Notes what is wrong with the step of a training, of which no file is read.

    Args:
        config: The experiment; its model is not looked at where `note_numbers` has told that there
            can be none.
        problems: Where it is noted.
        count: Devices that it is to run on.
        described: What messages call them.
    """
    with problems.noted():
        shares.check_batch(config, count, described)
    if ranges.has_no_model(config):
        return
    with problems.noted():
        _check_trainable(config)
    with problems.noted():
        method = build.method(config.model)
        check_source(config.masks, method)
        build.mask_source(config.masks)
        if config.num_steps:
            _check_frame(config.data, method)
            shares.check_parts(config, method)
            shares.check_masks(config, method)
            _check_unnamed(config, method)


def note_data(config: Config, problems: Problems) -> None:
    """Notes what is wrong with the data of a training and its evaluations; prepares no records.

    Args:
        config: The experiment.
        problems: Where it is noted.
    """
    checks = (check_place, _check_list, _check_classes, check_files, _check_split)
    for where, data in sections(config, problems).items():
        for check in checks:
            with problems.noted(where):
                check(data)


def _check_split(data: DataConfig) -> None:
    if data.name != SYNTHETIC:
        check_known_split(data)


def sections(config: Config, problems: Problems) -> dict[str, DataConfig]:
    """Returns the data sections of a training and its evaluations by what messages call them."""
    return _trained_on(config, problems) | _sections(located_evaluations(config))


def check_evaluations(items: Sequence[EvaluationConfig], model: ModelConfig) -> None:
    """Checks evaluations before the first of them starts.

    Raises:
        OvsegError: What stands in the way; a `PreflightError` where it is several things.
    """
    problems = Problems()
    _check_items(items, model, problems)
    _check_data(_sections(items), problems)


def note_numbers(section: Config | EvaluationConfig, problems: Problems, where: str = "") -> None:
    """Notes every number that is out of range."""
    for refusal in ranges.refusals(section):
        with problems.noted(where):
            raise ConfigError(refusal)


def _warn_of_warmup(config: Config) -> None:
    """Tells of a rate that never comes to its peak; a run cut short to try it is no mistake."""
    warmup = config.optimizer.warmup_steps
    if 0 < config.num_steps < warmup:
        warn(
            f"optimizer.warmup_steps is {warmup} of {config.num_steps} steps: the learning rate "
            "never reaches optimizer.peak_lr"
        )


def _check_best(config: Config) -> None:
    """Refuses a score that no evaluation of the run gives before its end."""
    name, _, score = config.checkpoint.best.partition("/")
    known = {
        f"{item.name}/{metric}": item for item in config.evaluations for metric in item.metrics
    }
    found = known.get(f"{name}/{score.partition('/')[0]}")
    if not name or (found and found.every_steps and "/" in score):
        return
    rhythm = "" if found is None or found.every_steps else "; set every_steps of the evaluation"
    raise ConfigError(
        f"checkpoint.best is {config.checkpoint.best!r}; give EVALUATION/METRIC/SCORE such as "
        f"{next(iter(known), 'validation/semantic')}/mIoU; known: {', '.join(known) or 'none'}"
        f"{rhythm}"
    )


def _check_unnamed(config: Config, method: Method) -> None:
    """Refuses masks without names where a method would pass them over in silence."""
    if config.data.others == "unnamed" and not (config.data.classes and method.trains_unnamed):
        raise ConfigError(
            "data.others 'unnamed' takes the names of classes outside data.classes away and keeps "
            f"their masks, {len(config.data.classes)} classes are given, and method "
            f"{config.model.method.kind!r} {'learns' if method.trains_unnamed else 'cannot learn'} "
            "from masks without names; name classes and train 'mask_generator', or give 'void'"
        )


def _check_frame(data: DataConfig, method: Method, where: str = "") -> None:
    """Frames hold whole cells, or masks would not lie over the features."""
    multiple = method.stride
    if any(side % multiple for side in data.image_size):
        raise DataError(
            f"{where}data.image_size is {' x '.join(map(str, data.image_size))}; give multiples of "
            f"{multiple}, the pixels that one cell of this model covers"
        )


def _check_trainable(config: Config) -> None:
    """Compares patterns of the optimizer with the parameters of the model."""
    shapes = parameter_shapes(build.method(config.model))
    trainable, _ = trees.split(shapes, config.optimizer.trainable)
    scale_updates(config.optimizer.lr_factors, trainable)


def _check_initial(config: Config) -> None:
    """Compares stored weights with the parameters of the model."""
    if (config.init_from or config.init_parts) and not ranges.has_no_model(config):
        method = build.method(config.model)
        initial.check_initial(parameter_shapes(method), config, method.copies)


def _check_items(items: Sequence[EvaluationConfig], model: ModelConfig, problems: Problems) -> None:
    """Checks models, masks and words of evaluations."""
    with problems.noted():
        method = build.method(model)
        for item in items:
            where = f"evaluation {item.name!r}"
            check_source(item.masks, method, f"masks of {where}: masks")
            if item.protocol == "frame":
                _check_frame(item.data, method, f"{where}: ")
    with problems.noted("model.train_vocabulary: "):
        if model.train_vocabulary:
            named_classes(model.train_vocabulary)
    for item in items:
        note_numbers(item, problems, f"evaluation {item.name!r}: ")
        with problems.noted(f"evaluation {item.name!r}: "):
            if item.data.mixed_with:
                raise DataError("data.mixed_with: data sets are mixed for training only")
            if item.data.others != "void":
                raise DataError("data.others: masks without names are for training only")
        with problems.noted(f"evaluation {item.name!r}: masks.path: "):
            if item.masks.kind == "model" and item.masks.path:
                find_weights(resolve(item.masks.path))


def _sections(items: Sequence[EvaluationConfig]) -> dict[str, DataConfig]:
    """Returns the data sections of evaluations by what messages call them."""
    return {f"evaluation {item.name!r}: ": item.data for item in items}


def _trained_on(config: Config, problems: Problems) -> dict[str, DataConfig]:
    """Returns the data sections of a training; none where nothing is read."""
    data = config.data
    if not config.num_steps:
        return {}
    if data.name == SYNTHETIC:
        with problems.noted():
            check_synthetic(data)
            _check_list(data)
        return {}
    with problems.noted():
        check_mixture(data)
    alone, *others = data_sets(data)
    named = enumerate(others)
    return {"": alone} | {f"data.mixed_with[{number}]: ": item for number, item in named}


def _check_data(sections: Mapping[str, DataConfig], problems: Problems) -> None:
    """Checks data sets in three rounds, each quick beside the next; ends at the first that fails.

    Names and folders; then classes against vocabularies, for which the readers are loaded; then
    the records themselves, which may have to be prepared.
    """
    for checks in ((check_place, _check_list), (_check_classes,), (open_split,)):
        for (where, data), check in itertools.product(sections.items(), checks):
            with problems.noted(where):
                check(data)
        problems.tell()


def _check_list(data: DataConfig) -> None:
    if data.vocabulary:
        named_classes(data.vocabulary)


def _check_classes(data: DataConfig) -> None:
    positions(data)
    class_filter(data, class_list(data))

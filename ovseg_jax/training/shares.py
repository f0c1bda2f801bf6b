"""Whether a batch can be shared out: over devices, over those that share masks, and in parts."""

from __future__ import annotations

from ovseg_jax.config import Config
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import counted
from ovseg_jax.inputs.builders import DataError
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.methods.method import Method
from ovseg_jax.training import sharding, statistics


def groups(config: Config, count: int, described: str) -> int:
    """Returns over how many groups of devices a batch is split; a group holds the same images.

    Args:
        config: The experiment.
        count: Devices that it is to run on.
        described: What messages call them.

    Raises:
        ConfigError: The devices do not fill the mesh.
    """
    data, fsdp, _ = sharding.mesh_shape(config.mesh, count, described)
    return data * fsdp


def named(config: Config, count: int, thing: str = "device") -> str:
    """Returns what a batch is split over, such as "8 devices" or "2 groups of 4 devices".

    Args:
        config: The experiment, whose mesh the devices fill.
        count: How many they are.
        thing: What one of them is called.
    """
    if (masks := config.mesh.masks) == 1:
        return counted(count, thing)
    return f"{counted(count // masks, 'group')} of {masks} {thing}s"


def check_batch(config: Config, count: int, described: str) -> None:
    """Refuses a batch that does not divide over the devices, or not in the parts of a step.

    Raises:
        ConfigError: The devices do not fill the mesh.
        DataError: The batch does not divide.
    """
    apart = groups(config, count, described)
    if not config.num_steps:
        return
    images, over = config.data.batch_size, named(config, count)
    parts = max(config.step.accumulate, 1)  # less is refused by its range
    if images % apart:
        raise DataError(
            f"data.batch_size: {images} images do not divide over {over}; use a multiple of {apart}"
        )
    if images % (whole := apart * parts):
        raise DataError(
            f"step.accumulate: {images} images (data.batch_size) do not divide into {parts} parts "
            f"over {over}; use a multiple of {whole}"
        )


def check_masks(config: Config, method: Method) -> None:
    """Refuses to share masks out where that would only compute the same several times.

    Raises:
        ConfigError: The method has nothing to share.
    """
    if config.mesh.masks != 1 and not method.shares_masks:
        raise ConfigError(
            f"mesh.masks is {config.mesh.masks}, but method {config.model.method.kind!r} does not "
            "encode its masks one by one, so devices have nothing to share out; give 1"
        )


def check_parts(config: Config, method: Method) -> None:
    """Refuses to take a batch in parts where they would not add up to it.

    Raises:
        ConfigError: Parts are no batch to this loss, or to running statistics that train.
    """
    parts = config.step.accumulate
    if parts <= 1:
        return
    if not method.adds_up:
        raise ConfigError(
            f"step.accumulate is {parts}, but the loss of method {config.model.method.kind!r} "
            "compares the images of a batch with each other, so parts do not add up to it; give 1, "
            "and see step.remat"
        )
    if statistics.watched(trees.split(parameter_shapes(method), config.optimizer.trainable)[0]):
        raise ConfigError(
            f"step.accumulate is {parts}, but optimizer.trainable lists running statistics, for "
            "which a tower normalises by the whole batch; give 1, or leave */mean and */variance "
            "out"
        )

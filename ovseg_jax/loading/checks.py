"""Whether the parts of an experiment fit together: refusals that name the field."""

from __future__ import annotations

from ovseg_jax.config import MaskSourceConfig, ModelConfig, QueryGeneratorConfig
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.methods.method import Method
from ovseg_jax.vocabulary.classes import ClassList


def check_source(config: MaskSourceConfig, module: Method, field: str = "masks") -> None:
    """Refuses a mask source that the model has not.

    Args:
        config: Where masks come from.
        module: The method.
        field: What the config calls this source.

    Raises:
        ConfigError: Masks of a generator are wanted from a model without one, or masks of another
            model that is not named.
    """
    if config.kind == "model" and not config.path:
        raise ConfigError(
            f"{field}.kind is 'model', but {field}.path is empty: name the weights or run "
            "whose masks are wanted"
        )
    if config.kind == "generator" and not module.makes_masks:
        raise ConfigError(
            f"{field}.kind is 'generator', but the model has none (generator.kind is 'none'): give "
            f"it one, or set {field}.kind to 'ground_truth' or 'perturbed'"
        )


def check_classes(config: ModelConfig, classes: ClassList) -> None:
    """Refuses to teach or to score a generator's fixed list of classes by another vocabulary.

    Args:
        config: The model.
        classes: The vocabulary of the data.

    Raises:
        ConfigError: Labels would have no place in the list, or another class's.
    """
    generator = config.generator
    if config.method.kind != "mask_generator" or not isinstance(generator, QueryGeneratorConfig):
        return
    if generator.class_head != "linear":
        return
    if generator.num_classes != len(classes):
        raise ConfigError(
            f"generator.num_classes is {generator.num_classes}, but data.vocabulary "
            f"{classes.name!r} has {len(classes)} classes"
        )
    if config.train_vocabulary:
        own = named_classes(config.train_vocabulary)
        pairs = zip(own.classes, classes.classes, strict=True)
        apart = [(a.name, b.name) for a, b in pairs if not set(a.synonyms) & set(b.synonyms)]
        if differ := [f"{theirs!r} for {mine!r}" for mine, theirs in apart]:
            raise ConfigError(
                f"the generator knows the classes of {own.name!r} only, and data.vocabulary "
                f"{classes.name!r} has others in their places: {first_few(differ, 3)}"
            )

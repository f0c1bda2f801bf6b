"""Models from weights directories, ready to answer: what `api`, `cli` and evaluations load."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ovseg_jax import build
from ovseg_jax.config import DensePixelsConfig, ModelConfig, NoGeneratorConfig, SamConfig
from ovseg_jax.inference.engine import ModelParts
from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator
from ovseg_jax.inference.mask_makers.mask_maker import MaskMaker
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.models.clip.readout import Readout
from ovseg_jax.models.sam.sam import build_sam
from ovseg_jax.places import TOY
from ovseg_jax.typing import Params
from ovseg_jax.weights import find_weights, fingerprint, load_weights

ASSETS = Path(__file__).parent / "assets"
PREFERRED_TOY = "mask_adapter"


def load_parts(model: str | Path) -> tuple[ModelConfig, ModelParts]:
    """Loads a model that names masks.

    Args:
        model: A weights directory, a run, or "toy".

    Raises:
        SegmenterError: It makes masks but names nothing.
        ovseg_jax.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(model)))
    if isinstance(config.generator, SamConfig):
        raise SegmenterError(
            f"{model} makes masks but names nothing: give it as the generator of a model with CLIP"
        )
    return config, parts_of(model, config, params)


def load_dense_parts(model: str | Path, readout: Readout) -> ModelParts:
    """Loads a model's towers without its method and generator: what names pixels.

    Args:
        model: A weights directory, a run, or "toy".
        readout: How the last block of the image tower is read.

    Raises:
        SegmenterError: It has no towers, or none that can be read so.
        ovseg_jax.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(model)))
    if "clip" not in params:
        raise SegmenterError(f"{model} has no CLIP towers, so it cannot name pixels (--dense)")
    config = towers_only(config, readout)
    try:
        return parts_of(model, config, {"clip": params["clip"]})
    except ValueError as error:
        raise SegmenterError(f"{model} cannot name pixels so (--dense): {error}") from error


def towers_only(config: ModelConfig, readout: Readout) -> ModelConfig:
    """Describes a model's towers without its method and generator: what names pixels."""
    method = DensePixelsConfig(readout=readout)
    return dataclasses.replace(config, method=method, generator=NoGeneratorConfig())


def load_mask_maker(
    model: str | Path, cache_directory: Path | None = None, *, most: int = 0
) -> MaskMaker:
    """Loads a model whose masks another one names.

    Args:
        model: A weights directory, a run, or "toy".
        cache_directory: Where embeddings of words are kept; None for the user's cache.
        most: Masks of SAM per photo, those with the highest expected IoU; 0 for all.

    Raises:
        SegmenterError: It has no mask generator.
        ovseg_jax.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(model)))
    if isinstance(config.generator, SamConfig):
        sam = build_sam(config.generator.variant)
        return AutomaticMaskGenerator(sam, params["generator"], config.generator, most=most)
    if isinstance(config.generator, NoGeneratorConfig):
        raise SegmenterError(f"{model} has no mask generator")
    return Segmenter(parts_of(model, config, params), cache_directory)


def resolve(model: str | Path) -> Path:
    """Returns the directory that a model's name stands for: "toy" lies inside the package."""
    if str(model) != TOY:
        return Path(model)
    found = sorted(path.parent for path in (ASSETS / TOY).glob("*/config.json"))
    if not found:
        raise SegmenterError("this installation holds no toy weights; give --model a directory")
    return next((path for path in found if path.name.startswith(PREFERRED_TOY)), found[0])


def parts_of(model: str | Path, config: ModelConfig, params: Params) -> ModelParts:
    """Builds what a segmenter needs around the parameters of a model.

    Args:
        model: What reports call it.
        config: The model.
        params: All its parameters.
    """
    train = named_classes(config.train_vocabulary) if config.train_vocabulary else None
    return ModelParts(
        method=build.method(config),
        params=params,
        inference=config.inference,
        tokenizer=build.tokenizer(config),
        templates=config.templates,
        train_classes=train,
        weights_key=_weights_key(config, params),
        name=f"{model} ({config.method.kind}, {config.clip.variant or 'no words'})",
    )


def _weights_key(config: ModelConfig, params: Params) -> str:
    if not config.clip.variant:
        return ""
    return f"{fingerprint(params['clip']['text'])}-{config.clip.compute_dtype}"

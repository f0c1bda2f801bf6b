"""From a name or place to an opened model, ready to answer."""

from __future__ import annotations

import dataclasses
import difflib
from pathlib import Path

from ovseg_jax.config import DensePixelsConfig, ModelConfig, NoGeneratorConfig, SamConfig
from ovseg_jax.fetching import cache, hub
from ovseg_jax.fetching.table import published_files
from ovseg_jax.foundation import devices
from ovseg_jax.foundation.typing import Params
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator
from ovseg_jax.inference.mask_makers.generator import GeneratorMaskMaker
from ovseg_jax.inference.mask_makers.mask_maker import MaskMaker
from ovseg_jax.inference.model import Model
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.text_encoder import TextEncoder
from ovseg_jax.inputs.places import TOY
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import assemble
from ovseg_jax.loading.weights import find_weights, fingerprint, load_weights
from ovseg_jax.models.clip.readout import Readout
from ovseg_jax.models.sam.sam import build_sam

ASSETS = Path(__file__).parents[1] / "assets"
PREFERRED_TOY = "mask_adapter"


def open_model(place: str | Path) -> Model:
    """Opens a model that names masks.

    Args:
        place: A weights directory, a run, or a name (see `resolve`).

    Raises:
        SegmenterError: It makes masks but names nothing.
        ovseg_jax.loading.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(place)))
    if isinstance(config.generator, SamConfig):
        raise SegmenterError(
            f"{place} makes masks but names nothing: give it as the generator of a model with CLIP"
        )
    return _named(place, config, params)


def open_towers(place: str | Path, readout: Readout) -> Model:
    """Opens a model's towers without its method and generator: what names pixels.

    Args:
        place: A weights directory, a run, or a name (see `resolve`).
        readout: How the last block of the image tower is read.

    Raises:
        SegmenterError: It has no towers, or none that can be read so.
        ovseg_jax.loading.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(place)))
    if "clip" not in params:
        raise SegmenterError(f"{place} has no CLIP towers, so it cannot name pixels (--dense)")
    config = towers_only(config, readout)
    try:
        return _named(place, config, {"clip": params["clip"]})
    except ValueError as error:
        raise SegmenterError(f"{place} cannot name pixels so (--dense): {error}") from error


def towers_only(config: ModelConfig, readout: Readout) -> ModelConfig:
    """Describes a model's towers without its method and generator: what names pixels."""
    method = DensePixelsConfig(readout=readout)
    return dataclasses.replace(config, method=method, generator=NoGeneratorConfig())


def open_mask_maker(
    place: str | Path, cache_directory: Path | None = None, *, most: int = 0
) -> MaskMaker:
    """Opens a model whose masks another one names.

    Args:
        place: A weights directory, a run, or a name (see `resolve`).
        cache_directory: Where embeddings of words are kept; None for the user's cache.
        most: Masks of SAM per photo, those with the highest expected IoU; 0 for all.

    Raises:
        SegmenterError: It has no mask generator.
        ovseg_jax.loading.weights.WeightsError: There is no usable model at that place.
    """
    config, params = load_weights(find_weights(resolve(place)))
    if isinstance(config.generator, SamConfig):
        sam = build_sam(config.generator.variant)
        return AutomaticMaskGenerator(sam, params["generator"], config.generator, most=most)
    if isinstance(config.generator, NoGeneratorConfig):
        raise SegmenterError(f"{place} has no mask generator")
    engine = Engine(_named(place, config, params))
    return GeneratorMaskMaker(engine, TextEncoder(engine.model, engine.embed, cache_directory))


def resolve(place: str | Path) -> Path:
    """Returns the directory that a model's name stands for.

    Args:
        place: "toy", which lies inside the package; "hf:OWNER/REPO@REVISION", a weights directory
            of Hugging Face's hub; the name of a published file that `ovseg get` has fetched; or a
            path, which goes before such a name.

    Raises:
        SegmenterError: It is the name of a published file that is not here.
        ovseg_jax.fetching.web.FetchError: The hub does not give it.
    """
    name = str(place)
    if name == TOY:
        return _toy()
    if name.startswith(hub.PREFIX):
        return hub.snapshot(name)
    if Path(place).exists() or not (near := _published(name)):
        return Path(place)
    found = cache.converted(name) if near == name else None
    if found is None:
        said = (
            "is a published file" if near == name else f"is not here. {near!r} is a published file"
        )
        raise SegmenterError(f"{name} {said}; `ovseg get {near}` downloads and converts it")
    return found


def _published(name: str) -> str:
    """Returns the published file that a name means, or nearly means; empty for none."""
    table = published_files()
    near = difflib.get_close_matches(name, table, n=1, cutoff=0.85)
    return name if name in table else (near or [""])[0]


def _toy() -> Path:
    found = sorted(path.parent for path in (ASSETS / TOY).glob("*/config.json"))
    if not found:
        raise SegmenterError("this installation holds no toy weights; give --model a directory")
    return next((path for path in found if path.name.startswith(PREFERRED_TOY)), found[0])


def _named(place: str | Path, config: ModelConfig, params: Params) -> Model:
    """Puts a model together, with what reports and the cache of texts call it."""
    return dataclasses.replace(
        assemble(config, build.method(config), params),
        weights_key=_weights_key(config, params),
        name=f"{place} ({config.method.kind}, {config.clip.variant or 'no words'})",
    )


def _weights_key(config: ModelConfig, params: Params) -> str:
    if not config.clip.variant:
        return ""
    dtype = devices.compute_dtype(config.clip.compute_dtype)
    return f"{fingerprint(params['clip']['text'])}-{dtype}"

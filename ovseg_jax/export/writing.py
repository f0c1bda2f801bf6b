"""From a model's place to an export: opened, taken apart, written whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ovseg_jax.config import ModelConfig, SamConfig
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.disk.folders import check_folder, write_folder
from ovseg_jax.export.formats import FORMATS, Format
from ovseg_jax.export.manifest import MANIFEST, describe_export, describe_parts, hashes
from ovseg_jax.export.parameters import write_orbax, write_safetensors
from ovseg_jax.export.parts import Sizes, parts_of, usual_sizes
from ovseg_jax.export.tokens import TOKENIZER_JSON, write_tokenizer
from ovseg_jax.foundation.errors import ModelError, OvsegError
from ovseg_jax.foundation.typing import Params
from ovseg_jax.inference.model import Model
from ovseg_jax.loading.embedding import assemble
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.loading.weights import CONFIG, TOKENIZER, find_weights, load_weights, with_tokenizer
from ovseg_jax.methods.method import Method

WHAT = "the export"
COMMON = (MANIFEST, CONFIG, TOKENIZER, TOKENIZER_JSON)


class UnexportableError(OvsegError, ValueError):
    """A model cannot be written in a format; the message names both and the reason."""


@dataclasses.dataclass(frozen=True)
class Wish:
    """What is wanted of an export; zeros stand for what is usual.

    Attributes:
        format: A key of `ovseg_jax.export.formats.FORMATS`.
        frame: Height and width of the network's input in pixels.
        batch: Photos at once.
        masks: Masks per photo that are given, in place of the generator's.
        words: Slots for words; 0 for any number, where the format can.
        dtype: Of parameters that are written alone.
    """

    format: str
    frame: tuple[int, int] = (0, 0)
    batch: int = 1
    masks: int = 0
    words: int = 0
    dtype: str = "float32"


def export_model(
    place: str | Path, target: Path, wish: Wish, *, overwrite: bool = False
) -> dict[str, Any]:
    """Writes a model for programs without this package.

    Args:
        place: A weights directory, a run, or "toy".
        target: The folder to write.
        wish: What is wanted.
        overwrite: Also replace an export of another model.

    Returns:
        The manifest.

    Raises:
        UnexportableError: The model cannot be written so.
        ovseg_jax.foundation.errors.MissingPackageError: The format needs one that is not here.
        ovseg_jax.loading.weights.WeightsError: There is no usable model at that place.
        ovseg_jax.disk.atomic.OutputError: The folder may not be written, or the disk refuses.
    """
    source, kind = find_weights(resolve(place)), chosen_format(wish)
    names = (*COMMON, *(name for each in FORMATS.values() for name in each.entries))
    options = {"source": source, "overwrite": overwrite}
    inputs = [source / name for name in (CONFIG, "model.safetensors", "params")]
    check_folder(target, names, WHAT, inputs=inputs, **options)
    if kind.computes:
        kind.load().check_packages()
    config, params = load_weights(source)
    manifest = describe_export(wish.format, str(place), config)

    def write(folder: Path) -> None:
        stored = with_tokenizer(config, folder)
        (folder / CONFIG).write_text(json.dumps(to_dict(stored), indent=1))
        if kind.computes:
            manifest.update(_write_parts(opened(config, params), stored, wish, folder))
        elif wish.format == "orbax":
            write_orbax(params, folder, wish.dtype)
        else:
            write_safetensors(stored, params, folder, wish.dtype)
        written = sorted(path.name for path in folder.iterdir())
        manifest["sha256"] = hashes(folder, written)
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=1))

    with _own_refusals() as keep:
        write_folder(target, names, WHAT, keep(write), **options)
    return manifest


@contextlib.contextmanager
def _own_refusals() -> Iterator[Callable[[Callable[[Path], None]], Callable[[Path], None]]]:
    """Lets a refusal through as it is; whoever writes folders takes it for the disk's."""
    refusals: list[OvsegError] = []

    def keep(write: Callable[[Path], None]) -> Callable[[Path], None]:
        def kept(folder: Path) -> None:
            try:
                write(folder)
            except OvsegError as refusal:
                refusals.append(refusal)
                raise

        return kept

    try:
        yield keep
    except OutputError:
        if refusals:
            raise refusals[0] from None
        raise


def check_export(config: ModelConfig, method: Method, wish: Wish) -> None:
    """Lowers a model's parts without weights and writes nothing: what cannot work fails here.

    Args:
        config: The model, as it answers.
        method: The module, built from it.
        wish: What will be wanted.

    Raises:
        UnexportableError: As for `export_model`.
        ovseg_jax.foundation.errors.MissingPackageError: As for `export_model`.
    """
    kind = chosen_format(wish)
    if not kind.computes:
        return
    _check_sam(config, wish.format)
    model = assemble(config, method, parameter_shapes(method))
    module = kind.load()
    with _named(config, wish.format):
        module.lower(parts_of(model, sizes_of(model, kind, wish)))


def opened(config: ModelConfig, params: Params) -> Model:
    """Puts a model together.

    Raises:
        UnexportableError: It names nothing, so that it has no parts.
    """
    from ovseg_jax.loading import build

    _check_sam(config, "its computations")
    return assemble(config, build.method(config), params)


def chosen_format(wish: Wish) -> Format:
    """Returns the format that is wanted.

    Raises:
        UnexportableError: There is none of that name.
    """
    if wish.format not in FORMATS:
        raise UnexportableError(f"format {wish.format!r}: give one of {', '.join(FORMATS)}")
    return FORMATS[wish.format]


def sizes_of(model: Model, kind: Format, wish: Wish) -> Sizes:
    """Returns what is fixed: as it is wanted, else as is usual for model and format."""
    usual = usual_sizes(model, wish.frame)
    return dataclasses.replace(
        usual,
        batch=wish.batch,
        masks=wish.masks or usual.masks,
        words=wish.words or kind.words,
    )


def _write_parts(model: Model, stored: ModelConfig, wish: Wish, folder: Path) -> dict[str, Any]:
    """Writes parts and tokenizer; returns what the manifest says of them."""
    kind = chosen_format(wish)
    with _named(model.config, wish.format):
        sizes = sizes_of(model, kind, wish)
        parts = parts_of(model, sizes)
        files, weights = kind.load().write(model, parts, folder)
    said = describe_parts(model, parts, sizes, files, weights)
    return said | {"tokenizer_file": write_tokenizer(model.tokenizer, stored, folder)}


def _check_sam(config: ModelConfig, what: str) -> None:
    if isinstance(config.generator, SamConfig):
        raise UnexportableError(
            f"{config.generator.variant} cannot be written as {what}: its masks are chosen on the "
            "host from a grid of points; --format orbax and safetensors write its parameters"
        )


class _named:
    """Says of every refusal which method and format it is about."""

    def __init__(self, config: ModelConfig, format: str):
        self._what = f"{config.method.kind} cannot be written as {format}"

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        import jax

        tracing = (ModelError, jax.errors.JAXTypeError, NotImplementedError)
        symbolic = type(error).__name__ == "InconclusiveDimensionOperation"
        if error is not None and (isinstance(error, tracing) or symbolic):
            reason = str(error).strip().split("\n")[0]
            raise UnexportableError(f"{self._what}: {reason}") from error

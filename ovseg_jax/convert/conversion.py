"""One published file in, one weights directory out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.published import KINDS
from ovseg_jax.convert.reading.checkpoint_file import Checkpoint, file_hash, read_checkpoint
from ovseg_jax.convert.rules import ConversionError, ConversionReport
from ovseg_jax.convert.towers.huggingface import read_settings
from ovseg_jax.convert.values import check_values
from ovseg_jax.foundation.errors import warn
from ovseg_jax.foundation.typing import Params
from ovseg_jax.loading import weights


@dataclasses.dataclass(frozen=True)
class Conversion:
    """A converted file, before it is written.

    Attributes:
        config: The model found in the file.
        params: Its parameters.
        report: What became of every tensor.
        checkpoint: What was read.
        origin: Everything above that `report.json` tells, and the file's name, hash and licence.
    """

    config: ModelConfig
    params: Params
    report: ConversionReport
    checkpoint: Checkpoint
    origin: dict[str, Any]


def read_conversion(  # noqa: PLR0913 - what is read and how, all by keyword past the second
    kind: str,
    source: Path | str,
    *,
    variant: str = "",
    licence: str = "",
    tokenizer: str = "",
    clip: str = "",
    which: str = "",
    dtype: str = "float32",
    allow_nonfinite: bool = False,
) -> Conversion:
    """Reads and converts a checkpoint; writes nothing.

    Args:
        kind: A key of `ovseg_jax.convert.published.KINDS`.
        source: The published file, an index of its shards, or the folder of either.
        variant: The model, where sizes leave a choice (QuickGELU or not); empty for the kind's own.
        licence: Licence of this very file; empty for what the publisher states for the kind.
        tokenizer: SentencePiece file for kinds that need one; may follow later.
        clip: The CLIP file that was tuned, for kinds that leave out what stayed as it was.
        which: The set of weights, where a file has several (`ovseg_jax.convert.reading.levels`).
        dtype: Precision that the parameters will be stored in.
        allow_nonfinite: Accept values that are NaN or infinite, or would be in that precision.

    Raises:
        ReadError: The file cannot be read.
        ConversionError: No such kind or variant, the file does not fit, or its values are not
            finite.
    """
    _check_options(kind, tokenizer, clip)
    checkpoint = read_checkpoint(source, which)
    _say_which(checkpoint, source, which)
    extra: dict[str, Any] = {"base": read_checkpoint(clip).tensors} if clip else {}
    if KINDS[kind].has_settings:
        extra["settings"] = read_settings(checkpoint.files[0].parent)
    config, params, report = KINDS[kind].load()(
        checkpoint.tensors, str(source), variant=variant, **extra
    )
    options = {"dtype": dtype, "allow": allow_nonfinite}
    nonfinite = check_values(params, report, str(source), **options)
    if tokenizer:
        towers = dataclasses.replace(config.clip, tokenizer_file=str(tokenizer))
        config = dataclasses.replace(config, clip=towers)
    origin = {
        "kind": kind,
        "variant": config.clip.variant,
        **_files(checkpoint, clip),
        "licence": licence or f"{KINDS[kind].licence}, as its publisher states; check your copy",
        "stored_dtypes": checkpoint.dtypes,
        "taken": checkpoint.taken,
        "prefix": checkpoint.prefix,
        "wrappers": checkpoint.wrappers,
        "left_out": checkpoint.left_out,
        weights.NONFINITE: nonfinite,
        "used": report.used,
        "skipped": report.skipped,
        "filled": report.filled,
    }
    return Conversion(config, params, report, checkpoint, origin)


def _check_options(kind: str, tokenizer: str, clip: str) -> None:
    """Refuses options that a kind of file has no use for."""
    if kind not in KINDS:
        raise ConversionError(f"no converter {kind!r}; known: {', '.join(KINDS)}")
    if tokenizer and not KINDS[kind].has_tokenizer:
        raise ConversionError(f"files of the kind {kind} bring no SentencePiece text")
    if tokenizer and not Path(tokenizer).is_file():
        raise ConversionError(f"the tokenizer {tokenizer} is not a file")
    if clip and not KINDS[kind].needs_clip:
        raise ConversionError(f"files of the kind {kind} hold their CLIP model; leave out --clip")


def _files(checkpoint: Checkpoint, clip: str) -> dict[str, Any]:
    """Names and hashes of all files that were read."""
    first, *shards = checkpoint.files
    found: dict[str, Any] = {"source": first.name, "sha256": file_hash(first)}
    if shards:
        found["shards"] = {file.name: file_hash(file) for file in shards}
    if clip:
        found |= {"clip_file": Path(clip).name, "clip_sha256": file_hash(clip)}
    return found


def _say_which(checkpoint: Checkpoint, source: Path | str, which: str) -> None:
    """Warns where the rule chose among several sets of weights."""
    if checkpoint.others and not which:
        others = ", ".join(f"--which {name}" for name in checkpoint.others)
        warn(
            f"{source} holds several sets of weights; {checkpoint.taken!r} was taken. Others: "
            f"{others}"
        )


def convert_file(
    kind: str,
    source: Path | str,
    target: Path | str,
    *,
    layout: Literal["orbax", "safetensors"] = "orbax",
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    overwrite: bool = False,
    **options: Any,
) -> Conversion:
    """Converts a checkpoint; `report.json` beside the weights says what became of each tensor.

    Args:
        kind: A key of `ovseg_jax.convert.published.KINDS`.
        source: The published file.
        target: The weights directory to write.
        layout: See `ovseg_jax.loading.weights.save_weights`.
        dtype: Precision of the stored parameters.
        overwrite: See `ovseg_jax.loading.weights.save_weights`.
        **options: The other options of `read_conversion`.

    Raises:
        ReadError: As for `read_conversion`.
        ConversionError: Likewise.
        ovseg_jax.disk.atomic.OutputError: The target may not be written, which is found before
            anything is read; or the disk refuses.
    """
    check_target(target, source, overwrite=overwrite, **options)
    conversion = read_conversion(kind, source, dtype=dtype, **options)
    weights.save_weights(
        target,
        conversion.config,
        conversion.params,
        layout=layout,
        dtype=dtype,
        report=conversion.origin,
        source=Path(source),
        overwrite=overwrite,
    )
    return conversion


def check_target(
    target: Path | str,
    source: Path | str,
    *,
    overwrite: bool = False,
    tokenizer: str = "",
    clip: str = "",
    **_: object,
) -> None:
    """Refuses a target that may not be written, or that holds a file of the conversion.

    Raises:
        ovseg_jax.disk.atomic.OutputError: Says what is there and what to do.
    """
    inputs = [path for path in (source, tokenizer, clip) if path]
    weights.check_target(target, source=Path(source), inputs=inputs, overwrite=overwrite)

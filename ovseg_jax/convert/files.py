"""One published file in, one weights directory out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Literal

from ovseg_jax import weights
from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.kinds import KINDS
from ovseg_jax.convert.readers import Checkpoint, file_hash, read_checkpoint
from ovseg_jax.convert.rules import ConversionError, Report
from ovseg_jax.typing import Params


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
    report: Report
    checkpoint: Checkpoint
    origin: dict[str, Any]


def read_conversion(
    kind: str,
    source: Path | str,
    *,
    variant: str = "",
    licence: str = "",
    tokenizer: str = "",
    clip: str = "",
) -> Conversion:
    """Reads and converts a checkpoint; writes nothing.

    Args:
        kind: A key of `ovseg_jax.convert.kinds.KINDS`.
        source: The published file.
        variant: The model, where sizes leave a choice (QuickGELU or not); empty for the kind's own.
        licence: Licence of this very file; empty for what the publisher states for the kind.
        tokenizer: SentencePiece file for kinds that need one; may follow later.
        clip: The CLIP file that was tuned, for kinds that leave out what stayed as it was.

    Raises:
        ReadError: The file cannot be read.
        ConversionError: No such kind or variant, or the file does not fit.
    """
    if kind not in KINDS:
        raise ConversionError(f"no converter {kind!r}; known: {', '.join(KINDS)}")
    if tokenizer and not KINDS[kind].has_tokenizer:
        raise ConversionError(f"files of the kind {kind} bring no SentencePiece text")
    if tokenizer and not Path(tokenizer).is_file():
        raise ConversionError(f"the tokenizer {tokenizer} is not a file")
    if clip and not KINDS[kind].needs_clip:
        raise ConversionError(f"files of the kind {kind} hold their CLIP model; leave out --clip")
    checkpoint = read_checkpoint(source)
    extra = {"base": read_checkpoint(clip).tensors} if clip else {}
    config, params, report = KINDS[kind].load()(
        checkpoint.tensors, str(source), variant=variant, **extra
    )
    if tokenizer:
        towers = dataclasses.replace(config.clip, tokenizer_file=str(tokenizer))
        config = dataclasses.replace(config, clip=towers)
    origin = {
        "kind": kind,
        "variant": config.clip.variant,
        "source": Path(source).name,
        "sha256": file_hash(source),
        "licence": licence or f"{KINDS[kind].licence}, as its publisher states; check your copy",
        "stored_dtypes": checkpoint.dtypes,
        "prefix": checkpoint.prefix,
        **({"clip_file": Path(clip).name, "clip_sha256": file_hash(clip)} if clip else {}),
        "used": report.used,
        "skipped": report.skipped,
        "filled": report.filled,
    }
    return Conversion(config, params, report, checkpoint, origin)


def convert_file(
    kind: str,
    source: Path | str,
    target: Path | str,
    *,
    layout: Literal["orbax", "safetensors"] = "orbax",
    dtype: Literal["float32", "float16", "bfloat16"] = "float32",
    overwrite: bool = False,
    **options: str,
) -> Conversion:
    """Converts a checkpoint; `report.json` beside the weights says what became of each tensor.

    Args:
        kind: A key of `ovseg_jax.convert.kinds.KINDS`.
        source: The published file.
        target: The weights directory to write.
        layout: See `ovseg_jax.weights.save_weights`.
        dtype: Precision of the stored parameters.
        overwrite: See `ovseg_jax.weights.save_weights`.
        **options: `variant`, `licence`, `tokenizer` and `clip` of `read_conversion`.

    Raises:
        ReadError: As for `read_conversion`.
        ConversionError: Likewise.
        ovseg_jax.atomic.OutputError: The target may not be written, which is found before anything
            is read; or the disk refuses.
    """
    check_target(target, source, overwrite=overwrite, **options)
    conversion = read_conversion(kind, source, **options)
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
        ovseg_jax.atomic.OutputError: Says what is there and what to do.
    """
    inputs = [path for path in (source, tokenizer, clip) if path]
    weights.check_target(target, source=Path(source), inputs=inputs, overwrite=overwrite)

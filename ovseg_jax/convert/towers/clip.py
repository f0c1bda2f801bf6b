"""Whole CLIP files: which variant they hold, and their conversion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.convert.family import Family
from ovseg_jax.convert.rules import (
    ConversionError,
    ConversionReport,
    Table,
    Tensors,
    apply,
    prefixed,
)
from ovseg_jax.convert.towers import clip_text, convnext, eva, resnet, vit
from ovseg_jax.foundation.typing import Params
from ovseg_jax.models.clip.variants import VARIANTS, Variant, build_clip
from ovseg_jax.models.clip.variants import variant as find_variant

FAMILIES = (convnext.FAMILY, resnet.FAMILY, vit.FAMILY, *eva.FAMILIES)
HF_MARKER = "vision_model.embeddings.class_embedding"
OTHER_KINDS = {
    HF_MARKER: ". These are the names of Hugging Face's CLIPModel: convert with clip_hf",
    "vision_model.head.probe": ". These are the names of SigLIP: convert with siglip_hf",
    "visual.class_embedding": ". These are OpenCLIP's names: convert with open_clip or openai",
    "visual.trunk.stem.0.weight": ". These are OpenCLIP's names: convert with open_clip",
}
"""Tensors of files that another kind converts, and what to say."""
QUICK = "_quickgelu"
"""End of the names of variants that differ from another in the activation alone."""


def convert_open_clip(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a whole OpenCLIP or EVA-CLIP file.

    Args:
        tensors: Content of `open_clip_pytorch_model.bin` or its safetensors form.
        where: Name of the file, for messages.
        variant: The model, where sizes leave a choice; empty for the one with plain GELU.

    Returns:
        A model that pools under masks, its parameters under `clip/`, and the report.

    Raises:
        ConversionError: The file holds another kind of model, or does not fit the table.
    """
    return converted(*identify(tensors, where, variant=variant), tensors, where)


def convert_openai(
    tensors: Tensors, where: str, *, variant: str = ""
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts a file that OpenAI published: as `convert_open_clip`, but with QuickGELU."""
    name, table = identify(tensors, where, variant=variant)
    return converted(variant or quick(name), table, tensors, where)


def quick(name: str) -> str:
    """Returns the variant that differs in having QuickGELU, where there is one."""
    return name + QUICK if name + QUICK in VARIANTS else name


def converted(
    name: str, table: Table, tensors: Tensors, where: str
) -> tuple[ModelConfig, Params, ConversionReport]:
    """Converts the towers of a variant into a model that pools under masks."""
    rows = prefixed(table, "", "clip/")
    params, report = apply(rows, tensors, {"clip": expected_clip(name)}, where)
    return ModelConfig(clip=ClipConfig(variant=name), method=MaskPoolingConfig()), params, report


def expected_clip(variant: str) -> Mapping[str, Any]:
    """Returns the shapes of all parameters of a variant."""
    clip, size = build_clip(variant), find_variant(variant).image_size
    arguments = jnp.zeros((1, size, size, 3)), jnp.zeros((1, 1), jnp.int32)
    return jax.eval_shape(clip.init, jax.random.key(0), *arguments)["params"]


def identify(
    tensors: Mapping[str, Any],
    where: str,
    *,
    variant: str = "",
    families: Sequence[Family] = FAMILIES,
) -> tuple[str, Table]:
    """Returns the variant whose sizes are those of the tensors, and the table of its files.

    Args:
        tensors: Anything with a `shape`, by the names of a CLIP file.
        where: Name of the file, for messages.
        variant: The wanted variant; empty for the first that fits.
        families: The layouts that it may have.

    Raises:
        ConversionError: The file holds no CLIP that is known here, one of unknown sizes, or not
            the wanted one.
    """
    family = _family(tensors, where, families)
    text = family.text or clip_text.LAYOUT
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    found = family.sizes(shapes), text.sizes(shapes)
    table = (*family.table, *text.table)
    rows = VARIANTS if not variant else {variant: _wanted(variant)}
    rows = {name: row for name, row in rows.items() if type(row.visual) is family.tower}
    for name, row in rows.items():
        if _fields(row, *found) == found:
            return name, table
    known = "\n  ".join(f"{name}: {_said(*_fields(row, *found))}" for name, row in rows.items())
    wanted = "no variant has" if not variant else f"are not those of {variant}"
    raise ConversionError(
        f"{where} has sizes that {wanted}: {_said(*found)}. {'Known' if known else 'None known'}:"
        f"\n  {known or f'{variant} is no {family.name}'}"
    )


def identify_image(
    tensors: Mapping[str, Any], where: str, *, variant: str = ""
) -> tuple[str, Table]:
    """As `identify`, for files that hold the image tower alone, as `visual.*`.

    Raises:
        ConversionError: As for `identify`.
    """
    family = _family(tensors, where)
    found = family.sizes({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    rows = VARIANTS if not variant else {variant: _wanted(variant)}
    for name, row in rows.items():
        if type(row.visual) is family.tower and _fields(row, found, {})[0] == found:
            return name, family.table
    wanted = f"of {variant}" if variant else "of any variant"
    raise ConversionError(f"{where} has an image tower with sizes not {wanted}: {found}")


def _wanted(name: str) -> Variant:
    try:
        return find_variant(name)
    except ValueError as error:
        raise ConversionError(str(error)) from error


def _family(
    tensors: Mapping[str, Any], where: str, families: Sequence[Family] = FAMILIES
) -> Family:
    for family in families:
        if family.marker in tensors:
            return family
    some = ", ".join(list(tensors)[:3])
    markers = ", ".join(f"{family.marker} ({family.name})" for family in families)
    hint = next((hint for name, hint in OTHER_KINDS.items() if name in tensors), "")
    raise ConversionError(
        f"{where} holds no CLIP image tower that is known here: it has none of {markers}, but "
        f"{some}, ...{hint}"
    )


def _fields(row: Variant, image: Mapping[str, Any], text: Mapping[str, Any]) -> tuple[dict, dict]:
    """Returns those sizes of a variant that a file shows."""
    return (
        {field: getattr(row.visual, field, None) for field in image},
        {field: getattr(row.text, field, None) for field in text},
    )


def _said(image: Mapping[str, Any], text: Mapping[str, Any]) -> str:
    return f"image {dict(image)}, text {dict(text)}"

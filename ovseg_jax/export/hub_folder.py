"""A folder that Hugging Face's tools upload: weights, where they come from, and a model card."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from ovseg_jax.config import ModelConfig
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.disk.folders import check_folder, write_folder
from ovseg_jax.disk.json_text import parse_json
from ovseg_jax.export.model_card import CARD, model_card
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.loading.arrays import REPORT, SAFETENSORS
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.weights import (
    CONFIG,
    TOKENIZER,
    find_weights,
    load_weights,
    with_tokenizer,
)

NAMES = (CONFIG, REPORT, TOKENIZER, SAFETENSORS, CARD)
WHAT = "the folder to upload"
_REPOSITORY = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


class PushError(OvsegError, ValueError):
    """A folder is not ready to be uploaded; the message says what is missing."""


def write_hub_folder(
    place: str | Path, target: Path, repository: str, licence: str = "", *, overwrite: bool = False
) -> Path:
    """Writes a folder to upload; nothing is sent anywhere.

    Args:
        place: A weights directory, a run, or a name (`ovseg_jax.loading.opening.resolve`).
        target: The folder to write.
        repository: Where it will be, "OWNER/NAME"; the card names it.
        licence: Licence of the weights; empty for what their report states.
        overwrite: Also replace our own files that were altered or made from something else.

    Raises:
        PushError: No licence is known, or the repository's name is none.
        ovseg_jax.loading.weights.WeightsError: There are no weights at that place.
        ovseg_jax.disk.atomic.OutputError: The folder may not be written, or the disk refuses.
    """
    if not _REPOSITORY.fullmatch(repository):
        raise PushError(f"--repo {repository}: write OWNER/NAME")
    source = find_weights(resolve(place))
    inputs = [source / name for name in (CONFIG, SAFETENSORS, REPORT, "params")]
    options = {"source": source, "overwrite": overwrite}
    check_folder(target, NAMES, WHAT, inputs=inputs, **options)
    report = _report(source)
    licence = licence or str(report.get("licence", ""))
    if not licence:
        raise PushError(f"{source} has no report that states a licence; say --licence NAME")
    config, params = load_weights(source)

    def write(folder: Path) -> None:
        stored = with_tokenizer(config, folder)
        (folder / CONFIG).write_text(json.dumps(to_dict(stored), indent=1))
        (folder / REPORT).write_text(json.dumps({**report, "licence": licence}, indent=1))
        (folder / CARD).write_text(model_card(stored, report, licence, repository))
        if (source / SAFETENSORS).is_file():  # as it is: precision stays
            shutil.copyfile(source / SAFETENSORS, folder / SAFETENSORS)
        else:
            save_file(trees.flatten(params), folder / SAFETENSORS)

    write_folder(target, NAMES, WHAT, write, **options)
    return target


def check_hub_folder(folder: Path) -> ModelConfig:
    """Checks that a folder can be uploaded and then loaded by "hf:OWNER/NAME".

    Returns:
        The model's config.

    Raises:
        PushError: A file is missing, or the card states no licence.
        ovseg_jax.loading.weights.WeightsError: The weights do not load.
        ovseg_jax.foundation.trees.TreeError: They do not fit their config.
    """
    missing = [name for name in (CONFIG, SAFETENSORS, CARD) if not (folder / name).is_file()]
    if missing:
        raise PushError(
            f"{folder} lacks {', '.join(missing)}; `ovseg push {folder} OUT --repo OWNER/NAME` "
            "writes a folder that has all"
        )
    head = (folder / CARD).read_text(encoding="utf-8").split("---")
    if len(head) < 3 or head[0].strip() or "license:" not in head[1]:
        raise PushError(f"{folder / CARD} does not begin with a head that states `license:`")
    return load_weights(folder)[0]


def _report(source: Path) -> Mapping[str, Any]:
    path = source / REPORT
    content = parse_json(path.read_bytes(), str(path), finite=False) if path.is_file() else {}
    return content if isinstance(content, dict) else {}

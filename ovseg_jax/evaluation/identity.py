"""All that decides what an evaluation counts, so that counts of two are never mixed."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.disk.configs_io import to_dict
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Params
from ovseg_jax.inputs.datasets import describe_records
from ovseg_jax.loading.weights import fingerprint
from ovseg_jax.vocabulary.classes import ClassList, class_file_hash

PACKAGE = Path(__file__).parents[1]
Identity = dict[str, Any]


def identify(
    config: EvaluationConfig,
    model: ModelConfig,
    params: Params,
    classes: ClassList,
    **more: Any,
) -> Identity:
    """Gathers config, weights, records, words, code and machine.

    Args:
        config: Data, masks and metrics.
        model: The model section.
        params: All parameters; they are hashed.
        classes: What is asked for.
        more: What else decides.
    """
    evaluation = to_dict(config)
    del evaluation["every_steps"], evaluation["data"]["prepared"]
    return {
        "weights": fingerprint(params),
        "evaluation": evaluation,
        "model": to_dict(model),
        "records": describe_records(config.data),
        "classes": class_file_hash(classes),
        "code": code_hash(),
        "jax": jax.__version__,
        "device": jax.local_devices()[0].device_kind,
        "hosts": [jax.process_index(), jax.process_count()],
        **more,
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lists the fields in which two identities differ, as "field: old -> new"."""
    before, after = trees.flatten(old), trees.flatten(new)
    names = [name for name in {**after, **before} if before.get(name) != after.get(name)]
    return [
        f"{name.replace('/', '.')}: {_short(before.get(name))} -> {_short(after.get(name))}"
        for name in names
    ]


@functools.cache
def code_hash() -> str:
    """Hashes the source of this package, since a version lasts for many changes."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:16]}..."

"""States of a published set's folder, by which records of a half-copied one are told from others.

TFDS knows records by the name of their config and would hand those of a subset to whoever gives the
whole folder later. So configs get the state of the folder behind their name: `panoptic-1a2b3c4d`.
A state is what the set's trees say is read: paths below its folders, and sizes in bytes. Times and
places do not count, so that every host and every copy has the same.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow_datasets as tfds

from data.manual_files import ManualFileError
from data.trees import Tree, config_name
from ovseg_jax.foundation.errors import first_few, warn

DIGITS = 8
_KNOWN: dict[tuple, str] = {}


def state_of(trees: dict[str, Tree]) -> str:
    """Returns hexadecimal digits that stand for the files of all splits.

    A process looks again only where a folder or list has another time than before: a run opens its
    set several times, and on a network each file is a question.
    """
    stamp = tuple((split, *found) for split, tree in trees.items() for found in tree.stamps())
    if stamp not in _KNOWN:
        _KNOWN[stamp] = _digest(trees)
    return _KNOWN[stamp]


def _digest(trees: dict[str, Tree]) -> str:
    digest = hashlib.sha256()
    for split, tree in sorted(trees.items()):
        lines = sorted(f"{what}\0{place}\0{size}\n" for what, place, size in tree.contents())
        digest.update("".join([f"{split}\n", *lines]).encode(errors="surrogateescape"))
    return digest.hexdigest()[:DIGITS]


def config_of_state(module: ModuleType, root: str, config: str) -> tfds.core.BuilderConfig:
    """Returns a config whose records belong to a folder as it is now.

    Args:
        module: Of a builder that offers `trees`.
        root: The folder of the set.
        config: A config of the builder; empty for its first.
    """
    known = module.Builder.builder_configs
    chosen = known[config or next(iter(known))]
    name = f"{chosen.name}-{state_of(module.trees(root, chosen.name))}"
    return tfds.core.BuilderConfig(name=name, description=chosen.description)


def prepared_config(
    module: ModuleType, data_dir: str, config: str
) -> str | tfds.core.BuilderConfig:
    """Returns the only prepared state of a config, for hosts that have records and no folder.

    Args:
        module: Of a builder that offers `trees`.
        data_dir: Where records lie; empty for TFDS's own place.
        config: A config of the builder; empty for its first.

    Returns:
        The plain config where there is no state, or where that was prepared, before there were any.

    Raises:
        ManualFileError: Several are prepared, and nothing says which is meant.
    """
    builder = module.Builder(config=config or None, data_dir=data_dir or None)
    found = _prepared_beside(builder)
    if len(found) > 1:
        raise ManualFileError(
            f"{builder.name} was prepared from several folders: {first_few(map(str, found))}; give "
            "the folder whose records are meant, or delete or move the others"
        )
    name = found[0].parent.name if found else builder.builder_config.name
    if name == builder.builder_config.name:
        return name
    return tfds.core.BuilderConfig(name=name, description=builder.builder_config.description)


def tell_other_states(builder: Any) -> None:
    """Says that records are prepared anew, where there are some of another state of the folder."""
    here = Path(builder.data_path)
    if here.is_dir():
        return
    others = [path for path in _prepared_beside(builder) if path != here]
    if others:
        warn(
            f"{builder.name}: the folder holds other files than when records were prepared of it; "
            f"prepared anew as {here.parent.name}. Not used: {first_few(map(str, others))}; delete "
            "what is not needed"
        )


def _prepared_beside(builder: Any) -> list[Path]:
    """Returns the records of all states of a builder's config, of its version."""
    here = Path(builder.data_path)
    config = re.escape(config_name(here.parent.name))
    state = re.compile(rf"{config}(-[0-9a-f]{{{DIGITS}}})?")
    places = here.parents[1].glob(f"*/{here.name}") if here.parents[1].is_dir() else ()
    return sorted(
        path
        for path in places
        if state.fullmatch(path.parent.name) and (path / "dataset_info.json").is_file()
    )

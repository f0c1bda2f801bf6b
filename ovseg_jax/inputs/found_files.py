"""Whether the files of a data set are where its config says; opens no picture, writes nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ovseg_jax.config import DataConfig
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.inputs.builders import DataError, builder_module


def check_files(data: DataConfig) -> None:
    """Looks for the folders and lists of the splits of a published set.

    Sets that draw themselves, and folders of the user's own, have nothing to look for here.

    Args:
        data: The data section.

    Raises:
        DataError: There is no such split, or files are missing and no records are prepared.
    """
    module = builder_module(data)
    if not hasattr(module, "trees"):
        return
    if not data.root:
        _check_prepared(module, data)
        return
    config = data.config or next(iter(module.Builder.builder_configs))
    trees = module.trees(data.root, config)
    for split in split_names(data.split):
        if split not in trees:
            known = ", ".join(trees)
            raise DataError(f"data.split: {data.name} has no split {split!r}; known: {known}")
        if missing := _missing(trees[split]):
            raise DataError(
                f"data.root: {data.root} is no whole copy of {data.name}; missing for {split}: "
                f"{first_few(missing)} (`ovseg data check {data.name} {data.root}` tells all)"
            )


def split_names(split: str) -> list[str]:
    """Returns the splits that a TFDS expression reads: "train[:9]+validation" reads two.

    Args:
        split: The expression.
    """
    return [name.strip() for name in re.sub(r"\[[^\]]*\]", "", split).split("+")]


def _missing(tree: Any) -> list[str]:
    """What a split lacks of its folders and lists."""
    folders = filter(None, (tree.photos, tree.labels))
    lost = [f"{folder.what} ({folder.path})" for folder in folders if not folder.path.is_dir()]
    return lost + [f"the list {path}" for path in tree.lists if not path.is_file()]


def _check_prepared(module: Any, data: DataConfig) -> None:
    """Without the publisher's files there have to be records."""
    try:
        builder = module.Builder(config=data.config or None, data_dir=data.prepared or None)
    except ValueError as error:
        raise DataError(f"data.config: {data.name}: {error}") from error
    folder = Path(builder.data_path).parents[1]  # all configs and states of the set
    if not any(folder.glob("*/*/dataset_info.json")):
        raise DataError(
            f"data.root is empty, and there are no prepared records of {data.name} in {folder}; "
            "give --data.root, the folder of the publisher's files"
        )

"""Builds a data set: `python -m data.build NAME [--config C] [--manual-dir DIR] [--data-dir DIR]`.

Does what `tfds build` does for these folders, without Apache Beam, which that command imports.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from data.manual_files import ManualFileError
from ovseg_jax.configs_io import ConfigError

NAMES = ("coco_panoptic", "coco_stuff", "mined_pairs", "photo_set", "toy_world")
FILE_FORMAT = "array_record"
"""Lets the training stream read any example by its number."""


def make_builder(
    name: str,
    config: str | None = None,
    data_dir: str | Path | None = None,
    manual_dir: Path | None = None,
) -> tfds.core.GeneratorBasedBuilder:
    """Returns the builder of a data set of this folder.

    Args:
        name: One of `NAMES`.
        config: Name of a builder config; the first one when None.
        data_dir: Where prepared data lies or will lie; TFDS's default when None.
        manual_dir: The user's folder, where records are kept apart by its content.

    Raises:
        ConfigError: If there is no such data set.
        ManualFileError: If the folder is not what the data set expects.
    """
    if name not in NAMES:
        raise ConfigError(f"data set: there is no {name!r}; available are {', '.join(NAMES)}")
    module = importlib.import_module(f"data.{name}.{name}_dataset_builder")
    if manual_dir is not None and hasattr(module, "config_of_folder"):
        config = module.config_of_folder(str(manual_dir), config or "")
    place = None if data_dir is None else str(data_dir)
    return module.Builder(config=config, data_dir=place, file_format=FILE_FORMAT)


def main() -> None:
    """Parses the command line, prepares the data set and prints where it lies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--config", help="builder config (default: the first one)")
    parser.add_argument("--manual-dir", type=Path, help="folder with the publisher's files")
    parser.add_argument("--data-dir", type=Path, help="where to write (default: TFDS's)")
    options = parser.parse_args()
    try:
        builder = _prepare(options, parser)
    except ManualFileError as error:
        parser.exit(1, f"error: {error}\n")
    for name, split in builder.info.splits.items():
        print(f"{name}: {split.num_examples} examples")
    print(f"in {builder.data_path}")


def _prepare(options: argparse.Namespace, parser: argparse.ArgumentParser) -> Any:
    folder = options.manual_dir if options.manual_dir and options.manual_dir.is_dir() else None
    builder = make_builder(options.name, options.config, options.data_dir, folder)
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and folder is None:
        instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
        parser.error(f"--manual-dir: {options.manual_dir} is not a folder. {instructions}")
    manual = str(folder) if folder else None
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))
    return builder


if __name__ == "__main__":
    main()

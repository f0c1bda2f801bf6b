"""Builds a data set: `ovseg data build NAME [--config C] [--manual-dir DIR] [--data-dir DIR]`.

Does what `tfds build` does for these folders, without Apache Beam, which that command imports.
Prints the classes of the labels; for a folder of your own also how many segments each has, and
writes them as `classes.json` beside the records, a class list as every option reads it.
"""

from __future__ import annotations

import argparse
import collections
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data.manual_files import ManualFileError
from data.preparing import prepare
from data.states import config_of_state, tell_other_states
from ovseg_jax.disk import shipped
from ovseg_jax.disk.atomic import write_atomically
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.foundation.errors import first_few, printable
from ovseg_jax.inputs.builders import without_notes
from ovseg_jax.inputs.places import local
from ovseg_jax.vocabulary.classes import ClassList
from ovseg_jax.vocabulary.matching import SHOWN

NAMES = shipped.data_sets()
FILE_FORMAT = "array_record"
"""Lets the training stream read any example by its number."""
CLASSES = "classes.json"


def module_of(name: str) -> Any:
    """Imports the builder module of a data set.

    Raises:
        ConfigError: There is no such data set.
    """
    if name not in NAMES:
        raise ConfigError(f"data set: there is no {name!r}; available are {', '.join(NAMES)}")
    return importlib.import_module(f"data.{name}.{name}_dataset_builder")


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
        manual_dir: The user's folder; records are kept apart by its content.

    Raises:
        ConfigError: If there is no such data set.
        ManualFileError: If the folder is not what the data set expects.
    """
    module = module_of(name)
    if manual_dir is not None and hasattr(module, "config_of_folder"):
        config = module.config_of_folder(str(manual_dir), config or "")
    elif manual_dir is not None and hasattr(module, "trees"):
        config = config_of_state(module, str(manual_dir), config or "")
    place = None if data_dir is None else str(data_dir)
    with without_notes():
        return module.Builder(config=config, data_dir=place, file_format=FILE_FORMAT)


def main(argv: Sequence[str] | None = None, program: str | None = None) -> None:
    """Parses the command line, prepares the data set and says what and where it is.

    Args:
        argv: The arguments; those of the process when None.
        program: What usage messages call the program.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--config", help="builder config (default: the first or only one)")
    parser.add_argument("--manual-dir", type=Path, help="folder with the publisher's files")
    parser.add_argument("--data-dir", type=Path, help="where to write (default: TFDS's)")
    options = parser.parse_args(argv)
    for place in filter(None, (options.manual_dir, options.data_dir)):
        local(place)
    try:
        builder, classes = _prepare(options, parser)
    except ManualFileError as error:
        parser.exit(2, printable(f"ovseg: error: {error}\n"))
    for name, split in builder.info.splits.items():
        print(f"{name}: {split.num_examples} examples")
    print(f"in {builder.data_path}")
    print(printable(f"{len(classes)} classes: {first_few(classes.names, SHOWN)}"))
    if hasattr(module_of(options.name), "config_of_folder"):
        _tell_own_classes(builder, classes)


def _prepare(options: argparse.Namespace, parser: argparse.ArgumentParser) -> tuple[Any, ClassList]:
    folder = options.manual_dir if options.manual_dir and options.manual_dir.is_dir() else None
    builder = make_builder(options.name, options.config, options.data_dir, folder)
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and folder is None:
        instructions = builder.MANUAL_DOWNLOAD_INSTRUCTIONS
        parser.error(f"--manual-dir: {options.manual_dir} is not a folder. {instructions}")
    if hasattr(module_of(options.name), "trees"):
        tell_other_states(builder)
    manual = str(folder) if folder else None
    prepare(builder, manual, FILE_FORMAT)
    return builder, module_of(options.name).class_list(manual or "", options.config or "")


def _tell_own_classes(builder: Any, classes: ClassList) -> None:
    """Prints how many segments each class has, and writes the classes beside the records."""
    skip = {"image": tfds.decode.SkipDecoding(), "segment_ids": tfds.decode.SkipDecoding()}
    count: collections.Counter[int] = collections.Counter()
    for split in builder.info.splits:
        for record in builder.as_data_source(split=split, decoders=skip):
            count.update(np.asarray(record["categories"]).tolist())
    for index, name in enumerate(classes.names):
        print(printable(f"  {count[index]:6d} {name}"))
    entries = [{"names": x.synonyms, "thing": x.is_thing} for x in classes.classes]
    text = json.dumps({"classes": entries}, indent=1, ensure_ascii=False)
    place = write_atomically(
        Path(builder.data_path).absolute() / CLASSES, lambda file: file.write(f"{text}\n".encode())
    )
    print(f"class list: {place}")


if __name__ == "__main__":
    main()

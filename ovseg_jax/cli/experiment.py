"""Experiments from config files: a Python file with `get_config()`, and overrides by option."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.disk import shipped


def load_config(path: Path) -> Any:
    """Runs a config file and returns its `Config`.

    It may import `configs.*`, from the folder `configs` that it lies in or else from that of the
    package, and files beside it. Relative paths in it start from its folder where they lead
    somewhere, see `ovseg_jax.inputs.places`.

    Args:
        path: The file; `configs/...` that is not here is that of the package. Behind a colon the
            name of a variant, where it has `VARIANTS` ("configs/mask_adapter/ablations.py:concat").

    Raises:
        UsageError: The file is missing, has no `get_config`, or returns something else; or it has
            no such variant.
    """
    from ovseg_jax.config import Config
    from ovseg_jax.inputs.places import beside_file

    file, mark, variant = str(path).partition(".py:")
    given = Path(f"{file}.py") if mark else path
    path = shipped.find_config(given)
    if path.exists() and (path.is_dir() or path.suffix != ".py"):
        raise UsageError(
            f"{given} is no config file; give a .py file such as those in configs/. (A run goes on "
            "by the command that began it.)"
        )
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(
            f"{given}: no such config file; give a .py file such as those in configs/{_near(given)}"
        )
    root, own = _root(path.resolve())
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    shipped.share_configs(own)
    module, loader = shipped.prepare_module(f"_config_{path.stem}", path)
    loader.exec_module(module)
    if not hasattr(module, "get_config"):
        raise UsageError(f"{path}: defines no get_config(); see configs/README.md")
    if mark and variant not in getattr(module, "VARIANTS", {}):
        known = ", ".join(getattr(module, "VARIANTS", {})) or "none"
        raise UsageError(f"{path}: no variant {variant!r}; known: {known}")
    config = module.get_config(variant) if mark else module.get_config()
    if not isinstance(config, Config):
        raise UsageError(f"{path}: get_config() returned a {type(config).__name__}, not a Config")
    return beside_file(config, path.resolve().parent)


def config_of(arguments: argparse.Namespace, command: str) -> Any:
    """Returns the config that a command names, with the options behind it, its paths made whole.

    Args:
        arguments: Of the command: `config`, the options that it does not know itself, and `help`.
        command: Its name.

    Raises:
        UsageError: See `load_config`.
        SegmenterError, FetchError: Initial weights are called by a name, and are not here.
    """
    from ovseg_jax.inputs.places import from_here

    options = [*arguments.rest, *(["--help"] if arguments.help else [])]
    config = load_config(arguments.config)
    return from_here(override(config, options, f"{command} {arguments.config}"), _weights)


def override(config: Any, options: Sequence[str], program: str) -> Any:
    """Applies options such as `--optimizer.peak-lr 2e-4`.

    An unknown option ends the program with status 2 and the name that was probably meant.

    Args:
        config: The config to start from.
        options: What stands on the command line after the program's own arguments.
        program: What usage messages call the program.
    """
    if not options:
        return config
    import tyro

    return tyro.cli(
        type(config),
        default=config,
        args=list(options),
        prog=program,
        description="Fields of the experiment; the defaults are those of the config file.",
        config=(tyro.conf.AvoidSubcommands,),
    )


def _weights(place: str) -> Path:
    """Returns where weights lie; those of the hub are downloaded, if they are not here."""
    from ovseg_jax.loading.opening import resolve

    return resolve(place)


def _root(path: Path) -> tuple[Path, Path | None]:
    """The folder whose modules a config file may import, and the `configs` that it lies in."""
    own = [folder for folder in path.parents if folder.name == "configs"]
    return (own[-1].parent, own[-1]) if own else (path.parent, None)


def _near(path: Path) -> str:
    """Names the config of the package that was probably meant."""
    known = [str(file.relative_to(shipped.ROOT)) for file in shipped.CONFIGS.rglob("*.py")]
    near = difflib.get_close_matches(str(path), known, n=1, cutoff=0.8)
    return f"; perhaps you meant {near[0]}" if near else ""

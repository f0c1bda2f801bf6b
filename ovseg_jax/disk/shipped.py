"""What is shipped with the package: `data/`, `configs/` and assets, found from any folder.

`data/` and `configs/` lie beside the package in a checkout, and in its folder `shipped/` where a
wheel was installed. They are found by that place and never by the import path, on which the
working folder or another package may have a `data` or `configs` of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.abc import Loader
from pathlib import Path
from types import ModuleType

from ovseg_jax.foundation.errors import OvsegError

PACKAGE = Path(__file__).resolve().parents[1]
PLACES = (PACKAGE / "shipped", PACKAGE.parent)
"""Where a wheel and where a checkout keep them."""
ROOT = next((place for place in PLACES if (place / "data" / "build.py").is_file()), PLACES[0])
DATA, CONFIGS = ROOT / "data", ROOT / "configs"


class ShippedError(OvsegError, ImportError):
    """A module of ours cannot be loaded, or another one takes its name."""


def data_sets() -> tuple[str, ...]:
    """Returns the names of the data sets that can be read, sorted."""
    return tuple(sorted(path.parent.name for path in DATA.glob("*/*_dataset_builder.py")))


def data_module(name: str) -> ModuleType:
    """Imports `data.<name>` of this package, whatever else is called `data`.

    Raises:
        ShippedError: The program has loaded another module `data` before.
    """
    loaded = sys.modules.get("data")
    if loaded is None:
        _load_package("data", [DATA])
    elif str(DATA) not in _folders(loaded):
        place = getattr(loaded, "__file__", None) or ", ".join(_folders(loaded))
        raise ShippedError(
            f"a module 'data' of your own is loaded, from {place}, and the readers of data sets "
            f"in {DATA} go by that name too; rename yours, or run `ovseg` as a program of its own"
        )
    return importlib.import_module(f"data.{name}")


def share_configs(own: Path | None = None) -> None:
    """Lets a config file import `configs.*`: from its own folder `configs` first, then from ours.

    Args:
        own: The folder `configs` that the file lies in; None where it lies elsewhere.
    """
    folders = [CONFIGS] if own is None or own.resolve() == CONFIGS else [own.resolve(), CONFIGS]
    loaded = sys.modules.get("configs")
    if loaded is not None and _folders(loaded) == list(map(str, folders)):
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        del sys.modules[name]
    _load_package("configs", folders)


def find_config(path: Path) -> Path:
    """Returns where a config file lies: `configs/...` that is not here is that of the package."""
    inside = path.parts[:1] == (CONFIGS.name,) and not path.exists()
    return ROOT / path if inside else path


def is_asset(path: str | Path) -> bool:
    """Whether a path means a file of the package, such as "ovseg_jax/assets/toy/fcclip"."""
    return Path(path).parts[:2] == (PACKAGE.name, "assets")


def asset(path: str | Path) -> Path:
    """Returns where "ovseg_jax/assets/..." lies; other paths as they are."""
    return PACKAGE.joinpath(*Path(path).parts[1:]) if is_asset(path) else Path(path)


def prepare_module(
    name: str, file: Path, folders: list[str] | None = None
) -> tuple[ModuleType, Loader]:
    """Makes the module of a Python file; its loader's `exec_module` then runs the file.

    Args:
        name: What the module is called.
        file: The file.
        folders: Where a package looks for its modules; None for a module that is no package.

    Raises:
        ShippedError: Python does not know how to load such a file.
    """
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise ShippedError(f"{file}: is no file that Python can import")
    return importlib.util.module_from_spec(spec), spec.loader


def _folders(module: ModuleType) -> list[str]:
    return [str(Path(folder).resolve()) for folder in getattr(module, "__path__", ())]


def _load_package(name: str, folders: list[Path]) -> None:
    """Makes a package of folders, in the order in which they are searched."""
    search = list(map(str, folders))
    start = folders[0] / "__init__.py"
    if not start.is_file():
        sys.modules[name] = package = ModuleType(name)
        package.__path__ = search
        return
    package, loader = prepare_module(name, start, search)
    sys.modules[name] = package
    loader.exec_module(package)

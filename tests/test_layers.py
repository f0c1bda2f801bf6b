"""Imports point down the layer list, and heavy libraries stay where they belong."""

import ast
import builtins
import functools
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "ovseg_jax"
ROWS = (
    ("foundation", "config"),
    ("disk",),
    ("fetching",),
    ("ops",),
    ("models", "vocabulary", "losses"),
    ("methods",),
    ("inputs",),
    ("masks",),
    ("inference",),
    ("loading",),
    ("evaluation", "export"),
    ("training", "convert", "mining"),
    ("planning", "api", "serve"),
    ("cli",),
)
ROW_OF = {name: number for number, row in enumerate(ROWS) for name in row}
FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


@functools.cache
def nodes(path):
    """All nodes of a file's syntax tree."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imported_modules(path):
    """Every absolute module name that a file imports, at any depth."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from names if node.module == "ovseg_jax" else [node.module]


def room(module):
    """The top-level name inside the package: `ovseg_jax.ops.images.resize` stands in `ops`."""
    return module.split(".")[1]


def home(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@functools.cache
def edges():
    """Every import of the package: file and module. Not at the top, which every worker runs."""
    return [(path, module) for path in FILES for module in imported_modules(path)]


def test_every_room_stands_in_a_row():
    assert {home(path) for path in FILES} == set(ROW_OF)


def test_imports_point_down():
    ours = [edge for edge in edges() if edge[1].startswith("ovseg_jax.")]
    crossing = [(path, module) for path, module in ours if room(module) != home(path)]
    assert len(crossing) > 500
    assert not [
        f"{path} imports {module}"
        for path, module in crossing
        if ROW_OF[room(module)] >= ROW_OF[home(path)]
    ]


def test_no_files_import_each_other_in_a_circle():
    """Functions that import late count too; a circle is an error that names its files."""
    names = {".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path for path in FILES}
    graph = {name: set(imported_modules(path)) & set(names) for name, path in names.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(names)


def test_heavy_libraries_stay_in_their_rooms():
    allowed = {
        "flax": {"models", "methods"},
        "tensorflow": {"inputs", "export"},
        "tensorflow_datasets": {"inputs"},
        "clu": {"training"},
        "av": {"inputs"},
        "spacy": {"mining"},
        "starlette": {"serve"},
        "uvicorn": {"cli"},
        "torch": set(),
    }
    assert not [
        f"{path} imports {module}"
        for path, module in edges()
        if home(path) not in allowed.get(module.split(".")[0], {home(path)})
    ]


@pytest.mark.parametrize("name", ["ops", "models", "masks", "vocabulary", "losses", "methods"])
def test_what_computes_never_reads_the_config(name):
    """Methods take their own settings, and know no experiment either."""
    allowed = "ovseg_jax.config.methods." if name == "methods" else "nothing"
    for path in (ROOT / name).rglob("*.py"):
        for module in imported_modules(path):
            assert not module.startswith("ovseg_jax.config") or module.startswith(allowed), path


def test_what_is_raised_belongs_to_one_family():
    """A bare builtin reaches users as a traceback, and passes by `except OvsegError`."""
    defects = {"NotImplementedError", "AssertionError", "StopIteration", "SystemExit"}
    raised = [
        (path, node, getattr(node.exc.func, "id", ""))
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    assert len(raised) > 200
    assert not [
        f"{path}:{node.lineno} raises {name}; use a class of OvsegError"
        for path, node, name in raised
        if isinstance(getattr(builtins, name, None), type) and name not in defects
    ]


def test_every_error_class_descends_from_one():
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                bases = [base.id for base in node.bases]
                assert node.name == "OvsegError" or bases[0] == "OvsegError", f"{path}: {bases}"

"""The table of memory in docs/weights.md: every model is in it, and the numbers are true."""

import importlib.util
import re
from pathlib import Path

import pytest

from ovseg_jax.convert.published import KINDS
from ovseg_jax.fetching.table import published_files
from tools import weights_page

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "weights.md").read_text()
QUICK = ("CLIP vit_b_16", "SAM vit_b", "Mask2Former swin_tiny", "MaskCLIP++ EVA02 B/16")


def _program():
    path = ROOT / "benchmarks" / "weights_memory.py"
    spec = importlib.util.spec_from_file_location("weights_memory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROGRAM = _program()
MODELS = PROGRAM.models()


def test_the_table_has_a_line_for_every_model():
    listed = re.findall(r"^\| ([^|]+?) \| [\d.]+ \| [\d.]+ \|$", TEXT, re.MULTILINE)
    assert listed == list(MODELS)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in MODELS]
)
def test_the_numbers_are_those_of_the_model(name):
    assert PROGRAM.row(name, PROGRAM.parameters(MODELS[name])) in TEXT.splitlines()


def test_the_tables_of_files_are_those_of_the_package():
    assert weights_page.page(TEXT) == TEXT, "stale: python -m tools.weights_page"


def test_every_name_that_is_typed_is_one():
    names = re.findall(r"^ovseg get (\w+)", TEXT, re.MULTILINE)
    names += re.findall(r"--(?:model|generator) ([a-z]\w+)(?![\w/:])", TEXT)
    assert set(names) <= {*published_files(), "weights"} and len(set(names)) > 10


def test_every_command_names_a_kind_that_exists():
    kinds = re.findall(r"ovseg convert (\w+) ", TEXT)
    assert set(kinds) <= set(KINDS) and len(set(kinds)) > 6

"""The table of memory in docs/weights.md: every model is in it, and the numbers are true."""

import importlib.util
import re
from pathlib import Path

import pytest

from ovseg_jax.convert.published import KINDS

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


def test_every_command_names_a_kind_that_exists():
    kinds = re.findall(r"ovseg convert (\w+) ", TEXT)
    assert set(kinds) <= set(KINDS) and len(set(kinds)) > 6

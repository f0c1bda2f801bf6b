"""docs/first_steps.ipynb runs, and shows what it gives."""

import json
from pathlib import Path

import pytest

from tools.record_commands import Block, same
from tools.run_notebook import executed

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "first_steps.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]


def texts(outputs):
    """What a cell printed and returned; pictures by their kind only."""
    for output in outputs:
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain", "")
        yield "".join(text), sorted(data)


def test_it_is_small_and_keeps_outputs_and_one_picture():
    assert NOTEBOOK.stat().st_size < 100_000
    assert all(cell["outputs"] and cell["execution_count"] for cell in CELLS)
    shown = [data for cell in CELLS for _, data in texts(cell["outputs"])]
    assert sum("image/png" in data for data in shown) == 1


@pytest.mark.slow
def test_it_runs_and_gives_what_it_shows():
    pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    now = [cell for cell in executed(NOTEBOOK).cells if cell.cell_type == "code"]
    for shown, cell in zip(CELLS, now, strict=True):
        pairs = zip(texts(shown["outputs"]), texts(cell.outputs), strict=True)
        for (before, kinds), (after, kinds_now) in pairs:
            # Masks that are found have a few pixels more or less on another machine.
            assert kinds == kinds_now and same(Block(before, "pixels" in before), Block(after)), (
                after
            )

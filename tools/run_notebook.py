"""Runs a notebook and keeps its outputs: python -m tools.run_notebook NOTEBOOK [--check].

Needs nbclient and ipykernel (the `dev` extra). With --check nothing is written; a cell that fails
is an error either way.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
STREAMS_KEPT = ("stdout",)


def executed(path: Path) -> Any:
    """Returns the notebook with the outputs of a fresh kernel in the checkout."""
    import nbclient
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    os.environ["PYTHONPATH"] = str(ROOT)
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}
    )
    client.execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _kept(output)]
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def _kept(output: Any) -> bool:
    return output.output_type != "stream" or output.name in STREAMS_KEPT


def main() -> None:
    """Reads the command line."""
    import nbformat

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("--check", action="store_true", help="run, write nothing")
    options = parser.parse_args()
    notebook = executed(options.notebook)
    if not options.check:
        nbformat.write(notebook, options.notebook)


if __name__ == "__main__":
    main()

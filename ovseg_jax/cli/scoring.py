"""One evaluation of a command after the other: its journal, its progress, its files."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.errors import printable

Scores = dict[str, float | None]


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What the evaluations of one command share.

    Attributes:
        model: The model section.
        params: All parameters.
        name: What the weights are called.
        place: Where they lie.
        results: Where files go.
    """

    model: Any
    params: Any
    name: str
    place: Path
    results: OutputFolder

    def score(self, item: Any) -> Scores:
        """Scores one evaluation; the first host prints, writes and draws progress."""
        from ovseg_jax import build
        from ovseg_jax.cli.progress import Progress
        from ovseg_jax.evaluation import protocol
        from ovseg_jax.evaluation.report.files import contents
        from ovseg_jax.evaluation.suite import Suite

        journal = self._journal(item)
        if is_first() and journal.exists():
            print(f"ovseg: goes on with {journal}; --fresh starts over", file=sys.stderr)
        with Progress() as progress:
            advance = progress.task(item.name)
            suite = Suite(item, self.model, build.method(self.model))
            result = suite.score(
                self.params,
                self.name,
                lambda seen: advance(seen, item.max_images),
                by_photo=True,
                journal=journal,
            )
        files = contents(result, item.name)
        if is_first():
            print(f"{item.name}\n{protocol.report(result.card, result.table)}\n")
            self._write(item.name, files)
        return json.loads(files[".json"])["scores"]

    def forget(self, items: Sequence[Any]) -> None:
        """Removes the journals of evaluations: all is written, or nothing of it is wanted."""
        from ovseg_jax.evaluation.journal import discard

        for item in items:
            discard(self._journal(item))

    def _journal(self, item: Any) -> Path:
        from ovseg_jax.evaluation.journal import journal_path

        return journal_path(self.results.folder, item.name)

    def _write(self, name: str, files: dict[str, bytes]) -> None:
        for ending, content in files.items():
            self.results.write(
                f"{name}{ending}", lambda file, content=content: file.write(content), self.place
            )
        file = self.results.folder / f"{name}.json"
        print(printable(f"written to {file}, report in {name}.html"))


def is_first() -> bool:
    """Whether this is the host that writes; the only one, most often."""
    import jax

    return jax.process_index() == 0

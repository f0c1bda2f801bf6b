"""One evaluation of a command after the other: its journal, its progress, its files."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.foundation import terminal
from ovseg_jax.foundation.errors import printable

Content = dict[str, Any]
OnBatch = Callable[[int], None]


class Files:
    """Writes results that are made from one source; threads may share it."""

    def __init__(self, results: OutputFolder, source: Path):
        """Writes nothing yet.

        Args:
            results: Where files go.
            source: What they are made from.
        """
        self.folder = results.folder
        self._results, self._source, self._lock = results, source, threading.Lock()

    def write(self, name: str, content: bytes) -> None:
        """Writes one file, by its name below the folder."""
        with self._lock:
            self._results.write(name, lambda file: file.write(content), self._source)

    def report(self, name: str, result: Any) -> Content:
        """Prints a result and writes its files; returns what its JSON holds."""
        from ovseg_jax.evaluation import protocol
        from ovseg_jax.evaluation.report.files import contents

        files = contents(result, name)
        if is_first():
            print(f"{name}\n{protocol.report(result.card, result.table)}\n")
            for ending, content in {**files, **result.predictions}.items():
                self.write(f"{name}{ending}", content)
            print(printable(f"written to {self.folder / name}.json, report in {name}.html"))
        return json.loads(files[".json"])


@dataclasses.dataclass(frozen=True)
class Scoring:
    """What the evaluations of one command share.

    Attributes:
        model: The model section.
        params: All parameters.
        name: What the weights are called.
        files: Where results go.
        with_answers: Whether answers are kept too.
        progress: How it is shown.
    """

    model: Any
    params: Any
    name: str
    files: Files
    with_answers: bool = False
    progress: terminal.Progress = "auto"

    def score(self, item: Any) -> Content:
        """Scores one evaluation; of several hosts the first prints and writes.

        Returns:
            What its JSON holds: scores and protocol.
        """
        from ovseg_jax.evaluation.configured import own_images
        from ovseg_jax.evaluation.suite import Suite
        from ovseg_jax.loading import build

        journal = self._journal(item)
        if is_first() and journal.exists():
            print(f"ovseg: goes on with {journal}; --fresh starts over", file=sys.stderr)
        suite = Suite(item, self.model, build.method(self.model))
        more: dict[str, Any] = {"by_photo": True, "journal": journal}
        if self.with_answers:
            more["predictions"] = self.files.write

        def score(on_batch: OnBatch) -> Any:
            return suite.score(self.params, self.name, on_batch, **more)

        total = own_images(item) if terminal.is_live(self.progress) else 0
        result = with_progress(item.name, total, score, self.progress)
        return self.files.report(item.name, result)

    def forget(self, items: Sequence[Any]) -> None:
        """Removes the journals of evaluations: all is written, or nothing of it is wanted."""
        from ovseg_jax.evaluation.journal import discard

        for item in items:
            discard(self._journal(item))

    def _journal(self, item: Any) -> Path:
        from ovseg_jax.evaluation.journal import journal_path

        return journal_path(self.files.folder, item.name)


def check_same_records(folder: Path, items: Sequence[Any]) -> None:
    """Refuses to replace results of other photos or labels.

    Args:
        folder: Where results go.
        items: Evaluations that will write there.

    Raises:
        OutputError: A result of this name is of other records.
    """
    from ovseg_jax.evaluation.stored_result import read_result
    from ovseg_jax.inputs.datasets import records_key

    for item in items:
        path = folder / f"{item.name}.json"
        before = read_result(path).protocol.get("records") if path.is_file() else None
        if before and before != records_key(item.data):
            raise OutputError(
                f"{path} is the result of other photos or labels than those of {item.data.name} in "
                f"{item.data.root or item.data.prepared or 'its usual place'}; choose another "
                "--out, or replace it with --overwrite"
            )


def with_progress(
    name: str,
    total: int,
    score: Callable[[OnBatch], Any],
    wanted: terminal.Progress = "auto",
) -> Any:
    """Draws the progress of an evaluation while it is scored; returns what was found.

    Args:
        name: Of the evaluation.
        total: Photos that are scored; 0 where nobody knows.
        score: Scores, and says behind each batch how many photos were seen.
        wanted: Whether progress is drawn.
    """
    from ovseg_jax.cli.progress import Progress

    with Progress(wanted=wanted) as progress:
        advance = progress.task(f"evaluating {name}", before="compiling")
        advance(0, total)
        return score(lambda seen: advance(seen, total))


def is_first() -> bool:
    """Whether this is the host that writes; the only one, most often."""
    import jax

    return jax.process_index() == 0

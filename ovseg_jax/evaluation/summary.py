"""One table for a suite: a column per set, our row, and the papers' rows of the same method."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping, Sequence

from ovseg_jax.evaluation.published import PublishedRow

OURS = "ours"
MARK = "*"
"""Behind numbers of a part of a set."""


@dataclasses.dataclass(frozen=True)
class Summary:
    """The result of a suite.

    Attributes:
        suite: Its name.
        metric: What the numbers are, such as "semantic/mIoU".
        model: What our row is called.
        scores: Percent by evaluation, in the order of the suite.
        published: Rows of the papers.
        parts: Evaluations of fewer photos than the publisher's split has: scored, and published.
    """

    suite: str
    metric: str
    model: str
    scores: Mapping[str, float]
    published: Sequence[PublishedRow] = ()
    parts: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)

    def rows(self) -> list[list[str]]:
        """The table as text, heading first; "-" where there is no number."""
        columns = list(self.scores)
        cells = zip(columns, self._cells(self.scores), strict=True)
        own = [f"{cell}{MARK}" if name in self.parts else cell for name, cell in cells]
        rows = [["system", "source", *columns], [self.model, OURS, *own]]
        return rows + [[row.system, row.source, *self._cells(row.scores)] for row in self.published]

    def text(self) -> str:
        """Aligned columns, for the terminal."""
        rows = self.rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(_fitted, row, widths, range(len(row)))).rstrip() for row in rows]
        return "\n".join([f"{self.suite}: {self.metric}, percent", *lines, *self.remarks()])

    def remarks(self) -> list[str]:
        """Says which numbers are of a part of a set, and so are not those of the papers."""
        some = [f"{name} {here:,} of {all_:,} photos" for name, (here, all_) in self.parts.items()]
        if not some:
            return []
        return [
            f"{MARK} of a part of the set, not comparable with the rows below: {', '.join(some)}"
        ]

    def markdown(self) -> str:
        """A table of Markdown."""
        heading, *rows = [[cell.replace("|", r"\|") for cell in row] for row in self.rows()]
        rule = ["---", "---", *["---:"] * len(self.scores)]
        lines = ["| " + " | ".join(row) + " |" for row in (heading, rule, *rows)]
        remarks = "".join(f"\n{text}\n" for text in self.remarks())
        return f"{self.suite}: {self.metric}, percent\n\n" + "\n".join(lines) + f"\n{remarks}"

    def csv(self) -> str:
        """Comma-separated rows."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(self.rows())
        return buffer.getvalue()

    def json(self) -> str:
        """Our row and the papers' as one object; NaN becomes null."""
        ours = {name: None if math.isnan(v) else v for name, v in self.scores.items()}
        content = {
            "suite": self.suite,
            "metric": self.metric,
            "model": self.model,
            "scores": ours,
            "parts": self.parts,
            "published": [dataclasses.asdict(row) for row in self.published],
        }
        return json.dumps(content, indent=1)

    def _cells(self, scores: Mapping[str, float]) -> list[str]:
        values = [scores.get(name, math.nan) for name in self.scores]
        return ["-" if math.isnan(value) else f"{value:.1f}" for value in values]


def _fitted(cell: str, width: int, column: int) -> str:
    """Names to the left, numbers to the right."""
    return cell.ljust(width) if column < 2 else cell.rjust(width)

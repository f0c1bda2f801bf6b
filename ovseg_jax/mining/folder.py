"""Who may write a folder of pairs: every file of it is claimed before the mining starts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.mining.pairs import PAIRS, SOURCES, STATISTICS, VOCABULARY
from ovseg_jax.mining.settings import FILE

FILES = (FILE, PAIRS, SOURCES, VOCABULARY, STATISTICS)


def claim_folder(folder: Path, inputs: Iterable[Path] = (), *, overwrite: bool = False) -> None:
    """Refuses a folder in which a file of ours would meet another's, or an input.

    The settings tell runs apart (`ovseg_jax.mining.settings.settle`), so files need no source.

    Args:
        folder: Where pairs go.
        inputs: Files that the run reads.
        overwrite: Also replace our own files that were altered.

    Raises:
        OutputError: Names the file and says what to do.
    """
    OutputFolder(folder, inputs=inputs, overwrite=overwrite).claim(FILES)

"""The answer for one photo as users hold it: it writes its own files."""

from __future__ import annotations

from pathlib import Path

from ovseg_jax.inference.output import save_answer
from ovseg_jax.inference.results import Answer


class Segmentation(Answer):
    """The answer for one photo; its fields are those of `Answer`."""

    def save(self, folder: str | Path, stem: str = "") -> list[Path]:
        """Writes label PNG, overlay PNG, JSON and activation maps (`ovseg_jax.inference.output`).

        Args:
            folder: Where to write.
            stem: Start of the file names; by default that of the photo's file.

        Returns:
            The files written.

        Raises:
            OutputError: The disk refuses; the file in question is not left half written.
        """
        return save_answer(self, folder, stem or Path(self.photo or "image").stem)

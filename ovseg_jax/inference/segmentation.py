"""The answer for one photo as users hold it: it writes its own files."""

from __future__ import annotations

from pathlib import Path

from ovseg_jax.inference.output.save import save_answer
from ovseg_jax.inference.results import Answer


class Segmentation(Answer):
    """The answer for one photo; its fields are those of `Answer`."""

    def save(self, folder: str | Path, stem: str = "", *, overwrite: bool = False) -> list[Path]:
        """Writes label PNG, overlay PNG, JSON and maps (`ovseg_jax.inference.output.save`).

        Args:
            folder: Where to write.
            stem: Start of the file names; by default that of the photo's file.
            overwrite: Also replace our own files that were altered, or that answer another photo.

        Returns:
            The files written.

        Raises:
            OutputError: A file is there that may not be replaced (nothing is written then), or the
                disk refuses (the file in question is not left half written).
        """
        stem = stem or Path(self.photo or "image").stem
        return save_answer(self, folder, stem, overwrite=overwrite)

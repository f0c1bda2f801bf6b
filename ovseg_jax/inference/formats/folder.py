"""The answers of a folder, written in other formats: from the records that are there.

Files about the whole folder are made of all records that its journal lists, whichever run or shard
wrote them, so the last run that ends leaves them complete.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ovseg_jax.disk.json_text import JsonError, parse_json
from ovseg_jax.disk.outputs import JOB, OutputFolder, read_journal
from ovseg_jax.inference.formats.photo import PIXELS, AnsweredPhoto, Category
from ovseg_jax.inference.formats.table import NAMES, FormatError
from ovseg_jax.inference.formats.writer import Answers, Writer

SOURCE = "the answers of this folder"
"""What a journal notes for files about all photos."""


def opened(name: str) -> Writer:
    """Returns what writes a format.

    Raises:
        FormatError: There is no such format.
    """
    if name not in NAMES:
        raise FormatError(f"there is no format {name!r}; choose of {', '.join(NAMES)}")
    return importlib.import_module(f"ovseg_jax.inference.formats.{name}").WRITER


class AnsweredFolder(Answers):
    """The records of a folder, in the order of their photos' names.

    Attributes:
        sources: By the stem of a photo's results: what they were made from.
    """

    def __init__(self, folder: Path):
        """Lists the records; none is read yet."""
        self.folder = folder
        sources = {entry.file: entry.source for entry in read_journal(folder)}
        stems = (name.removesuffix(".json") for name in sources if name.endswith(".json"))
        found = {
            stem: sources[f"{stem}.json"]
            for stem in stems
            if f"{stem}_labels.png" in sources and (folder / f"{stem}.json").is_file()
        }
        names = _names_of(folder, found)
        self.sources = {stem: found[stem] for stem in sorted(found, key=lambda s: (names[s], s))}
        self.file_names = [names[stem] for stem in self.sources]

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def categories(self) -> tuple[Category, ...]:
        """The vocabulary of the first record."""
        return self._categories

    @functools.cached_property
    def _categories(self) -> tuple[Category, ...]:
        return next(self.photos()).categories

    def __iter__(self) -> Iterator[AnsweredPhoto]:
        """Yields the photos.

        Raises:
            FormatError: They answer different words, which one file cannot hold.
        """
        first = ""
        for photo in self.photos():
            first = first or photo.stem
            if photo.categories != self.categories:
                raise FormatError(
                    f"{self.folder}: {first}.json and {photo.stem}.json answer different words, "
                    "and a file about all photos has one list of classes; give each vocabulary a "
                    "folder of its own"
                )
            yield photo

    def photos(self) -> Iterator[AnsweredPhoto]:
        """Yields the photos, whatever their words.

        Raises:
            FormatError: A record cannot be read.
        """
        for stem, source in self.sources.items():
            path = self.folder / f"{stem}.json"
            try:
                record = parse_json(path.read_bytes(), str(path))
            except (OSError, JsonError) as error:
                raise FormatError(f"{path} cannot be read: {error}") from error
            yield AnsweredPhoto.of(record, stem, source)


class FolderFiles:
    """The files about a whole folder of some formats."""

    def __init__(self, formats: Sequence[str]):
        """Takes the names of the formats.

        Raises:
            FormatError: There is no such format.
        """
        self._writers = {name: opened(name) for name in dict.fromkeys(formats)}

    def claim(self, results: OutputFolder) -> None:
        """Reserves the names, before any work starts.

        Raises:
            OutputError: One of them may not be written.
        """
        results.claim([f"{format}/{name}" for format, name in self._names()], SOURCE)

    def write(self, results: OutputFolder) -> list[Path]:
        """Writes the files from the records that are there; none where there is no record.

        Raises:
            FormatError: The records cannot be joined.
            OutputError: The disk refuses.
        """
        with _alone(results.folder):
            answers = AnsweredFolder(results.folder)
            if not len(answers):
                return []
            return [
                results.write(
                    f"{format}/{name}",
                    functools.partial(self._writers[format].write_folder, name, answers),
                    SOURCE,
                )
                for format, name in self._names()
            ]

    def _names(self) -> list[tuple[str, str]]:
        return [(f, name) for f, writer in self._writers.items() for name in writer.folder_names]


def photo_names(formats: Sequence[str], stem: str) -> list[str]:
    """Returns the names of a photo's own files in some formats."""
    return [f"{f}/{name}" for f in dict.fromkeys(formats) for name in opened(f).photo_names(stem)]


def photo_files(formats: Sequence[str], photo: AnsweredPhoto) -> Iterator[bytes]:
    """Yields the contents of the files of `photo_names`."""
    for format in dict.fromkeys(formats):
        yield from opened(format).photo_files(photo)


def reformat(
    folder: str | Path, formats: str | Sequence[str], *, overwrite: bool = False
) -> list[Path]:
    """Writes the answers of a folder in other formats, each into a folder of its name there.

    Args:
        folder: Results of `ovseg segment` or of `Segmentation.save`.
        formats: Names of `ovseg_jax.inference.formats.table`, one or several.
        overwrite: Also replace our own files that were altered.

    Returns:
        The files written.

    Raises:
        FormatError: There is no such format, or no answer, or the answers cannot be joined.
        OutputError: A file is there that may not be replaced, or the disk refuses.
    """
    formats = [formats] if isinstance(formats, str) else list(formats)
    results, shared = OutputFolder(folder, overwrite=overwrite), FolderFiles(formats)
    answers = AnsweredFolder(Path(folder))
    if not len(answers):
        raise FormatError(f"{folder}: holds no answers; give the --out of an `ovseg segment`")
    shared.claim(results)
    for stem, source in answers.sources.items():
        results.claim(photo_names(formats, stem), source)
    written = []
    for photo in answers.photos() if any(photo_names(formats, "")) else ():
        files = zip(photo_names(formats, photo.stem), photo_files(formats, photo), strict=True)
        for name, content in files:
            written.append(results.write(name, lambda f, c=content: f.write(c), photo.source))
    return written + shared.write(results)


def _names_of(folder: Path, sources: dict[str, str]) -> dict[str, str]:
    """Names photos by their place below the folder that they all share."""
    places = {
        stem: os.path.normpath(os.path.join(os.path.abspath(folder), source))
        for stem, source in sources.items()
        if not source.startswith(PIXELS)
    }
    try:
        root = os.path.commonpath([os.path.dirname(place) for place in places.values()])
    except ValueError:  # none at all, or on several drives
        root = ""
    names = {
        stem: Path(os.path.relpath(place, root) if root else place).as_posix()
        for stem, place in places.items()
    }
    return {stem: names.get(stem, stem) for stem in sources}


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Waits for other shards that write the same files; the last one lists all records."""
    with contextlib.ExitStack() as until_then:
        with contextlib.suppress(ImportError, OSError):  # Windows; no shards; a disk without locks
            import fcntl

            held = until_then.enter_context(open(folder / JOB, "r+b"))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield

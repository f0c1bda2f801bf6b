"""Runs commands on hostile files, all in this process, and tells what each did.

`python -m tests.hostile.attack FOLDER` writes the files below the folder, runs each through the
commands, and prints one line of JSON for each run: command, file, status, megabytes beyond the
start, and what it printed.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from ovseg_jax import api
from ovseg_jax.cli.errors import guarded
from ovseg_jax.cli.main import main
from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.loading.weights import load_weights, save_weights
from tests.hostile import archives, pickles, pictures, texts
from tests.inference.tiny_model import CONFIG, photo, random_params, rectangles

KINDS = ("open_clip", "big_vision", "sam", "mask2former")


class Scene:
    """Harmless files that hostile ones take the place of, one at a time."""

    def __init__(self, folder: Path):
        """Writes a photo, its masks and a model."""
        self.folder, self.count = folder, 0
        self.photo, self.masks = folder / "photo.png", folder / "masks.json"
        Image.fromarray(photo()).save(self.photo)
        masks = rectangles(60, 80, (0, 30, 0, 30), (30, 60, 20, 80))
        entries = [{"segmentation": encode_rle(mask)} for mask in masks]
        record = {"width": 80, "height": 60, "proposals": entries}
        self.masks.write_text(json.dumps({"photo.png": record}))
        self.model, self.orbax = folder / "model", folder / "orbax"
        save_weights(self.model, CONFIG, random_params())
        save_weights(self.orbax, CONFIG, random_params(), layout="orbax")

    def name(self, command: str, **changes: Path) -> list[str]:
        """Returns a command line that names the masks of the photo, with one file replaced."""
        given = {"photo": self.photo, "masks": self.masks, "model": self.model} | changes
        words = ["--vocab", "cat; dog"]
        if "words" in given:
            words = ["--vocab-file", str(given["words"])]
        self.count += 1
        out = ["--out", str(self.folder / f"out{self.count}")]
        options = ["--masks", str(given["masks"]), "--model", str(given["model"])]
        return [command, str(given["photo"]), *options, *words, *out]


def runs(scene: Scene, files: Path) -> Iterator[tuple[str, Path, Callable[[], int]]]:
    """Yields what to run: the command, the hostile file, and the call."""
    for number, path in enumerate(sorted((files / "checkpoints").iterdir())):
        kind = KINDS[1 if path.suffix == ".npz" else 0 if number % 4 else number // 4 % 4]
        target = str(scene.folder / f"converted{number}")
        yield "convert", path, functools.partial(main, ["convert", kind, str(path), target])
        yield "load", path, functools.partial(guarded, load_weights, swapped(scene, path))
        for command in ("segment", "classify"):
            command_line = scene.name(command, masks=path)
            yield f"{command} --masks", path, functools.partial(main, command_line)
        yield "segment", path, functools.partial(main, scene.name("segment", photo=path))
    for folder in sorted((files / "models").iterdir()):
        yield "load", folder, functools.partial(guarded, load_weights, folder)
        line = scene.name("segment", model=folder)
        yield "segment --model", folder, functools.partial(main, line)
    for role, place in (("photo", "photos"), ("masks", "masks"), ("words", "words")):
        for path in sorted((files / place).iterdir()):
            for command in ("segment", "classify"):
                line = scene.name(command, **{role: path})
                yield f"{command} {role}", path, functools.partial(main, line)


def swapped(scene: Scene, arrays: Path) -> Path:
    """Returns a copy of the model with a hostile file in place of its arrays."""
    folder = Path(tempfile.mkdtemp(dir=scene.folder))
    shutil.copy(scene.model / "config.json", folder)
    os.symlink(arrays, folder / "model.safetensors")
    return folder


def write_files(scene: Scene, files: Path, trace: Path) -> None:
    """Writes all hostile files."""
    for name in ("checkpoints", "models", "photos", "masks", "words"):
        (files / name).mkdir(parents=True)
    pickles.write_all(files / "checkpoints", trace)
    archives.write_all(files / "checkpoints", trace)
    pictures.write_all(files / "photos", trace)
    pictures.write_all(files / "masks", trace)
    texts.write_all(files / "masks", texts.masks())
    for way, member in archives.array_members(trace):
        if way != "many_bytes":
            archives.one_member(files / "masks" / f"{way}.npz", "masks.npy", member)
    texts.write_all(files / "words", texts.words())
    valid = json.loads((scene.model / "config.json").read_text())
    for way, content in texts.configs(valid).items():
        copy_of(scene.model, files / "models" / f"config_{way}", {"config.json": content})
    damage_orbax(scene.orbax, files / "models")


def damage_orbax(orbax: Path, models: Path) -> None:
    """Writes copies of an Orbax directory, each with files of one kind changed."""
    changes = {
        "emptied": lambda data: b"",
        "noise": lambda data: bytes(range(256)) * 8,
        "cut": lambda data: data[: len(data) // 2],
        "altered": lambda data: data.replace(b"a", b"b"),
        "deep": lambda data: b"[" * 100_000,
        "shapes": lambda data: data.replace(b"96", b"9600000"),
    }
    for way, change in changes.items():
        for part in ("_METADATA", "_CHECKPOINT_METADATA", "manifest.ocdbt", ""):
            folder = copy_of(orbax, models / f"orbax_{way}_{part.strip('_').lower() or 'data'}", {})
            for path in sorted((folder / "params").rglob("*")):
                if path.is_file() and (path.name == part or (not part and "d" in path.parts)):
                    path.write_bytes(change(path.read_bytes()))


def copy_of(model: Path, target: Path, changes: dict[str, str]) -> Path:
    """Copies a model and replaces some of its files."""
    shutil.copytree(model, target)
    for file, content in changes.items():
        (target / file).write_bytes(content.encode())
    return target


def measured(call: Callable[[], int]) -> tuple[int | str, str, int]:
    """Runs a call; returns its status or traceback, what it printed, and its peak in bytes."""
    with tempfile.TemporaryFile() as output:
        before = [os.dup(1), os.dup(2)]
        sys.stdout.flush()
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
        Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
        try:
            status = call()
            status = status if isinstance(status, int) else 0
        except SystemExit as error:
            status = error.code
        except BaseException:
            status = traceback.format_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os.dup2(before[0], 1)
            os.dup2(before[1], 2)
            for number in before:
                os.close(number)
        output.seek(0)
        return status, output.read().decode("utf-8", "backslashreplace"), memory("VmHWM")


def memory(field: str) -> int:
    """Returns a number of bytes that Linux counts for this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(field)))


def main_program(folder: Path) -> None:
    """Writes everything, warms up, and runs."""
    trace, files = folder / "trace", folder / "files"
    (folder / "scene").mkdir()
    scene = Scene(folder / "scene")
    write_files(scene, files, trace)
    load_model = api.load_segmenter
    load_once = functools.cache(load_model)
    api.load_segmenter = lambda model, **options: (
        load_once if model == str(scene.model) else load_model
    )(model, **options)
    for command in ("segment", "classify"):
        status, printed, _ = measured(functools.partial(main, scene.name(command)))
        assert status == 0, printed
    start = memory("VmRSS")
    for command, path, call in runs(scene, files):
        begin = time.monotonic()
        status, printed, peak = measured(call)
        record = {"command": command, "file": path.name, "status": status, "printed": printed}
        record["seconds"] = time.monotonic() - begin
        print(json.dumps(record | {"megabytes": (peak - start) / 1e6}), flush=True)
    print(json.dumps({"executed": trace.exists()}))


if __name__ == "__main__":
    np.seterr(all="ignore")
    main_program(Path(sys.argv[1]))

"""Every writer of the package behind one form, with models that only pretend to think."""

import contextlib
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

from ovseg_jax.cli.main import main
from ovseg_jax.config import InferenceConfig
from ovseg_jax.convert.conversion import convert_file
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.evaluation.report.files import ENDINGS
from ovseg_jax.inference.formats.table import NAMES
from ovseg_jax.inference.image_classifier import Guess
from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.inference.postprocess.from_hard_masks import predict
from ovseg_jax.inference.results import Classification, Settings
from ovseg_jax.inference.segmentation import Segmentation
from ovseg_jax.inference.words import Words
from ovseg_jax.mining.pairs import Source, write_pairs
from ovseg_jax.vocabulary.classes import parse_vocabulary
from tests.convert.open_clip_files import random, toy_clip
from tests.zeros import save_zeros

CLASSES = parse_vocabulary("circle; square")
MASK = np.arange(48).reshape(6, 8) % 3 == 0
ANSWER = "a_labels.png", "a_overlay.png", "a.json"
FORMATS = (
    *("coco/annotations.json", "coco_panoptic/panoptic.json", "coco_panoptic/panoptic/a.png"),
    *("labelme/a.json", "yolo_seg/labels/a.txt", "yolo_seg/data.yaml", "cvat/annotations.xml"),
    *("label_studio/tasks.json", "label_studio/labels.xml", "geojson/a.geojson"),
)
MAPS = "a_maps.npz", "a_maps/mask_000.png"
PAIRS = "settings.json", "pairs.jsonl", "sources.json", "vocabulary.json", "statistics.json"
WEIGHTS = "config.json", "report.json", "model.safetensors"


def prepare(folder: Path) -> Path:
    """Draws what writers read: a photo, its masks, and a published checkpoint."""
    (folder / "photos").mkdir(parents=True)
    Image.new("RGB", (8, 6), "red").save(folder / "photos" / "a.png")
    entry = {"segmentation": encode_rle(MASK), "name": "circle"}
    (folder / "masks.json").write_text(json.dumps({"a.png": {"proposals": [entry]}}))
    save_file(random(toy_clip()), folder / "clip.safetensors")
    save_weights(folder, folder / "weights", overwrite=False)
    return folder


def answer(photo, masks=None, *_, with_maps=False, **__):
    """Says that the one mask is a circle."""
    scores = np.array([[0.9, 0.05, 0.05]], np.float32)
    maps = np.ones((1, 2, 3, 4), np.float32) if with_maps else None
    found = Classification(Words(CLASSES, ()), scores, MASK[None].sum((1, 2)), maps)
    settings, things = Settings.of(InferenceConfig(), "semantic", None), np.array([True, True])
    return Segmentation(
        prediction=predict(found, MASK[None], things, settings),
        pixels=photo.pixels,
        masks=MASK[None],
        classification=found,
        is_thing=things,
        settings=settings,
        model="pretended",
        photo=photo.path.name,
        photo_file=photo.path,
        masks_file=getattr(masks, "path", masks),
    )


class Pretender:
    """Stands for every model; counts how often one was asked for."""

    def __init__(self):
        self.model = SimpleNamespace(name="pretended", templates="single")
        self.segmenter, self.loaded = self, 0

    def load(self, *_, **__):
        """What loads a model."""
        self.loaded += 1
        return self

    segment = staticmethod(answer)

    def set_vocabulary(self, *_, **__):
        """Takes any words."""

    def embed(self, *_):
        """Embeds every word alike."""
        return SimpleNamespace(embeddings=np.ones((2, 1, 4), np.float32))

    def classify(self, photo, *masks):
        """Names the masks of a photo, or without any the whole photo."""
        if not masks:
            return [Guess(0, "circle", 0.9), Guess(1, "square", 0.1)]
        return answer(photo).classification


@dataclasses.dataclass(frozen=True)
class Writer:
    """Something that writes files.

    Attributes:
        run: Takes the folder of inputs, the folder to write to and whether to overwrite; returns
            the exit status, or raises an OutputError.
        names: All files that it writes, but for the journal.
        whole: Whether it wants a folder of its own.
    """

    run: Callable[[Path, Path, bool], int | None]
    names: tuple[str, ...]
    whole: bool = False

    def __call__(self, inputs: Path, out: Path, overwrite: bool = False) -> bool:
        """Runs it; returns whether it wrote or refused."""
        with contextlib.suppress(OutputError):
            status = self.run(inputs, out, overwrite)
            assert status in (None, 0, 2)
            return not status
        return False


def command(*parts):
    """A writer that is a command; parts may name {inputs} and {out}."""

    def run(inputs, out, overwrite):
        line = [part.format(inputs=inputs, out=out) for part in parts]
        return main([*line, *(["--overwrite"] if overwrite else [])])

    return run


def save_answer(inputs, out, overwrite):
    """Python's way to write an answer."""
    path = inputs / "photos" / "a.png"
    photo = SimpleNamespace(path=path, pixels=np.asarray(Image.open(path)))
    answer(photo, inputs / "masks.json").save(out, overwrite=overwrite)


def save_weights(inputs, out, overwrite):
    """Python's way to write weights."""
    save_zeros(out, report={"from": "a test"}, overwrite=overwrite)


def save_pairs(inputs, out, overwrite):
    """Python's way to write mined pairs."""
    pair = {"noun": "circle", "segmentation": encode_rle(MASK)}
    records = [{"photo": "a.png", "pairs": [pair]}]
    write_pairs(out, [Source({}, lambda: records)], overwrite=overwrite)


def convert(inputs, out, overwrite):
    """Python's way to convert a checkpoint."""
    source, options = inputs / "clip.safetensors", {"layout": "safetensors"}
    convert_file("open_clip", source, out, overwrite=overwrite, **options)


SEGMENT = ("{inputs}/photos", "--masks", "{inputs}/masks.json", "--vocab", "circle; square")
WHERE = ("--out", "{out}")
MINE = ("mine", "{inputs}/photos", "--words", "classes", "--masks", "{inputs}/masks.json")
CONVERT = ("convert", "open_clip", "{inputs}/clip.safetensors", "{out}")
GET = ("get", "clip_convnext_base_w_320", "--file", "{inputs}/clip.safetensors")
PUSH = ("push", "{inputs}/weights", "{out}", "--repo", "me/mine", "--licence", "MIT")
WRITERS = {
    "segment": Writer(command("segment", *SEGMENT, *WHERE), ANSWER),
    "segment --save-maps": Writer(
        command("segment", *SEGMENT, *WHERE, "--save-maps"), ANSWER + MAPS
    ),
    "segment --format": Writer(
        command("segment", *SEGMENT, *WHERE, "--format", ",".join(NAMES)), ANSWER + FORMATS
    ),
    "classify": Writer(command("classify", *SEGMENT, *WHERE), ("a_masks.json",)),
    "classify-image": Writer(
        command("classify-image", SEGMENT[0], *SEGMENT[3:], "--json", "{out}/all.json"),
        ("all.json",),
    ),
    "embed": Writer(command("embed", *SEGMENT[3:], "--out", "{out}/words.npz"), ("words.npz",)),
    "mine": Writer(command(*MINE, *WHERE), (*PAIRS, "shards/00001-of-00001.jsonl")),
    "evaluate": Writer(
        command("evaluate", "toy", "--config", "tests/training/tiny.py", *WHERE),
        tuple(f"test{ending}" for ending in ENDINGS),
    ),
    "convert": Writer(command(*CONVERT, "--layout", "safetensors"), WEIGHTS, whole=True),
    "get --to": Writer(command(*GET, "--to", "{out}"), WEIGHTS, whole=True),
    "push": Writer(command(*PUSH), (*WEIGHTS, "README.md"), whole=True),
    "Segmentation.save": Writer(save_answer, ANSWER),
    "save_weights": Writer(save_weights, WEIGHTS, whole=True),
    "convert_file": Writer(convert, WEIGHTS, whole=True),
    "write_pairs": Writer(save_pairs, PAIRS[1:]),
}

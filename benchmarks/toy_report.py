"""Table, curves and pictures of the toy-world demo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ovseg_jax.config import Config
from ovseg_jax.inputs.labels import named_classes
from tools.demo_picture import named
from tools.named_outlines import most_of, outlined, sheet

TEST_SCENES = 400
"""How many scenes are scored, half of the test split: a demo is to be short."""

SCALE = 4
"""How much larger than the toy world pictures are drawn."""

WORDS_SCENE = 2
"""Test scene that the user's words are tried on; the demo's own words name what it shows."""

Row = tuple[str, str, dict[str, float]]
"""Method, CLIP it stands on, scores as fractions."""

COLUMNS = {
    "things seen": "mask_accuracy/class_accuracy/things_seen",
    "things unseen": "mask_accuracy/class_accuracy/things_unseen",
    "stuff seen": "mask_accuracy/class_accuracy/stuff_seen",
    "stuff unseen": "mask_accuracy/class_accuracy/stuff_unseen",
    "all seen": "mask_accuracy/class_accuracy/seen",
    "all unseen": "mask_accuracy/class_accuracy/unseen",
    "all": "mask_accuracy/class_accuracy",
    "mIoU seen": "semantic/mIoU/seen",
    "mIoU unseen": "semantic/mIoU/unseen",
    "PQ": "panoptic/PQ",
}


PIXEL_COLUMNS = {
    "mIoU seen": "semantic/mIoU/seen",
    "mIoU unseen": "semantic/mIoU/unseen",
    "mIoU": "semantic/mIoU",
    "PQ seen": "panoptic/PQ/seen",
    "PQ unseen": "panoptic/PQ/unseen",
    "PQ unseen things": "panoptic/PQ/things_unseen",
    "PQ": "panoptic/PQ",
    "AP seen": "instance/AP/seen",
    "AP": "instance/AP",
}


def pixels_table(rows: Sequence[Row]) -> str:
    """Renders percentages of the way from pixels as Markdown."""
    lines = [
        "From pixels, by the toy mask generator, which was trained on all masks but knows no names "
        f"of unseen classes; percent on the first {TEST_SCENES} test scenes:",
        "",
        "| names by | " + " | ".join(PIXEL_COLUMNS) + " |",
        "|---" * (len(PIXEL_COLUMNS) + 1) + "|",
    ]
    for method, _, scores in rows:
        cells = [_cell([100 * scores[key]]) for key in PIXEL_COLUMNS.values()]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write_pixels(rows: Sequence[Row], folder: Path) -> None:
    """Writes `from_pixels.md` and every number behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "from_pixels.md").write_text(pixels_table(rows) + "\n")
    entries = [{"method": m, "weights": weights, "scores": scores} for m, weights, scores in rows]
    (folder / "from_pixels.json").write_text(json.dumps(entries, indent=1))


def table(rows: Sequence[Row]) -> str:
    """Renders percentages as Markdown, mean and standard deviation over the CLIPs."""
    methods = list(dict.fromkeys(method for method, _, _ in rows))
    clips = len({clip for _, clip, _ in rows})
    lines = [
        f"Class accuracy, mIoU and PQ in percent on ground-truth masks of the first {TEST_SCENES} "
        f"test scenes, {clips} CLIP seed{'s' if clips > 1 else ''}:",
        "",
        "| method | " + " | ".join(COLUMNS) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for method in methods:
        scores = [scores for name, _, scores in rows if name == method]
        cells = [_cell([100 * score[key] for score in scores]) for key in COLUMNS.values()]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(rows: Sequence[Row], folder: Path) -> None:
    """Writes `table.md` and every number behind it to `scores.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "table.md").write_text(table(rows) + "\n")
    entries = [{"method": m, "clip": clip, "scores": scores} for m, clip, scores in rows]
    (folder / "scores.json").write_text(json.dumps(entries, indent=1))


def curves(workdir: Path, path: Path) -> None:
    """Draws loss and mask accuracy over the steps of a run."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    for axis, name in zip(axes, ("train/loss", "train/mask_accuracy"), strict=True):
        steps, values = _scalars(workdir, name)
        axis.plot(steps, values)
        axis.set(title=name, xlabel="step")
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def gallery(config: Config, workdir: Path, path: Path, count: int = 6) -> None:
    """Draws test scenes: truth, names of the true masks, and the answer from pixels."""
    segmenter = _segmenter(config, workdir)
    titles = ["photo", "truth", "true masks named"]
    titles += ["from pixels"] if segmenter.makes_masks else []
    rows = [_row(segmenter, *_enlarged(*scene(config, number))) for number in range(count)]
    sheet(titles, rows).save(path)


def _row(segmenter: Any, image: np.ndarray, masks: np.ndarray, names: list) -> list[Image.Image]:
    truth = [named(*pair) for pair in zip(masks, names, strict=True)]
    known = segmenter.words.all.names
    best = segmenter.classify(image, masks).probabilities[:, :-1].argmax(-1)
    of_truth = [
        named(mask, known[index], true_name=name)
        for mask, index, name in zip(masks, best, names, strict=True)
    ]
    shown = [truth, of_truth]
    if segmenter.makes_masks:
        found = segmenter.segment(image, None, "panoptic")
        answered = zip(found.prediction.masks, found.names, strict=True)
        shown.append([named(mask, name, true_name=most_of(mask, truth)) for mask, name in answered])
    photo = Image.fromarray(image)
    return [photo, *(outlined(photo, items) for items in shown)]


def _enlarged(
    example: dict[str, Any], masks: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Toy scenes are small; names and legends need room."""
    image = example["image"].repeat(SCALE, 0).repeat(SCALE, 1)
    return image, masks.repeat(SCALE, 1).repeat(SCALE, 2), names


def segment_scene(config: Config, workdir: Path, words: str, folder: Path) -> None:
    """Segments one scene with given words as `ovseg segment` does, from pixels if it can."""
    image, masks, _ = _enlarged(*scene(config, WORDS_SCENE))
    segmenter = _segmenter(config, workdir)
    segmenter.set_vocabulary(words)
    given = None if segmenter.makes_masks else masks
    segmenter.segment(image, given, "semantic").save(folder, "scene", overwrite=True)


def scene(config: Config, number: int) -> tuple[dict[str, Any], np.ndarray, list[str]]:
    """Returns a test picture, its masks and their true names."""
    from ovseg_jax.inputs.datasets import decode, open_split

    data = config.evaluations[0].data
    example = decode(open_split(data)[number])
    masks = example["segment_ids"] == np.arange(1, len(example["categories"]) + 1)[:, None, None]
    names = named_classes(data.vocabulary).names
    return example, masks, [names[index] for index in example["categories"]]


def _segmenter(config: Config, workdir: Path) -> Any:
    from ovseg_jax.api import load_segmenter

    segmenter = load_segmenter(workdir, cache_directory=workdir / "words")
    segmenter.set_vocabulary(named_classes(config.evaluations[0].data.vocabulary), "none")
    return segmenter


def _cell(values: Sequence[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{np.mean(values):.1f} ± {np.std(values, ddof=1):.1f}"


def _scalars(workdir: Path, name: str) -> tuple[list[int], list[float]]:
    """Reads one curve back from the event files."""
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    events = event_accumulator.EventAccumulator(
        str(workdir), size_guidance={event_accumulator.TENSORS: 0}
    )
    events.Reload()
    points = events.Tensors(name)
    return [p.step for p in points], [
        float(tensor_util.make_ndarray(p.tensor_proto)) for p in points
    ]

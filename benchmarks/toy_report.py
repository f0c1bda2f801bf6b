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
    "PQ": "panoptic/PQ",
    "AP seen": "instance/AP/seen",
    "AP": "instance/AP",
}


def pixels_table(rows: Sequence[Row]) -> str:
    """Renders percentages of the way from pixels as Markdown."""
    lines = [
        "From pixels, by the toy mask generator, which was trained on the seen classes; percent on "
        "the test split:",
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
        f"Class accuracy, mIoU and PQ in percent on ground-truth masks of the test split, {clips} "
        f"CLIP seed{'s' if clips > 1 else ''}:",
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
    """Draws test scenes: true names, names of the true masks, and the answer from pixels."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    segmenter = _segmenter(config, workdir)
    rows = 3 if segmenter.makes_masks else 2
    figure, axes = plt.subplots(rows, count, figsize=(3 * count, 3 * rows), layout="constrained")
    for column in range(count):
        example, masks, truth = scene(config, column)
        axes[0, column].imshow(example["image"])
        axes[0, column].set_title(", ".join(truth), fontsize=7, wrap=True)
        _draw_named(axes[1, column], segmenter, example["image"], masks, truth)
        if rows == 3:
            _draw_answer(axes[2, column], segmenter.segment(example["image"], None, "panoptic"))
        for axis in axes[:, column]:
            axis.axis("off")
    axes[1, 0].set_title("true masks, named by Mask-Adapter; errors in salmon", fontsize=8)
    if rows == 3:
        axes[2, 0].set_title("from pixels: masks and names", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_named(axis: Any, segmenter: Any, image: np.ndarray, masks: np.ndarray, truth: list):
    """Paints the true masks in the colours of the names that they were given."""
    found = segmenter.segment(image, masks, "panoptic")
    names = segmenter.words.all.names
    best = found.classification.probabilities[:, :-1].argmax(-1)
    axis.imshow(_painted(masks, best, segmenter.words.all.colors))
    for mask, index, true_name in zip(masks, best, truth, strict=True):
        _write_name(axis, mask, names[index], names[index] == true_name)


def _draw_answer(axis: Any, result: Any) -> None:
    """Paints the segments of an answer with their names."""
    answer = result.prediction
    axis.imshow(_painted(answer.masks, answer.classes, result.words.all.colors))
    for mask, name in zip(answer.masks, result.names, strict=True):
        _write_name(axis, mask, name, True)


def segment_scene(config: Config, workdir: Path, words: str, folder: Path) -> None:
    """Segments one scene with given words as `ovseg segment` does, from pixels if it can."""
    example, masks, _ = scene(config, 0)
    scale = 4  # toy scenes are small; a larger picture shows its legend better
    image = np.asarray(Image.fromarray(example["image"]).resize((96 * scale,) * 2, 0))
    segmenter = _segmenter(config, workdir)
    segmenter.set_vocabulary(words)
    given = None if segmenter.makes_masks else masks.repeat(scale, 1).repeat(scale, 2)
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


def _write_name(axis: Any, mask: np.ndarray, name: str, right: bool) -> None:
    """Writes a name at the innermost point of a mask, away from the picture's border."""
    from matplotlib.patheffects import withStroke
    from scipy.ndimage import distance_transform_edt

    y, x = np.unravel_index(
        distance_transform_edt(np.pad(mask, 1)).argmax(), mask.shape + np.full(2, 2)
    )
    x = np.clip(x - 1, 12, mask.shape[1] - 13)
    outline = withStroke(linewidth=2, foreground="black")
    color = "white" if right else "salmon"
    axis.text(x, y - 1, name, color=color, fontsize=9, ha="center", path_effects=[outline])


def _painted(masks: np.ndarray, classes: np.ndarray, colors: np.ndarray) -> np.ndarray:
    picture = np.zeros((*masks.shape[1:], 3), np.uint8)
    for mask, index in zip(masks, classes, strict=True):
        picture[mask] = colors[index]
    return picture


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

"""The files of one photo: label PNG, overlay PNG, JSON with run lengths, activation maps.

`<stem>_labels.png`
    Eight-bit grey, sixteen-bit where there are more than 255 classes. 0 is unlabelled, i is the
    i-th class of the vocabulary (class index i - 1). Its size is that of the photo as displayed.
`<stem>_overlay.png`
    Colours on the photo with a legend.
`<stem>.json`
    Segments with COCO run lengths, names and scores; what each given mask was found to be; and
    the vocabulary and settings behind it. `--masks` reads it back.
`<stem>_maps.npz`, `<stem>_maps/mask_<number>.png`
    Activation maps, where they were asked for: logits [masks, maps, h, w] over the padded input,
    of which the first `extent` of height and width is photo; and a grid of pictures per mask.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import Bool, Float, Int
from PIL import Image

from ovseg_jax.disk.json_text import json_bytes
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.inference.formats.folder import photo_files, photo_names
from ovseg_jax.inference.formats.photo import AnsweredPhoto
from ovseg_jax.inference.output.drawing import draw_maps, draw_overlay
from ovseg_jax.inference.results import Answer, Classification
from ovseg_jax.vocabulary.published_ids import categories


def save_answer(
    result: Answer, folder: str | Path, stem: str, *, overwrite: bool = False
) -> list[Path]:
    """Writes all files of one photo.

    Args:
        result: What `Segmenter.segment` returned.
        folder: Where to write; made if need be.
        stem: Start of the file names.
        overwrite: Also replace our own files that were altered, or that answer another photo.

    Returns:
        The files written.

    Raises:
        OutputError: A file is there that may not be replaced, and nothing is written; or the disk
            refuses, and the file in question is not left half written.
    """
    inputs = [path for path in (result.photo_file, result.masks_file) if path is not None]
    results = OutputFolder(folder, inputs=inputs, overwrite=overwrite)
    return write_answer(result, results, stem)


def write_answer(
    result: Answer,
    results: OutputFolder,
    stem: str,
    formats: Sequence[str] = (),
    frame: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Writes all files of one photo into a folder that several photos share; see `save_answer`.

    Args:
        result: The answer.
        results: The folder.
        stem: Start of the file names.
        formats: Names of `ovseg_jax.inference.formats.table`, of which the photo's own files are
            written too.
        frame: Of a frame of a video: what the record says of it; its overlay is the video.
    """
    maps = result.classification.maps
    names = names_of_answer(stem, None if maps is None else len(result.classification), formats)
    if frame is not None:
        names.remove(overlay_name(stem))
    results.claim(names, result.source)
    labels = encode_labels(result.prediction.labels, len(result.words.classes))
    overlay = draw_overlay(result) if frame is None else None
    described = describe(result) | ({} if frame is None else {"frame": dict(frame)})
    record = json_bytes(described, indent=1)
    photo = AnsweredPhoto.of(described, stem, results.seen_from_here(result.source))
    writers = itertools.chain(
        [
            lambda file: _png(labels, file),
            *([] if overlay is None else [lambda file: _png(overlay, file)]),
            lambda file: file.write(record),
        ],
        _map_writers(result, maps) if maps is not None else (),
        (
            lambda file, content=content: file.write(content)
            for content in photo_files(formats, photo)
        ),
    )
    pairs = zip(names, writers, strict=True)
    return [results.write(name, write, result.source) for name, write in pairs]


def names_of_answer(stem: str, maps: int | None = None, formats: Sequence[str] = ()) -> list[str]:
    """Returns the names of a photo's files, in the order in which they are written.

    Args:
        stem: How they start.
        maps: Masks whose maps are drawn; None without maps.
        formats: Formats that are written beside.
    """
    names = [f"{stem}_labels.png", overlay_name(stem), f"{stem}.json"]
    if maps is not None:
        grids = [f"{stem}_maps/mask_{number:03d}.png" for number in range(maps)]
        names += [f"{stem}_maps.npz", *grids]
    return names + photo_names(formats, stem)


def overlay_name(stem: str, ending: str = "png") -> str:
    """Returns the name of a photo's overlay, or with another ending of a video's."""
    return f"{stem}_overlay.{ending}"


def encode_labels(labels: Int[np.ndarray, "H W"], num_classes: int) -> Image.Image:
    """Makes the label picture: 0 where unlabelled, else class index + 1."""
    return Image.fromarray((labels + 1).astype(np.uint8 if num_classes <= 255 else np.uint16))


def encode_rle(mask: Bool[np.ndarray, "H W"]) -> dict[str, Any]:
    """Returns COCO's packed run lengths of a mask, ready for JSON."""
    from pycocotools import mask as coco

    packed = coco.encode(np.asfortranarray(mask, np.uint8))
    counts = packed["counts"].decode("ascii")  # type: ignore[reportAttributeAccessIssue] - bytes
    return {"size": list(mask.shape), "counts": counts}


def describe(result: Answer) -> dict[str, Any]:
    """Returns everything about an answer but its pixels, ready for JSON."""
    words = result.words
    return {
        "image": {
            "file": result.photo,
            "height": int(result.prediction.labels.shape[0]),
            "width": int(result.prediction.labels.shape[1]),
        },
        "model": result.model,
        "settings": dataclasses.asdict(result.settings) | {"templates": words.templates},
        "vocabulary": [list(entry.synonyms) for entry in words.classes.classes],
        "categories": [
            category | {"isthing": int(thing)}
            for category, thing in zip(categories(words.classes), result.is_thing, strict=False)
        ],
        "background": [list(entry.synonyms) for entry in words.background],
        "background_is_default": words.is_default,
        "label_png": "0 = unlabelled, i = vocabulary[i - 1]",
        "segments": [_segment(result, number) for number in range(len(result.names))],
        "masks": [
            entry | {"segmentation": encode_rle(mask)}
            for entry, mask in zip(describe_masks(result.classification), result.masks, strict=True)
        ],
    }


def describe_masks(found: Classification, top: int = 5) -> list[dict[str, Any]]:
    """Returns name, score and best alternatives of each given mask, ready for JSON.

    "name" is the best word, and "is_background" tells whether it is one of the background words.
    "source" is the file and place of a mask that came from a file.
    """
    entries = []
    for number, label in enumerate(found.classes):
        best = found.top(number, top)
        entries.append(
            {
                "index": number,
                "class": int(label),
                "name": best[0][0],
                "score": round(best[0][1], 6),
                "is_background": bool(label < 0),
                "area": int(found.areas[number]),
                "none_of_these": round(float(found.probabilities[number, -1]), 6),
                "top": [{"name": name, "score": round(score, 6)} for name, score in best],
            }
        )
    for entry, source in zip(entries, found.sources, strict=False):
        entry["source"] = source
    return entries


def _segment(result: Answer, number: int) -> dict[str, Any]:
    label = int(result.prediction.classes[number])
    mask = np.asarray(result.prediction.masks[number])
    return {
        "id": number + 1,
        "class": label,
        "name": result.names[number],
        "score": round(float(result.prediction.scores[number]), 6),
        "is_thing": bool(result.is_thing[label]),
        "area": int(mask.sum()),
        "segmentation": encode_rle(mask),
    }


def _png(picture: Image.Image, file: BinaryIO) -> None:
    picture.save(file, format="PNG")


def _map_writers(
    result: Answer, maps: Float[np.ndarray, "q m h w"]
) -> Iterator[Callable[[BinaryIO], object]]:
    """Yields what writes the logits of all maps, then one grid of pictures per mask."""
    found = result.classification
    arrays = {"maps": maps.astype(np.float16), "extent": np.array(found.extent)}
    yield lambda file: np.savez_compressed(file, **arrays)
    for entry, mask, own in zip(describe_masks(found), result.masks, maps, strict=True):
        title = f"mask {entry['index']}: {entry['name']} {entry['score']:.2f}"
        grid = draw_maps(result.pixels, mask, own, found.extent, title)
        yield lambda file, grid=grid: _png(grid, file)

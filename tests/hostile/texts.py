"""Masks, words and descriptions of models that lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.hostile.archives import ESCAPES


def masks() -> dict[str, str]:
    """Returns files of masks for a photo of 60 x 80, `photo.png`, by name."""
    whole = {"size": [60, 80], "counts": [0, 4800]}

    def lists(*segmentations: Any, **more: Any) -> str:
        proposals = [{"segmentation": entry} for entry in segmentations]
        return json.dumps({"photo.png": {"width": 80, "height": 60, "proposals": proposals} | more})

    def coco(*annotations: Any, size: Any = (80, 60)) -> str:
        image = {"id": 1, "file_name": "photo.png", "width": size[0], "height": size[1]}
        annotations = [{"id": i, "image_id": 1} | entry for i, entry in enumerate(annotations)]
        return json.dumps({"images": [image], "annotations": annotations, "categories": []})

    return {
        "runs_beyond.json": lists(whole | {"counts": [0, 10**12]}),
        "runs_below.json": lists(whole | {"counts": [-5, 4805]}),
        "runs_digits.json": lists(whole | {"counts": [10**400, 1]}),
        "runs_floats.json": lists(whole | {"counts": [0.5, 1e300]}),
        "runs_text.json": lists(whole | {"counts": "\x00\x1b~~~~ooooPPPP"}),
        "runs_long_text.json": lists(whole | {"counts": "o" * 200_000}),
        "size_huge.json": lists({"size": [10**9, 10**9], "counts": [10**18]}),
        "size_wrong.json": lists({"size": ["60", None], "counts": []}),
        "size_negative.json": lists({"size": [-60, -80], "counts": [4800]}),
        "polygon_far.json": coco({"segmentation": [[1e308, 0, 1e308, 1e308, -1e308, 5]]}),
        "polygon_nan.json": coco({"segmentation": [[0, 0, 10, 10, 5, 5]]}).replace("10,", "NaN,"),
        "polygon_many.json": coco({"segmentation": [[1, 2] * 200_000]}),
        "polygon_short.json": coco({"segmentation": [[1, 2]]}, {"segmentation": [[]]}),
        "polygon_text.json": coco({"segmentation": "photo"}, {"segmentation": [["a", "b", "c"]]}),
        "polygon_deep.json": coco({"segmentation": [[[[[[1]]]]]]}),
        "image_huge.json": coco({"segmentation": [[0, 0, 9, 9, 5, 5]]}, size=(10**9, 10**9)),
        "image_text.json": coco({"segmentation": [[0, 0, 9, 9, 5, 5]]}, size=("a", [])),
        "names.json": json.dumps({ESCAPES: {"proposals": []}, "b.png": {"proposals": []}}),
        "names_coco.json": coco().replace("photo.png", "\\u001b[2J"),
        "deep.json": "[" * 100_000 + "]" * 100_000,
        "broken.json": '{"images": [',
        "brackets.json": "[" + "[]," * 300_000 + "[]]",
        "digits.json": "9" * 100_000,
        "numbers.json": "[1, null, true, {}]",
        "labelme.json": json.dumps({"shapes": [{"points": [[None, 1], "x"]}], "imagePath": 3}),
        "yolo.txt": "0 1e999 nan 0.5 0.5\n" + "x" * 1000,
    }


def words() -> dict[str, bytes]:
    """Returns files of words by name."""
    return {
        "escapes.txt": f"cat{ESCAPES}\ndog".encode(),
        "noise.txt": bytes(range(256)) * 10,
        "utf16.txt": "cat\ndog".encode("utf-16"),
        "long.txt": b"c" * 300_000,
        "zeros.txt": b"cat\x00dog\n",
        "empty.txt": b"",
        "deep.json": b"[" * 100_000 + b"]" * 100_000,
        "digits.json": b"[" + b"9" * 10_000 + b"]",
        "types.json": b'[{"name": 3}, null, [[]], {"name": {"a": NaN}}]',
        "marks.txt": "c\u0301\u202e\u2066at\nd\ufeffog".encode(),
        "colors.json": json.dumps([{"name": "cat", "color": [10**30, -1, "x"]}]).encode(),
    }


def configs(valid: dict[str, Any]) -> dict[str, str]:
    """Returns descriptions of a model, by name, made from one that is right."""

    def changed(*path: str, value: Any) -> str:
        copy = json.loads(json.dumps(valid))
        place = copy
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return json.dumps(copy)

    return {
        "deep": "[" * 100_000 + "]" * 100_000,
        "digits": '{"clip": {"variant": ' + "9" * 10_000 + "}}",
        "broken": '{"clip": ',
        "list": "[]",
        "null": "null",
        "blocks": changed("method", "num_blocks", value=10**9),
        "width": changed("method", "width", value=10**7),
        "maps": changed("method", "num_maps", value=0),
        "negative": changed("method", "width", value=-1),
        "kind": changed("method", "kind", value=["a", {}]),
        "module": changed("method", "module", value="os:system"),
        "variant": changed("clip", "variant", value=f"convnext{ESCAPES}"),
        "type": changed("clip", "compute_dtype", value="object"),
        "tokenizer": changed("clip", "tokenizer_file", value="/dev/zero"),
        "side": changed("inference", "short_side", value=10**6),
        "nan": changed("inference", "min_score", value=float("nan")),
        "vocabulary": changed("train_vocabulary", value="../../../../etc/passwd"),
        "templates": changed("templates", value="os"),
        "escapes": changed(ESCAPES, value=1),
    }


def write_all(folder: Path, contents: dict[str, str | bytes]) -> None:
    """Writes files by name."""
    for file, content in contents.items():
        data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        (folder / file).write_bytes(data)

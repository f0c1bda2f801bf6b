"""How well the toy CLIPs find captions that they were not trained on, and pictures for them.

    python -m benchmarks.toy_retrieval [--pictures 1000] [ovseg_jax/assets/toy/clip_vit_seed0 ...]

Each picture has one caption; recall counts where it is the first, or among the first five, of all
captions, and the other way. "Parts" are pictures of the kind that the towers were trained on, drawn
anew; "scenes" are whole pictures, drawn like those of the validation split. A caption that occurs
twice is right for both pictures.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from data.toy_world import splits
from ovseg_jax.inference.model import Model
from ovseg_jax.loading.opening import open_model

SHIPPED = (*(f"clip_convnext_seed{seed}" for seed in range(3)), "clip_vit_seed0")
BATCH = 50
KINDS: dict[str, tuple[splits.Split, int]] = {
    "parts": ("parts", splits.FULL_COUNTS["parts"]),
    "scenes": ("validation", 0),
}
"""Split and index of the first picture; parts behind those of the data set are new."""


def drawn(kind: str, count: int) -> tuple[np.ndarray, list[str]]:
    """Draws pictures of a kind and the first caption of each."""
    split, first = KINDS[kind]
    scenes = [splits.draw_example(split, first + number) for number in range(count)]
    return np.stack([scene.image for scene in scenes]), [scene.captions[0] for scene in scenes]


def similarities(model: Model, pictures: np.ndarray, captions: Sequence[str]) -> np.ndarray:
    """Returns cosines of all pictures (rows) with all captions (columns)."""
    clip = model.method.clip
    variables = {"params": jax.tree.map(jnp.asarray, model.params["clip"])}
    encode: dict[str, Callable] = {
        name: jax.jit(lambda given, name=name: clip.apply(variables, given, method=name))
        for name in ("encode_image", "encode_text")
    }
    pixels = (pictures - np.float32(clip.pixel_mean)) / np.float32(clip.pixel_std)
    images = _unit(encode["encode_image"], pixels)
    return images @ _unit(encode["encode_text"], model.tokenizer(list(captions))).T


def _unit(encode: Callable, given: np.ndarray) -> np.ndarray:
    rows = np.concatenate(
        [np.asarray(encode(jnp.asarray(given[i : i + BATCH]))) for i in range(0, len(given), BATCH)]
    )
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def recalls(cosines: np.ndarray, captions: Sequence[str]) -> dict[str, float]:
    """Returns recall at 1 and 5, from pictures to captions and from captions to pictures."""
    same = np.array(captions)[:, None] == np.array(captions)[None]
    found = {}
    for name, table in (("captions", cosines), ("pictures", cosines.T)):
        order = np.argsort(-table, axis=1, kind="stable")
        right = np.take_along_axis(same, order, axis=1)
        for first in (1, 5):
            found[f"{name} R@{first}"] = float(right[:, :first].any(1).mean())
    return found


def main() -> None:
    """Prints a table and writes every number of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("models", nargs="*", help="default: the shipped CLIPs")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/retrieval.json"))
    options = parser.parse_args()
    models = options.models or [f"ovseg_jax/assets/toy/{name}" for name in SHIPPED]
    record: dict[str, dict[str, dict[str, float]]] = {}
    for kind in KINDS:
        pictures, captions = drawn(kind, options.pictures)
        for place in models:
            cosines = similarities(open_model(place), pictures, captions)
            record.setdefault(Path(place).name, {})[kind] = recalls(cosines, captions)
    options.results.write_text(json.dumps({"pictures": options.pictures} | record, indent=1))
    columns = list(next(iter(record.values()))["parts"])
    print("| CLIP | pictures | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 2) + "|")
    for name, kinds in record.items():
        for kind, found in kinds.items():
            cells = " | ".join(f"{100 * found[column]:.1f}" for column in columns)
            print(f"| {name} | {kind} | {cells} |")


if __name__ == "__main__":
    main()

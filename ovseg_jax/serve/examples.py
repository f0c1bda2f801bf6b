"""Pictures to begin with: those of a folder, or drawn scenes of the toy world."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from ovseg_jax.inputs.listing import list_photos

SEEDS, SCALE = (1, 2, 3), 4
MOST = 12
"""Pictures of a folder that the page offers."""
TOY_WORDS = (
    "phone; bread, loaf; plate, dish; tower; kite; ball; harp; book; fish; sail; "
    "brick; forest; grass, lawn; water, sea"
)


class Example(NamedTuple):
    """A picture that the page offers.

    Attributes:
        name: Shown below it.
        words: What is asked for when it is picked; empty to keep what is typed.
        data: Its file.
        media_type: Of the file.
    """

    name: str
    words: str
    data: bytes
    media_type: str


def drawn() -> tuple[Example, ...]:
    """Draws scenes of the toy model's world, four times as large as it knows them."""
    import numpy as np

    from ovseg_jax.disk.shipped import data_module

    scenes = data_module("toy_world.scenes")
    examples = []
    for number, seed in enumerate(SEEDS):
        scene = scenes.make_scene(np.random.default_rng(seed), "scene")
        height, width = scene.image.shape[:2]
        picture = Image.fromarray(scene.image).resize((width * SCALE, height * SCALE), 0)
        file = io.BytesIO()
        picture.save(file, format="PNG")
        name = f"drawn scene {number + 1}"
        examples.append(Example(name, TOY_WORDS, file.getvalue(), "image/png"))
    return tuple(examples)


def of_folder(folder: Path) -> tuple[Example, ...]:
    """Reads the pictures of a folder.

    Raises:
        ImageError: There is none.
    """
    paths = list_photos([str(folder)]).photos[:MOST]
    return tuple(Example(path.stem, "", path.read_bytes(), _media_type(path)) for path in paths)


def _media_type(path: Path) -> str:
    Image.init()
    return Image.MIME.get(Image.registered_extensions().get(path.suffix.lower(), ""), "image/*")

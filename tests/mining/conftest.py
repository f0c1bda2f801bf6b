"""Toy scenes on disk with captions and masks, and the toy CLIP that scores them."""

import json
from pathlib import Path

import pytest
from PIL import Image

from data.toy_world import world
from data.toy_world.splits import draw_example
from ovseg_jax.inference.output.save import encode_rle

CLIP = Path(__file__).parents[2] / "ovseg_jax/assets/toy/clip_vit_seed0"
SCENES = 30


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A folder with `photos/`, `captions.tsv` and `masks.json` of some scenes."""
    folder = tmp_path_factory.mktemp("toy")
    (folder / "photos").mkdir()
    captions, masks = [], {}
    for number in range(SCENES):
        scene, name = draw_example("validation", number), f"scene_{number:03d}.png"
        Image.fromarray(scene.image).save(folder / "photos" / name)
        captions += [f"{name}\t{caption}" for caption in scene.captions]
        masks[name] = {
            "proposals": [
                {
                    "segmentation": encode_rle(scene.segment_ids == n + 1),
                    "name": world.CLASS_NAMES[category],
                }
                for n, category in enumerate(scene.categories)
            ]
        }
    (folder / "captions.tsv").write_text("\n".join(captions) + "\n")
    (folder / "masks.json").write_text(json.dumps(masks))
    return folder


@pytest.fixture(scope="session")
def command(toy):
    """The arguments of `ovseg mine` on the toy scenes with the toy CLIP."""

    def build(out, *options):
        paths = ["mine", toy / "photos", "--captions", toy / "captions.tsv", "--out", out]
        paths += ["--masks", toy / "masks.json", "--model", CLIP, *options]
        return [str(part) for part in paths]

    return build

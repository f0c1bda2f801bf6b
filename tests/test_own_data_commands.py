"""The six commands of the README from forty photos to pictures of answers, typed as they are."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from data.toy_world import world
from data.toy_world.splits import draw_example
from ovseg_jax.inference.output.save import encode_rle

README = Path(__file__).parents[1] / "README.md"
PHOTOS = 40
SHORTER = ("--num-steps", "4", "--checkpoint.every-steps", "4")
"""Added to the training, which is about whether the commands fit each other."""

pytestmark = pytest.mark.slow


def commands():
    """The README's block below "Your own data", a list of words for each command."""
    text = README.read_text().split("**Your own data.**")[1]
    block = re.search(r"```\n(.*?)```", text, re.DOTALL)[1].replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in block.splitlines() if line.strip()]


def draw(folder):
    """Photos with a COCO instances file, as label tools export it."""
    folder.mkdir()
    names, images, objects = sorted(world.THING_NAMES), [], []
    for index in range(PHOTOS):
        scene = draw_example("test", index, 96)
        name = f"scene_{index:02d}.png"
        Image.fromarray(scene.image).save(folder / name)
        images.append({"id": index + 1, "file_name": name, "height": 96, "width": 96})
        for number, category in enumerate(scene.categories, start=1):
            word = world.CLASS_NAMES[category]
            if word in names:
                objects.append(
                    {
                        "id": len(objects) + 1,
                        "image_id": index + 1,
                        "category_id": names.index(word) + 1,
                        "segmentation": encode_rle(scene.segment_ids == number),
                        "iscrowd": 0,
                    }
                )
    content = {"images": images, "annotations": objects}
    content["categories"] = [{"id": n, "name": name} for n, name in enumerate(names, start=1)]
    (folder / "instances.json").write_text(json.dumps(content))


def test_six_commands_lead_from_forty_photos_to_pictures(tmp_path):
    draw(tmp_path / "photos")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "TFDS_DATA_DIR": str(tmp_path / "records"),
    }
    told = []
    assert len(commands()) == 6
    for program, *words in commands():
        assert program == "ovseg"
        words = [word.replace("PHOTOS", "photos") for word in words]
        command = [sys.executable, "-m", "ovseg_jax.cli.main", *words]
        command += SHORTER if words[0] == "train" else ()
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (words, done.stderr[-3000:])
        told.append(done.stdout)
    assert "32 to train on, 8 held out" in told[0]
    assert "train: 32 photos" in told[1] and "validation: 8 photos" in told[1]
    assert "own_photos" in told[4] and "mIoU" in told[4]
    report = (tmp_path / "runs" / "mine" / "evaluations" / "own_photos.html").read_text()
    assert "scene_" in report
    assert Image.open(tmp_path / "labels.png").size[0] > 100
    assert len(list((tmp_path / "named").glob("*_overlay.png"))) == PHOTOS

"""The six commands of the README from forty photos to pictures of answers, typed as they are."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from toy_annotations import write_coco

from data.toy_world import world
from data.toy_world.splits import draw_example

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
    ids = {name: number for number, name in enumerate(sorted(world.THING_NAMES), start=1)}
    scenes = [draw_example("test", index) for index in range(PHOTOS)]
    write_coco(folder, scenes, ids, range(1, PHOTOS + 1))


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

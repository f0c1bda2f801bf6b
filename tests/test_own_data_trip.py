"""A new user's trip: photos and a COCO file of one's own, from a folder that is no checkout.

The things are those of the toy world, which the shipped model knows. So if names and labels came
apart anywhere on the way, it would name the masks no better than by chance.
"""

import collections
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow_datasets")

from toy_annotations import write_coco

from data.toy_world import world
from data.toy_world.splits import draw_example
from ovseg_jax.loading.weights import load_weights

pytestmark = pytest.mark.slow

PHOTOS, TESTED = 80, 40
"""How many photos there are, and how many of them, the last ones, are not trained on."""
NAMES = 5


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    """Draws a folder: scenes, and five kinds of things in them under ids of no known order.

    Returns the user's working folder, and for each photo its id map and the names of its things.
    """
    place = tmp_path_factory.mktemp("elsewhere")
    for mine in ("data", "configs", "photos"):  # names that are ours inside of a checkout
        (place / mine).mkdir()
    scenes = [draw_example("test", index) for index in range(PHOTOS)]
    counts = collections.Counter(world.CLASS_NAMES[c] for s in scenes for c in s.categories)
    known = {world.CLASS_NAMES[index] for index in world.SEEN} & set(world.THING_NAMES)
    things = [name for name, _ in counts.most_common() if name in known][:NAMES]
    ids = dict(zip(things, (907, 3, 44, 1, 20), strict=True))
    image_ids = range(100, 100 - PHOTOS, -1)
    return place, write_coco(place / "photos", scenes, ids, image_ids)


def start(place, *arguments):
    """Starts `ovseg` in a folder; it finds packages where this process does."""
    return subprocess.Popen(
        [sys.executable, "-m", "ovseg_jax.cli.main", *map(str, arguments)],
        cwd=place,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ovseg(place, *arguments):
    process = start(place, *arguments)
    out, err = process.communicate()
    assert process.returncode == 0, err[-4000:]
    return out, err


def killed_after_a_checkpoint(process, run):
    """Kills a run that cannot help it, once it has saved something."""
    while not any(path.name.isdigit() for path in (run / "checkpoints").glob("*")):
        assert process.poll() is None, process.communicate()[1][-4000:]
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "weights").exists()


TRAIN = (
    *("train", "configs/own_photos.py", "--workdir", "runs/mine"),
    *("--data.root", "photos", "--data.prepared", "records"),
    *("--data.split", "train[:50%]", "--evaluations.0.data.split", "train[50%:]"),
    *("--num-steps", 10, "--checkpoint.every-steps", 2, "--optimizer.peak-lr", "1e-6"),
)


def test_own_photos_are_built_trained_killed_resumed_scored_and_segmented(truth):
    place, drawn = truth
    run = place / "runs" / "mine"
    build = ("data", "build", "photo_set", "--manual-dir", "photos", "--data-dir", "records")
    out, _ = ovseg(place, *build)
    told = dict(reversed(line.split(None, 1)) for line in out.splitlines() if line[:3] == "   ")
    assert told == {name: str(count) for name, count in counted(drawn).items()}
    words = out.split("class list: ")[1].strip()

    killed_after_a_checkpoint(start(place, *TRAIN), run)
    ovseg(place, *TRAIN)
    assert load_weights(run)
    tested = dict(list(drawn.items())[-TESTED:])
    scores = json.loads((run / "evaluations" / "own_photos_10.json").read_text())["scores"]
    assert scores["mask_accuracy/masks"] == sum(counted(tested).values())
    assert scores["mask_accuracy/accuracy"] > 0.6  # chance: 0.2

    name = max(counted(tested), key=counted(tested).get)
    only = ("--evaluations.0.data.classes", name, "--out", place / "scores")
    ovseg(place.parent, "evaluate", run.relative_to(place.parent), *only)
    scores = json.loads((place / "scores" / "own_photos.json").read_text())["scores"]
    assert scores["mask_accuracy/masks"] == counted(tested)[name]

    masks = ("--masks", "photos/instances.json", "--vocab-file", words, "--background", "none")
    ovseg(place, "segment", "photos", *masks, "--model", "runs/mine", "--out", "out")
    names = [entry["names"][0] for entry in json.loads(Path(words).read_text())["classes"]]
    assert agreement(place / "out", drawn, names) > 0.6


def counted(drawn):
    """How many things of each name there are."""
    return collections.Counter(name for _, things in drawn.values() for name in things.values())


def agreement(folder, drawn, names):
    """Share of the things on most of whose pixels the label picture has the thing's own name."""
    right = []
    for photo, (ids, things) in drawn.items():
        (path,) = folder.glob(f"{photo.removesuffix('.png')}*_labels.png")
        labels = np.asarray(Image.open(path))
        for number, name in things.items():
            seen = np.bincount(labels[ids == number], minlength=len(names) + 1)
            right.append(seen.argmax() == names.index(name) + 1)
    return np.mean(right)

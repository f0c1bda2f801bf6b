"""`docs/adding_a_method.md` does what it says: its four pieces, and nothing else, add a method."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from ovseg_jax.config import MethodConfig
from ovseg_jax.loading import build
from ovseg_jax.methods.method import Method

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "adding_a_method.md"
UNION = "MethodConfig = (\n    MaskPoolingConfig\n"
FIELDS = {field.name for field in dataclasses.fields(Method)}
KEPT_OUT = shutil.ignore_patterns("__pycache__")

SCRIPT = """
import dataclasses, json, sys
from pathlib import Path

import numpy as np
from PIL import Image

import ovseg_jax
from ovseg_jax.loading import build
from ovseg_jax.foundation import trees
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.cli.main import main
from ovseg_jax.config import ClipConfig, MaskPoolingConfig, ModelConfig
from ovseg_jax.inference.output.save import encode_rle
from ovseg_jax.training.loop import train
from ovseg_jax.loading.weights import load_weights

here = Path.cwd()
assert Path(ovseg_jax.__file__).is_relative_to(here), ovseg_jax.__file__
config = load_config(Path(sys.argv[1]))
tiny = dict(config="tiny", prepared=str(here / "prepared"), batch_size=4)
data = dataclasses.replace(config.data, **tiny)
evaluation = config.evaluations[0]
evaluation = dataclasses.replace(
    evaluation, data=dataclasses.replace(evaluation.data, **tiny), max_images=4
)
config = dataclasses.replace(
    config, data=data, evaluations=(evaluation,), num_steps=4, log_every=1
)
train(config, here / "run")
before = trees.flatten(load_weights(Path(config.init_from))[1])
after = trees.flatten(load_weights(here / "run")[1])
moved = [path for path in after if path not in before or np.any(after[path] != before[path])]

evaluated = main(["evaluate", "run"])
rng = np.random.default_rng(0)
Image.fromarray(rng.integers(0, 256, (60, 80, 3)).astype(np.uint8)).save("photo.png")
masks = np.zeros((2, 60, 80), bool)
masks[0, :30], masks[1, 30:] = True, True
entries = [{"segmentation": encode_rle(mask)} for mask in masks]
record = {"photo.png": {"width": 80, "height": 60, "proposals": entries}}
Path("masks.json").write_text(json.dumps(record))
options = ["--model", "run", "--masks", "masks.json", "--vocab", "ball; boat, ship; grass"]
segmented = main(["segment", "photo.png", *options, "--out", "out"])
try:
    method = dataclasses.replace(config.model.method, limit=0.0)
    refusal = build.method(dataclasses.replace(config.model, method=method))
except ValueError as error:
    refusal = str(error)
names = [mask["name"] for mask in json.loads(Path("out/photo.json").read_text())["masks"]]
scores = json.loads(Path("run/evaluations/test.json").read_text())
Path("report.json").write_text(json.dumps({
    "moved": moved,
    "largest": float(max(np.abs(after[path]).max() for path in moved)),
    "status": [evaluated, segmented],
    "names": names,
    "scores": scores,
    "refusal": refusal,
}))
"""


def pieces():
    """The guide's Python blocks, the module, its settings, two lines and a config; their places."""
    text = GUIDE.read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    headings = re.findall(r"^## \d\. .*$", text, re.MULTILINE)
    paths = [re.search(r"`([\w/]+\.py)`", heading) for heading in headings]
    return blocks, [match.group(1) for match in paths]


def test_the_guide_has_a_module_its_settings_two_lines_and_a_config():
    blocks, paths = pieces()
    assert len(blocks) == len(paths) == 4
    module, settings, lines, config = blocks
    assert paths == [
        "ovseg_jax/methods/focused_pooling.py",
        "ovseg_jax/config/methods/focused_pooling.py",
        "ovseg_jax/config/methods/__init__.py",
        "configs/toy/focused_pooling.py",
    ]
    assert len(re.findall(r"^class ", module, re.MULTILINE)) == 1
    assert len(re.findall(r"^@schema\nclass ", settings, re.MULTILINE)) == 1
    assert re.fullmatch(r"from \S+ import (\w+)\n    \| \1\n", lines)
    assert "def get_config() -> Config" in config


@pytest.mark.parametrize("schema", typing.get_args(MethodConfig), ids=lambda schema: schema.kind)
def test_every_method_came_in_by_the_same_door(schema):
    """The union's line is the only entry: settings and their class name each other."""
    found = build.method_class(schema())
    assert issubclass(found, Method)
    assert typing.get_type_hints(found)["config"] is schema
    assert {field.name for field in dataclasses.fields(found)} <= FIELDS


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What a copy of the package with the four pieces does in a process of its own."""
    copy = tmp_path_factory.mktemp("copy")
    for name in ("ovseg_jax", "configs", "data"):
        shutil.copytree(ROOT / name, copy / name, ignore=KEPT_OUT)
    blocks, paths = pieces()
    for number in (0, 1, 3):
        (copy / paths[number]).write_text(blocks[number])
    imported, option = blocks[2].splitlines(keepends=True)
    text = (copy / paths[2]).read_text()
    assert text.count(UNION) == 1
    (copy / paths[2]).write_text(text.replace(UNION, f"{imported}\n{UNION}{option}"))
    environment = os.environ | {"PYTHONPATH": str(copy), "OVSEG_CACHE": str(copy / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, paths[3]],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads((copy / "report.json").read_text())


@pytest.mark.slow
def test_it_trains_what_is_new_and_nothing_else(report):
    assert report["moved"] == ["focus/kernel"] and 0 < report["largest"] < 10


@pytest.mark.slow
def test_it_segments_and_evaluates(report):
    assert report["status"] == [0, 0]
    assert len(report["names"]) == 2 and set(report["names"]) <= {"ball", "boat", "grass"}
    accuracy = report["scores"]["scores"]["mask_accuracy/class_accuracy"]
    assert 0 <= accuracy <= 1
    assert report["scores"]["protocol"]["method"] == "focused_pooling"


@pytest.mark.slow
def test_it_refuses_by_name(report):
    assert report["refusal"].startswith("method.limit is 0.0, but focused_pooling needs a positive")

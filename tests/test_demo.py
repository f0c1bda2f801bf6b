"""`make demo` from the shipped CLIP to named masks, and what it claims."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_demo_learns_and_leaves_its_results(tmp_path):
    out = tmp_path / "demo"
    command = [sys.executable, "demo.py", "--out", str(out), "--words", "ball; boat, ship; grass"]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "| Mask-Adapter |" in printed
    scores = {row["method"]: row["scores"] for row in json.loads((out / "scores.json").read_text())}
    unseen = "mask_accuracy/class_accuracy/unseen"
    assert scores["Mask-Adapter"][unseen] > scores["mask pooling"][unseen] + 0.05
    for name in ("curves.png", "scenes.png", "your_words/scene_overlay.png"):
        assert Image.open(out / name).size[0] > 300, name


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_clip_of_the_table_is_shipped(seed):
    from ovseg_jax.weights import load_weights

    config, params = load_weights(ROOT / f"ovseg_jax/assets/toy/clip_convnext_seed{seed}")
    assert config.clip.variant == "convnext_toy" and set(params) == {"clip"}


def test_the_adapter_stands_on_the_shipped_clip():
    """Freezing held: the shipped adapter's towers are those of the CLIP it was trained on."""
    import numpy as np

    from ovseg_jax import trees
    from ovseg_jax.cli.experiment import load_config
    from ovseg_jax.weights import load_weights

    start = load_config(ROOT / "configs/toy/mask_adapter.py").init_from
    _, adapted = load_weights(ROOT / "ovseg_jax/assets/toy/mask_adapter")
    _, clip = load_weights(ROOT / start)
    for path, value in trees.flatten(clip["clip"]).items():
        np.testing.assert_array_equal(value, trees.flatten(adapted["clip"])[path], err_msg=path)


def test_the_shipped_toy_vit_is_that_of_its_config():
    from ovseg_jax.cli.experiment import load_config
    from ovseg_jax.weights import load_weights

    config, params = load_weights(ROOT / "ovseg_jax/assets/toy/clip_vit_seed0")
    assert config == load_config(ROOT / "configs/toy/clip_vit.py").model
    assert config.clip.variant == "vit_toy" and set(params) == {"clip"}

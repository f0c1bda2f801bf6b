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
    command = [
        sys.executable,
        "demo.py",
        "--out",
        str(out),
        "--words",
        "plate, dish; spider; snow",
    ]
    printed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert "| Mask-Adapter |" in printed
    scores = {row["method"]: row["scores"] for row in json.loads((out / "scores.json").read_text())}
    unseen = "semantic/mIoU/unseen"
    assert scores["Mask-Adapter"][unseen] > scores["mask pooling"][unseen] + 0.1
    assert scores["Mask-Adapter"]["mask_accuracy/class_accuracy/seen"] > 0.8
    pixels = json.loads((out / "from_pixels.json").read_text())
    pixels = {row["method"]: row["scores"] for row in pixels}
    for method in ("mask pooling", "Mask-Adapter"):
        assert pixels[method]["semantic/mIoU/seen"] > 0.3 and pixels[method]["panoptic/PQ"] > 0.25
        assert pixels[method]["instance/AP"] > 0.1
    gain = [pixels[m]["semantic/mIoU/unseen"] for m in ("mask pooling", "Mask-Adapter")]
    assert gain[1] > gain[0] + 0.03
    for name in ("curves.png", "scenes.png", "your_words/scene_overlay.png"):
        assert Image.open(out / name).size[0] > 300, name


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_clip_of_the_table_is_shipped(seed):
    from ovseg_jax.loading.weights import load_weights

    config, params = load_weights(ROOT / f"ovseg_jax/assets/toy/clip_convnext_seed{seed}")
    assert config.clip.variant == "convnext_toy_128" and set(params) == {"clip"}


def test_the_adapter_stands_on_the_shipped_clip():
    """Freezing held: the shipped adapter's towers and generator are those it was trained on."""
    import numpy as np

    from ovseg_jax.cli.experiment import load_config
    from ovseg_jax.foundation import trees
    from ovseg_jax.loading.weights import load_weights

    start = load_config(ROOT / "configs/toy/mask_adapter.py").init_from
    _, adapted = load_weights(ROOT / "ovseg_jax/assets/toy/mask_adapter")
    _, base = load_weights(ROOT / start)
    for path, value in trees.flatten(base).items():
        np.testing.assert_array_equal(value, trees.flatten(adapted)[path], err_msg=path)
    _, clip = load_weights(ROOT / "ovseg_jax/assets/toy/clip_convnext_seed0")
    for path, value in trees.flatten(clip).items():
        np.testing.assert_array_equal(value, trees.flatten(base)[path], err_msg=path)


def test_a_toy_scene_goes_from_pixels_to_named_masks():
    """Scenes of the test seed, drawn here: most of the seen stuff is found and named."""
    import numpy as np

    from data.toy_world import scenes, world
    from ovseg_jax.api import load_segmenter

    segmenter = load_segmenter("toy")
    segmenter.set_vocabulary("; ".join(world.CLASS_NAMES), "none")
    right, total = 0, 0
    for number in range(4):
        scene = scenes.make_scene(np.random.default_rng(1000 + number), "scene")
        answer = segmenter.segment(scene.image, None, "semantic").prediction.labels
        truth = np.r_[-1, scene.categories][scene.segment_ids]
        stuff = np.isin(truth, [i for i in world.SEEN if not world.IS_THING[i]])
        right += ((answer == truth) & stuff).sum()
        total += stuff.sum()
    assert right > 0.75 * total > 0

"""Runners on batches that no golden holds: a smaller second photo in a case's own frame.

Each photo of such a batch answers as it does alone, so the first must still give the golden.
"""

import json

import numpy as np
import pytest
from golden_cases import GOLDENS, Case, run

PER_IMAGE = ("image", "pred_masks", "pred_logits", "mask_logits", "segmentor_logits")
PER_IMAGE += ("gt_masks", "gt_classes")


def with_second_photo(path, folder):
    """A case on disk with a second photo: the upper left part of the first, and other masks."""
    info = json.loads((GOLDENS / path / "case.json").read_text())
    inputs = {}
    for name, recipe in info["inputs"].items():
        base = name.rstrip("01")
        if base not in PER_IMAGE:
            inputs[name] = recipe
        if base not in PER_IMAGE or name.endswith("1"):
            continue
        inputs[f"{base}0"] = recipe
        inputs[f"{base}1"] = recipe | {"seed": recipe["seed"] + 1}
        if base in ("image", "mask_logits", "gt_masks"):
            inputs[f"{base}1"] |= {"h": recipe["h"] - 5, "w": recipe["w"] - 9}
    names = {
        name + suffix: output for name, output in info["outputs"].items() for suffix in ("", "0")
    }
    folder.mkdir()
    for file in ("manifest.json", "outputs.npz"):
        (folder / file).symlink_to(GOLDENS / path / file)
    (folder / "case.json").write_text(json.dumps(info | {"inputs": inputs, "outputs": names}))
    return Case(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "fcclip/a4_classify_valid_mask",
        "maft_plus/a4_classify",
        "mask_adapter/a8_path_maft_base",
        "maskclippp/a2_eva_b16",
    ],
)
def test_the_first_photo_of_a_batch_gives_the_golden(path, tmp_path):
    outputs = run(with_second_photo(path, tmp_path / "case"))
    single = Case(GOLDENS / path)
    first = {}
    for name in single.final:
        whole = outputs.get(f"{name}0", outputs.get(name))
        shape = single.info["outputs"][name]["shape"]
        first[name] = whole[: shape[0]] if shape else whole
    for name, (fits, error, _) in single.compare(first).items():
        assert fits, f"{name}: {error}"
    assert all(np.isfinite(x).all() for x in outputs.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "mask_adapter/a4_warmup_train",
        "maskclippp/a5_train_rn50x16",
        "maskclippp/a14_train_eva_b16_one_image",
    ],
)
def test_training_takes_photos_of_different_sizes(path, tmp_path):
    outputs = run(with_second_photo(path, tmp_path / "case"))
    loss = outputs.get("loss", outputs.get("loss_ce"))
    assert np.isfinite(loss) and loss > 0

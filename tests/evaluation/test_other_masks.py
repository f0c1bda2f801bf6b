"""Evaluations on the masks of another model: a generator with its frame, and SAM."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.cli.main import main
from ovseg_jax.config import InferenceConfig, MaskSourceConfig
from ovseg_jax.evaluation.other_masks import OtherMasks
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator, AutomaticMasks
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inputs.batches import frame_views, photo_views
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights, save_weights

ADAPTER, GENERATOR = "ovseg_jax/assets/toy/mask_adapter", "ovseg_jax/assets/toy/fcclip"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Model section, parameters, and an evaluation of six scenes from pixels."""
    model, params = load_weights(ADAPTER)
    (item,) = load_config(Path("configs/toy/mask_adapter.py")).evaluations
    place = str(tmp_path_factory.mktemp("prepared"))
    data = dataclasses.replace(item.data, config="tiny", prepared=place, batch_size=4)
    item = dataclasses.replace(item, data=data, metrics=("semantic", "panoptic"))
    return model, params, item


def run(toy, **changes):
    model, params, item = toy
    suite = Suite(dataclasses.replace(item, **changes), model, build.method(model))
    return suite.run(params, "toy")


@pytest.mark.slow
def test_the_own_generator_as_another_model_differs_in_the_ensemble_only(toy):
    """The same masks; but a generator's words count only where it is the model's own."""
    model, params, item = toy
    apart, card = run(toy, masks=MaskSourceConfig(kind="model", path=GENERATOR))
    weights = dataclasses.replace(model.inference.ensemble, alpha=1.0, beta=1.0)
    inference = dataclasses.replace(model.inference, ensemble=weights)
    alone = (dataclasses.replace(model, inference=inference), params, item)
    own, own_card = run(alone, masks=MaskSourceConfig(kind="generator"))
    for name, value in own.items():
        np.testing.assert_allclose(apart[name], value, atol=2e-3, err_msg=name)
    assert apart["panoptic/PQ"] > 0.1
    assert card.mask_source == f"model {GENERATOR}"
    assert card.ensemble == "none for classes; 'no object' of the masks' source counts"
    assert own_card.ensemble.startswith("fcclip, alpha 1 (seen), beta 1 (unseen)")


def test_masks_of_a_generator_with_another_test_size_lie_on_the_pictures(toy, tmp_path):
    model, params = load_weights(GENERATOR)
    larger = InferenceConfig(short_side=128, long_side=128)
    save_weights(tmp_path / "larger", dataclasses.replace(model, inference=larger), params)
    masks = MaskSourceConfig(kind="model", path=str(tmp_path / "larger"))
    apart, _ = run(toy, masks=masks, protocol="photo")
    assert apart["panoptic/PQ"] > 0.1 and apart["semantic/pACC"] > 0.3


class Halves(AutomaticMaskGenerator):
    """Finds the upper half, the left half and nothing else, the latter with more trust."""

    def __init__(self, most=0):
        """Needs no model."""
        self.most = most

    def generate(self, pixels):
        height, width = size = pixels.shape[:2]
        masks = np.zeros((2, height, width), bool)
        masks[0, : height // 2], masks[1, :, : width // 2] = True, True
        zeros = np.zeros((2, 4), int)
        return AutomaticMasks(
            bits=np.packbits(masks.reshape(2, -1), axis=1),
            size=size,
            boxes=zeros,
            ious=np.array([0.5, 0.9]),
            stability=np.ones(2),
            points=np.zeros((2, 2)),
            crops=zeros,
        )


def test_hard_masks_come_in_both_frames_and_are_bounded(toy):
    model, _, item = toy
    small = InferenceConfig(short_side=64, long_side=64)
    classes = named_classes(item.data.vocabulary)
    view = next(photo_views(item.data, small))
    given = OtherMasks(Halves(), classes).propose(view)
    assert given.network.masks.shape == (1, 16, 64, 64)
    assert given.truth.masks.shape == (1, 16, 128, 128)
    assert given.truth.valid.sum() == 2 and given.truth.masks.dtype == jnp.bool_
    assert given.network.masks[0, 0, :32].all() and not given.network.masks[0, 0, 32:].any()
    assert given.truth.masks[0, 1, :, :64].all() and not given.truth.masks[0, 1, :, 64:].any()
    best = OtherMasks(Halves(most=1), classes).propose(view)
    np.testing.assert_array_equal(best.truth.masks[0, 0], given.truth.masks[0, 1])
    assert best.truth.valid.sum() == 1


def test_hard_masks_are_scored(toy, monkeypatch):
    from ovseg_jax.evaluation import judge

    monkeypatch.setattr(judge, "open_mask_maker", lambda path, most: Halves(most))
    scores, card = run(toy, masks=MaskSourceConfig(kind="model", path="weights/sam_vit_h"))
    assert card.mask_source == "model weights/sam_vit_h" and card.images == 6
    assert 0 < scores["semantic/pACC"] < 0.8


def test_pictures_of_a_batch_have_masks_of_their_own(toy):
    _, _, item = toy
    view = next(frame_views(item.data))
    given = OtherMasks(Halves(), named_classes(item.data.vocabulary)).propose(view)
    assert given.network.masks.shape[:2] == (4, 16) and given.network.valid.sum() == 8


def test_evaluate_takes_another_generator(toy, tmp_path, capsys):
    _, _, item = toy
    out = str(tmp_path / "out")
    options = ["--config", "configs/toy/mask_adapter.py", "--generator", GENERATOR, "--out", out]
    data = {"config": "tiny", "prepared": item.data.prepared, "batch-size": "4"}
    for name, value in data.items():
        options += [f"--evaluations.0.data.{name}", value]
    assert main(["evaluate", ADAPTER, *options]) == 0
    assert f"model {GENERATOR}" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").glob("*.json")] == ["test_fcclip.json"]


def test_models_without_masks_and_training_on_foreign_masks_are_refused(toy):
    with pytest.raises(SegmenterError, match="clip_convnext_seed0 has no mask generator"):
        clip = "ovseg_jax/assets/toy/clip_convnext_seed0"
        run(toy, masks=MaskSourceConfig(kind="model", path=clip))
    with pytest.raises(ValueError, match="masks.path is empty: name the weights"):
        run(toy, masks=MaskSourceConfig(kind="model"))
    with pytest.raises(ValueError, match="serves evaluations only"):
        build.mask_source(MaskSourceConfig(kind="model", path=GENERATOR))

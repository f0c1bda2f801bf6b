"""A configured evaluation from records to scores, with the shipped toy weights."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import (
    ClipConfig,
    InferenceConfig,
    MaskGeneratorConfig,
    MaskSourceConfig,
)
from ovseg_jax.disk.configs_io import ConfigError
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.inputs.batches import photo_views
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import initial_parameters
from ovseg_jax.loading.weights import load_weights
from tests.inference.tiny_model import GENERATOR

WEIGHTS = "ovseg_jax/assets/toy/mask_adapter"
CLASSES = named_classes("toy_world48")
ACCURACY = "mask_accuracy/accuracy"


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """Model section, parameters, and an evaluation of six scenes."""
    model, params = load_weights(WEIGHTS)
    (item,) = load_config(Path("configs/toy/mask_adapter.py")).evaluations
    place = str(tmp_path_factory.mktemp("prepared"))
    data = dataclasses.replace(item.data, config="tiny", prepared=place, batch_size=4)
    return model, params, dataclasses.replace(item, data=data)


def run(toy, **changes):
    model, params, item = toy
    inference = changes.pop("inference", None)
    if inference is not None:
        model = dataclasses.replace(model, inference=inference)
    suite = Suite(dataclasses.replace(item, **changes), model, build.method(model))
    return suite.run(params, "toy")


@pytest.fixture(scope="module")
def in_frame(toy):
    return run(toy)


def test_every_mask_of_the_split_is_scored_once(toy, in_frame):
    from ovseg_jax.inputs.datasets import decode, open_split

    table, card = in_frame
    source = open_split(toy[2].data)
    masks = sum(len(decode(source[number])["categories"]) for number in range(len(source)))
    assert card.images == 6 and table["mask_accuracy/masks"] == masks


def test_the_shipped_adapter_has_learned(in_frame):
    table, _ = in_frame
    assert table[ACCURACY] > 0.4  # chance is 0.02
    assert table["semantic/pACC"] > 0.5 and table["panoptic/PQ"] > 0.2


@pytest.mark.slow
def test_a_generator_of_a_fixed_list_is_scored_by_that_list_alone(toy):
    clip, masks = ClipConfig(variant=""), MaskSourceConfig(kind="generator")
    head = dataclasses.replace(GENERATOR, class_head="linear", num_classes=len(CLASSES))
    parts = {"clip": clip, "method": MaskGeneratorConfig(has_void=False), "generator": head}
    model = dataclasses.replace(toy[0], **parts, train_vocabulary="toy_world48")
    params = initial_parameters(build.method(model), jax.random.key(0))
    table, card = run((model, params, toy[2]), masks=masks, metrics=("semantic",), max_images=2)
    assert 0 <= table["semantic/pACC"] <= 1 and card.num_classes == len(CLASSES)
    others = dataclasses.replace(head, num_classes=32)
    model = dataclasses.replace(model, generator=others, train_vocabulary="toy_world_seen32")
    with pytest.raises(ConfigError, match="num_classes is 32, but .* has 48 classes"):
        run((model, params, toy[2]), masks=masks)


def test_both_protocols_agree_where_nothing_is_resized(toy, in_frame):
    scores, card = run(toy, protocol="photo")
    assert "short side 128" in card.resize and "padded to multiples of 32" in card.resize
    assert card.ensemble == "none: the masks bring no classifier"
    for name, value in in_frame[0].items():
        np.testing.assert_allclose(scores[name], value, rtol=1e-5, err_msg=name)


def test_photos_are_scored_at_their_own_size(toy):
    """The network sees 64 pixels, the truth keeps its 128, and masks still lie on it."""
    from ovseg_jax.inputs.datasets import decode, open_split

    inference = InferenceConfig(short_side=64, long_side=64)
    view = next(photo_views(toy[2].data, inference))
    assert view.network.images.shape[1:3] == (64, 64)
    truth = decode(open_split(toy[2].data)[0])
    np.testing.assert_array_equal(view.truth.images[0], truth["image"])
    np.testing.assert_array_equal(view.truth.segment_ids[0], truth["segment_ids"])
    scores, _ = run(toy, protocol="photo", inference=inference)
    assert scores[ACCURACY] > 0.2


def test_imperfect_masks_cost_quality_and_stand_on_the_card(toy, in_frame):
    masks = MaskSourceConfig(kind="perturbed", iou=0.67)
    scores, card = run(toy, masks=masks)
    assert "perturbed" in card.mask_source
    assert scores["panoptic/SQ"] < in_frame[0]["panoptic/SQ"] - 0.05


def test_the_limit_of_images_is_kept(toy):
    scores, card = run(toy, max_images=5)
    assert card.images == 5 and scores["mask_accuracy/masks"] > 0


def test_seen_and_unseen_classes_are_told_apart_where_that_says_something(toy, in_frame):
    scores, _ = run(toy, seen_apart=False)
    parted = in_frame[0].keys() - scores.keys()
    ends = ("seen", "harmonic")
    assert parted and all(name.endswith(ends) for name in parted)
    assert not any(name.endswith(ends) for name in scores)
    assert "mask_accuracy/accuracy/things" in scores


def test_names_of_the_truth_leave_only_the_masks_to_blame(toy, in_frame):
    """On true masks all is right; on imperfect ones the score is that of the masks."""
    perfect, card = run(toy, names="matched")
    assert "names of the truth" in card.method and card.ensemble.startswith("none")
    assert perfect[ACCURACY] == 1.0 and perfect["panoptic/PQ"] == 1.0
    masks = MaskSourceConfig(kind="perturbed", iou=0.67)
    named, _ = run(toy, masks=masks, names="nearest")
    guessed, _ = run(toy, masks=masks)
    assert guessed["panoptic/PQ"] < named["panoptic/PQ"] < 1.0
    assert guessed["semantic/mIoU"] < named["semantic/mIoU"] < 1.0

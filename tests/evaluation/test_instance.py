"""Mask AP through pycocotools."""

import numpy as np
import pytest

from ovseg_jax.evaluation.instance import STATS, ImageInstances, mask_ap


def image(masks, classes, found, found_classes, scores):
    return ImageInstances(
        true_masks=masks,
        true_classes=np.array(classes),
        crowds=np.zeros(len(classes), bool),
        masks=found,
        classes=np.array(found_classes),
        scores=np.array(scores),
    )


@pytest.fixture
def masks():
    masks = np.zeros((2, 40, 50), bool)
    masks[0, :20], masks[1, 25:, :30] = True, True
    return masks


def test_perfect_instances_score_one(masks):
    result = mask_ap([image(masks, [0, 1], masks, [0, 1], [0.9, 0.8])], classes=range(2))
    assert dict(zip(STATS, result.stats, strict=True))["AP"] == pytest.approx(1.0)
    np.testing.assert_allclose(result.per_class(), 1.0)


def test_a_class_without_truth_is_nan_and_nothing_found_is_zero(masks):
    nothing = np.zeros((0, 40, 50), bool)
    result = mask_ap([image(masks, [0, 0], nothing, [], [])], classes=range(2))
    assert result.stats[0] == 0.0
    np.testing.assert_array_equal(np.isnan(result.per_class()), [False, True])

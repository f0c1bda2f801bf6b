"""Numbers of each class, sums of each photo, and the worst photos of a configured evaluation."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import MaskSourceConfig
from ovseg_jax.evaluation import panoptic, semantic
from ovseg_jax.evaluation.photo_sums import PhotoSums
from ovseg_jax.evaluation.result import distinct
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.loading import build
from ovseg_jax.loading.weights import load_weights

WEIGHTS = "ovseg_jax/assets/toy/mask_adapter"


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Runs the toy evaluation of six scenes with changes."""
    model, params = load_weights(WEIGHTS)
    (item,) = load_config(Path("configs/toy/mask_adapter.py")).evaluations
    place = str(tmp_path_factory.mktemp("prepared"))
    data = dataclasses.replace(item.data, config="tiny", prepared=place, batch_size=4)
    item = dataclasses.replace(item, data=data, masks=MaskSourceConfig(kind="perturbed", iou=0.67))

    def score(model=model, **changes):
        suite = Suite(dataclasses.replace(item, **changes), model, build.method(model))
        return suite.score(params, "toy", by_photo=True)

    return score


@pytest.fixture(scope="module")
def result(scored):
    return scored(metrics=("mask_accuracy", "semantic", "panoptic", "instance"))


def test_rows_of_classes_average_to_the_table(result):
    assert len(result.names) == 48 and all(len(row) == 48 for row in result.rows.values())
    for row, score in (
        ("semantic/IoU", "semantic/mIoU"),
        ("semantic/accuracy", "semantic/mACC"),
        ("panoptic/PQ", "panoptic/PQ"),
        ("panoptic/SQ", "panoptic/SQ"),
        ("instance/AP", "instance/AP"),
        ("mask_accuracy/accuracy", "mask_accuracy/class_accuracy"),
    ):
        assert np.nanmean(result.rows[row]) == pytest.approx(result.table[score]), row
    things = result.rows["panoptic/PQ"][result.groups["things"]]
    assert np.nanmean(things) == pytest.approx(result.table["panoptic/PQ/things"])
    assert np.isnan(result.rows["instance/AP"][~result.groups["things"]]).all()


def test_sums_of_photos_give_the_scores_again(result):
    once = np.ones((1, len(result.photos.names)))
    sums = {name: one.total(once, 48)[0] for name, one in result.photos.sums.items()}
    assert set(sums) == {"semantic", "panoptic"}
    assert semantic.mean_of_sums(sums["semantic"]) == pytest.approx(result.table["semantic/mIoU"])
    counted = semantic.mean_of_sums(sums["semantic"], "absent_counted")
    assert counted == pytest.approx(result.table["semantic/mIoU_absent_counted"])
    assert panoptic.mean_of_sums(sums["panoptic"]) == pytest.approx(result.table["panoptic/PQ"])


def test_photos_carry_their_names_and_sums_come_back_from_the_disk(result, tmp_path):
    photos = result.photos
    assert len(set(photos.names)) == 6 and all(photos.names)
    with (tmp_path / "a.npz").open("wb") as file:
        photos.save(file)
    again = PhotoSums.load(tmp_path / "a.npz")
    assert again.names == photos.names and again.num_classes == 48
    for name, one in photos.sums.items():
        np.testing.assert_array_equal(again.sums[name].counts, one.counts)
    order = np.array([3, 0, 5, 1, 2, 4])
    weights = np.eye(6)
    turned = photos.sums["panoptic"].taken(order).total(weights, 48)
    np.testing.assert_array_equal(turned, photos.sums["panoptic"].total(weights, 48)[order])


def test_damaged_sums_are_refused(result, tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no archive")
    with pytest.raises(OperandError, match="no sums of photos"):
        PhotoSums.load(tmp_path / "a.npz")
    sums = result.photos.sums["semantic"]
    for changes in (
        {"num_classes": 2},
        {"names": ("a",)},
        {"sums": {"semantic": dataclasses.replace(sums, counts=sums.counts[:, :2])}},
        {"sums": {"semantic": dataclasses.replace(sums, classes=sums.classes * 1.0)}},
        {"sums": {"semantic": dataclasses.replace(sums, starts=sums.starts[1:])}},
        {"sums": {"other": sums}},
    ):
        with (tmp_path / "b.npz").open("wb") as file:
            dataclasses.replace(result.photos, **changes).save(file)
        with pytest.raises(OperandError, match="damaged"):
            PhotoSums.load(tmp_path / "b.npz")


def test_the_worst_photos_come_first_with_their_labels(result):
    scores = [photo.score for photo in result.worst]
    assert len(scores) == 6 and scores == sorted(scores) and result.worst_by == "mIoU"
    for photo in result.worst:
        assert photo.image.shape[:2] == photo.truth.shape == photo.predicted.shape == (128, 128)
        known = photo.truth >= 0
        iou = [
            (photo.truth == c)[known & (photo.predicted == c)].sum()
            / ((photo.truth == c) | (photo.predicted == c))[known].sum()
            for c in np.unique(photo.truth[known])
        ]
        assert np.mean(iou) == pytest.approx(photo.score, abs=1e-6)


def test_photos_of_their_own_size_are_counted_alike(scored, result):
    photo = scored(protocol="photo", metrics=("semantic", "panoptic"))
    assert photo.photos.names == result.photos.names
    sums = photo.photos.sums["semantic"].total(np.ones((1, 6)), 48)
    assert semantic.mean_of_sums(sums)[0] == pytest.approx(photo.table["semantic/mIoU"])
    assert {worst.image.shape for worst in photo.worst} == {(128, 128, 3)}


def test_without_masks_of_a_photo_nothing_is_kept(scored):
    alone = scored(metrics=("mask_accuracy",), masks=MaskSourceConfig(kind="ground_truth"))
    assert alone.photos is None and alone.worst == () and alone.confusion is None


def test_names_that_stand_twice_are_numbered():
    assert distinct(("a", "door", "door", "door (2)")) == ("a", "door", "door (2)", "door (2) (2)")

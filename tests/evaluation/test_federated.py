"""LVIS's mask AP: photos that were searched for some classes only."""

import dataclasses
import json

import numpy as np
import pytest

from ovseg_jax.evaluation import plain
from ovseg_jax.evaluation.evaluator import add_states
from ovseg_jax.evaluation.federated import FederatedEvaluator
from ovseg_jax.evaluation.federated_ap import MOST, Judged, federated_ap, match
from ovseg_jax.evaluation.instance import ImageInstances, encoded_found

CASES, CLASSES, SIZE = 200, 7, 160
FREQUENCIES = ("r", "c", "f", "f", "r", "c", "f")


def boxes(rng, count):
    masks = np.zeros((count, SIZE, SIZE), bool)
    for mask in masks:
        top, left = rng.integers(0, SIZE // 2, 2)
        height, width = rng.integers(3, 40, 2) * rng.integers(1, 5)
        mask[top : top + height, left : left + width] = True
    return masks


def case(number):
    """True objects, found ones near them and elsewhere, and what was searched for."""
    rng = np.random.default_rng(3000 + number)
    count = int(rng.integers(0, 7))
    masks, classes = boxes(rng, count), rng.integers(0, 4, count)
    moved = np.roll(np.repeat(masks, 2, axis=0), rng.integers(-2, 3, 2), (1, 2))
    others = boxes(rng, 5)
    names = np.where(rng.random(2 * count) < 0.8, np.repeat(classes, 2), rng.integers(CLASSES))
    scores = rng.integers(0, 12, 2 * count + 5) / 12  # some are equal
    image = ImageInstances(
        true_masks=masks,
        true_classes=classes,
        crowds=np.zeros(count, bool),
        masks=np.concatenate([moved, others, masks[:1]]) if count else others,
        classes=np.concatenate([names, rng.integers(0, CLASSES, 5), classes[:1]]),
        scores=np.append(scores, 0.5)[: 2 * count + 5 + bool(count)],
    )
    absent = [label for label in range(CLASSES) if label not in classes]
    present = sorted(set(classes.tolist()))
    negatives = [label for label in absent if rng.random() < 0.4]
    return image, negatives, [label for label in present if rng.random() < 0.3]


def judged(photos):
    return federated_ap(Judged(tuple(photos)), FREQUENCIES)


def table(cases):
    return judged([match(*one) for one in cases]).table()


def hotcoco_scores(folder, cases):
    hotcoco = pytest.importorskip("hotcoco", reason="needs the parity extra")
    from pycocotools import mask as coco

    def entry(image, mask, label, **fields):
        packed = coco.encode(np.asfortranarray(mask, np.uint8))
        packed["counts"] = packed["counts"].decode()
        fields |= {"area": float(mask.sum()), "iscrowd": 0}
        names = {"image_id": image, "category_id": int(label) + 1}
        return {**names, "segmentation": packed, **fields}

    images, truth, found = [], [], []
    for number, (image, negatives, not_exhaustive) in enumerate(cases, start=1):
        lists = {"neg_category_ids": negatives, "not_exhaustive_category_ids": not_exhaustive}
        moved = {key: [label + 1 for label in labels] for key, labels in lists.items()}
        images.append({"id": number, "height": SIZE, "width": SIZE, **moved})
        for mask, label in zip(image.true_masks, image.true_classes, strict=True):
            truth.append(entry(number, mask, label, id=len(truth) + 1))
        for mask, label, score in zip(image.masks, image.classes, image.scores, strict=True):
            found.append(entry(number, mask, label, score=float(score)))
    categories = [
        {"id": n, "name": str(n), "frequency": x} for n, x in enumerate(FREQUENCIES, start=1)
    ]
    content = {"images": images, "categories": categories, "annotations": truth}
    (folder / "truth.json").write_text(json.dumps(content))
    (folder / "found.json").write_text(json.dumps(found))
    data = hotcoco.COCO(str(folder / "truth.json"))
    run = hotcoco.LVISeval(data, data.load_res(str(folder / "found.json")), "segm")
    run.run()
    return run.get_results()


def test_average_precision_equals_hotcocos_lvis(tmp_path):
    for cases in ([case(number) for number in range(CASES)], [case(n) for n in range(20)]):
        theirs, ours = hotcoco_scores(tmp_path, cases), table(cases)
        assert len(ours) == 9 and all(np.isfinite(list(ours.values())))
        for name, value in ours.items():
            assert value == pytest.approx(theirs[name], abs=1e-12), name


OFFICIAL = {
    "AP": 0.45557497563909954,
    "AP50": 0.625481289859353,
    "AP75": 0.47683487060270335,
    "APs": 0.34742207029613975,
    "APm": 0.5566814297939586,
    "APl": 0.7191523000809098,
    "APr": 0.47445394028523297,
    "APc": 0.4394359411972223,
    "APf": 0.4542050105369715,
}
"""What lvis-api 0.5.3 makes of all cases."""


def test_average_precision_is_that_of_lvis_api():
    ours = table([case(number) for number in range(CASES)])
    assert ours == pytest.approx(OFFICIAL, abs=1e-12)


def test_states_add_up_to_the_last_digit_in_any_cut():
    """And in any order too, where no two scores are equal, which the order would rank."""
    evaluator = FederatedEvaluator(None, np.ones(CLASSES, bool), FREQUENCIES)
    photos = tuple(match(*case(number)) for number in range(40))
    whole = evaluator.result(Judged(photos))
    parts = [Judged(photos[first:last]) for first, last in ((0, 7), (7, 30), (30, 40))]
    assert evaluator.result(add_states(*parts)) == whole
    apart = [
        dataclasses.replace(
            photo, scores=photo.scores - 1e-6 * number - 1e-9 * np.arange(len(photo.scores))
        )
        for number, photo in enumerate(photos)
    ]
    assert evaluator.result(Judged(tuple(apart))) == evaluator.result(Judged(tuple(apart[::-1])))


def test_states_pass_through_json_to_the_last_bit():
    images = [case(number) for number in range(9)]
    found = tuple(encoded_found(image) for image, *_ in images)
    state = Judged(tuple(match(*one) for one in images), found)
    text = json.dumps(plain.state_to_plain(state))
    again = plain.state_from_plain(json.loads(text))
    assert again.found == state.found
    for one, other in zip(state.photos, again.photos, strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
            assert value.dtype.kind == getattr(other, name).dtype.kind


def one_photo(found, classes, *, true=(), negatives=(), not_exhaustive=()):
    """AP of a photo with a box of class 0 and found boxes; class 1 is true elsewhere."""
    box = np.zeros((1, SIZE, SIZE), bool)
    box[0, :20, :20] = True
    image = ImageInstances(
        true_masks=np.repeat(box, len(true), 0),
        true_classes=np.array(true, int),
        crowds=np.zeros(len(true), bool),
        masks=np.concatenate([np.roll(box, shift, 1) for shift in found]),
        classes=np.array(classes),
        scores=np.linspace(0.9, 0.1, len(classes)),
    )
    return match(image, negatives, not_exhaustive)


AWAY, THERE = 60, 0


def test_what_a_photo_was_not_searched_for_is_neither_right_nor_wrong():
    one = one_photo([THERE, AWAY], [2, 2], true=[0])
    assert not len(one.classes)
    one = one_photo([THERE, AWAY], [2, 2], true=[0], negatives=[2])
    assert one.is_wrong[:, 0].all() and not one.is_right.any()


def test_wrong_objects_are_excused_only_where_some_are_not_annotated():
    strict = one_photo([AWAY, THERE], [0, 0], true=[0])
    assert judged([strict]).per_class()[0] == pytest.approx(0.5)
    lenient = one_photo([AWAY, THERE], [0, 0], true=[0], not_exhaustive=[0])
    assert judged([lenient]).per_class()[0] == pytest.approx(1.0)


def test_no_more_than_the_best_three_hundred_count():
    many = one_photo([AWAY] * MOST + [THERE], [1] * MOST + [0], true=[0], negatives=[1])
    assert len(many.classes) == MOST and not many.is_right.any()
    assert judged([many]).per_class()[0] == 0.0


def test_classes_without_truth_leave_their_numbers_out():
    evaluator = FederatedEvaluator(None, np.ones(CLASSES, bool), FREQUENCIES)
    table = evaluator.result(Judged((one_photo([THERE], [0], true=[0]),)))
    assert table == pytest.approx(
        {"AP": 1, "AP50": 1, "AP75": 1, "APs": 1, "APr": 1, "AP/things": 1}
    )
    nothing = evaluator.result(Judged())
    assert list(nothing) == ["AP", "AP50", "AP75"] and np.isnan(nothing["AP"])

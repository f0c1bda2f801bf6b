"""Scores of 200 random cases equal those of plain oracles and of other published programs."""

import json
from collections import defaultdict

import numpy as np
import pytest

from ovseg_jax.evaluation.instance import STATS, ImageInstances, mask_ap
from ovseg_jax.evaluation.panoptic import PanopticCounts, average, count_image, per_class
from ovseg_jax.evaluation.panoptic_truth import PanopticTruth
from ovseg_jax.evaluation.semantic import SemanticScores, confusion

CASES, CLASSES, VOID = 200, 5, 255


def label_maps(number):
    """A true map with ignored pixels and a predicted one that agrees in part."""
    rng = np.random.default_rng(number)
    size, present = rng.integers(3, 24, 2), rng.integers(1, CLASSES + 1)
    truth = rng.integers(0, present, size)
    truth[rng.random(size) < 0.2] = VOID
    predicted = np.where(rng.random(size) < 0.6, truth, rng.integers(0, CLASSES, size))
    return np.where(predicted == VOID, 0, predicted), truth


def semantic_oracle(predicted, truth):
    """Each score by counting pixels one class at a time."""
    predicted, truth = predicted[truth != VOID], truth[truth != VOID]
    rows = []
    for label in range(CLASSES):
        true, found = truth == label, predicted == label
        if true.any():
            both = (true & found).sum()
            rows.append((both / (true | found).sum(), both / true.sum(), true.sum()))
    if not rows:
        return np.full(4, np.nan)
    iou, recall, pixels = np.array(rows).T
    weighted = (iou * pixels).sum() / pixels.sum()
    return np.array([iou.mean(), recall.mean(), weighted, (predicted == truth).mean()])


def test_semantic_scores_equal_the_oracles():
    for number in range(CASES):
        predicted, truth = label_maps(number)
        scores = SemanticScores.of(confusion(predicted, truth, CLASSES))
        ours = [
            scores.mean_iou(),
            scores.mean_accuracy(),
            scores.frequency_weighted_iou(),
            scores.pixel_accuracy(),
        ]
        np.testing.assert_allclose(ours, semantic_oracle(predicted, truth), rtol=1e-12)


def segments(rng, size, most, crowds):
    """Blocks of ids with holes of void, and the class and crowd flag of each."""
    coarse = rng.integers(0, most + 1, (-(-size // 6), -(-size // 6)))
    ids = np.kron(coarse, np.ones((6, 6), int))[:size, :size]
    present = [number for number in np.unique(ids).tolist() if number]
    classes = {number: int(rng.integers(CLASSES)) for number in present}
    crowd = {number for number in present if crowds and rng.random() < 0.25}
    return ids, classes, frozenset(crowd)


def panoptic_case(number, crowds=True, void=True):
    """A true map and one that repeats most of it, moved by a few pixels, with some other names."""
    rng = np.random.default_rng(1000 + number)
    truth, classes, crowd = segments(rng, 36, 7, crowds)
    if not void:
        classes |= {0: 0}
        truth, classes = truth + 1, {key + 1: value for key, value in classes.items()}
    predicted = np.roll(truth, rng.integers(-2, 3, 2), (0, 1))
    predicted = np.where(rng.random() < 0.2, segments(rng, 36, 5, False)[0], predicted)
    if not void:
        predicted = np.maximum(predicted, 1)
    names = {
        key: classes.get(key, 1) if rng.random() < 0.8 else int(rng.integers(CLASSES))
        for key in np.unique(predicted).tolist()
        if key
    }
    return predicted, names, truth, classes, crowd


def matches(predicted, names, truth, classes, crowds):
    """Pairs of true and predicted segments of one class, and their IoU without void."""
    for true, label in classes.items():
        for guess in [guess for guess, name in names.items() if name == label]:
            both = (truth == true) & (predicted == guess)
            either = (truth == true) | ((predicted == guess) & (truth != 0))
            if true not in crowds and both.sum() > 0.5 * either.sum():
                yield true, guess, both.sum() / either.sum()


def is_excused(pixels, label, classes, crowds):
    """Whether most of a predicted segment lies on void or on the last crowd of its class."""
    last = [true for true in classes if true in crowds and classes[true] == label][-1:]
    return np.isin(pixels, [0, *last]).mean() > 0.5


def panoptic_oracle(case):
    """The published rules of panopticapi, segment by segment over all pixels."""
    predicted, names, truth, classes, crowds = case
    pairs = list(matches(*case))
    total, halves = defaultdict(float), defaultdict(float)
    for true, _, iou in pairs:
        total[classes[true]] += iou
        halves[classes[true]] += 1
    for true in set(classes) - crowds - {true for true, *_ in pairs}:
        halves[classes[true]] += 0.5
    for guess in set(names) - {guess for _, guess, _ in pairs}:
        if not is_excused(truth[predicted == guess], names[guess], classes, crowds):
            halves[names[guess]] += 0.5
    return {label: total[label] / halves[label] for label in sorted(halves)}


def quality_of(cases):
    counts = (count_image(*case[:2], PanopticTruth(*case[2:]), CLASSES) for case in cases)
    return sum(counts, start())


def start():
    return PanopticCounts.zeros(CLASSES)


def test_panoptic_quality_equals_the_oracles():
    for number in range(CASES):
        case = panoptic_case(number)
        wanted, counts = panoptic_oracle(case), quality_of([case])
        ours = per_class(counts)[sorted(wanted), 0]
        np.testing.assert_allclose(ours, list(wanted.values()), rtol=1e-12)
        assert average(counts).num_classes == len(wanted)


def test_counts_are_the_same_to_the_last_digit_in_any_order():
    cases = [panoptic_case(number) for number in range(60)]
    whole = per_class(quality_of(cases))
    for shards in (3, 8):
        parts = [quality_of(cases[first::shards]) for first in range(shards)]
        np.testing.assert_array_equal(per_class(sum(parts, start())), whole)


def instance_case(number):
    """Overlapping true masks, some of them crowds, and found ones near them."""
    rng = np.random.default_rng(2000 + number)
    count = int(rng.integers(1, 6))
    masks = np.zeros((count, 32, 32), bool)
    for mask in masks:
        top, left = rng.integers(0, 20, 2)
        height, width = rng.integers(4, 12, 2)
        mask[top : top + height, left : left + width] = True
    classes, crowds = rng.integers(0, 3, count), rng.random(count) < 0.2
    found = np.concatenate([np.roll(masks, rng.integers(-2, 3, 2), (1, 2)), masks[:1]])
    return ImageInstances(
        true_masks=masks,
        true_classes=classes,
        crowds=crowds,
        masks=found,
        classes=np.append(np.where(rng.random(count) < 0.8, classes, 1), classes[0]),
        scores=rng.permutation(count + 1).astype(np.float32) / (count + 1),
    )


def test_average_precision_equals_hotcoco(tmp_path):
    hotcoco = pytest.importorskip("hotcoco", reason="needs the parity extra")
    from pycocotools import mask as coco

    def entry(image, mask, label, **fields):
        packed = coco.encode(np.asfortranarray(mask, np.uint8))
        packed["counts"] = packed["counts"].decode()
        fields |= {"area": float(mask.sum()), "bbox": coco.toBbox(packed).tolist()}
        return {"image_id": image, "category_id": int(label), "segmentation": packed, **fields}

    for first in range(0, CASES, 10):
        images = [instance_case(number) for number in range(first, first + 10)]
        truth, found = [], []
        for number, one in enumerate(images, start=1):
            for mask, label, crowd in zip(
                one.true_masks, one.true_classes, one.crowds, strict=True
            ):
                fields = {"iscrowd": int(crowd), "id": len(truth) + 1}
                truth.append(entry(number, mask, label, **fields))
            for mask, label, score in zip(one.masks, one.classes, one.scores, strict=True):
                found.append(entry(number, mask, label, score=float(score)))
        sizes = [{"id": n, "height": 32, "width": 32} for n in range(1, len(images) + 1)]
        content = {"images": sizes, "categories": [{"id": n, "name": str(n)} for n in range(3)]}
        (tmp_path / "truth.json").write_text(json.dumps(content | {"annotations": truth}))
        (tmp_path / "found.json").write_text(json.dumps(found))
        data = hotcoco.COCO(str(tmp_path / "truth.json"))
        other = hotcoco.COCOeval(data, data.load_res(str(tmp_path / "found.json")), "segm")
        other.evaluate()
        other.accumulate()
        other.summarize()
        ours = mask_ap(images, range(3)).stats
        np.testing.assert_allclose(ours, other.stats, atol=1e-9, err_msg=str(STATS))


def test_semantic_scores_and_panoptic_quality_equal_torchmetrics():
    pytest.importorskip("torch", reason="needs the parity extra")
    import parity  # noqa: F401 - before torchvision is imported, which torchmetrics does
    import torch
    from torchmetrics.detection import PanopticQuality
    from torchmetrics.functional.classification import multiclass_jaccard_index

    for number in range(CASES):
        predicted, truth = label_maps(number)
        scores = SemanticScores.of(confusion(predicted, truth, CLASSES))
        if np.isfinite(scores.iou).any():
            theirs = multiclass_jaccard_index(
                torch.tensor(predicted), torch.tensor(truth), CLASSES, None, ignore_index=VOID
            ).numpy()
            known = np.isfinite(scores.iou)
            np.testing.assert_allclose(scores.iou[known], theirs[known], rtol=1e-6)
        predicted, names, truth, classes, _ = panoptic_case(number, crowds=False, void=False)
        metric = PanopticQuality(set(range(CLASSES)), set(), return_per_class=True)
        pairs = [
            np.stack([np.vectorize(table.get)(ids), ids], axis=-1)[None]
            for ids, table in ((predicted, names), (truth, classes))
        ]
        theirs = metric(*map(torch.tensor, pairs)).numpy().ravel()
        ours = per_class(count_image(predicted, names, PanopticTruth(truth, classes), CLASSES))[
            :, 0
        ]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)

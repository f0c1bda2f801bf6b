"""The set criterion: padding, order, layers; and Mask2Former's own loss at fixed points."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.config.methods.shared import SetLossConfig
from ovseg_jax.foundation.typing import UNNAMED, Proposals
from ovseg_jax.losses import set_criterion
from ovseg_jax.losses.set_criterion import SetCriterion, TrueSegments
from ovseg_jax.ops.masks.of_ids import NO_ID, masks_of_ids

RNG = np.random.default_rng(0)
QUERIES, CLASSES, SIDE = 6, 4, 8


def layer(seed=0):
    rng = np.random.default_rng(seed)
    return Proposals(
        masks=jnp.asarray(rng.standard_normal((2, QUERIES, SIDE, SIDE)) * 2, jnp.float32),
        valid=jnp.ones((2, QUERIES), bool),
        class_logits=jnp.asarray(rng.standard_normal((2, QUERIES, CLASSES + 1)), jnp.float32),
    )


def truth(slots=3):
    ids = np.random.default_rng(5).integers(0, 4, (2, 4 * SIDE, 4 * SIDE))
    wanted = np.full((2, slots), NO_ID)
    labels = np.full((2, slots), -1)
    wanted[0, :3], labels[0, :3] = (1, 2, 3), (0, 3, 1)
    wanted[1, :2], labels[1, :2] = (3, 1), (2, 2)
    return TrueSegments(
        segment_ids=jnp.asarray(ids, jnp.int32),
        ids=jnp.asarray(wanted, jnp.int32),
        labels=jnp.asarray(labels, jnp.int32),
    )


def criterion_of(**settings):
    return SetCriterion(**dataclasses.asdict(SetLossConfig(**settings)))


POINTS = criterion_of(num_points=64)
PIXELS = criterion_of(num_points=0, mask_loss="focal", class_weight=1.0, mask_weight=20.0)
KEY = jax.random.key(0)


@functools.cache
def compiled(criterion):
    return jax.jit(lambda layers, truth: criterion(layers, truth, KEY))


@pytest.mark.parametrize("criterion", [POINTS, PIXELS], ids=["points", "pixels"])
def test_unused_slots_change_nothing(criterion):
    few, _ = compiled(criterion)([layer()], truth(3))
    matched = criterion.match(layer(), truth(3), KEY)
    padded = criterion.match(layer(), truth(5), KEY)
    np.testing.assert_array_equal(padded[:, :3], matched)
    assert (padded[:, 3:] == -1).all() and int(matched[1, 2]) == -1
    if not criterion.num_points:  # points are drawn per slot, so only pixels are equal
        many, _ = compiled(criterion)([layer()], truth(5))
        np.testing.assert_allclose(many, few, rtol=1e-6)


def test_the_order_of_the_truth_does_not_matter():
    given = truth()
    turned = given.replace(ids=given.ids[:, ::-1], labels=given.labels[:, ::-1])
    loss, _ = compiled(PIXELS)([layer()], given)
    other, _ = compiled(PIXELS)([layer()], turned)
    np.testing.assert_allclose(other, loss, rtol=1e-6)


def test_layers_add_up():
    one, _ = compiled(PIXELS)([layer(1)], truth())
    two, _ = compiled(PIXELS)([layer(2)], truth())
    both, parts = compiled(PIXELS)([layer(1), layer(2)], truth())
    np.testing.assert_allclose(both, one + two, rtol=1e-6)
    np.testing.assert_allclose(sum(parts.values()), two, rtol=1e-6)


def test_empty_class_slots_take_no_part():
    wide = layer()
    spread = jnp.insert(wide.class_logits, CLASSES, -jnp.inf, axis=2)
    gradient = jax.grad(
        lambda logits: compiled(PIXELS)([wide.replace(class_logits=logits)], truth())[0]
    )(spread)
    assert jnp.isfinite(gradient).all() and (gradient[..., CLASSES] == 0).all()
    loss, _ = compiled(PIXELS)([wide.replace(class_logits=spread)], truth())
    np.testing.assert_allclose(loss, compiled(PIXELS)([wide], truth())[0], rtol=1e-6)


def test_an_image_without_truth_is_all_no_object():
    nothing = truth().replace(labels=jnp.full((2, 3), -1), ids=jnp.full((2, 3), NO_ID))
    _, parts = compiled(PIXELS)([layer()], nothing)
    assert parts["mask_loss"] == 0 and parts["dice_loss"] == 0
    want = -jax.nn.log_softmax(layer().class_logits)[..., -1].mean()
    np.testing.assert_allclose(parts["class_loss"], want, rtol=1e-6)


def test_a_queries_own_mask_is_its_match():
    given = truth()
    masks = masks_of_ids(given.segment_ids, given.ids)[:, :, ::4, ::4]
    perfect = jnp.concatenate([jnp.zeros((2, 3, SIDE, SIDE)), jnp.where(masks, 9.0, -9.0)], 1)
    plain = layer().replace(masks=perfect, class_logits=jnp.zeros((2, QUERIES, CLASSES + 1)))
    found = PIXELS.match(plain, given, KEY)
    assert found[0].tolist() == [3, 4, 5] and found[1, :2].tolist() == [3, 4]


def test_a_mask_without_a_name_may_be_called_anything_but_no_object():
    given = truth()
    masks = masks_of_ids(given.segment_ids, given.ids)[:, :, ::4, ::4]
    perfect = jnp.concatenate([jnp.zeros((2, 3, SIDE, SIDE)), jnp.where(masks, 9.0, -9.0)], 1)
    answer = layer().replace(masks=perfect)
    unnamed = given.replace(labels=given.labels.at[0, 1].set(UNNAMED))
    np.testing.assert_array_equal(
        PIXELS.match(answer, unnamed, KEY)[0], PIXELS.match(answer, given, KEY)[0]
    )
    gradient = jax.grad(
        lambda logits: compiled(PIXELS)([answer.replace(class_logits=logits)], unnamed)[0]
    )(answer.class_logits)
    query = int(PIXELS.match(answer, unnamed, KEY)[0, 1])
    names, none = gradient[0, query, :-1], gradient[0, query, -1]
    shares = jax.nn.softmax(answer.class_logits[0, query, :-1])
    moved = jnp.abs(gradient[0]).max(-1) > 0
    assert none > 0 and moved.sum() == QUERIES
    np.testing.assert_allclose(names, -none * shares, rtol=1e-4)  # none of them is preferred
    _, named_parts = compiled(PIXELS)([answer], given)
    _, parts = compiled(PIXELS)([answer], unnamed)
    np.testing.assert_allclose(parts["mask_loss"], named_parts["mask_loss"], rtol=1e-6)


def test_a_mask_without_a_name_costs_what_it_is_called_no_object():
    given, answer = truth(), layer()
    queries = PIXELS.match(answer, given, KEY)
    unnamed = given.replace(labels=given.labels.at[0, 1].set(UNNAMED))
    named = [PIXELS.losses(answer, x, queries, KEY)["class_loss"] for x in (given, unnamed)]
    logs = jax.nn.log_softmax(answer.class_logits[0, queries[0, 1]])
    label = given.labels[0, 1]
    used = given.used.sum()
    total = used + PIXELS.no_object_weight * (2 * QUERIES - used)
    change = PIXELS.class_weight * (logs[label] - jax.nn.logsumexp(logs[:-1])) / total
    np.testing.assert_allclose(named[1] - named[0], change, rtol=1e-4)


def test_of_two_like_masks_the_one_that_claims_something_is_matched():
    given = truth()
    unnamed = given.replace(labels=jnp.where(given.used, UNNAMED, -1))
    masks = masks_of_ids(given.segment_ids, given.ids)[:, :, ::4, ::4]
    twice = jnp.where(jnp.concatenate([masks, masks], 1), 9.0, -9.0)
    logits = jnp.zeros((2, QUERIES, CLASSES + 1)).at[:, 3:, -1].set(-5.0)
    answer = layer().replace(masks=twice, class_logits=logits)
    assert PIXELS.match(answer, unnamed, KEY)[0].tolist() == [3, 4, 5]


def test_losses_and_gradients_equal_transformers(monkeypatch):
    """Same points, same matching, float32."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import parity  # noqa: F401
    from transformers import Mask2FormerConfig
    from transformers.models.mask2former import modeling_mask2former as theirs

    given, ours = truth(), layer()
    points = RNG.random((5, 64, 2)).astype(np.float32)  # 3 masks of image 0, 2 of image 1
    slots = np.zeros((2, 3, 64, 2), np.float32)
    slots[0], slots[1, :2] = points[:3], points[3:]
    monkeypatch.setattr(set_criterion, "uncertain_points", lambda *_: jnp.asarray(slots))
    queries = jnp.array([[4, 0, 2], [1, 5, -1]])

    def objective(masks, logits):
        answer = ours.replace(masks=masks, class_logits=logits)
        parts = POINTS.losses(answer, given, queries, KEY)
        return sum(parts.values()), parts

    gradients, parts = jax.grad(objective, argnums=(0, 1), has_aux=True)(
        ours.masks, ours.class_logits
    )

    config = Mask2FormerConfig(num_labels=CLASSES, train_num_points=64)
    config.id2label = {index: str(index) for index in range(CLASSES)}
    weights = {"loss_cross_entropy": 2.0, "loss_mask": 5.0, "loss_dice": 5.0}
    loss = theirs.Mask2FormerLoss(config=config, weight_dict=weights)
    monkeypatch.setattr(loss, "sample_points_using_uncertainty", lambda *_: torch.tensor(points))
    pairs = [
        (torch.tensor([4, 0, 2]), torch.tensor([0, 1, 2])),
        (torch.tensor([1, 5]), torch.tensor([0, 1])),
    ]
    monkeypatch.setattr(loss.matcher, "forward", lambda *_: pairs)
    masks = torch.tensor(np.array(ours.masks), requires_grad=True)
    logits = torch.tensor(np.array(ours.class_logits), requires_grad=True)
    whole = np.array(masks_of_ids(given.segment_ids, given.ids), np.float32)
    result = loss(
        masks,
        logits,
        [torch.tensor(whole[0]), torch.tensor(whole[1, :2])],
        [torch.tensor([0, 3, 1]), torch.tensor([2, 2])],
    )
    names = {
        "class_loss": "loss_cross_entropy",
        "mask_loss": "loss_mask",
        "dice_loss": "loss_dice",
    }
    for mine, other in names.items():
        want = weights[other] * result[other].item()
        np.testing.assert_allclose(parts[mine], want, rtol=1e-5)
    sum(weights[name] * result[name] for name in weights).backward()
    np.testing.assert_allclose(gradients[0], masks.grad, atol=1e-6)
    np.testing.assert_allclose(gradients[1], logits.grad, atol=1e-6)


def test_the_matching_equals_transformers(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import parity  # noqa: F401
    from transformers.models.mask2former import modeling_mask2former as theirs

    given, ours = truth(), layer()
    points = jax.random.uniform(KEY, (2, 1, 64, 2))  # as `match` draws them
    matcher = theirs.Mask2FormerHungarianMatcher(2.0, 5.0, 5.0, num_points=64)
    whole = np.array(masks_of_ids(given.segment_ids, given.ids), np.float32)
    found = POINTS.match(ours, given, KEY)
    for image, count in enumerate((3, 2)):
        fixed = torch.tensor(np.array(points[image]))
        monkeypatch.setattr(torch, "rand", lambda *_, fixed=fixed, **__: fixed)
        rows, columns = matcher(
            torch.tensor(np.array(ours.masks[image : image + 1])),
            torch.tensor(np.array(ours.class_logits[image : image + 1])),
            [torch.tensor(whole[image, :count])],
            [torch.tensor(np.array(given.labels[image, :count]))],
        )[0]
        want = rows[columns.argsort()].tolist()
        assert found[image, :count].tolist() == want

"""A batch in parts, and blocks computed again, give the gradient of the whole batch."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from methods import tiny_scene
from slow_cases import quick_ones, slow

from ovseg_jax.config import (
    FisaConfig,
    MaskAdapterConfig,
    MaskClipPlusPlusConfig,
    MaskPoolingConfig,
    OVSegConfig,
    StepConfig,
)
from ovseg_jax.foundation import trees
from ovseg_jax.methods.method import Method
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.models.generators.perturbed import PerturbedMasks
from ovseg_jax.ops import batch_parts
from ovseg_jax.training.accumulation import in_parts
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.step import make_step

ADAPTER = {"width": 8, "mask_width": 8, "num_blocks": 1, "num_maps": 2, "num_truth": 5}
CASES = {
    "pooling": MaskPoolingConfig(num_truth=5),
    "warm-up": MaskAdapterConfig(**ADAPTER),
    "mixed": MaskAdapterConfig(**ADAPTER, phase="mixed", num_matched=3),
    "maskclippp": MaskClipPlusPlusConfig(num_templates=2, num_truth=5),
}
"""Five true masks at most: some images have more, which are drawn from, and some fewer."""


def four_images():
    pairs = [tiny_scene.tiny_batch(seed) for seed in (0, 1)]
    return jax.tree.map(lambda *both: jnp.concatenate(both), *pairs)


def stepped(config, clip=None, **settings):
    """Parameters behind a step of plain gradient descent, and its numbers."""
    method = tiny_scene.tiny_method(config, clip)
    batch, text = four_images(), tiny_scene.tiny_text()
    params = tiny_scene.initialise(method, batch, tiny_scene.tiny_proposals(batch), text)["params"]
    trainable, frozen = trees.split(params, (r".*",))
    tx = optax.sgd(1.0)
    state = TrainState(step=jnp.int32(3), trainable=trainable, frozen=frozen, optimizer=tx.init({}))
    raw = make_step(method, PerturbedMasks(iou=0.8), tx, 0, StepConfig(**settings))
    after, metrics = tiny_scene.quick_jit(raw)(state, batch, text)
    return jax.tree.map(jnp.subtract, after.trainable, trainable), metrics


def same(left, right):
    for (path, a), b in zip(
        trees.flatten(left[0]).items(), trees.flatten(right[0]).values(), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6, err_msg=path)
    for name, value in left[1].items():
        np.testing.assert_allclose(value, right[1][name], rtol=1e-5, atol=1e-6, err_msg=name)


@functools.cache
def stepped_plainly(name, clip=None):
    """One step of a case as it is, which many tests compare with."""
    return stepped(FISA if name == "fisa" else CASES[name], clip and clip())


@pytest.mark.parametrize("name", quick_ones(CASES, ("pooling", "warm-up", "maskclippp")))
def test_parts_give_loss_numbers_and_gradient_of_the_whole(name):
    whole = stepped_plainly(name)
    assert float(whole[1]["gradient_norm"]) > 0
    same(whole, stepped(CASES[name], accumulate=2))


def test_plain_means_of_parts_would_not(monkeypatch):
    """The test above can fail: images hold different numbers of masks."""
    whole = stepped(CASES["warm-up"])

    def own(part, count):
        part.counts.append(count)
        return 2 * count

    monkeypatch.setattr(batch_parts.Part, "total", own)
    parts = stepped(CASES["warm-up"], accumulate=2)
    assert abs(float(whole[1]["loss"]) / float(parts[1]["loss"]) - 1) > 1e-4


def test_methods_that_compare_images_with_each_other_do_not_add_up():
    names = {kind: tiny_scene.tiny_method(config).adds_up for kind, config in CASES.items()}
    assert all(names.values())
    assert not tiny_scene.tiny_method(OVSegConfig(prompts="none")).adds_up

    class Own(Method):
        def loss(self, *_):
            raise NotImplementedError

    assert not Own(clip=None, config=MaskPoolingConfig()).adds_up, "until it says so itself"


def test_each_part_takes_one_of_every_so_many_neighbours():
    """So that a device that holds neighbours has its share of every part."""
    np.testing.assert_array_equal(in_parts(jnp.arange(6), 3), [[0, 3], [1, 4], [2, 5]])


def vit_clip():
    visual = VisionTransformer(
        image_size=32, patch=8, width=16, layers=2, heads=2, embedding_dim=tiny_scene.WIDTH
    )
    text = TextTower(
        vocab_size=20, context_length=5, width=8, heads=2, layers=1, embedding_dim=tiny_scene.WIDTH
    )
    return Clip(visual=visual, text=text)


FISA = FisaConfig(clip_size=0, rank=4, num_points=16, num_truth=5, chunk=4)


POLICIES = [
    ("warm-up", None, "full"),
    *(slow("warm-up", None, policy) for policy in ("dots", "dots_with_weights")),
    *(slow("fisa", vit_clip, policy) for policy in ("dots", "dots_with_weights", "full")),
]


@pytest.mark.parametrize("name, clip, policy", POLICIES)
def test_every_policy_gives_the_same_loss_and_gradient(name, clip, policy):
    config = FISA if name == "fisa" else CASES[name]
    same(stepped_plainly(name, clip), stepped(config, clip and clip(), remat=policy))


def kept_bytes(policy, clip):
    """What the gradient of two blocks keeps, of arrays larger than a parameter."""
    from ovseg_jax.models import computed_again

    images = jax.random.normal(jax.random.key(0), (4, 64, 64, 3))
    tower = clip().visual
    params = tower.init(jax.random.key(1), images)

    def loss(params):
        with computed_again.by(policy):
            return tower.apply(params, images).sum()

    kept = jax.eval_shape(lambda p: jax.vjp(loss, p)[1], params)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(kept))


@pytest.mark.parametrize("clip", [tiny_scene.tiny_clip, slow(vit_clip)])
def test_policies_keep_less_and_less(clip):
    kept = {name: kept_bytes(name, clip) for name in ("none", "dots", "dots_with_weights", "full")}
    assert kept["none"] > kept["dots"] >= kept["dots_with_weights"] > kept["full"], kept

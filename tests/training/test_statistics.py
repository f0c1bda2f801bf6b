"""Running statistics of batch normalisation: they follow the batch where they are trainable."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from methods import tiny_scene

from ovseg_jax.config import MaskClipPlusPlusConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.methods.maskclippp import MaskClipPlusPlus
from ovseg_jax.models.clip.resnet import ConvNorm
from ovseg_jax.training import statistics
from ovseg_jax.training.state import TrainState
from ovseg_jax.training.step import make_step

RNG = np.random.default_rng(0)
IMAGES = jnp.asarray(RNG.normal(size=(2, 4, 6, 3)), jnp.float32)
KERNEL = RNG.normal(size=(1, 1, 3, 5)).astype(np.float32)
PARAMS = {
    "tower": {
        "norm1": {"convolution": {"kernel": KERNEL}, "scale": jnp.ones(5), "bias": jnp.ones(5)}
    }
}
PARAMS["tower"]["norm1"] |= {"mean": jnp.full(5, 0.3), "variance": jnp.full(5, 2.0)}


class Tower(nn.Module):
    def setup(self):
        self.norm1 = ConvNorm(5, 1)

    def __call__(self, x):
        return self.norm1(x)


class Net(nn.Module):
    """The least that the training step takes for a method."""

    def setup(self):
        self.tower = Tower()

    def loss(self, batch, proposals, text, rng, features=None):
        loss = (self.tower(batch.images) ** 3).mean()
        return loss, {"loss": loss}


class NoMasks:
    def propose(self, batch, key):
        return None


def after_one_step(trainable, rate=0.0):
    chosen, frozen = trees.split(PARAMS, trainable)
    tx = optax.adamw(rate, weight_decay=0.1)
    state = TrainState(
        step=jnp.int32(0), trainable=chosen, frozen=frozen, optimizer=tx.init(chosen)
    )
    batch = Batch(images=IMAGES, sizes=jnp.full((2, 2), 4))
    state, metrics = jax.jit(make_step(Net(), NoMasks(), tx, seed=0))(state, batch, None)
    return state.params["tower"]["norm1"], metrics["loss"]


def test_statistics_move_a_tenth_of_the_way_and_nothing_else_at_rate_zero():
    found, _ = after_one_step((r"tower/.*",))
    before = PARAMS["tower"]["norm1"]
    convolved = IMAGES @ KERNEL[0, 0]
    want = 0.9 * 0.3 + 0.1 * convolved.mean((0, 1, 2))
    np.testing.assert_allclose(found["mean"], want, rtol=1e-4)
    want = 0.9 * 2.0 + 0.1 * np.var(convolved, axis=(0, 1, 2), ddof=1)
    np.testing.assert_allclose(found["variance"], want, rtol=1e-4)
    for name in ("scale", "bias"):
        np.testing.assert_array_equal(found[name], before[name])


def test_the_optimizer_has_no_say_over_them():
    slow, _ = after_one_step((r"tower/.*",))
    fast, _ = after_one_step((r"tower/.*",), rate=1.0)
    for name in ("mean", "variance"):
        np.testing.assert_array_equal(slow[name], fast[name])
    assert np.abs(slow["scale"] - fast["scale"]).max() > 0.1


def test_a_tower_whose_statistics_are_frozen_keeps_and_uses_them():
    found, loss = after_one_step((r"tower/.*/(scale|bias)",), rate=1.0)
    for name in ("mean", "variance"):
        np.testing.assert_array_equal(found[name], PARAMS["tower"]["norm1"][name])
    convolved = IMAGES @ KERNEL[0, 0]
    want = (((convolved - 0.3) / np.sqrt(2.0 + 1e-5) + 1) ** 3).mean()
    np.testing.assert_allclose(loss, want, rtol=1e-4)
    assert abs(after_one_step((r"tower/.*",))[1] - want) > 0.01


def test_every_norm_of_a_tower_reports_through_the_loss():
    method = MaskClipPlusPlus(
        clip=tiny_scene.tiny_resnet_clip(), config=MaskClipPlusPlusConfig(num_templates=2)
    )
    small, text = tiny_scene.tiny_batch(), tiny_scene.tiny_text()
    batch = small.replace(
        images=small.images.repeat(4, 1).repeat(4, 2),
        segment_ids=small.segment_ids.repeat(4, 1).repeat(4, 2),
    )
    proposals = tiny_scene.tiny_proposals(small)
    params = tiny_scene.initialise(method, small, proposals, text)["params"]
    patterns = (r"clip/visual/.*",)
    mutable = statistics.watched(trees.split(params, patterns)[0])
    _, seen = jax.eval_shape(
        lambda p, key: method.apply(
            {"params": p}, batch, proposals, text, key, method="loss", mutable=mutable
        ),
        params,
        jax.random.key(0),
    )
    want = {path for path in trees.flatten(params) if path.endswith(("/mean", "/variance"))}
    assert trees.flatten(seen["statistics"]).keys() == want and len(want) > 20


def test_torch_agrees_over_two_batches():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.BatchNorm2d(5)
    params = PARAMS["tower"]["norm1"] | {"mean": jnp.zeros(5), "variance": jnp.ones(5)}
    theirs.bias.data = torch.ones(5)
    for seed in range(2):
        batch = jax.random.normal(jax.random.key(seed), (2, 4, 6, 3)) + seed
        convolved = torch.from_numpy(np.array(batch @ KERNEL[0, 0]))
        want = theirs(convolved.permute(0, 3, 1, 2)).permute(0, 2, 3, 1).detach().numpy()
        found, seen = ConvNorm(5, 1).apply({"params": params}, batch, mutable=["statistics"])
        np.testing.assert_allclose(found, want, atol=1e-5)
        both = {"a": params}, {"a": params}
        params = statistics.follow(*both, {"statistics": {"a": seen["statistics"]}})["a"]
    np.testing.assert_allclose(params["mean"], theirs.running_mean.numpy(), atol=1e-6)
    np.testing.assert_allclose(params["variance"], theirs.running_var.numpy(), atol=1e-6)

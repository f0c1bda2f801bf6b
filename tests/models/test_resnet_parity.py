"""OpenAI's ResNet against open_clip's at random weights, stage by stage."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers.resnet import TABLE, sizes
from ovseg_jax.models.clip.resnet import ResNetTower

torch = pytest.importorskip("torch")
pytest.importorskip("parity")
pytest.importorskip("open_clip")
from open_clip.model import resize_pos_embed  # noqa: E402
from open_clip.modified_resnet import ModifiedResNet  # noqa: E402

TOWER = ResNetTower(image_size=96, blocks=(1, 2, 1, 2), width=16, heads=8, embedding_dim=12)


@pytest.fixture(scope="module")
def pair():
    """open_clip's tower with random weights and statistics, and ours after conversion."""
    torch.manual_seed(0)
    theirs = ModifiedResNet(layers=[1, 2, 1, 2], output_dim=12, heads=8, image_size=96, width=16)
    with torch.no_grad():
        for name, value in theirs.state_dict().items():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif value.ndim == 1:
                value.add_(0.3 * torch.randn_like(value))
    tensors = {f"visual.{name}": value.numpy() for name, value in theirs.state_dict().items()}
    image = jnp.zeros((1, 96, 96, 3))
    shapes = jax.eval_shape(TOWER.init, jax.random.key(0), image)["params"]
    params, report = apply(TABLE, tensors, {"visual": shapes}, "resnet")
    assert set(report.used) | set(report.skipped) == set(tensors)
    told = sizes({name: tuple(value.shape) for name, value in tensors.items()})
    assert told == {field: getattr(TOWER, field) for field in told}
    return theirs.eval(), {"params": jax.tree.map(jnp.asarray, params["visual"])}


def stages(theirs, x):
    found = {"stem": theirs.act3(theirs.bn3(theirs.conv3(first(theirs, x))))}
    x = theirs.avgpool(found["stem"])
    for index in (1, 2, 3, 4):
        found[f"res{index + 1}"] = x = getattr(theirs, f"layer{index}")(x)
    return found, theirs.attnpool(x)


def first(theirs, x):
    x = theirs.act1(theirs.bn1(theirs.conv1(x)))
    return theirs.act2(theirs.bn2(theirs.conv2(x)))


@pytest.mark.parametrize("size", [96, 160], ids=["native", "other"])
def test_every_stage_agrees(pair, size):
    theirs, variables = pair
    if size != 96:  # another model of that size, loaded as open_clip loads: positions resized
        other = ModifiedResNet(
            layers=[1, 2, 1, 2], output_dim=12, heads=8, image_size=size, width=16
        )
        state = {f"visual.{k}": v.clone() for k, v in theirs.state_dict().items()}
        key = "visual.attnpool.positional_embedding"
        state["visual.positional_embedding"] = state.pop(key)

        class Holder(torch.nn.Module):
            visual = torch.nn.Module()

        holder = Holder()
        holder.visual.grid_size = (size // 32, size // 32)
        resize_pos_embed(state, holder)
        state[key] = state.pop("visual.positional_embedding")
        other.load_state_dict({k.removeprefix("visual."): v for k, v in state.items()})
        theirs = other.eval()
    images = np.random.default_rng(0).standard_normal((2, size, size, 3)).astype(np.float32)
    with torch.no_grad():
        expected, whole = stages(theirs, torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    maps, embedding = TOWER.apply(variables, jnp.asarray(images), method="outputs")
    assert list(maps) == list(expected)
    for name, found in maps.items():
        wanted = expected[name].numpy().transpose(0, 2, 3, 1)
        np.testing.assert_allclose(found, wanted, atol=2e-5 * np.abs(wanted).max(), err_msg=name)
    np.testing.assert_allclose(embedding, whole.numpy(), atol=2e-5 * np.abs(whole.numpy()).max())

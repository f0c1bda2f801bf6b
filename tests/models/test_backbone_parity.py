"""detectron2's ResNets against the same layers written in torch, through the converter's rows."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
from torch import nn  # noqa: E402

from ovseg_jax.convert.generators.backbones import RESNET_TABLE, identify_backbone  # noqa: E402
from ovseg_jax.convert.rules import ConversionError, apply  # noqa: E402
from ovseg_jax.models.backbones.resnet import ResNetBackbone  # noqa: E402
from ovseg_jax.models.generators import variants  # noqa: E402


class Norm(nn.Module):
    """A convolution that carries its norm, named as in detectron2."""

    def __init__(self, inside, out, kernel, stride=1, dilation=1):
        super().__init__()
        margin = dilation * (kernel // 2)
        self.weight = nn.Parameter(
            torch.randn(out, inside, kernel, kernel) / (inside * kernel**2) ** 0.5
        )
        self.norm = nn.BatchNorm2d(out)
        self.options = {"stride": stride, "padding": margin, "dilation": dilation}

    def forward(self, x):
        return self.norm(nn.functional.conv2d(x, self.weight, **self.options))


class Block(nn.Module):
    def __init__(self, inside, width, stride, dilation, project):
        super().__init__()
        self.conv1 = Norm(inside, width, 1)
        self.conv2 = Norm(width, width, 3, stride, dilation)
        self.conv3 = Norm(width, 4 * width, 1)
        if project:
            self.shortcut = Norm(inside, 4 * width, 1, stride)

    def forward(self, x):
        branch = self.conv3(self.conv2(self.conv1(x).relu()).relu())
        return (branch + (self.shortcut(x) if hasattr(self, "shortcut") else x)).relu()


class Backbone(nn.Module):
    def __init__(self, blocks, stem, dilations):
        super().__init__()
        rows = [(3, 64, 7, 2)] if stem == "basic" else [(3, 64, 3, 2), (64, 64, 3), (64, 128, 3)]
        self.stem = nn.Module()
        for index, row in enumerate(rows, start=1):
            setattr(self.stem, f"conv{index}", Norm(*row))
        inside = rows[-1][1]
        for stage, count in enumerate(blocks):
            layers = []
            for index in range(count):
                stride = 2 if stage and not index else 1
                dilation = dilations[index] if stage == 3 else 1
                layers.append(Block(inside, 64 * 2**stage, stride, dilation, not index))
                inside = 256 * 2**stage
            setattr(self, f"res{stage + 2}", nn.Sequential(*layers))

    def forward(self, x):
        for layer in self.stem.children():
            x = layer(x).relu()
        x = nn.functional.max_pool2d(x, 3, 2, 1)
        maps = {}
        for name in ("res2", "res3", "res4", "res5"):
            x = getattr(self, name)(x)
            maps[name] = x
        return maps


@pytest.mark.parametrize(
    ("stem", "dilations"), [("basic", (1, 1)), ("deeplab", (1, 2))], ids=["basic", "deeplab"]
)
def test_every_stage_agrees(stem, dilations, monkeypatch):
    torch.manual_seed(0)
    blocks = (1, 2, 1, 2)
    theirs = Backbone(blocks, stem, dilations)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    theirs.eval()
    ours = ResNetBackbone(blocks=blocks, stem=stem, res5_dilations=dilations)
    tensors = {f"backbone.{name}": x.detach().numpy() for name, x in theirs.state_dict().items()}
    shapes = jax.eval_shape(ours.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))["params"]
    params, report = apply(RESNET_TABLE, tensors, {"backbone": shapes}, "x")
    assert all("num_batches_tracked" in name for name in report.skipped)
    monkeypatch.setitem(variants.BACKBONES, "test", ours)
    assert identify_backbone({n: x.shape for n, x in tensors.items()}, "x")[0] == "test"
    image = np.random.default_rng(0).standard_normal((2, 75, 98, 3)).astype(np.float32)
    with torch.inference_mode():
        want = theirs(torch.tensor(np.moveaxis(image, -1, 1)))
    got = jax.jit(ours.apply)({"params": params["backbone"]}, jnp.asarray(image))
    for name, x in want.items():
        np.testing.assert_allclose(
            np.moveaxis(np.asarray(got[name]), -1, 1), x, atol=2e-4, rtol=1e-4
        )


def test_a_trunk_of_unknown_size_is_named():
    with pytest.raises(ConversionError, match="holds no trunk of a mask generator"):
        identify_backbone({"backbone.bottom_up.x": (1,)}, "x")
    with pytest.raises(ConversionError, match=r"size that is not known here: .*\(1, 0, 0, 0\)"):
        identify_backbone(
            {"backbone.stem.conv1.weight": (64, 3, 7, 7), "backbone.res2.0.conv1.weight": (1,)}, "x"
        )

"""Whole image towers, forward and for training, against timm's with the same weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from accelerated import their_towers, torch_side
from accelerated.cases import Case, Contenders, draw, draw_like
from ovseg_jax.models.clip.rows import ROWS

AGREE = {"float32": 1e-3, "bfloat16": 6e-2}
"""Largest distance of the two embeddings, relative to their largest value."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A tower at one size.

    Attributes:
        name: A row of `ovseg_jax.models.clip.rows`.
        size: Side of the pictures in pixels.
        batch: Pictures at a time.
        training: Whether gradients of all weights are computed.
        compiled: Whether `torch.compile` takes part, which takes 20 s for each.
        urgency: As of `Case`.
        seconds: As of `Case`.
    """

    name: str
    size: int
    batch: int
    training: bool = False
    compiled: bool = False
    urgency: int = 1
    seconds: float = 22.0


SETTINGS = (
    Setting("convnext_large_d_320", 1024, 8, urgency=0, seconds=30),
    Setting("eva02_l_14_336", 448, 8, urgency=1),
    Setting("vit_l_14_336", 1008, 8, urgency=1),
    Setting("convnext_large_d_320", 1024, 4, training=True, urgency=1, seconds=50),
    Setting("vit_l_14_336", 644, 8, training=True, urgency=2, seconds=35),
    Setting("convnext_base", 640, 1, urgency=2),
    Setting("vit_b_16", 640, 8, urgency=2),
    Setting("convnext_large_d_320", 1024, 1, compiled=True, urgency=2, seconds=40),
    Setting("vit_l_14_336", 1008, 1, compiled=True, urgency=2, seconds=30),
    Setting("convnext_base", 640, 8, urgency=3),
    Setting("eva02_b_16", 640, 8, urgency=3),
    Setting("vit_b_16", 640, 1, urgency=3),
)
SMALL = (
    Setting("convnext_base", 32, 1),
    Setting("vit_b_16", 32, 2),
    Setting("eva02_b_16", 32, 1),
    Setting("vit_b_16", 32, 1, training=True),
)


def cases(dtype: Any, *, small: bool) -> Iterator[Case]:
    """Yields all of them."""
    yield from (_case(setting, dtype) for setting in (SMALL if small else SETTINGS))


def _case(setting: Setting, dtype: Any) -> Case:
    tower = _tower(setting, dtype)

    def embed(params: Any, images: jax.Array) -> jax.Array:
        return tower.apply({"params": params}, images)

    def loss(params: Any, images: jax.Array) -> jax.Array:
        return (embed(params, images).astype(jnp.float32) ** 2).mean()

    pair = _Pair(setting, tower, dtype)
    return Case(
        name=f"towers/{setting.name}" + (", forward and backward" if setting.training else ""),
        shape=f"{setting.batch} x {setting.size}²",
        forms={"ours": jax.value_and_grad(loss) if setting.training else embed},
        inputs=pair.inputs,
        theirs=pair.theirs,
        pick=_loss_and_first if setting.training else lambda result: result,
        tolerance=AGREE[jnp.dtype(dtype).name] * (5 if setting.training else 1),
        urgency=setting.urgency,
        images=setting.batch,
        seconds=setting.seconds,
    )


def _tower(setting: Setting, dtype: Any) -> Any:
    """Positions are those of the pictures' own size, so that neither side resamples them."""
    tower = ROWS[setting.name].visual
    sized = {"image_size": setting.size} if hasattr(tower, "image_size") else {}
    return tower.clone(dtype=dtype, **sized)


def _loss_and_first(result: tuple[jax.Array, Any]) -> Any:
    """The loss and the gradient of the first kernel, to which all others lead."""
    loss, gradients = result
    first = gradients["patches"] if "patches" in gradients else gradients["stem"]["convolution"]
    return loss, first["kernel"]


class _Pair:
    """Both sides' weights, drawn when the case's turn comes."""

    def __init__(self, setting: Setting, tower: Any, dtype: Any):
        self._setting, self._tower, self._dtype = setting, tower, dtype
        self._module: Any = None

    def inputs(self) -> list[tuple]:
        """Draws weights, which PyTorch's side gets too where it takes part, and images."""
        setting = self._setting
        image = jax.ShapeDtypeStruct((1, setting.size, setting.size, 3), jnp.float32)
        shapes = jax.eval_shape(self._tower.init, jax.random.key(0), image)["params"]
        if torch_side.missing() or their_towers.missing():
            params = draw_like(shapes)
        else:
            self._module, params = their_towers.pair(setting.name, setting.size, shapes)
        side = (setting.batch, setting.size, setting.size, 3)
        return [(params, image) for image in draw(1, *side, dtype=self._dtype)]

    def theirs(self, inputs: Sequence[tuple]) -> Contenders:
        """PyTorch's tower: bfloat16 throughout, or float32 weights under autocast in training."""
        import torch

        setting, module = self._setting, self._module
        if module is None:
            raise ImportError(their_towers.missing())
        module = module.to(torch_side.device())
        images = [(_planar(x, setting.name),) for _, x in inputs]
        if not setting.training:
            module = module.to(getattr(torch, jnp.dtype(self._dtype).name))
            return torch_side.contenders(module, images, compiled=setting.compiled)
        calls = {"torch eager": torch_side.turns(_differentiate(module), images, training=True)}
        if setting.compiled and torch_side.device() == "cuda":
            compiled = _differentiate(torch.compile(module, dynamic=False))
            calls["torch compiled"] = torch_side.turns(compiled, images, training=True)
        return calls


def _planar(images: jax.Array, name: str) -> Any:
    """In torch's order of axes; a ConvNeXt is faster channels last in memory."""
    import torch

    last = torch.channels_last if name.startswith("convnext") else torch.contiguous_format
    return torch_side.to_torch(images).permute(0, 3, 1, 2).contiguous(memory_format=last)


def _differentiate(module: Any) -> Callable[[Any], Any]:
    """Loss and gradients of all weights, of which the first kernel's is returned."""
    import torch

    weights = list(module.parameters())
    first = next(i for i, weight in enumerate(weights) if weight.ndim == 4)

    def call(images: Any) -> Any:
        half = images.dtype == torch.bfloat16
        with torch.autocast(torch_side.device(), torch.bfloat16, enabled=half):
            result = module(images)
        loss = (result.float() ** 2).mean()
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        return [loss, gradients[first].permute(2, 3, 1, 0)]

    return call

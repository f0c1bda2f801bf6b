"""How far the forms that an accelerator runs are from plain ones, in float32 at full precision."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerated.cases import Script, draw, draw_boxes, draw_like
from accelerated.machine import Peaks
from accelerated.measuring import compile_together, described, distance
from accelerated.torch_side import to_numpy
from ovseg_jax.models.clip.rows import ROWS
from ovseg_jax.models.fisa.distribution_adapter import DistributionAdapter, refine_by_products
from ovseg_jax.ops.attention.deformable import deformable_sample
from ovseg_jax.ops.attention.dot_product import attention
from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.images.interpolation import interpolation_matrix
from ovseg_jax.ops.images.resize import resample_masks
from ovseg_jax.ops.masks.iou import mask_iou
from ovseg_jax.ops.masks.pooling import average_under_maps

Forms = dict[str, Callable[..., Any]]
GRADIENT = " gradient"


def cases(dtype: Any, *, small: bool) -> Iterator[Script]:
    """Yields all of them; the plain form of each comes first.

    Args:
        dtype: Of towers, which are compared with float32 on the same device.
        small: Sizes for trying the program.
    """
    del dtype
    for name, shape, forms, inputs, differentiate in _table(small):
        yield Script(
            name=f"correctness/{name}",
            shape=shape,
            run=functools.partial(compare, forms, inputs, differentiate),
            urgency=0 if "fused" in name else 1,
            seconds=10.0,
        )
    for name in ("vit_b_16",) if small else ("convnext_base", "vit_b_16", "eva02_b_16"):
        size = 32 if small else ROWS[name].image_size
        yield Script(
            name=f"correctness/{name}, bfloat16",
            shape=f"2 x {size}²",
            run=functools.partial(compare_types, name, size),
            urgency=2,
            seconds=30.0,
        )


def compare(
    forms: Forms, inputs: Callable[[], tuple], differentiate: bool, peaks: Peaks
) -> dict[str, Any]:
    """Compares all forms with the first, at full precision; gradients as well where there are any.

    A form that cannot run is in the row under "errors".
    """
    del peaks
    arrays = inputs()
    ways = dict(forms)
    if differentiate:
        ways |= {name + GRADIENT: _gradient(form) for name, form in forms.items()}
    found, errors = _results(ways, arrays)
    plain, *others = forms
    distances: dict[str, float] = {}
    for name, result in found.items():
        suffix = GRADIENT if name.endswith(GRADIENT) else ""
        if plain + suffix not in found:
            raise ArithmeticError(f"the plain form does not run: {errors}")
        if name.removesuffix(suffix) in others:
            distances |= _distances(name, result, found[plain + suffix])
    return _row(distances) | {"errors": {name: described(each) for name, each in errors.items()}}


def _results(ways: Forms, arrays: tuple) -> tuple[dict[str, Any], dict[str, Exception]]:
    traces, errors, found = {}, {}, {}
    for name, way in ways.items():
        try:
            with jax.default_matmul_precision("highest"):
                traces[name] = jax.jit(way).trace(*arrays)
        except Exception as error:
            errors[name] = error
    programs, _, late = compile_together(traces)
    for name, program in programs.items():
        try:
            found[name] = to_numpy(program(*arrays))
        except Exception as error:
            errors[name] = error
    return found, errors | late


def _distances(name: str, found: Sequence[np.ndarray], plain: Sequence[np.ndarray]) -> Any:
    """Of each result: of a gradient, by the number of the argument (3 is attention's bias)."""
    if len(found) == 1:
        return {name: distance(found, plain)}
    pairs = enumerate(zip(found, plain, strict=True))
    return {f"{name} {index}": distance([one], [other]) for index, (one, other) in pairs}


def compare_types(name: str, size: int, peaks: Peaks) -> dict[str, Any]:
    """Compares a tower in bfloat16 and in float32 as a device multiplies it with full precision."""
    del peaks
    tower = ROWS[name].visual
    (images,) = draw(1, 2, size, size, 3, turns=1)
    params = draw_like(jax.eval_shape(tower.init, jax.random.key(0), images))
    with jax.default_matmul_precision("highest"):
        exact = to_numpy(jax.jit(tower.apply)(params, images))
    found = {
        "float32 as the device multiplies": jax.jit(tower.apply)(params, images),
        "bfloat16": jax.jit(tower.clone(dtype=jnp.bfloat16).apply)(params, images),
    }
    return _row({kind: distance(to_numpy(each), exact) for kind, each in found.items()})


def _row(distances: dict[str, float]) -> dict[str, Any]:
    said = ", ".join(f"{name} {gap:.1e}" for name, gap in distances.items())
    return {"relative_errors": distances, "said": said}


def _gradient(form: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arrays: Any) -> Any:
        floats = [i for i, x in enumerate(arrays) if not isinstance(x, tuple)]
        return jax.grad(lambda *x: (form(*x).astype(jnp.float32) ** 2).sum(), floats)(*arrays)

    return call


def _table(small: bool) -> Iterator[tuple[str, str, Forms, Callable[[], tuple], bool]]:
    yield from _fused(small)
    yield _attention(small, jnp.float32)
    yield _attention(small, jnp.bfloat16)
    yield _depthwise(small)
    yield _iou(small)
    yield _pooling(small)
    yield _resizing(small)
    yield _sampling(small)
    yield _adapter(small)


def _attention(small: bool, dtype: Any) -> tuple:
    """In bfloat16 against the formula in float32 on the same rounded numbers."""
    batch, length, heads, depth = (1, 16, 2, 8) if small else (2, 1024, 16, 64)
    names = ("xla", "chunked") if dtype == jnp.float32 else ("xla", "chunked", "cudnn")

    def inputs() -> tuple:
        arrays = [draw(i, batch, length, heads, depth, dtype=dtype, turns=1)[0] for i in range(3)]
        return (*arrays, draw(3, 1, heads, length, length, dtype=dtype, turns=1)[0])

    forms: Forms = {"reference": _in_float32}
    forms |= {name: functools.partial(attention, form=name) for name in names}
    kind = jnp.dtype(dtype).name
    shape = f"{batch} x {length} x {heads} x {depth}, bias"
    return f"attention, {kind}", shape, forms, inputs, True


def _fused(small: bool) -> Iterator[tuple]:
    """The fused kernel in bfloat16 at odd lengths and with biases over images and heads."""
    long, keys = (9, 12) if small else (577, 1024)
    text = 7 if small else 77
    settings = [
        ("self", long, long, None),
        ("cross", 133, keys, None),
        ("causal", text, text, None),
    ]
    settings += [("cross", 133, 577, (2, 1)), ("self", keys, keys, (2, 8))]
    settings += [
        ("self", keys, keys, (images, heads)) for images, heads in ((1, 1), (1, 8), (2, 1))
    ]
    for kind, length, size, spread in settings:
        bias = f", bias of {spread[0]} x {spread[1]}" if spread else ""
        forms: Forms = {
            "reference": functools.partial(_in_float32, causal=kind == "causal"),
            "fused": functools.partial(
                attention, causal=kind == "causal", form="xla" if on_cpu() else "cudnn"
            ),
        }
        inputs = functools.partial(_fused_inputs, length, size, spread)
        yield (
            f"fused attention, {kind}{bias}",
            f"2 x {length} x {size} x 8 x 64",
            forms,
            inputs,
            True,
        )


def on_cpu() -> bool:
    """Says whether XLA's attention stands in for the kernel, to try the program."""
    return jax.default_backend() == "cpu"


def _fused_inputs(length: int, size: int, spread: tuple[int, int] | None) -> tuple:
    arrays = [
        draw(i, 2, n, 8, 64, dtype=jnp.bfloat16, turns=1)[0]
        for i, n in enumerate((length, size, size))
    ]
    if spread:
        arrays += draw(3, *spread, length, size, dtype=jnp.bfloat16, turns=1)
    return tuple(arrays)


def _in_float32(*arrays: jax.Array, causal: bool = False) -> jax.Array:
    arrays = tuple(x.astype(jnp.float32) for x in arrays)
    return attention(*arrays, causal=causal, form="reference")


def _depthwise(small: bool) -> tuple:
    batch, size, channels = (1, 9, 4) if small else (2, 64, 384)

    def inputs() -> tuple:
        (x,) = draw(0, batch, size, size, channels, turns=1)
        return x, draw(1, 7, 7, 1, channels, scale=1 / 7, turns=1)[0]

    forms = {
        form or "default": functools.partial(depthwise_conv, form=form)
        for form in ("shift", "grouped", None)
    }
    return "depthwise 7x7", f"{batch} x {size}² x {channels}", forms, inputs, True


def _iou(small: bool) -> tuple:
    count, size = (4, 20) if small else (50, 256)
    forms = {
        form or "default": functools.partial(mask_iou, form=form)
        for form in ("broadcast", "popcount", "matmul", None)
    }

    def inputs() -> tuple:
        return draw_boxes(0, count, size), draw_boxes(1, count, size)

    return "mask IoU", f"{count} x {count} of {size}²", forms, inputs, False


def _pooling(small: bool) -> tuple:
    queries, size, channels = (3, 6, 8) if small else (64, 28, 768)
    forms = {
        form: functools.partial(average_under_maps, form=form) for form in ("softmax", "sigmoid")
    }

    def inputs() -> tuple:
        (features,) = draw(0, 1, size, size, channels, turns=1)
        return features, draw(1, 1, queries, 16, size, size, scale=4.0, turns=1)[0]

    return "pooling under maps", f"{queries} x 16, {size}² x {channels}", forms, inputs, True


def _resizing(small: bool) -> tuple:
    count, source, target = (2, 8, 20) if small else (16, 200, 800)
    matrix = interpolation_matrix(source, target)
    forms = {
        form or "default": functools.partial(resample_masks, rows=matrix, columns=matrix, form=form)
        for form in ("matmul", "gather", None)
    }
    inputs = functools.partial(draw, 0, count, source, source, turns=1)
    return "resize masks", f"{count} of {source}² to {target}²", forms, inputs, True


def _sampling(small: bool) -> tuple:
    side, count, depth = (6, 5, 4) if small else (64, 4096, 32)
    shape = (1, count, 2, 1, 4)

    def inputs() -> tuple:
        places = jnp.abs(draw(1, *shape, 2, turns=1)[0]) % 1
        return (*draw(0, 1, side, side, 2, depth, turns=1), places, draw(2, *shape, turns=1)[0])

    def form(name: str) -> Callable[..., Any]:
        return lambda value, *rest: deformable_sample((value,), *rest, form=name)

    forms = {name: form(name) for name in ("reference", "packed", "whole")}
    return "deformable sampling", f"{count} of {side}² x {depth}", forms, inputs, True


def _adapter(small: bool) -> tuple:
    """FISA's: XLA's convolution as accelerators run it, and products as a CPU does."""
    side = 24 if small else 224
    module = DistributionAdapter(2, 8)
    shape = jax.ShapeDtypeStruct((1, 4, side, side), jnp.float32)
    params = draw_like(jax.eval_shape(module.init, jax.random.key(0), shape))

    def products(masks: jax.Array) -> jax.Array:
        layers = [params["params"][f"conv{i}"] for i in range(2)]
        return refine_by_products(masks, layers)

    forms = {"products": products, "default": functools.partial(module.apply, params)}
    inputs = functools.partial(draw, 0, 1, 4, side, side, turns=1)
    return "Distribution Adapter", f"4 of {side}²", forms, inputs, True

"""How far the forms that an accelerator runs are from plain ones, in float32 at full precision."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp

from accelerated.cases import Script, draw, draw_boxes, draw_like
from accelerated.machine import Peaks
from accelerated.measuring import described, distance
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
            urgency=int("bfloat16" not in name),
        )
    for name in ("vit_b_16",) if small else ("convnext_base", "vit_b_16", "eva02_b_16"):
        size = 32 if small else ROWS[name].image_size
        yield Script(
            name=f"correctness/{name}, bfloat16",
            shape=f"2 x {size}²",
            run=functools.partial(compare_types, name, size),
            urgency=2,
        )


def compare(
    forms: Forms, inputs: Callable[[], tuple], differentiate: bool, peaks: Peaks
) -> dict[str, Any]:
    """Compares all forms with the first, at full precision; gradients as well where there are any.

    A form that cannot run is in the row under "errors".
    """
    del peaks
    arrays, errors, distances = inputs(), {}, {}
    plain: dict[str, Any] = {}
    for name, form in forms.items():
        ways = {"": form, " gradient": _gradient(form)} if differentiate else {"": form}
        for suffix, way in ways.items():
            try:
                with jax.default_matmul_precision("highest"):
                    found = to_numpy(jax.jit(way)(*arrays))
            except Exception as error:
                errors[name + suffix] = described(error)
                continue
            if suffix in plain:
                distances[name + suffix] = distance(found, plain[suffix])
            else:
                plain[suffix] = found
    if not plain:
        raise ArithmeticError(f"the plain form does not run: {errors}")
    return _row(distances) | {"errors": errors}


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

    def plain(*arrays: jax.Array) -> jax.Array:
        return attention(*(x.astype(jnp.float32) for x in arrays), form="reference")

    def inputs() -> tuple:
        arrays = [draw(i, batch, length, heads, depth, dtype=dtype, turns=1)[0] for i in range(3)]
        return (*arrays, draw(3, 1, heads, length, length, dtype=dtype, turns=1)[0])

    forms: Forms = {"reference": plain}
    forms |= {name: functools.partial(attention, form=name) for name in names}
    kind = jnp.dtype(dtype).name
    shape = f"{batch} x {length} x {heads} x {depth}, bias"
    return f"attention, {kind}", shape, forms, inputs, True


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

    forms = {name: form(name) for name in ("reference", "packed")}
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

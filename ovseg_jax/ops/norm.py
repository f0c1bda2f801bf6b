"""Layer normalisation, written so that XLA does not recompute what feeds it."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ovseg_jax.foundation.errors import OperandError

FORMS = ("product", "sum")


def layer_norm(
    x: Float[Array, "*axes c"],
    scale: Float[Array, " c"] | None = None,
    bias: Float[Array, " c"] | None = None,
    eps: float = 1e-6,
    form: str | None = None,
) -> Float[Array, "*axes c"]:
    """Normalises the last axis to mean 0 and variance 1, then scales and shifts.

    On a CPU the mean is a product with a column of 1/c. Written as a sum, XLA on CPU fuses whatever
    computes `x` into each reduction and runs it three times over: behind a depthwise convolution
    that costs nine times the time. On an accelerator the sum is right: a product would write the
    float32 copies that it reads, where everything else is fused.

    Args:
        x: Any array; statistics are computed in at least float32.
        scale: Factor per channel, or None.
        bias: Shift per channel, or None.
        eps: Added to the (biased) variance.
        form: How means are taken, one of `FORMS`; None for the platform's own way.

    Returns:
        The normalised array, in the dtype of `x`.

    Raises:
        OperandError: The form is unknown.
    """
    if form not in MEANS:
        raise OperandError(f"form={form!r} is unknown; choose one of {', '.join(FORMS)}")
    mean = MEANS[form]
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = wide - mean(wide)
    normalised = centred * lax.rsqrt(mean(jnp.square(centred)) + eps)
    if scale is not None:
        normalised = normalised * scale
    if bias is not None:
        normalised = normalised + bias
    return normalised.astype(x.dtype)


def _by_product(x: Array) -> Array:
    column = jnp.full((x.shape[-1], 1), 1 / x.shape[-1], x.dtype)
    return jnp.matmul(x, column, precision=lax.Precision.HIGHEST)


def _by_sum(x: Array) -> Array:
    return x.mean(-1, keepdims=True)


MEANS = {
    "product": _by_product,
    "sum": _by_sum,
    None: partial(lax.platform_dependent, cpu=_by_product, default=_by_sum),
}

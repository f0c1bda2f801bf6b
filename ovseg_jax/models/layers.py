"""Blocks that two or more models share. Parameters are float32; `dtype` is the compute type."""

import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import Initializer, lecun_normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.ops.depthwise import depthwise_conv
from ovseg_jax.ops.norm import layer_norm

Activation = Callable[[Array], Array]


def gelu(x: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Returns the exact GELU; the tanh form differs by up to 5e-4.

    By erf, as PyTorch computes it. `jax.nn.gelu` takes erfc, which XLA spells out in a hundred
    instructions: keeping them for a ConvNeXt-B takes 20 MiB.
    """
    return x * (0.5 + 0.5 * jax.lax.erf(x * math.sqrt(0.5)))


def quick_gelu(x: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Returns x * sigmoid(1.702 x), the activation of OpenAI's CLIP weights."""
    return x * jax.nn.sigmoid(1.702 * x)


def gelu_tanh(x: Float[Array, "*axes"]) -> Float[Array, "*axes"]:
    """Returns the tanh form of GELU, which SigLIP was trained with."""
    return jax.nn.gelu(x, approximate=True)


ACTIVATIONS: dict[str, Activation] = {
    "gelu": gelu,
    "quick_gelu": quick_gelu,
    "gelu_tanh": gelu_tanh,
}


def torch_uniform(inputs: int) -> Callable[[Array, tuple[int, ...]], Array]:
    """Returns torch's initialiser of linear maps: uniform within one over the root of `inputs`."""
    bound = inputs**-0.5

    def draw(key: Array, shape: tuple[int, ...], dtype: DTypeLike = jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return draw


class LayerNorm(nn.Module):
    """Normalises the last axis, then scales and shifts; statistics in float32.

    Attributes:
        eps: Added to the variance. timm's ConvNeXt uses 1e-6, torch's default is 1e-5.
    """

    eps: float = 1e-6

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes c"]:
        """Normalises each vector."""
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return layer_norm(x, scale, bias, self.eps)


class DepthwiseConv(nn.Module):
    """Convolves every channel with its own square kernel, stride 1, size kept, with bias.

    Attributes:
        kernel: Side of the kernel in cells; odd.
    """

    kernel: int = 7

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        """Convolves and adds the bias."""
        shape = (self.kernel, self.kernel, 1, x.shape[-1])
        kernel = self.param("kernel", lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (x.shape[-1],))
        return depthwise_conv(x, kernel) + bias.astype(x.dtype)


class DropPath(nn.Module):
    """Drops the residual branch of whole samples (stochastic depth) and rescales the others.

    It acts only where the caller passes an rng named "stochastic_depth"; a frozen tower gets none,
    so it stays deterministic in training too.

    Attributes:
        rate: Probability of dropping a sample's branch.
    """

    rate: float = 0.0

    @nn.compact
    def __call__(self, branch: Float[Array, "b ..."]) -> Float[Array, "b ..."]:
        """Returns the branch, zero for the samples drawn."""
        if self.rate == 0 or not self.has_rng("stochastic_depth"):
            return branch
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        keep = jax.random.bernoulli(self.make_rng("stochastic_depth"), 1 - self.rate, shape)
        return jnp.where(keep, branch / (1 - self.rate), 0)


PORTION = 2**24
"""Bytes of hidden activations up to which `in_portions` computes all rows at once."""
MOST_PORTIONS = 8


def in_portions(
    function: Callable[[Array], Array], x: Float[Array, "b h w c"], hidden: int
) -> Float[Array, "b h w c"]:
    """Applies a map of single vectors to some rows at a time, where it is compiled for a CPU.

    A ConvNeXt-B at 640 x 640 needs 57 MiB beside its weights so, and 113 without, where steps are
    ordered for memory (`ops.compiler`).

    Args:
        function: Treats every vector on its own.
        x: All of them.
        hidden: Channels of what the function keeps in between.
    """
    size = x.size // x.shape[-1] * hidden * x.dtype.itemsize
    count = min(-(-size // PORTION), MOST_PORTIONS, x.shape[1])
    if count == 1:
        return function(x)
    cuts = [x.shape[1] * index // count for index in range(1, count)]

    def in_turn(x: Array) -> Array:
        return jnp.concatenate([function(part) for part in jnp.split(x, cuts, axis=1)], axis=1)

    return jax.lax.platform_dependent(x, cpu=in_turn, default=function)


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution, norm, and a four times wider MLP, added to the input.

    Matches `ConvNeXtBlock` of timm and `ConvNextBlock` of hustvl/MaskAdapter.

    Attributes:
        dim: Channels.
        kernel: Side of the depthwise kernel.
        eps: Epsilon of the norm.
        layer_scale_init: Start value of the factor per channel on the branch.
        drop_rate: Probability of dropping the branch; see `DropPath`.
    """

    dim: int
    kernel: int = 7
    eps: float = 1e-6
    layer_scale_init: float = 1e-6
    drop_rate: float = 0.0
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], by_cell: Callable[..., Array] | None = None
    ) -> Float[Array, "b h w _c"]:
        """Returns the input plus the scaled branch.

        Args:
            x: Maps.
            by_cell: Runs all that sees single cells, if that is not wanted everywhere: it gets a
                function, the input and what the convolution made of it, and says what the result
                is. Stochastic depth has no part in it.
        """
        branch = DepthwiseConv(self.kernel, name="depthwise")(x)
        norm = LayerNorm(self.eps, name="norm")
        expand = nn.Dense(4 * self.dim, dtype=self.dtype, name="expand")
        reduce = nn.Dense(self.dim, dtype=self.dtype, name="reduce")
        start = nn.initializers.constant(self.layer_scale_init)
        scale = self.param("layer_scale", start, (self.dim,))

        def widen(rows: Array) -> Array:
            return reduce(gelu(expand(rows)))

        if by_cell is not None:
            return by_cell(
                lambda x, mixed: x + widen(norm(mixed)) * scale.astype(x.dtype), x, branch
            )
        branch = in_portions(widen, norm(branch), 4 * self.dim)
        return x + DropPath(self.drop_rate)(branch * scale.astype(branch.dtype))


class MLP(nn.Module):
    """Linear, activation, linear.

    Attributes:
        hidden: Width between the two.
        out: Width after them.
        activation: Function between the two.
        expand_init: Initialiser of the first kernel.
        reduce_init: Initialiser of the second kernel.
    """

    hidden: int
    out: int
    activation: Activation = gelu
    expand_init: Initializer = lecun_normal()
    reduce_init: Initializer = lecun_normal()
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "*axes c"]) -> Float[Array, "*axes out"]:
        """Maps each vector on its own."""
        expand = nn.Dense(
            self.hidden, kernel_init=self.expand_init, dtype=self.dtype, name="expand"
        )
        reduce = nn.Dense(self.out, kernel_init=self.reduce_init, dtype=self.dtype, name="reduce")
        return reduce(self.activation(expand(x)))

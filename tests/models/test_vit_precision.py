"""Half precision in the towers: what stays float32, and how far the result is off."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer

SMALL = {"image_size": 64, "patch": 8, "width": 64, "layers": 2, "heads": 4, "embedding_dim": 24}
EVA = {"gated": True, "mlp_width": 170, "rotary_grid": 16, "pre_norm": False, "key_bias": False}
TOWERS = {
    "openai": VisionTransformer(**SMALL, activation="quick_gelu"),
    "eva02": VisionTransformer(**SMALL, **EVA, eps=1e-6, patch_bias=True, head_bias=True),
    "text": TextTower(
        vocab_size=99, context_length=20, width=64, heads=4, layers=2, embedding_dim=24
    ),
}
WIDE_ONLY = {"exp", "rsqrt", "reduce_max", "reduce_sum", "cos", "sin"}
"""What softmax, norms and rotations are made of; the activations are made of others."""


def drawn(rng, shape):
    """Matrices that keep the size of what they multiply, and a spread of everything else."""
    return rng.normal(size=shape) * (shape[0] ** -0.5 if len(shape) == 2 else 0.3)


@pytest.fixture(scope="module", params=TOWERS)
def case(request):
    tower = TOWERS[request.param]
    rng = np.random.default_rng(0)
    inputs = jnp.asarray(rng.normal(size=(2, 64, 64, 3)), jnp.float32)
    if request.param == "text":
        inputs = jnp.asarray(rng.integers(1, 99, size=(4, 20)), jnp.int32)
    shapes = jax.eval_shape(tower.init, jax.random.key(0), inputs)
    params = jax.tree.map(lambda x: jnp.asarray(drawn(rng, x.shape), jnp.float32), shapes)
    return tower, tower.clone(dtype=jnp.bfloat16), params, inputs


def operations(jaxpr):
    """All operations, also inside functions that are called."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for inner in value if isinstance(value, tuple | list) else [value]:
                inner = getattr(inner, "jaxpr", inner)
                if hasattr(inner, "eqns"):
                    yield from operations(inner)


def test_norms_and_softmax_are_float32_and_matrix_products_are_not(case):
    _, low, params, inputs = case
    seen, products = set(), []
    for operation in operations(jax.make_jaxpr(low.apply)(params, inputs).jaxpr):
        name, types = operation.primitive.name, {x.aval.dtype for x in operation.invars}
        if name in WIDE_ONLY:
            assert jnp.bfloat16 not in types, operation
            seen.add(name)
        if name == "dot_general":
            products.append(types == {jnp.dtype(jnp.bfloat16)})
    assert {"exp", "rsqrt"} <= seen
    assert sum(products) >= low.layers * 6, "products of a block that are not in half precision"


def test_parameters_are_float32_and_the_result_is_half_precision(case):
    _, low, params, inputs = case
    shapes = jax.eval_shape(low.init, jax.random.key(0), inputs)
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(shapes))
    assert jax.eval_shape(low.apply, params, inputs).dtype == jnp.bfloat16


def test_the_result_is_off_by_the_rounding_of_half_precision(case):
    """Two hundredths of the embedding's length: cosines move by less than 1e-3."""
    tower, low, params, inputs = case
    exact = np.asarray(jax.jit(tower.apply)(params, inputs))
    found = np.asarray(jax.jit(low.apply)(params, inputs), np.float32)
    off = np.linalg.norm(found - exact, axis=-1) / np.linalg.norm(exact, axis=-1)
    assert 0 < off.max() < 2e-2
    cosines = (found * exact).sum(-1) / (
        np.linalg.norm(found, axis=-1) * np.linalg.norm(exact, axis=-1)
    )
    assert cosines.min() > 1 - 1e-3

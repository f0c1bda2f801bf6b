"""Methods with a mask generator: training it, naming its masks, MAFT+'s words, mixed masks."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    WIDTH,
    initialise,
    random_like,
    run,
    tiny_batch,
    tiny_method,
    tiny_proposals,
    tiny_text,
    with_settings,
)

from ovseg_jax.config import (
    MaftPlusConfig,
    MaskAdapterOnMaftConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.methods.mask_generator import MaskGenerator
from ovseg_jax.models.content_transfer import scrambled
from ovseg_jax.models.generators.variants import build_generator

BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)
GENERATOR = QueryGeneratorConfig(
    backbone="clip",
    num_queries=8,
    width=8,
    mask_width=8,
    heads=2,
    levels=1,
    encoder_layers=1,
    encoder_hidden=8,
    decoder_layers=2,
    decoder_hidden=8,
)


def generator(**changes):
    return build_generator(dataclasses.replace(GENERATOR, **changes), WIDTH)


def parameters(method):
    return initialise(method, BATCH, PROPOSALS, TEXT)


TRAINER = tiny_method(
    MaskGeneratorConfig(has_void=True, num_points=32, num_truth=6), generator=generator()
)


@pytest.fixture(scope="module")
def trained():
    return parameters(TRAINER)


def test_the_generator_learns_and_clip_gets_no_gradient(trained):
    def loss(params):
        inputs = BATCH, PROPOSALS, TEXT, jax.random.key(0)
        return TRAINER.apply({"params": params}, *inputs, method="loss")

    derive = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (value, metrics), gradient = derive(trained["params"])
    assert jnp.isfinite(value) and set(metrics) == {"loss", "class_loss", "mask_loss", "dice_loss"}
    towers = jax.tree.leaves(gradient["clip"]["visual"])
    assert all((leaf == 0).all() for leaf in towers)
    assert (gradient["void_embedding"] != 0).any()
    moved = [float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(gradient["generator"])]
    assert np.mean(np.array(moved) > 0) > 0.9
    smaller = jax.tree.map(lambda p, g: p - 1e-3 * g, trained["params"], gradient)
    assert derive(smaller)[0][0] < value


def test_its_own_scores_are_its_class_head(trained):
    features = run(TRAINER, trained, "encode_batch", BATCH)
    own = run(TRAINER, trained, "propose", BATCH, features, TEXT)
    scores = run(TRAINER, trained, "score", features, own, TEXT)
    np.testing.assert_array_equal(scores.logits, own.class_logits)
    assert np.isinf(np.asarray(own.class_logits)[..., 3]).all()  # the empty class slot
    with pytest.raises(ValueError, match="masks without classes"):
        TRAINER.apply(trained, features, PROPOSALS, TEXT, method="score")


def test_the_same_parameters_serve_mask_pooling(trained):
    pooling = tiny_method(MaskPoolingConfig(has_void=True), generator=generator())
    assert jax.tree.map(jnp.shape, parameters(pooling)) == jax.tree.map(jnp.shape, trained)
    features = run(pooling, trained, "encode_batch", BATCH)
    one = run(pooling, trained, "propose", BATCH, features, TEXT)
    other = run(TRAINER, trained, "propose", BATCH, features, TEXT)
    np.testing.assert_allclose(one.masks, other.masks, atol=1e-5)


def test_void_is_the_last_row_of_the_words(trained):
    features = run(TRAINER, trained, "encode_batch", BATCH)
    own = run(TRAINER, trained, "propose", BATCH, features, TEXT)
    rows = run(TRAINER, trained, "words", features, TEXT)
    products = jnp.einsum("bqd,sd->bqs", own.class_embeddings, rows)
    np.testing.assert_allclose(own.class_logits[..., -1], products[..., -1], rtol=1e-5)
    best = products[..., :2].max(-1)  # two synonyms of the first class
    np.testing.assert_allclose(own.class_logits[..., 0], best, rtol=1e-5)


def test_a_fixed_list_needs_no_clip():
    closed = MaskGenerator(
        clip=None,
        config=MaskGeneratorConfig(num_points=0, mask_loss="focal", num_truth=6),
        generator=generator(backbone="convnext_toy", class_head="linear", num_classes=3),
    )
    shapes = jax.eval_shape(
        closed.init, jax.random.key(0), BATCH, PROPOSALS, TEXT, jnp.zeros((1, 1), jnp.int32)
    )
    assert set(shapes["params"]) == {"generator"}
    variables = random_like(shapes)
    value, _ = run(closed, variables, "loss", BATCH, PROPOSALS, TEXT, jax.random.key(0))
    assert jnp.isfinite(value)


def test_a_model_without_generator_says_so():
    pooling = tiny_method(MaskPoolingConfig())
    variables = parameters(pooling)
    features = run(pooling, variables, "encode_batch", BATCH)
    with pytest.raises(ValueError, match="no mask generator of its own"):
        pooling.apply(variables, BATCH, features, TEXT, method="propose")


# ---- MAFT+ --------------------------------------------------------------------------------


def test_words_follow_the_image_and_not_for_the_generator():
    config = MaftPlusConfig(has_void=True, transfer_heads=2, num_truth=6, num_points=32)
    method = tiny_method(config, generator=generator())
    variables = parameters(method)
    features = run(method, variables, "encode_batch", BATCH)
    rows = run(method, variables, "words", features, TEXT)
    assert rows.shape == (2, 6, WIDTH) and np.abs(rows[0] - rows[1]).max() > 1e-3
    plain = run(method, variables, "proposal_words", features, TEXT)
    assert plain.shape == (6, WIDTH)
    scores = run(method, variables, "score", features, PROPOSALS, TEXT)
    assert scores.logits.shape == (2, PROPOSALS.masks.shape[1], 5)
    loss, _ = run(method, variables, "loss", BATCH, PROPOSALS, TEXT, jax.random.key(0))
    assert jnp.isfinite(loss)


def test_scrambling_reads_channels_first_maps_as_rows():
    maps = jnp.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    want = np.moveaxis(np.asarray(maps), -1, 1).reshape(2 * 3 * 4, 5)
    np.testing.assert_array_equal(scrambled(maps).reshape(-1, 5), want)


def test_the_adapter_reads_the_scrambled_map_and_pooling_does_not():
    method = tiny_method(
        MaskAdapterOnMaftConfig(has_void=True, transfer_heads=2, num_maps=3, width=8, num_blocks=1)
    )
    straight = with_settings(method, scrambled=False)
    variables = parameters(method)
    features = run(method, variables, "encode_batch", BATCH)
    other = run(straight, variables, "encode_batch", BATCH)
    np.testing.assert_array_equal(features.dense, other.dense)
    assert np.abs(features.projected - other.projected).max() > 1e-3
    loss, metrics = run(method, variables, "loss", BATCH, PROPOSALS, TEXT, jax.random.key(0))
    assert jnp.isfinite(loss) and "mask_accuracy" in metrics

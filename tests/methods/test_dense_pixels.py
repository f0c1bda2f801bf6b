"""Names for cells without masks: their maps, the masks made of them, and what fits which tower."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    initialise,
    run,
    tiny_batch,
    tiny_clip,
    tiny_method,
    tiny_proposals,
    tiny_resnet_clip,
    tiny_text,
    tiny_vit_clip,
)

from ovseg_jax.config import DensePixelsConfig, EnsembleConfig
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.inference.postprocess.from_pixels import dense_labels
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.semantic import semantic_labels, semantic_scores
from ovseg_jax.ops.vectors import unit

BATCH, TEXT = tiny_batch(), tiny_text()
FRAME = Frame(padded=(32, 32), picture=(32, 24), output=(50, 41))


def model(clip=tiny_vit_clip, **options):
    method = tiny_method(DensePixelsConfig(**options), clip())
    return method, initialise(method, BATCH, tiny_proposals(BATCH), TEXT)


def test_maps_are_cosines_of_cells_and_words():
    method, variables = model()
    features = run(method, variables, "encode_batch", BATCH)
    maps = run(method, variables, "class_maps", features, TEXT)
    rows = unit(TEXT.embeddings.mean(1))
    each = jnp.einsum("bhwd,sd->bshw", unit(features.projected), rows) * np.exp(3.0)
    want = jnp.stack([each[:, :2].max(1), each[:, 2], each[:, 3]], 1)
    np.testing.assert_allclose(maps[:, :3], want, atol=1e-4)
    assert maps.shape == (2, 4, 4, 4) and np.isneginf(maps[:, 3]).all()


def test_masks_of_classes_rank_pixels_as_resized_cosines_do():
    """The pipeline for masks, with its sums over masks, finds what the direct way finds."""
    method, variables = model()
    features = run(method, variables, "encode_batch", BATCH)
    some = unit(features.projected[1, jnp.arange(4), jnp.array([0, 2, 1, 1])])
    text = TEXT.replace(embeddings=TEXT.embeddings.at[:4].set(some[:, None]))
    maps = run(method, variables, "class_maps", features, text)[1]
    proposals = run(method, variables, "propose", BATCH, features, text)
    scores = run(method, variables, "score", features, proposals, text)
    weights = EnsembleConfig(alpha=0.4, beta=0.8)
    rule = choose_rule(proposals, weights, (4, 4), repeats=method.repeats_names)
    logs = rule.join(proposals, scores.logits, text)
    labels, sums = semantic_labels(logs[1], proposals.masks[1], FRAME)
    direct, probabilities = dense_labels(maps, FRAME)
    assert np.isfinite(sums).all() and len(np.unique(direct)) > 1
    assert (np.asarray(labels) == np.asarray(direct)).mean() > 0.9
    every = semantic_scores(logs[1], proposals.masks[1], FRAME)  # where they differ, it is a tie
    chosen = np.take_along_axis(np.asarray(every), np.asarray(direct)[None], axis=0)[0]
    np.testing.assert_allclose(chosen, sums, atol=1e-5)
    assert (probabilities > 1 / 3).all() and (probabilities <= 1).all()


def test_a_few_rows_at_a_time_give_the_same_labels():
    maps = jax.random.normal(jax.random.key(0), (5, 4, 4)).at[4].set(-jnp.inf)
    whole, few = dense_labels(maps, FRAME), dense_labels(maps, FRAME, rows=7)
    np.testing.assert_array_equal(whole[0], few[0])
    np.testing.assert_allclose(whole[1], few[1], atol=1e-6)
    logits = jax.image.resize(maps[:4], (4, 32, 32), "linear")[:, :, :24]
    logits = jax.image.resize(logits, (4, 50, 41), "linear")
    assert (np.asarray(logits).argmax(0) == np.asarray(whole[0])).mean() > 0.995
    found = np.asarray(jax.nn.softmax(logits, axis=0).max(0))
    np.testing.assert_allclose(found, whole[1], atol=1e-4)


def test_given_masks_are_named_by_the_mean_of_their_cells():
    method, variables = model()
    proposals = tiny_proposals(BATCH)
    features = run(method, variables, "encode_batch", BATCH)
    regions = run(method, variables, "embed", features, proposals)
    one = proposals.replace(masks=jnp.full((2, 1, 4, 4), -1.0).at[:, :, 1, 2].set(1.0))
    alone = run(method, variables, "embed", features, one).embeddings[:, 0]
    np.testing.assert_allclose(alone, features.projected[:, 1, 2], rtol=1e-4)
    scores = run(method, variables, "score", features, proposals, TEXT)
    assert scores.logits.shape == (2, 8, 5) and np.isfinite(regions.embeddings).all()


@pytest.mark.parametrize("clip", [tiny_clip, tiny_resnet_clip])
def test_other_towers_are_read_as_they_are(clip):
    def unmet(readout):
        method = tiny_method(DensePixelsConfig(readout=readout), clip())
        return [need for need in method.needs(1) if not need.met]

    assert [need.field for need in unmet("values")] == ["method.readout"]
    assert not unmet("plain")
    method, variables = model(clip, readout="plain")
    assert variables["params"].keys() == {"clip"}

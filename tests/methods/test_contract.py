"""What every method must satisfy, shown on all of ours and on one that mixes words in early."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_scene import (
    IMAGES,
    SEGMENTS,
    WIDTH,
    initialise,
    quick_jit,
    run,
    tiny_batch,
    tiny_clip,
    tiny_method,
    tiny_proposals,
    tiny_text,
    with_settings,
)

from ovseg_jax.config import (
    ContrastiveConfig,
    MaskAdapterConfig,
    MaskCroppingConfig,
    MaskPoolingConfig,
)
from ovseg_jax.config.methods.shared import LabelledConfig
from ovseg_jax.foundation import trees
from ovseg_jax.foundation.typing import Features, Proposals, Regions, Scores, Text
from ovseg_jax.methods.method import Method, mask_accuracy
from ovseg_jax.ops.images.resize import resize_masks
from ovseg_jax.ops.text_rows import average_templates
from ovseg_jax.ops.vectors import unit


class EarlyWords(Method):
    """A fifth method that needs the whole freedom of the contract.

    Mask tokens read the words first and then look for pixels (as in FISA), the image moves the
    words (as in MAFT+), templates are kept apart until then (as in MaskCLIP++), and the masks come
    out refined.
    """

    def setup(self):
        super().setup()
        self.read = nn.Dense(WIDTH)
        self.look = nn.Dense(WIDTH)
        self.move = nn.Dense(WIDTH)

    def words(self, features: Features, text: Text):
        image = self.move(features.projected.mean((1, 2)))
        return self.text_rows(text)[None] + 0.1 * image[:, None]

    def score(self, features: Features, proposals: Proposals, text: Text) -> Scores:
        rows, real = text.embeddings, text.classes < len(text.valid)
        inside = resize_masks(proposals.masks.astype(jnp.float32), features.projected.shape[1:3])
        tokens = jnp.einsum("bqhw,bhwd->bqd", jax.nn.sigmoid(inside), features.projected)
        similar = jnp.einsum("bqd,std->bqst", self.read(tokens), rows)
        similar = jnp.where(real[:, None], similar, -jnp.inf)
        weights = jax.nn.softmax(similar.reshape(*similar.shape[:2], -1)).reshape(similar.shape)
        told = tokens + jnp.einsum("bqst,std->bqd", weights, rows)
        attention = jnp.einsum("bqd,bhwd->bqhw", self.look(told), features.projected)
        refined = inside + attention
        focus = jax.nn.softmax(refined.reshape(*refined.shape[:2], -1)).reshape(refined.shape)
        embedded = jnp.einsum("bqhw,bhwd->bqd", focus, features.projected)
        logits = self.compare(embedded, self.words(features, text), text)
        return Scores(logits=logits, masks=refined, regions=Regions(embeddings=embedded))


EARLY = LabelledConfig(kind="early_words", has_void=True, tune_text=True)
METHODS = {
    "pooling": lambda: tiny_method(MaskPoolingConfig()),
    "cropping": lambda: tiny_method(MaskCroppingConfig(crop_size=16, chunk=3)),
    "contrastive": lambda: tiny_method(ContrastiveConfig(crop_pixels=(8, 16))),
    "adapter": lambda: tiny_method(
        MaskAdapterConfig(
            num_maps=2,
            width=8,
            mask_width=8,
            num_blocks=1,
            chunk=3,
            num_truth=4,
            num_matched=3,
            phase="mixed",
            layer_scale_init=0.5,
            has_void=True,
        ),
        tiny_clip("mlp"),
    ),
    "early_words": lambda: EarlyWords(clip=tiny_clip(), config=EARLY),
}
BATCH, TEXT = tiny_batch(), tiny_text()
PROPOSALS = tiny_proposals(BATCH)


@pytest.fixture(scope="module", params=METHODS)
def case(request):
    """A method, its parameters, features and scores."""
    method = METHODS[request.param]()
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    features = run(method, variables, "encode_batch", BATCH)
    return method, variables, features, run(method, variables, "score", features, PROPOSALS, TEXT)


def test_scores_have_a_column_per_class_slot_and_void(case):
    method, _, _, scores = case
    assert scores.logits.shape == (IMAGES, SEGMENTS + 2, 5)
    assert np.isfinite(scores.logits[..., :3]).all()
    assert (scores.logits[..., 3] == -np.inf).all()
    assert (np.isfinite(scores.logits[..., 4]) == method.config.has_void).all()


def test_masks_are_scored_independently_and_in_their_order(case):
    method, variables, features, scores = case
    order = jnp.array([5, 0, 3, 3, 3, 7, 7, 7])
    others = Proposals(masks=PROPOSALS.masks[:, order], valid=PROPOSALS.valid[:, order])
    again = run(method, variables, "score", features, others, TEXT)
    np.testing.assert_allclose(again.logits, scores.logits[:, order], atol=1e-4)


def test_padding_the_vocabulary_changes_nothing(case):
    method, variables, features, scores = case
    wider = Text(
        embeddings=jnp.pad(TEXT.embeddings, ((0, 3), (0, 0), (0, 0))),
        classes=jnp.where(jnp.arange(8) < 4, jnp.pad(TEXT.classes, (0, 3)), 6),
        valid=jnp.pad(TEXT.valid, (0, 2)),
        seen=jnp.pad(TEXT.seen, (0, 2)),
    )
    again = run(method, variables, "score", features, PROPOSALS, wider)
    kept = jnp.array([0, 1, 2, 6])
    np.testing.assert_allclose(again.logits[..., kept], scores.logits[..., (0, 1, 2, 4)], atol=1e-4)


def test_hard_masks_and_empty_masks_are_scored_too(case):
    method, variables, features, _ = case
    masks = BATCH.segment_ids[:, None] == jnp.arange(1, SEGMENTS + 1)[:, None, None]
    masks = masks.at[:, 0].set(False).at[:, 1].set(True)
    hard = Proposals(masks=masks, valid=jnp.ones(masks.shape[:2], bool))
    logits = run(method, variables, "score", features, hard, TEXT).logits
    assert np.isfinite(logits[..., :3]).all()


def test_the_loss_and_its_gradient_are_finite_and_reported(case):
    method, variables, features, _ = case
    arguments = BATCH, PROPOSALS, TEXT, jax.random.key(0)

    def loss(variables):
        return method.apply(variables, *arguments, method="loss")

    (value, metrics), gradient = quick_jit(jax.value_and_grad(loss, has_aux=True))(variables)
    given, _ = run(method, variables, "loss", *arguments, features)
    np.testing.assert_allclose(given, value, rtol=1e-5)  # features computed before are used
    assert np.isfinite(value) and metrics["loss"] == value
    assert all(np.ndim(metric) == 0 for metric in metrics.values())
    flat = trees.flatten(gradient["params"])
    assert all(np.isfinite(leaf).all() for leaf in flat.values())
    own = {path for path in flat if not path.startswith("clip/")}
    assert not [path for path in own if np.abs(flat[path]).max() == 0]


def test_what_lies_in_the_padding_does_not_matter(case):
    method, variables, features, _ = case
    other = BATCH.replace(images=BATCH.images.at[1, :, 24:].set(77))
    again = run(method, variables, "encode_batch", other)
    for old, new in zip(jax.tree.leaves(features), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(old, new)


def test_early_words_refine_masks_and_differ_per_image():
    method = METHODS["early_words"]()
    variables = initialise(method, BATCH, PROPOSALS, TEXT)
    features = run(method, variables, "encode_batch", BATCH)
    scores = run(method, variables, "score", features, PROPOSALS, TEXT)
    assert scores.masks.shape == (IMAGES, SEGMENTS + 2, *features.dense.shape[1:3])
    words = run(method, variables, "words", features, TEXT)
    assert words.shape == (IMAGES, 6, WIDTH) and np.abs(words[0] - words[1]).max() > 1e-3
    changed = TEXT.replace(embeddings=TEXT.embeddings[::-1])
    masks = run(method, variables, "score", features, PROPOSALS, changed).masks
    assert np.abs(masks - scores.masks).max() > 1e-3


def test_a_method_without_embed_or_score_says_so():
    method = Method(clip=tiny_clip(), config=LabelledConfig(kind="neither"))
    with pytest.raises(NotImplementedError, match="neither embed nor score"):
        method.apply({}, Features(dense=jnp.zeros((1, 1, 1, 1))), PROPOSALS, method="embed")


# ---- the shared pieces --------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooling():
    method = tiny_method(MaskPoolingConfig(has_void=True))
    return method, initialise(method, BATCH, PROPOSALS, TEXT)


def test_a_class_scores_as_its_best_synonym(pooling):
    method, variables = pooling
    embeddings = jax.random.normal(jax.random.key(7), (1, 4, WIDTH))
    rows = run(method, variables, "text_rows", TEXT)
    logits = run(method, variables, "compare", embeddings, rows, TEXT)
    factor = jnp.exp(variables["params"]["clip"]["logit_scale"])
    cosines = unit(embeddings) @ unit(TEXT.embeddings.mean(1)).T * factor
    np.testing.assert_allclose(logits[..., 0], cosines[..., :2].max(-1), rtol=1e-4)
    np.testing.assert_allclose(logits[..., 1:3], cosines[..., 2:4], rtol=1e-4)
    void = unit(variables["params"]["void_embedding"])
    np.testing.assert_allclose(
        logits[..., 4], (unit(embeddings) @ void.T * factor)[..., 0], rtol=1e-4
    )


def test_words_per_image_may_have_any_length(pooling):
    method, variables = pooling
    embeddings = jax.random.normal(jax.random.key(7), (2, 4, WIDTH))
    rows = run(method, variables, "text_rows", TEXT)
    plain = run(method, variables, "compare", embeddings, rows, TEXT)
    per_image = jnp.stack([rows, 3 * rows])
    scaled = run(method, variables, "compare", embeddings, per_image, TEXT)
    np.testing.assert_allclose(scaled[0], plain[0], rtol=1e-5)
    np.testing.assert_allclose(scaled[1, :, :3], 3 * plain[1, :, :3], rtol=1e-5)


def test_templates_are_averaged_and_empty_rows_stay_empty():
    rows = average_templates(TEXT.embeddings)
    np.testing.assert_allclose(jnp.linalg.norm(rows, axis=-1), [1, 1, 1, 1, 0], atol=1e-6)


def test_ground_truth_is_drawn_with_its_own_label(pooling):
    method, variables = pooling
    truth, labels = run(method, variables, "sample_truth", BATCH, jax.random.key(0))
    assert truth.masks.shape[1] == method.config.num_truth
    for image in range(IMAGES):
        ids = np.unique(BATCH.segment_ids[image])
        expected = [i for i in ids if i > 0 and BATCH.labels[image, i - 1] >= 0]
        assert truth.valid[image].sum() == len(expected)
        for slot, segment in enumerate(expected):
            np.testing.assert_array_equal(
                truth.masks[image, slot], BATCH.segment_ids[image] == segment
            )
            assert labels[image, slot] == BATCH.labels[image, segment - 1]
    assert (labels[~truth.valid] == -1).all() and not truth.masks[~truth.valid].any()


def test_tuning_the_text_embeds_the_vocabulary_with_the_present_tower(pooling):
    method, variables = pooling
    tuned = with_settings(method, tune_text=True)
    now = run(tuned, variables, "current_text", TEXT)
    want = method.apply(
        variables, TEXT.tokens[2], method=lambda bound, tokens: bound.clip.encode_text(tokens)
    )
    np.testing.assert_allclose(now.embeddings[2], unit(want), atol=1e-5)
    assert run(method, variables, "current_text", TEXT).embeddings is not now.embeddings
    with pytest.raises(ValueError, match=r"Text\.tokens"):
        tuned.apply(variables, TEXT.replace(tokens=None), method="current_text")


def test_accuracy_counts_labelled_masks_and_never_answers_void():
    logits = jnp.array([[[1.0, 2.0, 9.0], [3.0, 0.0, 9.0], [0.0, 5.0, 9.0]]])
    assert mask_accuracy(logits, jnp.array([[1, 1, -1]])) == 0.5
    assert mask_accuracy(logits, jnp.array([[-1, -1, -1]])) == 0.0

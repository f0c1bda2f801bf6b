"""From pixels to named masks without masks from outside, by tiny random generators."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_model import CONFIG, GENERATOR, opened, photo, random_params

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
)
from ovseg_jax.foundation.errors import MasksError
from ovseg_jax.inference.engine import Engine
from ovseg_jax.inference.mask_makers.generator import GeneratorMaskMaker
from ovseg_jax.inference.results import SegmenterError
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inference.text_encoder import TextEncoder
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import initial_parameters, sam_shapes

OWN = dataclasses.replace(CONFIG, method=MaskPoolingConfig(has_void=True), generator=GENERATOR)
CLOSED = dataclasses.replace(
    CONFIG,
    clip=ClipConfig(variant=""),
    method=MaskGeneratorConfig(has_void=False),
    generator=dataclasses.replace(GENERATOR, class_head="linear", num_classes=32),
)


def wordless(config):
    """A model that knows no words."""
    method = build.method(config)
    params = jax.jit(lambda key: initial_parameters(method, key))(jax.random.key(1))
    return dataclasses.replace(opened(config, params), tokenizer=None)


def maker(model):
    engine = Engine(model)
    return GeneratorMaskMaker(engine, TextEncoder(model, engine.embed))


@pytest.fixture(scope="module")
def own():
    segmenter = Segmenter(opened(OWN))
    segmenter.set_vocabulary("ball; boat; grass; sky", "none")
    return segmenter


@pytest.mark.parametrize("task", ["semantic", "panoptic", "instance"])
def test_every_task_runs_on_the_models_own_masks(own, task):
    pixels = photo(70, 90)
    result = own.segment(pixels, None, task)
    assert result.prediction.labels.shape == (70, 90)
    assert result.prediction.labels.max() < 4
    assert len(result.masks) == len(result.classification) <= GENERATOR.num_queries
    assert result.masks.shape[1:] == (70, 90)
    np.testing.assert_array_equal(result.classification.areas, result.masks.sum((1, 2)))


def test_semantic_covers_every_pixel_since_masks_are_soft(own):
    assert (own.segment(photo(), None).prediction.labels >= 0).all()


def test_another_vocabulary_changes_words_and_not_masks(own):
    pixels = photo(70, 90)
    before = own.propose(own.encode(pixels))
    own.set_vocabulary("ball; boat", "none")
    after = own.propose(own.encode(pixels))
    own.set_vocabulary("ball; boat; grass; sky", "none")
    np.testing.assert_allclose(before.masks, after.masks, atol=1e-5)
    assert np.isinf(np.asarray(after.class_logits)[0, 0, 2])
    assert np.isfinite(np.asarray(before.class_logits)[0, 0, 3])


def test_a_model_without_words_names_its_own_list_only():
    segmenter = Segmenter(wordless(CLOSED))
    words = segmenter.set_vocabulary()
    assert words.classes.names == named_classes("toy_world_seen32").names
    result = segmenter.segment(photo(), None, "panoptic")
    assert set(result.names) <= set(words.classes.names)
    with pytest.raises(SegmenterError, match="knows only its own 32 classes"):
        segmenter.set_vocabulary("ball; boat")


def test_masks_of_one_model_are_named_by_another():
    small = dataclasses.replace(CONFIG.inference, short_side=64, long_side=64)
    proposer = maker(wordless(dataclasses.replace(CLOSED, inference=small)))
    segmenter = Segmenter(opened(), mask_maker=proposer)
    segmenter.set_vocabulary("ball; boat; grass", "none")
    pixels = photo(60, 80)
    encoded = segmenter.encode(pixels)
    proposals = segmenter.propose(encoded)
    assert proposals.masks.shape[2:] == tuple(side // 4 for side in encoded.frame.padded)
    assert segmenter.segment(encoded, None).prediction.labels.shape == (60, 80)


@pytest.mark.parametrize("closed", [False, True])
def test_another_models_names_count_where_the_ensemble_says_so(own, closed):
    """As MaskCLIP++ answers: alpha is the exponent of the method, the rest is the generator's."""
    proposer = maker(wordless(CLOSED) if closed else opened(OWN))

    def answer(alpha, with_others=True):
        weights = EnsembleConfig(alpha=alpha, beta=alpha, with_others=with_others)
        inference = dataclasses.replace(CONFIG.inference, ensemble=weights)
        config = dataclasses.replace(CONFIG, inference=inference)
        tuned = Segmenter(opened(config, random_params()), mask_maker=proposer)
        tuned.set_vocabulary("ball; boat; violin", "none")
        encoded = tuned.encode(photo())
        proposals = tuned.propose(encoded)
        text = tuned.embed(tuned.words.all)
        return np.exp(tuned.engine.name(encoded, proposals, text, False)[0]), proposals

    half, proposals = answer(0.5)
    assert proposals.class_logits.shape[-1] == half.shape[-1]
    theirs, mine = (answer(alpha)[0][:, :3] for alpha in (0.0, 1.0))
    product = np.sqrt(theirs * mine)
    shares = product / product.sum(-1, keepdims=True)
    np.testing.assert_allclose(half[:, :3], shares * (1 - half[:, -1:]), atol=1e-4)
    assert np.abs(theirs - mine).max() > 1e-3
    alone = answer(0.5, with_others=False)[0]
    np.testing.assert_allclose(alone[:, :3], mine, atol=1e-4)  # "no object" counts in any case
    if closed:  # the list of the other model has no violin, so that its logit is 0
        np.testing.assert_array_equal(proposals.class_logits[..., 2], 0.0)


def test_reframed_masks_lie_over_the_same_pixels_of_the_photo():
    from ovseg_jax.inference.mask_makers.reframe import reframe
    from ovseg_jax.inference.postprocess.geometry import Frame, resize_to_output

    y, x = np.mgrid[:24, :40]
    disc = (y - 11) ** 2 + (x - 15) ** 2 < 60
    masks = jnp.where(disc, 1.0, -1.0)[None, None]
    source, target = Frame((96, 160), (90, 150), (60, 100)), Frame((64, 96), (48, 80), (60, 100))
    moved = reframe(masks, source, target)
    assert moved.shape == (1, 1, 16, 24)
    before = np.asarray(resize_to_output(masks[0], source)) > 0
    after = np.asarray(resize_to_output(moved[0], target)) > 0
    assert (before & after).sum() / (before | after).sum() > 0.93


def test_without_generator_and_masks_there_is_an_error():
    segmenter = Segmenter(opened())
    segmenter.set_vocabulary("ball; boat")
    with pytest.raises(MasksError, match="no mask generator"):
        segmenter.segment(photo(), None)


def test_hard_masks_of_sam_are_named_like_given_ones():
    from ovseg_jax.config import SamConfig
    from ovseg_jax.inference.mask_makers.automatic_masks import AutomaticMaskGenerator
    from ovseg_jax.models.sam.image_encoder import SamImageEncoder
    from ovseg_jax.models.sam.mask_decoder import MaskDecoder
    from ovseg_jax.models.sam.prompt_encoder import PromptEncoder
    from ovseg_jax.models.sam.sam import Sam

    module = Sam(
        encoder=SamImageEncoder(16, 1, 2, (0,), image_size=64),
        prompts=PromptEncoder(image_size=64),
        decoder=MaskDecoder(),
    )
    params = sam_shapes(module)
    rng = np.random.default_rng(0)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(rng.standard_normal(leaf.shape) * 0.2, jnp.float32), params
    )
    options = SamConfig(points_per_side=2, min_iou=-1e9, min_stability=0.0, nms_iou=1.0)
    proposer = AutomaticMaskGenerator(module, params, options)
    segmenter = Segmenter(opened(), mask_maker=proposer)
    segmenter.set_vocabulary("ball; boat; grass", "none")
    result = segmenter.segment(photo(60, 80), None, "instance")
    found = proposer.generate(photo(60, 80))
    assert len(found) == len(result.classification) > 0
    np.testing.assert_array_equal(result.masks, found.masks)

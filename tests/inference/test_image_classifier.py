"""Whole photos: fitted as open_clip does, scored by the towers, synonyms and sigmoid included."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ovseg_jax.inference.image_classifier import ImageClassifier, fit_image
from ovseg_jax.inference.results import SegmenterError
from tests.inference.tiny_model import opened, photo

PIXELS = photo(seed=3)


@pytest.fixture(scope="module")
def classifier():
    return ImageClassifier(opened())


@pytest.mark.parametrize("shape", [(60, 80), (80, 61), (50, 50), (31, 97)])
@pytest.mark.parametrize("size", [32, 49])
def test_crops_are_those_of_open_clip(shape, size):
    pytest.importorskip("torch")
    pytest.importorskip("parity")
    open_clip = pytest.importorskip("open_clip")
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    transform = open_clip.image_transform(size, is_train=False, mean=(0, 0, 0), std=(1, 1, 1))
    expected = transform(Image.fromarray(pixels)).numpy().transpose(1, 2, 0) * 255
    np.testing.assert_allclose(fit_image(pixels, size, "crop"), expected, atol=0.01)


@pytest.mark.parametrize(
    ("photo_size", "size", "resized", "corner"),
    [
        ((80, 31), 32, (82, 32), (25, 0)),  # 82.58 is cut
        ((61, 80), 49, (49, 64), (0, 8)),  # 7.5 becomes even
        ((49, 32), 32, (49, 32), (8, 0)),  # and so does 8.5
        ((50, 50), 49, (49, 49), (0, 0)),
        ((1, 1), 32, (32, 32), (0, 0)),
    ],
)
def test_crops_have_the_sizes_and_corners_worked_out_by_hand(photo_size, size, resized, corner):
    shape = (*photo_size[::-1], 3)
    whole = Image.fromarray(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))
    box = (*corner, corner[0] + size, corner[1] + size)
    expected = whole.resize(resized, Image.Resampling.BICUBIC).crop(box)
    np.testing.assert_array_equal(fit_image(np.asarray(whole), size, "crop"), expected)


def test_squashing_keeps_everything_and_cropping_does_not():
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, :10] = 255
    assert fit_image(pixels, 20, "squash").shape == (20, 20, 3)
    assert fit_image(pixels, 20, "squash").max() == 255 and not fit_image(pixels, 20, "crop").any()


def test_probabilities_are_the_softmax_of_cosines_with_the_best_synonym(classifier):
    classifier.set_vocabulary("ball; boat, ship; grass")
    guesses = classifier.classify(PIXELS)
    assert sum(guess.probability for guess in guesses) == pytest.approx(1, abs=1e-5)
    assert [g.probability for g in guesses] == sorted(g.probability for g in guesses)[::-1]

    clip = classifier.model.method.clip
    variables = {"params": jax.tree.map(jnp.asarray, classifier.model.params["clip"])}
    pixels = fit_image(PIXELS, 96, "crop")
    normalised = (pixels - np.float32(clip.pixel_mean)) / np.float32(clip.pixel_std)
    image = clip.apply(variables, jnp.asarray(normalised)[None], method="encode_image")[0]
    names = ["ball", "boat", "ship", "grass"]
    prompts = [f"a photo of a {name}." for name in names]
    tokens = classifier.model.tokenizer(prompts)
    rows = clip.apply(variables, jnp.asarray(tokens), method="encode_text")
    cosines = rows @ image / jnp.linalg.norm(image) / jnp.linalg.norm(rows, axis=-1)
    logits = np.asarray(cosines * clip.apply(variables, method="temperature"))
    logits = np.array([logits[0], max(logits[1:3]), logits[3]])
    expected = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    found = {guess.name: guess.probability for guess in guesses}
    np.testing.assert_allclose([found["ball"], found["boat"], found["grass"]], expected, atol=1e-4)


def test_with_a_bias_every_class_has_a_probability_of_its_own():
    model = opened()
    params = model.params | {"clip": model.params["clip"] | {"logit_bias": np.float32(-3)}}
    clip = model.method.clip.clone(has_bias=True)
    model = dataclasses.replace(model, method=model.method.clone(clip=clip), params=params)
    classifier = ImageClassifier(model)
    classifier.set_vocabulary("ball; boat")
    both = {g.name: g.probability for g in classifier.classify(PIXELS)}
    classifier.set_vocabulary("ball")
    assert classifier.classify(PIXELS)[0].probability == pytest.approx(both["ball"], rel=1e-4)


def test_words_have_to_be_set_first():
    with pytest.raises(SegmenterError, match="set_vocabulary"):
        ImageClassifier(opened()).classify(PIXELS)


def test_another_vocabulary_compiles_nothing(classifier):
    classifier.set_vocabulary("ball; boat")
    classifier.classify(PIXELS)
    before = classifier._compute._cache_size()
    classifier.set_vocabulary("sky; grass, lawn; kite")
    classifier.classify(PIXELS)
    assert classifier._compute._cache_size() == before

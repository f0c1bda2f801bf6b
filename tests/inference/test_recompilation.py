"""Words change, programs stay: what a change of vocabulary compiles, counted by JAX itself."""

import contextlib
import dataclasses

import jax
import pytest

from ovseg_jax.config import ContrastiveConfig, MaskCroppingConfig
from ovseg_jax.inference.segmenter import Segmenter
from ovseg_jax.inference.steps import compiled_steps
from tests.inference.tiny_model import CONFIG, POOLING, opened, photo, rectangles

MASKS = rectangles(60, 80, (0, 20, 0, 20), (20, 40, 30, 80))
METHODS = {
    "mask_adapter": CONFIG,
    "mask_pooling": POOLING,
    "mask_cropping": dataclasses.replace(POOLING, method=MaskCroppingConfig(crop_size=32, chunk=4)),
    "contrastive": dataclasses.replace(POOLING, method=ContrastiveConfig()),
}


@contextlib.contextmanager
def count_compilations():
    """Collects an entry per program that XLA compiles meanwhile, single operations included."""
    compiled = []

    def listen(event, _seconds, **_):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


@pytest.fixture(params=METHODS)
def used(request):
    """A segmenter of each method that has answered once."""
    compiled_steps.cache_clear()  # what is counted is not what others compiled
    segmenter = Segmenter(opened(METHODS[request.param]))
    segmenter.set_vocabulary("ball; cone; tent, camp", "none")
    with count_compilations() as compiled:
        segmenter.classify(photo(), MASKS)
    assert compiled
    return segmenter


def test_other_words_of_the_same_bucket_compile_nothing_at_all(used):
    with count_compilations() as compiled:
        used.set_vocabulary("gem; kite, dragon; rug; book; wheel", "none")
        found = used.classify(photo(seed=1), MASKS)
    assert not compiled and found.probabilities.shape == (2, 6)


def test_a_far_larger_vocabulary_compiles_neither_the_image_side_nor_masks(used):
    engine = used.engine
    encoded = engine.encode(photo())
    used.set_vocabulary("; ".join(f"word{number}" for number in range(100)), "none")
    with count_compilations() as compiled:
        engine.encode(photo(seed=1))
    assert not compiled and engine.steps.encode.jitted._cache_size() == 1
    assert used.classify(encoded, MASKS).probabilities.shape == (2, 101)
    assert engine.steps.encode.jitted._cache_size() == engine.steps.embed.jitted._cache_size() == 1
    assert engine.steps.score.jitted._cache_size() == 2


def test_more_photos_and_fewer_masks_compile_nothing(used):
    with count_compilations() as compiled:
        for seed in range(3):
            used.classify(photo(seed=seed), MASKS[: 1 + seed % 2])
    assert not compiled

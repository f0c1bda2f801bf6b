"""Every method taken apart: it lowers for all platforms, and the parts together answer alike."""

import os

import jax
import numpy as np
import pytest

from ovseg_jax.export.named import named_leaves
from ovseg_jax.export.parts import Sizes, parts_of, usual_sizes
from ovseg_jax.export.stablehlo import exported
from ovseg_jax.foundation.errors import ModelError
from tests.export.tiny_exports import (
    CONFIGS,
    WORDS,
    Answers,
    assert_agree,
    drawn_photos,
    given_masks,
    model_of,
    shapes_of,
    sizes_of,
    vocabulary,
)

FLAGS = os.environ.get("XLA_FLAGS", "")
QUICK = {"mask_adapter"}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_method_lowers_for_three_platforms_with_any_number_of_words(name):
    model = shapes_of(name)
    parts = parts_of(model, sizes_of(model))
    assert [part.name for part in parts] == (
        ["image"] if model.is_closed else ["image", "text", "scorer"]
    )
    for part in parts:
        program = exported(part)
        assert program.platforms == ("cpu", "cuda", "tpu")
        names = jax.tree.unflatten(program.out_tree, program.out_avals)
        assert {name: str(aval.shape) for name, aval in names.items()} == {
            name: str(shape.shape) for name, shape in part.outputs.items()
        }
    assert model.is_closed or any("k" in str(each.shape) for each in parts[2].outputs.values())


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in CONFIGS]
)
def test_parts_answer_as_the_engine_does(name):
    """One program for vocabularies of three sizes, which the engine fills up to buckets."""
    if CONFIGS[name].generator.kind == "query" and "optimization_level=0" in FLAGS:
        pytest.skip("random masks lie on thresholds, and unoptimised programs round differently")
    model, pixels = model_of(name), drawn_photos(1)[0]
    flat, answers, masks = named_leaves(model.params, "/"), Answers(model), given_masks(model)
    programs = {part.name: (part, exported(part)) for part in parts_of(model, sizes_of(model))}

    def call(name, arrays):
        part, program = programs[name]
        weights = {path: flat[path] for path in part.weights}
        return program.call(weights, {each: arrays[each] for each in part.inputs})

    seen = call("image", answers.inputs(pixels, masks))
    if model.is_closed:
        text = answers.closed_text()
        assert_agree(seen, answers.answer(pixels, text), len(model.train_classes))
        return
    for words in WORDS:
        padded, exact = vocabulary(model, words)
        outputs = call("scorer", {**seen, **exact})
        assert_agree(outputs, answers.answer(pixels, padded, masks), len(exact["valid"]))


def test_the_text_part_embeds_tokens_as_the_package_does():
    model = model_of("mask_adapter")
    part = parts_of(model, sizes_of(model))[1]
    tokens = model.tokenizer(["a photo of a ball.", "a photo of a brick wall."])
    flat = named_leaves(model.params, "/")
    rows = exported(part).call({path: flat[path] for path in part.weights}, {"tokens": tokens})
    _, exact = vocabulary(model, "ball; brick wall")
    np.testing.assert_allclose(rows["rows"], exact["embeddings"][:, 0], atol=1e-6)


def test_parts_hold_the_weights_that_they_read_and_no_others():
    model = shapes_of("mask_adapter_with_generator")
    image, text, scorer = parts_of(model, sizes_of(model))
    assert set(scorer.weights) == {"clip/logit_scale"} | {
        path for path in named_leaves(model.params, "/") if path.endswith("void_embedding")
    }
    assert all(path.startswith("clip/text/") for path in text.weights)
    assert not set(text.weights) & set(image.weights)
    assert set(scorer.inputs) - set(image.outputs) == {"embeddings", "classes", "valid", "seen"}


def test_sizes_that_do_not_fit_are_refused():
    model = shapes_of("mask_adapter")
    with pytest.raises(ModelError, match="size 90x96: both sides must be multiples of 32"):
        parts_of(model, Sizes((90, 96), masks=3))
    with pytest.raises(ModelError, match="makes no masks: say how many"):
        parts_of(model, Sizes((96, 96)))
    assert usual_sizes(model) == Sizes((96, 96), masks=100)
    assert usual_sizes(shapes_of("mask_pooling"), (64, 96)) == Sizes((64, 96))

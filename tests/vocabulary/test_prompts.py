"""Prompt templates: published strings in their published order."""

import pytest

from ovseg_jax.vocabulary.prompts import TEMPLATES, templates


def test_vild14_has_the_published_strings_in_order():
    assert templates("vild14") == (
        "a photo of a {}.",
        "This is a photo of a {}",
        "There is a {} in the scene",
        "There is the {} in the scene",
        "a photo of a {} in the scene",
        "a photo of a small {}.",
        "a photo of a medium {}.",
        "a photo of a large {}.",
        "This is a photo of a small {}.",
        "This is a photo of a medium {}.",
        "This is a photo of a large {}.",
        "There is a small {} in the scene.",
        "There is a medium {} in the scene.",
        "There is a large {} in the scene.",
    )


def test_imagenet80_has_eighty_different_prompts():
    assert len(set(templates("imagenet80"))) == 80
    assert templates("imagenet80")[0] == "a bad photo of a {}."
    assert templates("imagenet80")[-1] == "a tattoo of the {}."


def test_every_template_has_one_place_for_the_name():
    assert all(text.count("{}") == 1 for group in TEMPLATES.values() for text in group)


def test_unknown_set_lists_the_known_ones():
    with pytest.raises(ValueError, match="'vild'; known: vild14, single, imagenet80, plain"):
        templates("vild")

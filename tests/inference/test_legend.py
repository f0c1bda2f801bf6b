"""The legend: all classes that fit, a count of the others, and letters that fonts can draw."""

import dataclasses
import warnings

import numpy as np
import pytest

from ovseg_jax.config import InferenceConfig
from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.foundation.typing import Prediction
from ovseg_jax.inference.output import fonts, legend
from ovseg_jax.inference.output.drawing import draw_overlay
from ovseg_jax.inference.results import Answer, Classification, Settings
from ovseg_jax.inference.words import Words
from ovseg_jax.vocabulary.classes import load_preset, parse_vocabulary

SCRIPTS = parse_vocabulary("кошка; γάτα; קטה; قطة; 猫; ぬいぐるみ; बिल्ली; 🐈; cat")


def answer(classes, height=60, width=80, background=()):
    """An answer in which all classes lie in stripes over the pixels, the first the largest."""
    count = len(classes)
    labels = np.minimum(np.arange(height * width) % (count + 2), count).reshape(height, width)
    labels = np.where(labels == count, 0, labels)
    prediction = Prediction(
        labels=labels,
        segment_ids=labels + 1,
        classes=np.arange(count),
        scores=np.linspace(0.9, 0.1, count),
        masks=np.zeros((0, height, width), bool),
    )
    words = Words(classes, background, is_default=bool(background))
    return Answer(
        prediction=prediction,
        pixels=np.zeros((height, width, 3), np.uint8),
        masks=np.zeros((0, height, width), bool),
        classification=Classification(
            words, np.zeros((0, len(words.all) + 1), np.float32), np.zeros(0, int)
        ),
        is_thing=np.zeros(len(words.all), bool),
        settings=Settings.of(InferenceConfig(), "semantic", 0.25),
        model="tiny",
    )


def laid_out(classes, height=60, width=80):
    result = answer(classes, height, width)
    return legend.lay_out(legend.class_rows(result), legend.remarks(result), width, height)


def texts(layout):
    return [row.text for column in layout.columns for row in column]


def test_classes_stand_by_area_with_their_scores_and_what_is_unlabelled_behind():
    result = answer(parse_vocabulary("cat, kitten; Hündchen"), background=SCRIPTS.classes[:1])
    result.prediction.labels[:30] = -1
    result.prediction.labels[30:40] = 1
    rows = legend.class_rows(result)
    assert [row.text for row in rows] == ["cat  0.90", "Hündchen  0.10"]
    assert rows[1].colour == result.words.classes.classes[1].color
    notes = "\n".join(legend.remarks(result))
    assert "unlabelled: 50 % of the photo" in notes and "background: кошка" in notes
    assert "--background none" in notes and "score below 0.25" in notes


@pytest.mark.parametrize("size", [(60, 80), (480, 640), (1600, 200), (150, 1600), (1, 1)])
@pytest.mark.parametrize("preset", ["toy_world48", "ade150", "ade847"])
def test_the_legend_never_outgrows_the_photo(preset, size):
    height, width = size
    layout = laid_out(load_preset(preset), height, width)
    least = legend.LEAST_WIDTH * legend.SMALLEST, legend.LEAST_HEIGHT * legend.SMALLEST
    assert layout.extent[0] <= max(width, least[0])
    assert layout.extent[1] <= max(height, least[1])


def test_what_does_not_fit_is_counted():
    shown = texts(laid_out(load_preset("ade847"), 480, 640))
    (more,) = (text for text in shown if text.startswith("... and "))
    kept = shown.index(more)
    assert more == f"... and {847 - kept} more, in the JSON file" and kept > 40
    assert shown[-1].strip().startswith("or score below")


def test_many_classes_take_columns_and_smaller_letters_before_any_is_left_out():
    few, many = (
        laid_out(parse_vocabulary("cat; sofa"), 960, 1280),
        laid_out(load_preset("coco_things80"), 960, 1280),
    )
    assert len(few.columns) == 1 < len(many.columns) and many.size < few.size
    assert not any(text.startswith("... and") for text in texts(many))


def test_long_names_are_shortened_before_their_score():
    layout = laid_out(parse_vocabulary("cat; " + "very " * 400 + "long; " + "x" * 9000), 480, 640)
    assert layout.extent[0] <= 640
    long = [text for text in texts(layout) if text.startswith(("very", "x"))]
    assert all("...  0." in text for text in long) and len(long) == 2


def test_the_picture_holds_photo_and_legend():
    picture = draw_overlay(answer(load_preset("ade150"), 300, 400))
    assert picture.height <= 396 and picture.width <= 800
    tiny = draw_overlay(answer(parse_vocabulary("cat; dog"), 2, 3))
    assert tiny.width > 60 and tiny.height > 40


@pytest.fixture
def latin_only(monkeypatch):
    """A system whose only font is Pillow's own, with Latin letters."""
    monkeypatch.setattr(fonts, "_paths", lambda: iter(()))
    fonts._best.cache_clear()
    legend.warn_of_undrawn.cache_clear()
    yield
    fonts._best.cache_clear()


def test_letters_that_no_font_has_give_way_to_the_number_with_one_warning(latin_only):
    with pytest.warns(OvsegWarning, match="the legend cannot draw .*猫.* JSON") as caught:
        rows = legend.class_rows(answer(SCRIPTS))
        legend.class_rows(answer(SCRIPTS))
        draw_overlay(answer(SCRIPTS))
    assert len(caught) == 1
    shown = {row.name for row in rows}
    assert {"class 5", "class 6", "cat"} <= shown and "猫" not in shown
    assert legend.drawable("猫 cat", 7) == "class 8: cat"


def test_latin_names_need_no_other_font_and_no_warning(latin_only):
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        legend.class_rows(answer(load_preset("toy_world48")))


def test_another_font_is_taken_for_letters_that_the_first_lacks():
    fonts._best.cache_clear()
    own = fonts.find_font("cat", 20)
    assert not fonts.missing_letters("cat")
    other = fonts.find_font("кошка", 20)
    if fonts.missing_letters("кошка"):
        pytest.skip("no font on this system has Cyrillic letters")
    assert other.path != own.path
    assert fonts.missing_letters("猫") in ("", "猫")


def test_names_from_right_to_left_keep_their_score_behind_them(monkeypatch):
    row = dataclasses.replace(legend.Row("קטה"), score="0.50")
    monkeypatch.setattr(fonts.features, "check", lambda name: True)
    assert row.text == "\u200eקטה\u200e  0.50"
    monkeypatch.setattr(fonts.features, "check", lambda name: False)
    assert row.text == "הטק  0.50"
    assert legend.Row("cat", "0.50").text == "cat  0.50"


@pytest.mark.parametrize("name", ["m\u0304ala", "o\u200dx", "a\u202eb"])
def test_accents_and_joiners_that_no_font_has_are_no_boxes(latin_only, name):
    with pytest.warns(OvsegWarning, match="the legend cannot draw"):
        shown = texts(laid_out(parse_vocabulary(f"{name}; cat"), 300, 400))
    assert shown[0].startswith("class 1: ") and name[0] in shown[0] and name[1] not in shown[0]

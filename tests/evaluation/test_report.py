"""The files of an evaluation: a page that stands alone, tables, and nothing that is not escaped."""

import base64
import csv
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.evaluation.photo_sums import PhotoSums
from ovseg_jax.evaluation.report.confusions import confused_classes, most_confused, shares
from ovseg_jax.evaluation.report.files import ENDINGS, contents
from ovseg_jax.evaluation.report.markup import element, escaped
from ovseg_jax.evaluation.report.page import page
from ovseg_jax.evaluation.report.photos import embedded, painted
from ovseg_jax.evaluation.result import Result
from ovseg_jax.evaluation.worst import Worst, WorstPhoto
from tests.evaluation.test_protocol import CARD

NASTY = '<script>alert("1")</script>|&\'; \udcff'
MATRIX = np.array([[50, 5, 0, 9], [30, 90, 2, 9], [0, 5, 0, 9], [20, 0, 0, 9]])
VOID = {"meta", "img", "rect", "line", "br"}


def worst(seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 3, (2, 20, 30))
    image = rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    return WorstPhoto(f"{NASTY}.jpg", 0.125, image, *labels)


@pytest.fixture
def result():
    iou = np.array([0.5, 0.25, np.nan])
    return Result(
        table={"semantic/mIoU": 0.375, "semantic/mIoU/seen": np.nan, "panoptic/PQ": 0.5},
        card=dataclasses.replace(CARD, weights=NASTY),
        names=("cat", NASTY, "dog"),
        rows={"semantic/IoU": iou, "semantic/pixels": np.array([100.0, 100.0, 0.0])},
        groups={"unseen": np.array([True, False, False]), "things": np.array([True, True, True])},
        confusion=MATRIX,
        worst=(worst(),),
        worst_by="mIoU",
    )


class Nesting(HTMLParser):
    """Checks that what opens closes, and remembers tags and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.addresses, self.text = [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone_and_is_well_formed(result):
    text = page(result, NASTY)
    read = Nesting(text)
    assert read.tags.count("script") == 1, "our own, which sorts"
    assert read.tags.count("img") == 3 and read.tags.count("svg") == 2
    assert all(address.startswith("data:image/") for address in read.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    assert '<script>alert("1")</script>' in read.text and "\\udcff" in read.text
    for shown in ("37.50", "class file hash", "Most confused", "Worst photos", "12.50"):
        assert shown in read.text, shown


def test_the_worst_classes_come_first_and_unjudged_ones_last(result):
    rows = page(result, "a").split('class="classes"')[1]
    places = [rows.index(text) for text in ("&lt;script&gt;", ">cat<", "1 class without", ">dog<")]
    assert places == sorted(places)
    assert 'style="width:25.0%"' in rows and ">unseen, things<" in rows


def test_a_page_of_few_numbers_has_no_empty_sections():
    text = page(Result(table={}, card=CARD), "a")
    Nesting(text)
    assert "Protocol" in text and "Classes" not in text and "confused" not in text


def test_all_files_are_made(result, tmp_path):
    files = contents(result, "test")
    assert tuple(files) == ENDINGS
    rows = list(csv.reader(io.StringIO(files[".csv"].decode())))
    assert rows[0] == ["class", "kind", "semantic/IoU", "semantic/pixels"]
    assert rows[1] == ["cat", "unseen things", "0.5", "100"] and rows[3][2] == ""
    assert json.loads(files[".json"])["classes"]["dog"]["semantic/IoU"] is None
    text = files[".md"].decode()
    assert text.startswith("# test\n\n| semantic |") and "\\<script\\>" in text
    assert "| class file hash |" in text
    (tmp_path / "a.npz").write_bytes(files[".photos.npz"])
    assert PhotoSums.load(tmp_path / "a.npz").names == ()


def test_pairs_of_classes_are_listed_by_confused_pixels():
    first, second, *_ = most_confused(MATRIX)
    assert (first.true, first.predicted, first.pixels) == (0, 1, 30) and first.share == 0.3
    assert (second.true, second.pixels) == (1, 5)
    assert confused_classes(MATRIX) == [0, 1, 2] and confused_classes(MATRIX, 2) == [0, 1]
    np.testing.assert_allclose(shares(MATRIX, [0, 1]), [[0.5, 0.3], [0.05, 0.9]])
    assert most_confused(np.diag([3, 4, 0])) == []


def test_pictures_come_back_from_their_addresses():
    head, data = embedded(worst().image).split(",")
    assert head == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (30, 20)


def test_classes_are_painted_in_their_colours():
    flat = np.zeros((4, 4), int)
    image, colors = np.full((4, 4, 3), 100, np.uint8), np.array([[200, 0, 100]], np.uint8)
    np.testing.assert_array_equal(painted(image, flat, colors)[0, 0], [155, 45, 100])
    np.testing.assert_array_equal(painted(image, flat - 1, colors)[0, 0], [120] * 3)


def test_markup_is_escaped_once():
    assert element("b", "<", element("i", "&"), None, data_x='"') == (
        '<b data-x="&quot;">&lt;<i>&amp;</i></b>'
    )
    assert escaped("\x1b[2J") == "\\x1b[2J"


def test_only_the_worst_are_kept_and_small(monkeypatch):
    from tests.evaluation.test_evaluator import EVALUATORS, judge, scene

    kept, outcome = Worst(most=2, side=6), judge(scene(0))
    parts = EVALUATORS["semantic"].count(outcome).photos
    scores = [("a", 0.5), ("c", 0.2), ("b", 0.2), ("d", float("nan")), ("e", 0.9)]
    for place, (name, score) in zip((0, 2, 1, 3, 4), scores, strict=True):
        kept.see(place, name, outcome.batch, dataclasses.replace(parts[0], score=score))
    assert [photo.name for photo in kept.photos()] == ["b", "c"]
    assert kept.photos()[0].truth.shape == (6, 6) and kept.photos()[0].image.shape == (6, 6, 3)

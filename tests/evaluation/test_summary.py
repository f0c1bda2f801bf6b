"""The table of a suite, and where its sets lie."""

import csv
import dataclasses
import io
import json
import math

import numpy as np
import pytest

from ovseg_jax.cli import suites
from ovseg_jax.cli.errors import UsageError
from ovseg_jax.evaluation import mess
from ovseg_jax.evaluation.published import FIVE, ROWS, rows_for
from ovseg_jax.evaluation.summary import Summary
from ovseg_jax.foundation.errors import OvsegWarning


@pytest.fixture
def summary():
    scores = {"a150": 31.26, "pas21": 80.0, "pc59": math.nan}
    published = rows_for("open_vocabulary", "fisa")
    return Summary("open_vocabulary", "semantic/mIoU", "a|b", scores, published)


def test_a_part_of_a_set_is_marked_in_every_form(summary):
    """Two photos of two thousand are no number to set beside the papers'."""
    marked = dataclasses.replace(summary, parts={"a150": (2, 2000)})
    for text in (marked.text(), marked.markdown()):
        assert "31.3*" in text and "80.0*" not in text
        assert "* of a part of the set" in text and "a150 2 of 2,000 photos" in text
    assert "31.3*" in marked.csv() and json.loads(marked.json())["parts"] == {"a150": [2, 2000]}
    assert "*" not in summary.text()


def test_every_suite_loads_and_its_sets_have_readers():
    from ovseg_jax.disk import shipped

    assert {"open_vocabulary", "panoptic", "mask_accuracy"} <= set(suites.names())
    for name in suites.names():
        config = suites.load(name)
        assert {item.data.name for item in config.evaluations} <= set(shipped.data_sets())


def test_published_rows_are_of_sets_in_their_suite():
    for (suite, _), rows in ROWS.items():
        known = {item.name for item in suites.load(suite).evaluations}
        assert all(set(row.scores) <= known for row in rows)
    assert set(FIVE) <= {item.name for item in suites.load("open_vocabulary").evaluations}


def test_our_row_stands_above_the_papers(summary):
    heading, ours, theirs = summary.rows()
    assert heading == ["system", "source", "a150", "pas21", "pc59"]
    assert ours == ["a|b", "ours", "31.3", "80.0", "-"]
    assert theirs[1:] == ["FISA Tab. 1", "36.8", "-", "62.4"]
    lines = summary.text().splitlines()
    assert lines[0] == "open_vocabulary: semantic/mIoU, percent" and len(lines) == 4
    assert len({line.index("31.3") for line in lines if "31.3" in line}) == 1


def test_all_formats_say_the_same(summary):
    assert list(csv.reader(io.StringIO(summary.csv()))) == summary.rows()
    assert r"| a\|b | ours | 31.3 | 80.0 | - |" in summary.markdown()
    content = json.loads(summary.json())
    assert content["scores"] == {"a150": 31.26, "pas21": 80.0, "pc59": None}
    assert content["published"][0]["scores"]["a150"] == 36.8


def test_roots_say_where_sets_lie_and_the_others_are_left_out(tmp_path):
    (tmp_path / "ade").mkdir()
    roots = tmp_path / "roots.yaml"
    roots.write_text("ade20k: ade\n")
    with pytest.warns(OvsegWarning, match=r"not scored.*pc59 \(pascal_context\)"):
        config = suites.place(suites.load("open_vocabulary"), roots)
    assert [item.name for item in config.evaluations] == ["a150"]
    assert config.evaluations[0].data.root == str(tmp_path / "ade")
    whole = suites.place(suites.load("open_vocabulary"), tmp_path)
    assert {item.data.root for item in whole.evaluations} == {str(tmp_path)}


@pytest.mark.parametrize(
    "text, message",
    [
        ("- ade20k", "one line per data set"),
        ("ade20l: .", "no data set 'ade20l'; perhaps 'ade20k'"),
        ("ade20k: nowhere", "ade20k: there is no folder"),
        ("ade20k: [", "cannot be read"),
        ("toy_world: .", "names none of the suite's sets: a847"),
    ],
)
def test_roots_that_cannot_be_meant_are_refused(tmp_path, text, message):
    roots = tmp_path / "roots.yaml"
    roots.write_text(text)
    with pytest.raises(UsageError, match=message):
        suites.place(suites.load("open_vocabulary"), roots)


def test_a_file_of_roots_may_name_an_evaluation_where_several_read_one_data_set(tmp_path):
    (tmp_path / "floods").mkdir()
    roots = tmp_path / "roots.yaml"
    roots.write_text("label_maps: .\nfloodnet: floods\n")
    config = suites.place(suites.load("mess"), roots)
    found = {item.name: item.data.root for item in config.evaluations}
    assert found.pop("floodnet") == str(tmp_path / "floods")
    assert len(found) == 24 and set(found.values()) == {str(tmp_path)}


def test_mess_has_a_mean_of_22_sets_in_five_domains():
    names = [item.name for item in suites.load("mess").evaluations]
    scores = dict(zip(names, map(float, range(25)), strict=True))
    found = mess.gather(scores)
    paxray = np.mean([scores[name] for name in names if name.startswith("paxray")])
    others = [score for name, score in scores.items() if not name.startswith("paxray")]
    assert found["paxray"] == paxray
    assert found["mean"] == pytest.approx(np.mean([*others, paxray]), rel=1e-12)
    assert found["mean general"] == np.mean([scores[name] for name in mess.DOMAINS["general"]])
    assert len(found) == 22 + 5 + 1


def test_a_mean_of_mess_in_which_a_set_is_missing_is_left_out():
    found = mess.gather({"suim": 1.0, "cub_200": 2.0, "cwfid": 3.0})
    assert found["mean biology"] == 2.0 and math.isnan(found["mean"])
    assert math.isnan(mess.gather({"paxray_lungs": 1.0})["paxray"])

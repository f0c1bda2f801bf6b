"""`ovseg mine` from photos to pairs: a real kill, shards, settings, truth of the toy world."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("spacy")

from data.toy_world import world
from data.toy_world.splits import draw_example
from ovseg_jax.cli.main import main
from ovseg_jax.masks.rle import decode_rle
from ovseg_jax.mining.journal import journal_path
from ovseg_jax.mining.pairs import read_pairs
from ovseg_jax.vocabulary.classes import load_class_file
from tests.mining.conftest import CLIP, SCENES

OWNER = {name: i for i in range(len(world.CLASS_NAMES)) for name in world.class_names(i)}


@pytest.fixture(scope="module")
def mined(command, tmp_path_factory):
    """A folder that was mined without interruption."""
    out = tmp_path_factory.mktemp("mined") / "out"
    assert main(command(out)) == 0
    return out


def lines(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_pairs_are_right_at_least_twice_as_often_as_random_ones(mined):
    right, random, count = 0, 0.0, 0
    for pair in read_pairs(mined):
        if pair["noun"] not in OWNER:
            continue
        scene = draw_example("validation", int(pair["file_name"][6:9]))
        (chosen,) = set(scene.segment_ids[decode_rle(pair["segmentation"])].tolist())
        wanted = scene.categories == OWNER[pair["noun"]]
        right, random, count = right + wanted[chosen - 1], random + wanted.mean(), count + 1
    print(f"{count} pairs, right {right / count:.1%}, at random {random / count:.1%}")
    print(f"ratio {right / random:.2f}")
    assert count > 2 * SCENES and right >= 2 * random


def test_a_killed_run_loses_nothing_and_repeats_nothing(command, mined, tmp_path):
    out = tmp_path / "out"
    journal = journal_path(out, 1, 1)
    program = [sys.executable, "-m", "ovseg_jax.cli.main", *command(out)]
    process = subprocess.Popen(program, stdout=subprocess.DEVNULL, env=os.environ)
    while lines(journal) < 3 and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = journal.read_bytes()
    whole = before[: before.rindex(b"\n") + 1]
    assert 3 <= whole.count(b"\n") < SCENES and not (out / "pairs.jsonl").exists()
    with open(journal, "ab") as file:
        file.write(b'{"index": 3, "photo": "torn')
    assert main(command(out)) == 0
    after = journal.read_bytes()
    assert after.startswith(whole) and after.count(b"\n") == SCENES
    for name in ("pairs.jsonl", "vocabulary.json", "statistics.json"):
        assert (out / name).read_bytes() == (mined / name).read_bytes()


def test_the_same_command_again_mines_nothing_anew(command, mined, monkeypatch):
    stamp = journal_path(mined, 1, 1).stat().st_mtime_ns
    monkeypatch.setattr("ovseg_jax.mining.scorer.CropScorer.__call__", None)
    assert main(command(mined)) == 0
    assert journal_path(mined, 1, 1).stat().st_mtime_ns == stamp


def test_shards_give_what_one_run_gives(command, mined, tmp_path, capsys):
    for number in (2, 1, 3):
        assert main(command(tmp_path / "out", "--shard", f"{number}/3")) == 0
    assert "shard 3 of 3 is done; join all with --merge" in capsys.readouterr().out
    folder = str(tmp_path / "out")
    assert main(["mine", "--merge", folder, "--out", folder]) == 0
    assert (tmp_path / "out/pairs.jsonl").read_bytes() == (mined / "pairs.jsonl").read_bytes()


@pytest.mark.parametrize(
    "changed",
    [
        ("--min-score", "0.1"),
        ("--min-area", "0.01"),
        ("--captions-per-image", "all"),
        ("--templates", "vild14"),
        ("--crop-size", "48"),
        ("--shard", "1/2"),
    ],
    ids=lambda option: option[0],
)
def test_another_setting_is_refused_by_its_name(command, mined, changed, capsys):
    before = (mined / "settings.json").read_bytes()
    assert main(command(mined, *changed)) == 2
    error = capsys.readouterr().err
    assert "was begun with other settings" in error and f"\n  {changed[0]}: " in error
    assert error.count(" there, ") == 1
    assert (mined / "settings.json").read_bytes() == before


def test_the_files_of_a_finished_folder(mined, toy):
    pairs = list(read_pairs(mined))
    assert {"file_name", "noun", "caption", "score", "area", "segmentation", "source"} == set(
        pairs[0]
    )
    captions = (toy / "captions.tsv").read_text().splitlines()
    for pair in pairs:
        assert f"{pair['file_name']}\t{pair['caption']}" in captions
        assert pair["noun"].split()[0] in pair["caption"]
    statistics = json.loads((mined / "statistics.json").read_text())
    assert statistics["pairs"] == len(pairs) and statistics["captions"] == SCENES
    names = load_class_file(mined / "vocabulary.json").names
    assert set(names) == {pair["noun"] for pair in pairs}
    assert names[0] == statistics["most_frequent"][0][0]


@pytest.mark.slow
def test_all_captions_give_more_nouns(command, mined, tmp_path):
    assert main(command(tmp_path / "out", "--captions-per-image", "all")) == 0
    more = json.loads((tmp_path / "out/statistics.json").read_text())
    assert more["captions"] == 2 * SCENES
    assert more["pairs"] > len(list(read_pairs(mined)))


def test_class_names_need_neither_captions_nor_clip(toy, tmp_path):
    out = tmp_path / "out"
    options = ["--masks", str(toy / "masks.json"), "--words", "classes", "--out", str(out)]
    assert main(["mine", str(toy / "photos"), *options, "--model", "no/such/model"]) == 0
    for pair in read_pairs(out):
        scene = draw_example("validation", int(pair["file_name"][6:9]))
        (chosen,) = set(scene.segment_ids[decode_rle(pair["segmentation"])].tolist())
        assert world.CLASS_NAMES[scene.categories[chosen - 1]] == pair["noun"]
        assert pair["score"] is None


@pytest.mark.slow
def test_masks_of_a_generator(toy, tmp_path):
    first = (toy / "captions.tsv").read_text().splitlines()[:4]
    (tmp_path / "captions.tsv").write_text("\n".join(first))
    options = ["--captions", str(tmp_path / "captions.tsv"), "--model", str(CLIP)]
    options += ["--generator", str(CLIP.parent / "fcclip"), "--out", str(tmp_path / "own")]
    assert main(["mine", str(toy / "photos"), *options]) == 0
    assert {pair["file_name"] for pair in read_pairs(tmp_path / "own")} == {
        "scene_000.png",
        "scene_001.png",
    }


def test_a_data_set_brings_photos_captions_and_masks(tmp_path):
    pytest.importorskip("tensorflow_datasets")
    options = ["--data", "toy_world", "--data-config", "tiny", "--data-split", "validation"]
    options += ["--data-prepared", str(tmp_path / "tfds"), "--model", str(CLIP)]
    assert main(["mine", *options, "--out", str(tmp_path / "truth")]) == 0
    statistics = json.loads((tmp_path / "truth/statistics.json").read_text())
    assert (statistics["photos"], statistics["captions"]) == (6, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--captions", "none.tsv"], r"none.tsv: cannot be read"),
        (["--min-score", "2"], "--min-score 2: a cosine lies from -1 to 1"),
        (["--min-area", "1"], "--min-area 1: a share of the photo"),
        (["--shard", "4/3"], "--shard 4/3: give K/N"),
        (["--shard", "x"], "--shard x: give K/N"),
        (["--generator", "g"], "--masks and --generator: give one of them"),
        (["--words", "classes", "--generator", "g"], "not --generator"),
        (["--masks", "none.json"], "none.json"),
        (["--stop-nouns", "none.txt"], "--stop-nouns none.txt: cannot be read"),
        (["--model", "no/such/model"], "no/such/model does not exist"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_options_are_named(command, tmp_path, options, message, capsys):
    assert main(command(tmp_path / "out", *options)) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_missing_words_and_masks_and_photos_are_named(toy, tmp_path, capsys):
    def fails(*options):
        assert main(["mine", str(toy / "photos"), *options, "--out", str(tmp_path / "o")]) == 2
        return capsys.readouterr().err

    assert main(["mine", "--out", str(tmp_path / "o")]) == 2
    assert "give a folder of photos, or a data set by --data" in capsys.readouterr().err
    captions = ["--captions", str(toy / "captions.tsv")]
    assert "--words nouns needs --captions" in fails("--model", str(CLIP))
    assert "--words classes needs masks with class names" in fails("--words", "classes")
    assert "has no mask generator" in fails(*captions, "--model", str(CLIP))
    (tmp_path / "more.tsv").write_text("gone.png\ta cat\nscene_000.png\ta dog\n")
    error = fails("--captions", str(tmp_path / "more.tsv"), "--model", str(CLIP))
    assert "1 of 2 photos with captions are not there, such as gone.png" in error

"""Joining shards and runs: what belongs together, what is missing, and the files at the end."""

import json

import pytest

from ovseg_jax.cli.main import main
from ovseg_jax.mining.journal import Journal, journal_path, photos_of
from ovseg_jax.mining.merge import MergeError, find_sources
from ovseg_jax.mining.pairs import PairsError, read_pairs
from ovseg_jax.mining.settings import settle
from ovseg_jax.vocabulary.classes import load_class_file

RLE = {"size": [2, 2], "counts": "04"}


def run(folder, shards=1, only=None, count=10, skip=0, nouns=("cat", "dog"), **options):
    """Writes the journals of a run in which photo n has the n-th noun; returns its folder."""
    record = {"format": 1, "options": {"--shard": f"of {shards}"} | options, "count": count}
    settle(folder, record | {"shards": shards, "photos_folder": "/photos"})
    for shard in only or range(1, shards + 1):
        with Journal(journal_path(folder, shard, shards)) as journal:
            for n in list(photos_of(shard, shards, count))[: -skip or None]:
                pair = {"noun": nouns[n % len(nouns)], "caption": "c", "score": 0.5, "area": 4}
                line = {"index": n, "photo": f"{n}.png", "captions": 1, "nouns": 1}
                journal.append(line | {"pairs": [pair | {"segmentation": RLE}], "dropped": {}})
    return folder


def merge(out, *folders, options=()):
    return main(["mine", "--merge", *map(str, folders), "--out", str(out), *options])


def names(folder):
    return [pair["file_name"] for pair in read_pairs(folder)]


@pytest.mark.parametrize("count", [10, 11, 12])
def test_shards_in_one_or_several_folders_give_what_one_run_gives(tmp_path, count):
    whole = run(tmp_path / "whole", count=count)
    together = run(tmp_path / "together", shards=3, count=count)
    apart = [run(tmp_path / f"s{n}", shards=3, only=[n], count=count) for n in (1, 2, 3)]
    assert merge(whole, whole) == merge(together, together) == 0
    assert merge(tmp_path / "joined", *apart[::-1]) == 0
    expected = [f"{n}.png" for n in range(count)]
    assert names(whole) == names(together) == names(tmp_path / "joined") == expected
    same = [(f / "pairs.jsonl").read_bytes() for f in (whole, together, tmp_path / "joined")]
    assert len(set(same)) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"only": [1, 3]}, "of 3 shards, these are missing: 2"),
        ({"skip": 1}, r"00001-of-00003\.jsonl: holds 3 of 4 photos; give its command again"),
    ],
)
def test_incomplete_runs_are_refused(tmp_path, wrong, message):
    with pytest.raises(MergeError, match=message):
        find_sources([run(tmp_path / "a", shards=3, **wrong)])


def test_a_shard_with_another_setting_is_refused_by_its_name(tmp_path):
    one = run(tmp_path / "a", shards=2, only=[1], **{"--min-score": 0.2})
    two = run(tmp_path / "b", shards=2, only=[2], **{"--min-score": 0.0})
    with pytest.raises(MergeError, match="missing: 2(.|\n)*--min-score: 0.2 against 0.0"):
        find_sources([one, two])


def test_the_same_shard_twice_is_refused(tmp_path):
    one = run(tmp_path / "a", shards=2)
    two = run(tmp_path / "b", shards=2, only=[2])
    with pytest.raises(MergeError, match="shard 2 is there twice"):
        find_sources([one, two])


def test_complete_runs_are_concatenated_and_know_their_source(tmp_path):
    mined = run(tmp_path / "mined", shards=2, nouns=("cat", "dog"))
    truth = run(tmp_path / "truth", count=5, nouns=("dog", "sky"), **{"--words": "classes"})
    out = tmp_path / "both"
    assert merge(out, mined, truth) == 0
    pairs = list(read_pairs(out))
    assert len(pairs) == 15 and [pair["source"] for pair in pairs] == [0] * 10 + [1] * 5
    assert load_class_file(out / "vocabulary.json").names == ("dog", "cat", "sky")
    sources = json.loads((out / "sources.json").read_text())
    assert [source["options"].get("--words") for source in sources] == [None, "classes"]
    assert json.loads((out / "statistics.json").read_text())["pairs"] == 15
    assert merge(out, mined, truth) == 0  # again


def test_what_may_not_be_joined_is_said(tmp_path, capsys):
    mined, truth = run(tmp_path / "mined"), run(tmp_path / "truth", **{"--words": "classes"})
    assert merge(mined, mined, truth) == 2
    assert "is one of several runs to join" in capsys.readouterr().err
    assert merge(tmp_path / "one", mined) == 0
    assert merge(tmp_path / "one", truth) == 2
    assert "merged 0" in capsys.readouterr().err
    assert merge(tmp_path / "two", tmp_path / "one") == 2
    assert "was merged itself" in capsys.readouterr().err
    assert merge(tmp_path / "three", tmp_path / "nothing") == 2
    assert "holds no settings.json" in capsys.readouterr().err


def test_rare_nouns_go_at_the_end_and_come_back(tmp_path, capsys):
    folder = run(tmp_path / "a", count=5)
    assert merge(folder, folder, options=["--min-count", "3"]) == 0
    assert {pair["noun"] for pair in read_pairs(folder)} == {"cat"}
    statistics = json.loads((folder / "statistics.json").read_text())
    assert statistics["dropped"] == {"noun below --min-count": 2}
    assert statistics["most_frequent"] == [["cat", 3]]
    assert "3 pairs of 1 nouns from 5 photos" in capsys.readouterr().out
    assert merge(folder, folder) == 0 and len(list(read_pairs(folder))) == 5
    assert merge(folder, folder, options=["--min-count", "9"]) == 2
    assert "no pair is left of 5" in capsys.readouterr().err


def test_unfinished_and_damaged_pairs_are_named(tmp_path):
    with pytest.raises(PairsError, match=r"holds no pairs\.jsonl"):
        list(read_pairs(tmp_path))
    (tmp_path / "pairs.jsonl").write_text('{"file_name": "a", "noun": 3}\n')
    with pytest.raises(PairsError, match="line 1: 'noun' should be of type str"):
        list(read_pairs(tmp_path))


def test_every_variant_of_training_on_pairs_reads_a_folder_of_its_own():
    from configs.ovseg.mined_pairs import VARIANTS
    from ovseg_jax.cli.experiment import load_config

    configs = {name: load_config(f"configs/ovseg/mined_pairs.py:{name}") for name in VARIANTS}
    assert {config.data.root for config in configs.values()} == {f"pairs/{n}" for n in VARIANTS}
    for config in configs.values():
        assert config.data.vocabulary == f"{config.data.root}/vocabulary.json"
        assert config.data.name == "mined_pairs" and config.model.templates == "plain"

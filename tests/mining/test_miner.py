"""Pairing with a scorer whose opinion is known, filters, and photos that fail."""

import numpy as np
import pytest

from ovseg_jax.inputs.images import ImageError
from ovseg_jax.masks.rle import decode_rle
from ovseg_jax.mining.journal import Journal, read_journal
from ovseg_jax.mining.miner import ClassMiner, MiningError, NounMiner, mine_shard
from ovseg_jax.mining.nouns import CaptionNouns
from ovseg_jax.mining.photos import NamedMasks, Photo

PIXELS = np.zeros((10, 20, 3), np.uint8)


def masks(*widths):
    """Masks of some columns each, one after the other."""
    found = np.zeros((len(widths), 10, 20), bool)
    for number, width in enumerate(widths):
        found[number, :, sum(widths[:number]) : sum(widths[:number]) + width] = True
    return found


def extract(captions):
    """Every word is a noun, "stop" is one that is stopped."""
    for caption in captions:
        words = dict.fromkeys(caption.split())
        stopped = tuple(word for word in words if word == "stop")
        yield CaptionNouns(tuple(word for word in words if word != "stop"), stopped)


def prefer(pixels, candidates, nouns):
    """A noun "w5" likes the mask that is 5 columns wide; its score is the share of 10."""
    widths = candidates[:, 0].sum(-1)
    wanted = np.array([int(noun[1:]) for noun in nouns])
    return (10 - abs(widths[:, None] - wanted)) / 10


def miner(found, **options):
    return NounMiner(extract, prefer, lambda photo: NamedMasks(found), **options)


def photo(*captions, name="a.png"):
    return Photo(name, PIXELS, captions)


def test_every_noun_takes_its_best_mask_once():
    record = miner(masks(2, 5, 8))(photo("w5 stop w2 w5", "w2 w9"))
    assert [pair["noun"] for pair in record["pairs"]] == ["w5", "w2", "w9"]
    assert [pair["area"] for pair in record["pairs"]] == [50, 20, 80]
    assert [pair["score"] for pair in record["pairs"]] == [1.0, 1.0, 0.9]
    assert [pair["caption"] for pair in record["pairs"]] == ["w5 stop w2 w5"] * 2 + ["w2 w9"]
    np.testing.assert_array_equal(decode_rle(record["pairs"][0]["segmentation"]), masks(2, 5, 8)[1])
    assert (record["captions"], record["nouns"]) == (2, 3)
    assert record["dropped"] == {"stop noun": 1}


def test_small_and_empty_masks_are_no_candidates():
    record = miner(masks(2, 5, 0), min_area=0.2)(photo("w2"))
    assert record["pairs"][0]["area"] == 50
    assert record["dropped"] == {"mask empty or below --min-area": 2}


def test_low_scores_are_dropped():
    record = miner(masks(2, 5), min_score=0.9)(photo("w5 w9"))
    assert [pair["noun"] for pair in record["pairs"]] == ["w5"]
    assert record["dropped"] == {"score below --min-score": 1}


def test_photos_without_masks_or_nouns_have_no_pairs():
    assert miner(masks())(photo("w5 w2"))["dropped"] == {"no mask": 2}
    assert miner(masks(0))(photo("w5"))["pairs"] == []
    empty = miner(masks(5))(photo())
    assert empty == {"captions": 0, "nouns": 0, "pairs": [], "dropped": {}}


def test_class_names_pair_without_clip():
    found = NamedMasks(masks(2, 0, 5), ("cat", "dog", "sky"))
    record = ClassMiner(lambda photo: found)(photo())
    assert [(p["noun"], p["score"], p["area"]) for p in record["pairs"]] == [
        ("cat", None, 20),
        ("sky", None, 50),
    ]
    with pytest.raises(MiningError, match=r"a\.png: its masks have no class names"):
        ClassMiner(lambda photo: NamedMasks(masks(2)))(photo())


class Photos(list):
    """Photos of which some cannot be read."""

    def __init__(self, count, bad=()):
        super().__init__(photo("w5", name=f"{n}.png") for n in range(count))
        self.names, self.bad = [item.name for item in self], bad

    def __getitem__(self, number):
        if number in self.bad:
            raise ImageError(f"{number}.png: damaged")
        return super().__getitem__(number)


def mine(path, photos, shard=(1, 1)):
    with Journal(path) as journal:
        return mine_shard(photos, miner(masks(5)), journal, shard, progress=lambda *_: None)


def test_damaged_photos_are_kept_in_the_journal_with_their_reason(tmp_path):
    path = tmp_path / "a.jsonl"
    assert mine(path, Photos(6, bad=(0, 4))) == 2
    records = list(read_journal(path))
    assert [record["index"] for record in records] == list(range(6))
    assert records[4] == {"index": 4, "photo": "4.png", "failed": "4.png: damaged"}
    assert mine(path, Photos(6)) == 0 and len(list(read_journal(path))) == 6


def test_a_run_in_which_nothing_works_stops_and_leaves_nothing(tmp_path):
    with pytest.raises(MiningError, match=r"no photo can be used.*9\.png: damaged"):
        mine(tmp_path / "a.jsonl", Photos(100, bad=range(100)))
    with pytest.raises(MiningError, match=r"2\.png"):
        mine(tmp_path / "b.jsonl", Photos(3, bad=range(3)))
    assert not list(read_journal(tmp_path / "a.jsonl"))


def test_a_shard_takes_its_photos_and_goes_on_where_it_stopped(tmp_path):
    path = tmp_path / "a.jsonl"
    mine(path, Photos(4), shard=(2, 3))
    assert [record["index"] for record in read_journal(path)] == [1]
    mine(path, Photos(9), shard=(2, 3))
    assert [record["index"] for record in read_journal(path)] == [1, 4, 7]

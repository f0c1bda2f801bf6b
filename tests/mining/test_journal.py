"""The journal: torn lines go, whole ones stay, and only one process writes."""

import pytest

from ovseg_jax.mining.journal import Journal, JournalError, photos_of, read_journal


def filled(path, count, more=b""):
    with Journal(path) as journal:
        for number in range(journal.done, count):
            journal.append({"index": number})
    with open(path, "ab") as file:
        file.write(more)
    return path


def indices(path):
    return [record["index"] for record in read_journal(path)]


@pytest.mark.parametrize("torn", [b"", b'{"index": 3', b'{"index": 3}', b"\0\0\0\n", b"[1]\n"])
def test_a_torn_end_is_cut_and_the_rest_goes_on(tmp_path, torn):
    path = filled(tmp_path / "shards" / "a.jsonl", 3, torn)
    assert indices(path) == [0, 1, 2]
    with Journal(path) as journal:
        assert journal.done == 3
        journal.append({"index": 3})
    assert indices(path) == [0, 1, 2, 3]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    path = filled(tmp_path / "a.jsonl", 2, b'broken\n{"index": 2}\n')
    before = path.read_bytes()
    with pytest.raises(JournalError, match=r"a\.jsonl: line 3 is damaged"), Journal(path):
        pass
    with pytest.raises(JournalError, match="line 3"):
        list(read_journal(path))
    assert path.read_bytes() == before


def test_a_second_process_is_refused(tmp_path):
    path = filled(tmp_path / "a.jsonl", 1)
    with Journal(path), pytest.raises(JournalError, match="another process"), Journal(path):
        pass
    with Journal(path) as journal:
        assert journal.done == 1


@pytest.mark.parametrize("count", [0, 1, 7, 8, 100])
@pytest.mark.parametrize("shards", [1, 3, 8])
def test_shards_share_all_photos(count, shards):
    parts = [photos_of(shard, shards, count) for shard in range(1, shards + 1)]
    assert sorted(number for part in parts for number in part) == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1

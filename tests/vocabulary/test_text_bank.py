"""The text bank: rows, padding, buckets, and a cache that is never trusted blindly."""

import contextlib
import multiprocessing
import time
import zlib

import jax
import numpy as np
import pytest

from ovseg_jax.models.clip.tokenizer import HashTokenizer
from ovseg_jax.vocabulary import text_bank, text_cache
from ovseg_jax.vocabulary.classes import load_preset, parse_vocabulary
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import bucket, build_text, embed_names
from ovseg_jax.vocabulary.text_cache import TextCache

TWO = ("a photo of a {}.", "{}")


class CountingEncoder:
    """Gives every text up to its end a random vector of its own; remembers what it was asked."""

    def __init__(self, width=8):
        self.width, self.shapes, self.texts = width, [], []

    def __call__(self, tokens):
        self.shapes.append(tokens.shape)
        rows = [row[: row.argmax() + 1].tobytes() for row in np.asarray(tokens)]
        self.texts += [row for row in rows if len(row) > 4]
        return np.stack([self._vector(row) for row in rows])

    def _vector(self, row):
        return 3 * np.random.default_rng(zlib.crc32(row)).standard_normal(self.width)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def tokenizer():
    return HashTokenizer(context_length=77)


def test_bucket_grows_in_powers_of_two_and_then_by_512():
    counts = (1, 16, 17, 100, 150, 512, 513, 847, 1204, 5000)
    assert [bucket(n) for n in counts] == [16, 16, 32, 128, 256, 512, 1024, 1024, 1536, 5120]


def test_rows_are_unit_vectors_and_padding_is_zero(encoder, tokenizer):
    text = build_text([("cat", "kitten"), ("dog",)], TWO, encoder, tokenizer)
    assert text.embeddings.shape == (16, 2, 8)
    np.testing.assert_allclose(np.linalg.norm(text.embeddings[:3], axis=-1), 1, rtol=1e-6)
    assert not np.any(text.embeddings[3:])


def test_synonym_rows_point_at_their_class_and_padding_past_the_last_slot(encoder, tokenizer):
    text = build_text([("cat", "kitten"), ("dog",)], TWO, encoder, tokenizer)
    assert list(text.classes[:4]) == [0, 0, 1, 16] and set(text.classes[3:].tolist()) == {16}
    assert text.valid.tolist() == [True, True] + [False] * 14


def test_a_class_list_is_accepted_as_it_is(encoder, tokenizer):
    classes = parse_vocabulary("cat, kitten; dog")
    listed = build_text(classes, TWO, encoder, tokenizer)
    plain = build_text([("cat", "kitten"), ("dog",)], TWO, encoder, tokenizer)
    np.testing.assert_array_equal(listed.embeddings, plain.embeddings)
    np.testing.assert_array_equal(listed.classes, plain.classes)


def test_seen_is_padded_with_false(encoder, tokenizer):
    text = build_text([("a",), ("b",)], TWO, encoder, tokenizer, seen=np.array([False, True]))
    assert text.seen.tolist() == [False, True] + [False] * 14
    with pytest.raises(ValueError, match="seen has 1 entries for 2 classes"):
        build_text([("a",), ("b",)], TWO, encoder, tokenizer, seen=np.array([True]))


def test_kept_tokens_are_those_behind_the_rows(encoder, tokenizer):
    text = build_text([("cat",), ("dog",)], TWO, encoder, tokenizer, keep_tokens=True)
    assert text.tokens.shape == (16, 2, 77)
    np.testing.assert_array_equal(text.tokens[1], tokenizer(["a photo of a dog.", "dog"]))


def test_many_names_are_encoded_in_batches_of_one_shape(encoder, tokenizer):
    calls = []
    embed_names(
        [f"name {i}" for i in range(150)],
        templates("single"),
        encoder,
        tokenizer,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert encoder.shapes == [(64, 16)] * 3
    assert calls == [(64, 150), (128, 150), (150, 150)]


def test_long_prompts_are_cut_at_their_own_length_bucket(encoder, tokenizer):
    names = ["cat", "word " * 20, "word " * 70]
    rows = embed_names(names, ("{}",), encoder, tokenizer)
    assert sorted(shape[1] for shape in encoder.shapes) == [16, 32, 77]
    alone = embed_names(names[1:2], ("{}",), encoder, tokenizer)
    np.testing.assert_array_equal(rows[1], alone[0])


def test_equal_names_are_embedded_once(encoder, tokenizer):
    rows = embed_names(["cat", "cat"], TWO, encoder, tokenizer)
    assert len(encoder.texts) == 2
    np.testing.assert_array_equal(rows[0], rows[1])


def test_one_more_word_embeds_one_more_word(encoder, tokenizer, tmp_path):
    cache = TextCache(tmp_path, "weights")
    first = embed_names(["cat", "dog"], TWO, encoder, tokenizer, cache=cache)
    encoder.texts.clear()
    second = embed_names(["dog", "cow", "cat"], TWO, encoder, tokenizer, cache=cache)
    assert len(encoder.texts) == len(TWO)
    np.testing.assert_array_equal(second[[2, 0]], first)


@pytest.mark.parametrize("change", ["weights", "templates", "tokenizer"])
def test_the_cache_depends_on_all_that_decides_an_embedding(change, tokenizer, tmp_path):
    embed_names(["cat"], TWO, CountingEncoder(), tokenizer, cache=TextCache(tmp_path, "one"))
    again = CountingEncoder()
    embed_names(
        ["cat"],
        TWO[:1] if change == "templates" else TWO,
        again,
        HashTokenizer(context_length=20) if change == "tokenizer" else tokenizer,
        cache=TextCache(tmp_path, "two" if change == "weights" else "one"),
    )
    assert again.texts


def test_a_damaged_cache_file_is_computed_again(encoder, tokenizer, tmp_path):
    good = embed_names(["cat"], TWO, encoder, tokenizer, cache=TextCache(tmp_path, "weights"))
    (path,) = tmp_path.rglob("*.safetensors")
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 0x7F  # the exponent of the last number
    for content in (b"", whole[:100], whole[:-4], b"not a file of tensors", bytes(flipped)):
        path.write_bytes(content)
        cache = TextCache(tmp_path, "weights")
        encoder.texts.clear()
        np.testing.assert_array_equal(
            embed_names(["cat"], TWO, encoder, tokenizer, cache=cache), good
        )
        assert encoder.texts and path.read_bytes() == whole


def test_many_small_files_are_merged_without_loss(encoder, tokenizer, tmp_path):
    cache = TextCache(tmp_path, "weights")
    names = [f"name {index}" for index in range(2 * text_cache.MOST_FILES + 5)]
    rows = [embed_names([name], TWO, encoder, tokenizer, cache=cache)[0] for name in names]
    assert len(list(tmp_path.rglob("*.safetensors"))) <= text_cache.MOST_FILES
    encoder.texts.clear()
    fresh = TextCache(tmp_path, "weights")
    np.testing.assert_array_equal(
        embed_names(names, TWO, encoder, tokenizer, cache=fresh), np.stack(rows)
    )
    assert not encoder.texts


def test_two_writers_lose_nothing(encoder, tokenizer, tmp_path):
    one, two = TextCache(tmp_path, "weights"), TextCache(tmp_path, "weights")
    for index in range(10):
        embed_names([f"a {index}"], TWO, encoder, tokenizer, cache=one)
        embed_names([f"b {index}"], TWO, encoder, tokenizer, cache=two)
    encoder.texts.clear()
    names = [f"{letter} {index}" for letter in "ab" for index in range(10)]
    embed_names(names, TWO, encoder, tokenizer, cache=one)
    assert not encoder.texts


def test_padding_stays_where_the_text_tower_reads_it(encoder, tokenizer):
    tokenizer.trims = False
    embed_names(["cat"], TWO, encoder, tokenizer)
    assert encoder.shapes == [(64, 77)]


def seconds_until_ready(folder, tokenizer, classes, width):
    """Fills a cache; returns the processor time that the same words take then: the best of five."""
    prompts, encoder = templates("vild14"), CountingEncoder(width)
    build_text(classes, prompts, encoder, tokenizer, cache=TextCache(folder, "weights"))
    encoder.texts.clear()
    times = []
    for _ in range(5):
        start = time.process_time()
        cache = TextCache(folder, "weights")
        jax.block_until_ready(build_text(classes, prompts, encoder, tokenizer, cache=cache))
        times.append(time.process_time() - start)
    assert not encoder.texts
    return min(times)


def test_a_large_vocabulary_is_there_at_once(tokenizer, tmp_path):
    classes = [(f"class {index}",) for index in range(847)]
    assert seconds_until_ready(tmp_path, tokenizer, classes, width=64) < 0.5  # 5 ms when quiet


@pytest.mark.slow
def test_847_classes_with_all_synonyms_are_ready_in_50_ms(tokenizer, tmp_path):
    assert seconds_until_ready(tmp_path, tokenizer, load_preset("ade847"), width=768) < 0.05


def test_words_from_the_cache_compile_nothing(encoder, tokenizer, tmp_path):
    cache = TextCache(tmp_path, "weights")
    classes = [(f"class {index}", f"other {index}") for index in range(20)]
    embed_names([name for group in classes for name in group], TWO, encoder, tokenizer, cache=cache)
    with count_compilations() as compiled:
        build_text(classes, TWO, encoder, tokenizer, cache=cache)
    assert not compiled
    with count_compilations() as compiled:
        jax.jit(lambda x: x + 12345)(1)
    assert compiled  # the counter counts


@contextlib.contextmanager
def count_compilations():
    """Collects the names of what XLA compiles meanwhile, single operations included."""
    compiled = []

    def listen(event, _seconds, **_):
        if event.endswith("backend_compile_duration"):
            compiled.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield compiled
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def test_a_large_array_is_handed_to_the_device_without_a_copy(encoder, tokenizer, monkeypatch):
    given = []
    gather = text_bank._gather
    monkeypatch.setattr(text_bank, "_gather", lambda *a: given.append(gather(*a)) or given[-1])
    text = build_text([("cat",), ("dog",)], TWO, encoder, tokenizer)
    if jax.default_backend() == "cpu":
        assert text.embeddings.unsafe_buffer_pointer() == given[0].ctypes.data
    np.testing.assert_array_equal(text.embeddings, given[0])


def write_alone(folder, letter):
    """Adds words one by one, in a process of its own; more than a merge's worth."""
    cache, tokenizer = TextCache(folder, "weights"), HashTokenizer(context_length=77)
    for index in range(text_cache.MOST_FILES + 8):
        embed_names([f"{letter} {index}"], TWO, CountingEncoder(), tokenizer, cache=cache)


def test_processes_that_write_and_merge_at_once_lose_nothing(encoder, tokenizer, tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_alone, args=(tmp_path, letter)) for letter in "abc"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    names = [f"{letter} {i}" for letter in "abc" for i in range(text_cache.MOST_FILES + 8)]
    rows = embed_names(names, TWO, encoder, tokenizer, cache=TextCache(tmp_path, "weights"))
    assert not encoder.texts
    np.testing.assert_array_equal(rows, embed_names(names, TWO, encoder, tokenizer))


def test_saving_leaves_no_partial_files(encoder, tokenizer, tmp_path):
    embed_names(["cat", "dog"], TWO, encoder, tokenizer, cache=TextCache(tmp_path, "weights"))
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".safetensors"}


def test_a_disk_that_refuses_costs_the_cache_and_not_the_answer(
    encoder, tokenizer, tmp_path, monkeypatch
):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(text_cache.os, "replace", refuse)
    cache = TextCache(tmp_path, "weights")
    with pytest.warns(UserWarning, match="not cached.*No space left"):
        rows = embed_names(["cat"], TWO, encoder, tokenizer, cache=cache)
    assert rows.shape == (1, 2, 8) and not list(tmp_path.rglob("*.part"))


def test_names_may_be_of_any_script_and_hold_braces(encoder, tokenizer, tmp_path):
    names = ["日本", "naïve café", "{0} {}", "a/b\\c", "\udcff"]
    cache = TextCache(tmp_path, "weights")
    first = embed_names(names, TWO, encoder, tokenizer, cache=cache)
    encoder.texts.clear()
    np.testing.assert_array_equal(embed_names(names, TWO, encoder, tokenizer, cache=cache), first)
    assert not encoder.texts


@pytest.mark.parametrize(
    ("classes", "chosen", "message"),
    [
        ([], TWO, "vocabulary is empty"),
        ([("cat",), ()], TWO, r"classes \[1\] .* have no name"),
        ([("cat", " ")], TWO, r"names \[1\] .* are empty"),
        ([("cat",)], ("a photo",), "exactly one {}"),
        ([("cat",)], (), "no templates"),
    ],
)
def test_unusable_vocabularies_say_what_is_wrong(classes, chosen, message, encoder, tokenizer):
    with pytest.raises(ValueError, match=message):
        build_text(classes, chosen, encoder, tokenizer)


def test_five_thousand_classes_fit(encoder, tokenizer):
    text = build_text([(f"class {i}",) for i in range(5000)], ("{}",), encoder, tokenizer)
    assert text.embeddings.shape == (5120, 1, 8) and int(text.valid.sum()) == 5000

"""Annotated videos: one size, colours and a legend that stay, times, and what encodes."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ovseg_jax.disk.atomic import OutputError, write_atomically
from ovseg_jax.inference.output import video
from ovseg_jax.inference.output.clip_overlay import NOTES, ClipOverlay
from ovseg_jax.inference.output.drawing import draw_segments
from ovseg_jax.vocabulary.classes import load_preset
from tests.drawn_clips import RATE, decoded
from tests.inference.answers import answer, shapes


def written(path, pictures, times, rate=RATE, time_base=Fraction(1, 30000)):
    with open(path, "wb") as file, video.VideoWriter(file, rate, time_base) as writer:
        for picture, time in zip(pictures, times, strict=True):
            writer.add(picture, time)
    return writer


def blocks(count, height=64, width=96):
    """Plain pictures, which every encoder keeps."""
    shades = np.random.default_rng(0).integers(0, 256, (count, 1, 1, 3), np.uint8)
    return list(np.broadcast_to(shades, (count, height, width, 3)))


@pytest.mark.parametrize("names", [("libx264", "mpeg4"), ("mpeg4",)])
def test_pictures_come_back_with_their_colours_and_times(tmp_path, monkeypatch, names):
    monkeypatch.setattr(video, "ENCODERS", tuple(r for r in video.ENCODERS if r[0] in names))
    path, drawn = tmp_path / "a.mp4", blocks(5)
    times = [number / RATE for number in (0, 1, 2, 7, 8)]
    writer = written(path, drawn, times)
    found, seconds = decoded(path)
    assert seconds == pytest.approx([float(time) for time in times], abs=1e-6)
    for shown, picture in zip(found, drawn, strict=True):
        assert np.abs(shown.astype(int) - picture).max() < 8
    with av.open(str(path)) as container:
        (stream,) = container.streams
        context = stream.codec_context
        assert (context.pix_fmt, context.colorspace, context.color_range) == ("yuv420p", 1, 1)
        assert context.name == ("h264" if "libx264" in names else "mpeg4")
        assert float(stream.duration * stream.time_base) == pytest.approx(9 / float(RATE))
    assert writer.format.startswith("H.264" if "libx264" in names else "MPEG-4")


def test_a_constant_rate_is_kept_to_the_last_digit(tmp_path):
    for rate in (RATE, Fraction(24000, 1001), Fraction(25), Fraction(60)):
        times = [number / rate for number in range(6)]
        written(tmp_path / "a.mp4", blocks(6), times, rate, Fraction(1, rate.numerator))
        with av.open(str(tmp_path / "a.mp4")) as container:
            assert container.streams.video[0].average_rate == rate


def test_times_finer_than_encoders_take_are_rounded(tmp_path):
    written(
        tmp_path / "a.mp4",
        blocks(3),
        [Fraction(n, 30) for n in range(3)],
        Fraction(30),
        Fraction(1, 1_000_000),
    )
    assert decoded(tmp_path / "a.mp4")[1] == pytest.approx([0, 1 / 30, 2 / 30], abs=1e-4)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a disk that is full")
def test_a_full_disk_is_an_error_of_the_disk(tmp_path):
    def write(_):
        with (
            open("/dev/full", "r+b", buffering=0) as full,
            video.VideoWriter(full, RATE, 1 / RATE) as writer,
        ):
            for number, picture in enumerate(blocks(40)):
                writer.add(picture, number / RATE)

    with pytest.raises(OutputError, match="No space left on device"):
        write_atomically(tmp_path / "a.mp4", write)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(1, 1), (31, 41), (61, 431), (480, 640)])
def test_every_size_becomes_an_even_one_with_the_picture_in_its_corner(size):
    result = answer(np.ones((1, *size), bool), words="cat; dog")
    drawn = ClipOverlay(result).draw(result)
    assert drawn.shape[0] % 2 == drawn.shape[1] % 2 == 0
    np.testing.assert_array_equal(drawn[: size[0], : size[1]], np.asarray(draw_segments(result)))


def test_the_legend_lists_all_words_and_stays_the_same():
    first, second = answer(shapes()[:1], (0,)), answer(shapes()[2:], (2, 1))
    overlay = ClipOverlay(first)
    one, other = overlay.draw(first), overlay.draw(second)
    np.testing.assert_array_equal(one[:, 40:], other[:, 40:])
    assert (one[:, :40] != other[:, :40]).any()
    for entry in first.words.classes.classes:
        assert (one[:, 40:] == entry.color).all(-1).any()
    assert any("nothing is tracked" in note for note in NOTES)


def test_where_not_all_words_fit_the_legend_has_those_of_the_frame():
    words = load_preset("ade847")
    results = [answer(shapes()[:2], classes, words=words) for classes in ((3, 5), (5, 800))]
    overlay = ClipOverlay(results[0])
    one, other = map(overlay.draw, results)
    assert one.shape == other.shape

    def shows(picture, slot):
        return (picture[:, 40:] == words.classes[slot].color).all(-1).any()

    assert shows(one, 3) and shows(one, 5) and not shows(one, 800)
    assert shows(other, 5) and shows(other, 800) and not shows(other, 3)


def test_a_frame_of_another_size_is_scaled_to_the_first(tmp_path):
    first, larger = answer(), answer(np.ones((1, 60, 80), bool), (0,))
    overlay = ClipOverlay(first)
    assert overlay.draw(larger).shape == overlay.draw(first).shape

"""`ovseg segment` of videos and cameras: each frame as the photo that it is, and a video of all."""

import argparse
import json
import os
import shutil
import signal
from collections import Counter
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from ovseg_jax import api
from ovseg_jax.cli import clips as command
from ovseg_jax.cli import segment as segment_command
from ovseg_jax.cli.clip_options import add_clips, choice_of
from ovseg_jax.cli.main import main
from ovseg_jax.inputs.cameras import Camera
from ovseg_jax.inputs.clips import open_clip
from ovseg_jax.inputs.frame_choice import Choice
from tests.cli.conftest import SPANS
from tests.drawn_clips import RATE, decoded, pictures, write_clip
from tests.inference.tiny_model import rectangles

WORDS = "--vocab", "ball; cone; tent", "--background", "none"
COUNT = 4


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    """Frames of 60 x 80, with sound."""
    path = tmp_path_factory.mktemp("clips") / "clip.mkv"
    return write_clip(path, pictures(COUNT), sound=True)


@pytest.fixture
def clip(photos, clip_file):
    """The clip beside the photos, and a folder with the masks of each frame."""
    path = photos / "clip.mkv"
    shutil.copy(clip_file, path)
    (photos.parent / "masks").mkdir()
    for number in range(12):
        name = photos.parent / "masks" / f"clip_{number:06d}.npz"
        np.savez(name, masks=rectangles(60, 80, *SPANS[: 1 + number % 3]))
    return path


@pytest.fixture
def segment(ovseg, clip):
    """Runs `ovseg segment` on the clip; returns status, stdout, stderr."""

    def run(*options, source="clip.mkv"):
        return ovseg("segment", source, *WORDS, *options, masks=clip.parents[1] / "masks")

    return run


@pytest.fixture
def out(photos):
    return photos.parent / "out"


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_frame_is_answered_as_the_photo_of_that_frame(segment, ovseg, clip, out):
    status, _, err = segment()
    assert (status, err) == (0, "")
    with open_clip(clip) as opened:
        for frame in opened.frames("clip"):
            Image.fromarray(frame.image.pixels).save(clip.parent / frame.image.name)
    again = out.with_name("again")
    masks = clip.parents[1] / "masks"
    names = [f"clip_{number:06d}" for number in range(COUNT)]
    for name in names:
        assert ovseg("segment", f"{name}.png", *WORDS, "--out", again, masks=masks)[0] == 0
    for number, name in enumerate(names):
        labels = f"{name}_labels.png"
        assert (out / labels).read_bytes() == (again / labels).read_bytes()
        record, photo = (json.loads((at / f"{name}.json").read_text()) for at in (out, again))
        frame = record.pop("frame")
        assert record == photo and len(record["masks"]) == 1 + number % 3
        assert frame["clip"] == "clip.mkv" and frame["number"] == number
        assert frame["seconds"] == pytest.approx(number / RATE, abs=0.001)
        assert not (out / f"{name}_overlay.png").exists()


def test_the_video_has_the_frames_their_times_and_their_colours(segment, out):
    status, text, _ = segment()
    assert status == 0 and "clip.mkv: 4 frames, each named alone (nothing is tracked): " in text
    names = Counter(name for line in lines_of(out / "clip_frames.jsonl") for name in line["shares"])
    assert all(f"{name} in {count}" in text for name, count in names.items())
    assert text.rstrip().endswith("clip_overlay.mp4; its sound is left out")
    frames, times = decoded(out / "clip_overlay.mp4")
    assert times == pytest.approx([number / float(RATE) for number in range(COUNT)], abs=0.001)
    pixels = pictures(COUNT)
    for number, frame in enumerate(frames):
        record = json.loads((out / f"clip_{number:06d}.json").read_text())
        colors = np.array([entry["color"] for entry in record["categories"]] + [[128] * 3])
        labels = np.asarray(Image.open(out / f"clip_{number:06d}_labels.png")).astype(int) - 1
        wanted = 0.45 * pixels[number] + 0.55 * colors[labels]
        inside = frame[2:28, 2:28].reshape(-1, 3), wanted[2:28, 2:28].reshape(-1, 3)
        assert np.abs(inside[0].mean(0) - inside[1].mean(0)).max() < 8
        # The legend is that of the first frame, pixel for pixel but for the encoder.
        assert np.abs(frame[:, 84:].astype(int) - frames[0][:, 84:]).mean() < 1


def test_a_line_for_each_frame_says_when_and_what(segment, out):
    segment("--every", "2", "--fps", "100")
    found = lines_of(out / "clip_frames.jsonl")
    assert [(line["number"], line["record"]) for line in found] == [
        (0, "clip_000000.json"),
        (2, "clip_000002.json"),
    ]
    labels = np.asarray(Image.open(out / "clip_000002_labels.png"))
    assert sum(found[1]["shares"].values()) == pytest.approx((labels > 0).mean(), abs=1e-5)
    assert not (out / "clip_000001.json").exists()
    assert decoded(out / "clip_overlay.mp4")[1] == pytest.approx([0, 2 / float(RATE)], abs=0.001)


def test_frames_of_an_earlier_choice_are_counted(segment, out):
    segment("--every", "2")
    text = segment("--every", "3")[1]
    assert "; left from an earlier choice: 1 frame" in text  # 2, of 0 and 2 against 0 and 3
    assert (out / "clip_000002.json").exists()


def test_the_video_of_a_part_begins_with_its_first_frame(segment, out):
    assert segment("--start", "0.06", "--end", "0:00.12")[0] == 0
    assert [line["number"] for line in lines_of(out / "clip_frames.jsonl")] == [2, 3]
    assert decoded(out / "clip_overlay.mp4")[1][0] == 0


def test_frames_are_written_for_other_tools(segment, out):
    status, text, _ = segment("--format", "coco,labelme")
    assert status == 0 and "all photos ->" in text
    found = json.loads((out / "coco" / "annotations.json").read_text())
    assert [x["file_name"] for x in found["images"]] == [f"clip_{n:06d}.png" for n in range(COUNT)]
    assert len(list((out / "labelme").glob("clip_*.json"))) == COUNT


def test_videos_and_photos_in_one_command(clip, weights, out, load_once, monkeypatch, capsys):
    monkeypatch.setattr(api, "load_segmenter", load_once)
    (clip.parent / "lost.mp4").write_bytes(b"lost")
    np.savez(clip.parents[1] / "masks" / "photo1.npz", masks=rectangles(60, 80, *SPANS))
    given = *("photo1.png", "lost.mp4"), "*.mkv"
    options = "--masks", clip.parents[1] / "masks", "--model", weights, "--out", out, *WORDS
    status = main(["segment", *(str(clip.parent / name) for name in given), *map(str, options)])
    text, err = capsys.readouterr()
    assert status == 2 and "photo1.png:" in text and "clip.mkv: 4 frames" in text
    assert "lost.mp4: not a video" in err and "1 of 3 photos failed" in err


def test_one_mask_file_never_serves_all_frames_by_accident(ovseg, clip):
    alone = clip.parents[1] / "alone.npz"
    np.savez(alone, masks=rectangles(60, 80, *SPANS))
    status, _, err = ovseg("segment", "clip.mkv", *WORDS, masks=alone)
    assert status == 2 and "holds the masks of one photo and does not say of which" in err


# ---- what is written, and what is not replaced ---------------------------------------------


def test_the_same_clip_is_replaced_and_another_of_its_name_is_not(segment, clip, out):
    assert segment()[0] == 0
    before = (out / "clip_overlay.mp4").read_bytes()
    assert segment()[0] == 0
    assert (out / "clip_overlay.mp4").read_bytes() == before
    other = clip.parents[1] / "clip.mkv"
    shutil.move(clip, other)
    status, _, err = segment(source=other)
    assert status == 2 and "was made from photos/clip.mkv" in err.replace("../", "")
    assert segment("--overwrite", source=other)[0] == 0


def test_files_of_others_are_found_before_the_first_frame(segment, out):
    out.mkdir()
    (out / "clip_000003.json").write_text("mine")
    status, _, err = segment()
    assert status == 2 and "clip_000003.json exists and was not written by ovseg" in err
    assert (out / "clip_000003.json").read_text() == "mine"
    assert not (out / "clip_000000.json").exists() and not (out / "clip_overlay.mp4").exists()


def interrupt_at(monkeypatch, number, *signals):
    """Sends signals to this process while a frame is answered."""
    real = command.write_answer

    def answer(result, results, stem, *others, **more):
        if stem.endswith(f"_{number:06d}"):
            for each in signals:
                os.kill(os.getpid(), each)
        return real(result, results, stem, *others, **more)

    monkeypatch.setattr(command, "write_answer", answer)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_a_video_that_plays_and_is_not_done(segment, out, monkeypatch, number):
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with monkeypatch.context() as patch:
        interrupt_at(patch, 1, number)
        status, text, err = segment("--shard", "1/1")
    assert status == 130 and err.endswith("ovseg: interrupted\n")
    assert f"{number.name}: ending behind this frame" in err
    assert "stopped behind 2 frames, at 0.03 s" in text and "can be played" in text
    assert len(decoded(out / "clip_overlay.mp4")[0]) == 2
    assert not (out / "clip_frames.jsonl").exists()
    assert handlers == (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM))
    status, _, err = segment("--shard", "1/1", "--every", "2")
    assert status == 2 and "results were made with another every" in err
    status, text, _ = segment("--shard", "1/1")
    assert status == 0 and len(decoded(out / "clip_overlay.mp4")[0]) == COUNT
    assert "0 photos, 1 done before" in segment("--shard", "1/1")[1]


def test_a_second_signal_ends_at_once_without_half_files(segment, out, monkeypatch):
    interrupt_at(monkeypatch, 1, signal.SIGINT, signal.SIGINT)
    assert segment()[0] == 130
    assert {path.name for path in out.iterdir()} == {
        ".ovseg",
        "clip_000000.json",
        "clip_000000_labels.png",
    }


# ---- what can be wrong ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--start", "3", "--end", "3"), "--end 3 is not behind --start 3"),
        (("--start", "99"), "or none is asked for"),
        (("--save-maps",), "--save-maps draws maps of photos"),
        (("--camera", "0"), "--camera: leave out photos and videos"),
    ],
)
def test_options_that_cannot_be_are_refused(segment, out, options, message):
    status, _, err = segment(*options)
    assert status == 2 and message in err
    assert not list(out.glob("clip*"))


@pytest.mark.parametrize(
    "option", [("--every", "0"), ("--fps", "0"), ("--start", "1:2:3:4"), ("--end", "-1")]
)
def test_numbers_that_are_none_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        main(["segment", "clip.mp4", "=".join(option)])
    assert "give" in capsys.readouterr().err


def test_times_are_read_as_people_write_them():
    parser = argparse.ArgumentParser()
    add_clips(parser)
    choice = choice_of(parser.parse_args(["--start", "1:30", "--end", "1:02:03.5", "--fps", "0.5"]))
    assert choice == Choice(1, Fraction(1, 2), Fraction(90), Fraction("3723.5"))


def test_nothing_to_segment_is_said(capsys):
    assert main(["segment", "--vocab", "cat"]) == 2
    assert "give photos or videos, or --camera 0" in capsys.readouterr().err


# ---- cameras -------------------------------------------------------------------------------


@pytest.fixture
def camera(ovseg, clip, weights, out, monkeypatch, capsys):
    """Runs `ovseg segment --camera 0`, which sees the clip."""
    monkeypatch.setattr(command, "address_of", lambda name: ("v4l2", name, {}))
    monkeypatch.setattr(
        command, "open_camera", lambda name: Camera(av.open(str(clip)), f"camera {name}")
    )

    masks = rectangles(60, 80, *SPANS)
    monkeypatch.setattr(
        segment_command,
        "_answering",
        lambda given: lambda model, image: model.segment(image, masks),
    )

    def run(*options):
        arguments = ["segment", "--camera", "0", "--model", str(weights), "--out", str(out)]
        status = main([*arguments, *WORDS, *options])
        return status, *capsys.readouterr()

    return run


def test_a_camera_is_recorded_until_its_end_and_never_replaced(camera, out):
    status, text, _ = camera("--format", "coco")
    assert status == 0 and "camera 0: Ctrl-C ends" in text and "nothing is tracked" in text
    found = lines_of(out / "camera_frames.jsonl")
    assert found[-1]["number"] == COUNT - 1
    assert len(decoded(out / "camera_overlay.mp4")[0]) == len(found)
    images = json.loads((out / "coco" / "annotations.json").read_text())["images"]
    assert images[-1]["file_name"] == f"camera_{COUNT - 1:06d}"
    status, _, err = camera()
    assert status == 2 and "camera_overlay.mp4 was made from camera 0, 20" in err
    assert camera("--overwrite", "--format", "coco")[0] == 0


def test_ctrl_c_is_the_end_of_a_camera(camera, out, monkeypatch):
    interrupt_at(monkeypatch, COUNT - 1, signal.SIGINT)
    status, text, err = camera()
    assert status == 0 and "SIGINT: ending behind this frame" in err
    assert "nothing is tracked" in text and (out / "camera_frames.jsonl").exists()


def test_a_camera_takes_no_masks_and_must_be_there(camera, capsys, tmp_path, monkeypatch):
    status, _, err = camera("--masks", str(tmp_path / "masks"))
    assert status == 2 and "--camera: leave out --masks" in err
    monkeypatch.undo()
    assert main(["segment", "--camera", "/dev/video99", "--vocab", "cat"]) == 2
    assert "camera /dev/video99: " in capsys.readouterr().err


def test_a_choice_of_frames_without_a_video_is_refused(tmp_path, capsys):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "a.png")
    status = main(["segment", str(tmp_path / "a.png"), "--vocab", "cat", "--every", "2"])
    assert status == 2 and "--every chooses frames of videos" in capsys.readouterr().err

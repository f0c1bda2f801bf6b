"""Frames of videos: the pictures that are shown, their numbers and times, and broken files."""

import builtins
import time
from fractions import Fraction

import av
import numpy as np
import pytest

from ovseg_jax.foundation.errors import ImageError, MissingPackageError, OvsegWarning
from ovseg_jax.inputs import clips, containers
from ovseg_jax.inputs.cameras import Camera, Newest, address_of, open_camera
from ovseg_jax.inputs.clips import Clip, open_clip, upright
from ovseg_jax.inputs.frame_choice import Choice, TimedFrame
from ovseg_jax.inputs.images import read_image
from ovseg_jax.inputs.listing import list_photos
from tests.drawn_clips import RATE, pictures, write_clip, write_sound

DRAWN = pictures(10)


@pytest.fixture(scope="module")
def clip_file(tmp_path_factory):
    """Ten different frames of 60 x 80, in a third of a second, without loss."""
    return write_clip(tmp_path_factory.mktemp("clips") / "clip.mkv", DRAWN)


def frames_of(path, choice=None):
    with open_clip(path) as clip:
        return list(clip.frames("clip", choice))


def test_every_frame_is_the_picture_that_was_filmed(clip_file):
    found = frames_of(clip_file)
    assert [frame.number for frame in found] == list(range(10))
    assert [frame.image.name for frame in found[:2]] == ["clip_000000.png", "clip_000001.png"]
    for frame, pixels in zip(found, DRAWN, strict=True):
        np.testing.assert_array_equal(frame.image.pixels, pixels)
        assert float(frame.time) == pytest.approx(frame.number / RATE, abs=0.001)


def test_what_a_clip_tells_of_itself(clip_file, tmp_path):
    with open_clip(clip_file) as clip:
        assert (clip.rate, clip.has_sound, clip.name) == (RATE, False, "clip.mkv")
        assert clip.seconds == pytest.approx(10 / RATE, abs=0.002)
    with open_clip(write_clip(tmp_path / "a.mp4", DRAWN, codec="libx264", sound=True)) as clip:
        assert clip.has_sound and clip.rate == RATE


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (Choice(every=4), [0, 4, 8]),
        (Choice(per_second=Fraction(10)), [0, 3, 6, 9]),
        (Choice(per_second=Fraction(100)), list(range(10))),
        (Choice(start=Fraction("0.2")), [6, 7, 8, 9]),
        (Choice(end=Fraction("0.1")), [0, 1, 2]),
        (Choice(every=3, start=Fraction("0.1"), end=Fraction("0.25")), [3, 6]),
    ],
)
def test_parts_of_a_clip_keep_the_numbers_of_their_frames(clip_file, choice, numbers):
    found = frames_of(clip_file, choice)
    assert [frame.number for frame in found] == numbers
    np.testing.assert_array_equal(found[0].image.pixels, DRAWN[numbers[0]])


def test_the_estimate_of_how_many_frames_are_taken():
    assert Choice(every=2).count(10, Fraction(30)) == 150
    assert Choice(per_second=Fraction(2), start=Fraction(4), end=Fraction(99)).count(10, RATE) == 12
    assert Choice().count(0, RATE) == 0


def test_no_more_than_a_frame_is_read_ahead(clip_file, monkeypatch):
    """Else a long clip would fill the memory."""
    read = []
    real = Clip.image_of
    monkeypatch.setattr(Clip, "image_of", lambda *a: read.append(a[2]) or real(*a))
    with open_clip(clip_file) as clip:
        frames = clip.frames("clip")
        next(frames)
        next(frames)
        assert len(read) == 2


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    times = [40, 80, 95, 400, 1000]
    path = write_clip(tmp_path / "v.mkv", DRAWN[:5], times=times, rate=Fraction(1000))
    assert [round(1000 * frame.time) for frame in frames_of(path)] == [0, 40, 55, 360, 960]


def test_frames_without_times_take_those_of_the_rate(clip_file, monkeypatch):
    real = Clip._decoded

    def timeless(self):
        for number, frame in enumerate(real(self)):
            frame.pts = None if number % 2 else 7
            yield frame

    monkeypatch.setattr(Clip, "_decoded", timeless)
    times = [frame.time for frame in frames_of(clip_file)]
    assert times == [number / RATE for number in range(10)]


@pytest.mark.parametrize(("rotation", "turns"), [(90, 1), (180, 2), (-90, 3)])
def test_phones_that_were_turned_give_upright_frames(tmp_path, rotation, turns):
    path = write_clip(tmp_path / "a.mov", DRAWN[:2], codec="libx264", rotation=rotation)
    stored = frames_of(write_clip(tmp_path / "b.mov", DRAWN[:2], codec="libx264"))
    for shown, plain in zip(frames_of(path), stored, strict=True):
        np.testing.assert_array_equal(shown.image.pixels, np.rot90(plain.image.pixels, turns))
        assert shown.image.turned == bool(turns % 2)
        assert (shown.image.height, shown.image.width) == shown.image.pixels.shape[:2]


def test_mirrors_are_shown_as_mirrors():
    pixels, one = DRAWN[0], 1 << 16
    mirrored = upright(pixels, np.array([-one, 0, 0, 0, one, 0, 0, 0, 1 << 30]))
    np.testing.assert_array_equal(mirrored[0], pixels[:, ::-1])
    swapped = upright(pixels, np.array([0, one, 0, one, 0, 0, 0, 0, 1 << 30]))
    np.testing.assert_array_equal(swapped[0], pixels.swapaxes(0, 1))
    assert (mirrored[1], swapped[1]) == (False, True)


def test_hdr_is_taken_as_it_is_and_said_once(clip_file, monkeypatch):
    monkeypatch.setattr(clips, "HDR", {2: "HLG"})  # 2 is what files without a word of it have
    with pytest.warns(OvsegWarning, match=r"clip.mkv: is HDR \(HLG\)") as said:
        frames_of(clip_file)
    assert len(said) == 1


# ---- files that are no whole videos --------------------------------------------------------


def refused(path, choice=None):
    with pytest.raises(ImageError) as caught:
        frames_of(path, choice)
    return str(caught.value)


def test_what_is_no_video_is_refused_with_the_reason(tmp_path):
    path = tmp_path / "a.mp4"
    assert refused(path) == f"{path}: no such file"
    path.write_bytes(b"")
    assert "the file is empty" in refused(path)
    path.write_bytes(b"no video at all" * 99)
    assert "not a video that can be read (Invalid data" in refused(path)
    assert "is an address, and nothing is fetched" in refused("https://example.org/a.mp4")
    tmp_path.joinpath("b.mp4").mkdir()
    assert "not a video" in refused(tmp_path / "b.mp4")


def test_sound_alone_is_no_video(tmp_path):
    assert "a.mp4: has no video stream, only audio" in refused(write_sound(tmp_path / "a.mp4"))


@pytest.mark.parametrize("text", ["#EXTM3U\n#EXTINF:10,\n{}\n", "ffconcat version 1.0\nfile '{}'"])
def test_playlists_lead_nowhere(tmp_path, clip_file, text):
    path = tmp_path / "list.mp4"
    path.write_text(text.format(clip_file))
    assert "not a video that can be read" in refused(path)


def test_a_clip_that_is_cut_off_gives_what_it_has_with_a_warning(tmp_path):
    path = write_clip(tmp_path / "cut.mkv", DRAWN, rate=Fraction(2))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    with pytest.warns(OvsegWarning, match=r"announces 5.0 s, and its frames end at 2.5 s"):
        found = frames_of(path)
    assert 3 < len(found) < 8
    np.testing.assert_array_equal(found[2].image.pixels, DRAWN[2])


def test_damaged_packets_are_passed_over_with_a_warning(tmp_path, clip_file):
    path, spoilt = tmp_path / "bad.mkv", bytearray(clip_file.read_bytes())
    with av.open(str(clip_file)) as container:
        packet = list(container.demux(video=0))[5]
    begin, end = packet.pos + 12, packet.pos + packet.size - 4
    spoilt[begin:end] = b"\xff" * (end - begin)
    path.write_bytes(spoilt)
    with pytest.warns(OvsegWarning, match="1 damaged packet passed over"):
        found = frames_of(path)
    assert len(found) == 9
    assert float(found[5].time) == pytest.approx(6 / RATE, abs=0.001)


def test_no_frame_at_all_is_refused(clip_file):
    choice = Choice(start=Fraction(60))
    assert "no frame of its 0.3 s can be read, or none is asked for" in refused(clip_file, choice)


def test_frames_that_are_too_large_are_refused(clip_file, monkeypatch):
    monkeypatch.setattr(containers, "MAX_PIXELS", 1000)
    assert "frames of 80 x 60 are more than the limit" in refused(clip_file)


def test_without_pyav_the_extra_is_named(clip_file, monkeypatch):
    real = builtins.__import__

    def without(name, *others):
        if name.split(".")[0] == "av":
            raise ImportError(name)
        return real(name, *others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingPackageError, match=r"pip install 'ovseg-jax\[video\]'"):
        open_clip(clip_file)


def test_where_a_photo_is_wanted_a_video_is_called_one(clip_file):
    with pytest.raises(ImageError, match="clip.mkv: is a video, and a photo is wanted"):
        read_image(clip_file)


def test_folders_mean_no_videos_and_patterns_do_where_they_are_taken(tmp_path, clip_file):
    (tmp_path / "clip.MKV").write_bytes(clip_file.read_bytes())
    with pytest.raises(ImageError, match=r"1 video \(clip.MKV; `ovseg segment` takes"):
        list_photos([tmp_path], clips=True)
    assert list_photos([tmp_path / "*.MKV"], clips=True).photos == [tmp_path / "clip.MKV"]
    with pytest.raises(ImageError, match="holds no picture"):
        list_photos([tmp_path / "*.MKV"])


# ---- cameras -------------------------------------------------------------------------------


def test_a_camera_is_called_as_its_system_calls_it(tmp_path):
    assert address_of("0", "darwin")[:2] == ("avfoundation", "0:none")
    assert address_of("Front", "win32")[:2] == ("dshow", "video=Front")
    device = tmp_path / "video7"
    device.touch()
    assert address_of(str(device), "linux")[:2] == ("v4l2", str(device))
    with pytest.raises(ImageError, match=r"camera 99: there is no /dev/video99; cameras here: "):
        address_of("99", "linux")
    with pytest.raises(ImageError, match="cameras of plan9 cannot be read"):
        address_of("0", "plan9")


def test_what_is_no_camera_cannot_be_opened(tmp_path, monkeypatch):
    device = tmp_path / "video0"
    device.write_bytes(b"no camera")
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(ImageError, match="cannot be opened as"):
        open_camera(str(device))


def test_a_slow_reader_gets_the_newest_frame():
    def counted():
        for number in range(100):
            yield TimedFrame(number, Fraction(number, 30), None)
            time.sleep(0.002)

    newest, found = Newest(counted()), []
    while (frame := newest.take()) is not None:
        found.append(frame.number)
        time.sleep(0.02)
    assert newest.close() and 2 < len(found) < 60
    assert found == sorted(set(found)) and found[-1] == 99


def test_a_camera_waits_for_frames_and_ends_when_nobody_reads(clip_file):
    class Unready:
        """A container that has no frame at first, as AVFoundation answers."""

        def __init__(self, container):
            self.container, self.asked = container, 0

        def __getattr__(self, name):
            return getattr(self.container, name)

        def demux(self, stream):
            self.asked += 1
            if self.asked < 3:
                raise av.error.BlockingIOError(11, "Resource temporarily unavailable")
            yield from self.container.demux(stream)

    container = Unready(av.open(str(clip_file)))
    with Camera(container, "camera 0") as camera:
        found = list(camera.frames("camera"))
    assert container.asked == 3 and found[-1].number == 9
    assert found[-1].image.path is None and found[-1].image.name == "camera_000009.png"


def test_what_goes_wrong_in_a_camera_reaches_who_reads():
    def broken():
        yield TimedFrame(0, Fraction(0), None)
        raise ImageError("camera 0: gone")

    newest = Newest(broken())
    with pytest.raises(ImageError, match="gone"):
        while newest.take() is not None:
            pass
    assert newest.close()

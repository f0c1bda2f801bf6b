"""Files that describe more than they hold, or ask for endless work, are refused at once."""

import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch_files
from safetensors.numpy import save_file

from ovseg_jax.convert.reading.checkpoint_file import read_checkpoint
from ovseg_jax.convert.reading.torch_zip import ReadError
from tests.hostile import archives, pickles


def test_a_tensor_of_stride_zero_beyond_the_size_of_its_file_is_refused(tmp_path):
    wide = torch_files.tensor("0", "float32", (45_000, 45_000), (0, 0), count=4)
    four = {"0": np.zeros(4, np.float32)}
    path = torch_files.write(tmp_path / "x.pth", torch_files.mapping({"wide": wide}), four)
    with pytest.raises(ReadError, match=r"x.pth: .* describes .* wide \(45000, 45000\)"):
        read_checkpoint(path)


def test_small_expanded_and_shared_tensors_are_read(tmp_path):
    expanded = torch_files.tensor("0", "float32", (200, 2), (0, 1), count=4)
    twice = torch_files.tensor("0", "float32", (4,), count=4)
    content = torch_files.mapping({"a": expanded, "b": twice, "c": twice})
    path = torch_files.write(tmp_path / "x.pth", content, {"0": np.arange(4, dtype=np.float32)})
    found = read_checkpoint(path).tensors
    assert found["a"].shape == (200, 2)
    np.testing.assert_array_equal(found["b"], found["c"])


def test_an_axis_of_no_length_hides_no_other(tmp_path):
    save_file({"x": np.zeros((0, 2**40), np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(ReadError, match="describes"):
        read_checkpoint(tmp_path / "x.safetensors")


@pytest.mark.parametrize("way", [way for way, _ in pickles.floods()])
def test_pickles_that_ask_for_more_than_they_have_are_refused(tmp_path, way):
    content = dict(pickles.floods())[way]
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04" + content + b".")
    with pytest.raises(ReadError, match="x.pkl"):
        read_checkpoint(tmp_path / "x.pkl")


def test_states_change_nothing_but_objects_of_the_file(tmp_path):
    """A pickle that gives `torch.FloatStorage` another type must not reach later files."""
    state = b"}(" + torch_files.text("dtype") + torch_files.text("int64") + b"ub"
    content = torch_files.name("torch", "FloatStorage") + state
    with pytest.raises(ReadError):
        read_checkpoint(torch_files.write(tmp_path / "x.pth", content, {}))
    path = torch_files.save(tmp_path / "y.pth", {"x": np.ones(3, np.float32)})
    np.testing.assert_array_equal(read_checkpoint(path).tensors["x"], np.ones(3))


def test_settings_of_a_training_are_inert(tmp_path):
    import argparse

    settings = pickle.dumps(argparse.Namespace(lr=0.1, note="x"), 2)[2:-1]
    weight = torch_files.mapping({"x": torch_files.tensor("0", "float32", (2,))})
    content = torch_files.mapping({"args": settings, "model": weight})
    path = torch_files.write(tmp_path / "x.pth", content, {"0": np.zeros(2, np.float32)})
    found = read_checkpoint(path)
    assert list(found.tensors) == ["x"] and found.left_out["args"] == "no weights"


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("objects", "nothing was executed"),
        ("terabytes", "describes"),
        ("many_bytes", "describes"),
        ("no_array", "no array of NumPy"),
        ("cut", "cut off"),
        ("expression", "no array of NumPy"),
        ("negative", "no usable shape"),
        ("version", "no array of NumPy|not read"),
        ("deep", "no array of NumPy"),
        ("inner_type", "no array of NumPy|no plain numbers"),
    ],
)
def test_members_of_an_archive_that_lie_are_refused(tmp_path, way, message):
    trace = tmp_path / "trace"
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", dict(archives.array_members(trace))[way])
    with pytest.raises(ReadError, match=f"x.npz: .*({message})"):
        read_checkpoint(tmp_path / "x.npz")
    assert not trace.exists()


def test_a_header_as_long_as_the_disk_is_not_read(tmp_path):
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", 2**31) + b'{"a":')
        file.truncate(2**31 + 100)  # takes no room on the disk
    with pytest.raises(ReadError, match="header of 2147483648 bytes is too long"):
        read_checkpoint(path)


def test_names_are_printed_so_that_a_terminal_does_not_act_on_them(tmp_path):
    wide = torch_files.tensor("0", "float32", (45_000, 45_000), (0, 0), count=4)
    content = torch_files.mapping({archives.ESCAPES: wide})
    path = torch_files.write(tmp_path / "x.pth", content, {"0": np.zeros(4, np.float32)})
    with pytest.raises(ReadError) as caught:
        read_checkpoint(path)
    assert "\x1b" not in str(caught.value) and "\\x1b[2J" in str(caught.value)

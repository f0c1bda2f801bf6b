"""Reading checkpoints: tensors come out, code does not run, bad files say what they are."""

import json
import pickle
import tarfile
import zipfile
from collections import Counter

import ml_dtypes
import numpy as np
import pytest
import torch_files
from safetensors.numpy import save_file
from torch_files import read_tensors

from ovseg_jax.convert.reading.checkpoint_file import file_hash, read_checkpoint
from ovseg_jax.convert.reading.torch_zip import ReadError


@pytest.fixture
def tensors():
    rng = np.random.default_rng(0)
    return {
        "a.weight": rng.standard_normal((3, 4)).astype(np.float32),
        "scale": np.array(2.5, np.float32),
        "half": rng.standard_normal((2, 5)).astype(np.float16),
        "brain": rng.standard_normal(6).astype(ml_dtypes.bfloat16),
        "steps": np.arange(3),
        "none": np.zeros((0, 4), np.float32),
    }


def assert_read(found, tensors):
    assert list(found) == list(tensors)
    for name, array in tensors.items():
        kind = np.int64 if name == "steps" else np.float32
        assert found[name].dtype == kind and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array.astype(kind))


@pytest.mark.parametrize("wrap", ["", "model", "state_dict"])
def test_torch_zip_files_come_out_as_they_went_in(tmp_path, tensors, wrap):
    assert_read(read_tensors(torch_files.save(tmp_path / "x.pth", tensors, wrap)), tensors)


def test_float32_tensors_stay_mapped_from_disk(tmp_path, tensors):
    found = read_tensors(torch_files.save(tmp_path / "x.pth", tensors))
    assert not found["a.weight"].flags.owndata
    assert not found["a.weight"].flags.writeable


def test_safetensors_come_out_as_they_went_in(tmp_path, tensors):
    path = tmp_path / "x.safetensors"
    plain = {name: array for name, array in tensors.items() if name != "brain"}
    save_file(plain, path)
    found = read_tensors(path)
    assert_read({name: found[name] for name in plain}, plain)


def test_bfloat16_safetensors_become_float32(tmp_path):
    values = np.array([1.5, -2, 3e38], ml_dtypes.bfloat16)
    entry = {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}
    header = json.dumps({"x": entry, "__metadata__": {"format": "pt"}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + values.tobytes())
    np.testing.assert_array_equal(read_tensors(path)["x"], values.astype(np.float32))


def test_what_torch_saves_is_read(tmp_path, tensors):
    torch = pytest.importorskip("torch")
    plain = {name: array for name, array in tensors.items() if name != "brain"}
    state = {name: torch.from_numpy(np.array(array)) for name, array in plain.items()}
    state["transposed"] = torch.arange(6.0).reshape(2, 3).T
    state["slice"] = torch.nn.Parameter(torch.arange(10.0)[2:8:2])
    state["brain"] = torch.arange(4.0).bfloat16()
    torch.save({"model": state, "iteration": 3, "note": None}, tmp_path / "x.pth")
    found = read_tensors(tmp_path / "x.pth")
    assert list(found) == list(state)
    for name, value in state.items():
        np.testing.assert_array_equal(found[name], value.detach().to(torch.float32).numpy())


def test_strided_tensors_share_a_storage(tmp_path):
    values = np.arange(12, dtype=np.float32)
    content = torch_files.mapping(
        {
            "transposed": torch_files.tensor("0", "float32", (4, 3), (1, 4), count=12),
            "tail": torch_files.tensor("0", "float32", (2,), (3,), offset=8, count=12),
        }
    )
    found = read_tensors(torch_files.write(tmp_path / "x.pth", content, {"0": values}))
    np.testing.assert_array_equal(found["transposed"], values.reshape(3, 4).T)
    np.testing.assert_array_equal(found["tail"], [8, 11])


def test_the_prefix_of_data_parallel_training_is_taken_off(tmp_path, tensors):
    named = {f"module.{name}": array for name, array in tensors.items()}
    assert_read(read_tensors(torch_files.save(tmp_path / "x.pth", named)), tensors)


@pytest.mark.parametrize("prefix", ["model.", "clip_model.", "module.model.", "module.clip."])
def test_prefixes_of_wrappers_come_off_and_are_reported(tmp_path, tensors, prefix):
    named = {f"{prefix}{name}": array for name, array in tensors.items()}
    found = read_checkpoint(torch_files.save(tmp_path / "x.pth", named))
    assert_read(found.tensors, tensors)
    assert found.prefix == prefix
    assert found.dtypes == dict(Counter(array.dtype.name for array in tensors.values()))


def test_a_prefix_of_some_names_stays(tmp_path, tensors):
    first, *rest = tensors
    named = {f"model.{first}": tensors[first]} | {name: tensors[name] for name in rest}
    assert set(read_tensors(torch_files.save(tmp_path / "x.pth", named))) == set(named)


# ---- nothing in a file is executed --------------------------------------------------------


class Payload:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_calls_os_system_is_refused_and_runs_nothing(tmp_path, protocol):
    trace = tmp_path / "trace"
    evil = pickle.dumps({"model": Payload(f"touch {trace}")}, protocol)
    path = tmp_path / "evil.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", evil)
    with pytest.raises(ReadError, match=r"evil.pth.*(posix|nt|os)\.system.*nothing was executed"):
        read_tensors(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    ("module", "attribute"),
    [
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.__init__"),
        ("numpy.core.multiarray", "_reconstruct"),
    ],
)
def test_names_outside_the_list_are_refused(tmp_path, module, attribute):
    content = torch_files.name(module, attribute)
    with pytest.raises(ReadError, match="asks for"):
        read_tensors(torch_files.write(tmp_path / "x.pth", content, {}))


@pytest.mark.parametrize(
    "tensor",
    [
        torch_files.tensor("0", "float32", (4,), (2,), count=4),
        torch_files.tensor("0", "float32", (2,), (1,), offset=3, count=4),
        torch_files.tensor("0", "float32", (2,), (-1,), offset=3, count=4),
        torch_files.tensor("0", "float32", (2,), (1,), offset=-9, count=4),
        torch_files.tensor("0", "float32", (400,), (1,), count=400),
        torch_files.tensor("0", "float32", (4, 1), (1,), count=4),
        torch_files.tensor("9", "float32", (4,), (1,), count=4),
    ],
    ids=["stride", "offset", "backwards", "before", "count", "ranks", "storage"],
)
def test_tensors_cannot_reach_outside_their_storage(tmp_path, tensor):
    content = torch_files.mapping({"x": tensor})
    path = torch_files.write(tmp_path / "x.pth", content, {"0": np.zeros(4, np.float32)})
    with pytest.raises(ReadError, match="x.pth"):
        read_tensors(path)


# ---- files of other kinds -----------------------------------------------------------------


def other_kinds(folder):
    with tarfile.open(folder / "tar", "w") as archive:
        archive.add(__file__, "storages")
    with zipfile.ZipFile(folder / "zip", "w") as archive:
        archive.writestr("readme.txt", "hello")
    (folder / "pickle").write_bytes(pickle.dumps({"model": [1]}, 2))
    (folder / "legacy").write_bytes(pickle.dumps(0x1950A86A20F9469CFC6C, 2) + b"\x80\x02K\x01.")
    (folder / "empty").write_bytes(b"")
    (folder / "lfs").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (folder / "html").write_bytes(b"<!DOCTYPE html><html>Not found</html>")
    (folder / "noise").write_bytes(b"\x01" * 100)
    (folder / "header").write_bytes((10**9).to_bytes(8, "little") + b'{"x": 1}')
    (folder / "json").write_bytes((8).to_bytes(8, "little") + b'{"x": 1}')


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("tar", "tar file of an old PyTorch"),
        ("zip", "not one that torch.save wrote"),
        ("pickle", "no dict of tensors"),
        ("legacy", "PyTorch before 1.6.* save its state dict again"),
        ("empty", "is empty"),
        ("lfs", "Git LFS pointer"),
        ("html", "web page"),
        ("noise", "no safetensors file, no zip file"),
        ("header", "damaged or incomplete"),
        ("json", "damaged or incomplete"),
    ],
)
def test_other_files_say_what_they_are(tmp_path, kind, message):
    other_kinds(tmp_path)
    with pytest.raises(ReadError, match=f"{kind}.*{message}"):
        read_tensors(tmp_path / kind)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ReadError, match="nowhere.pth"):
        read_tensors(tmp_path / "nowhere.pth")


def test_truncated_files_are_named(tmp_path, tensors):
    whole = torch_files.save(tmp_path / "x.pth", tensors).read_bytes()
    (tmp_path / "half.pth").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="half.pth is damaged or incomplete"):
        read_tensors(tmp_path / "half.pth")
    save_file({"x": np.zeros(100, np.float32)}, tmp_path / "y.safetensors")
    (tmp_path / "half.safetensors").write_bytes((tmp_path / "y.safetensors").read_bytes()[:200])
    with pytest.raises(ReadError, match="half.safetensors is damaged .* x .* wrong size"):
        read_tensors(tmp_path / "half.safetensors")


def test_compressed_and_big_endian_archives_are_refused(tmp_path, tensors):
    with pytest.raises(ReadError, match="compressed"):
        read_tensors(torch_files.save(tmp_path / "a.pth", tensors, compressed=True))
    with pytest.raises(ReadError, match="big-endian"):
        read_tensors(torch_files.save(tmp_path / "b.pth", tensors, byteorder=b"big"))


def test_a_file_without_tensors_is_refused(tmp_path):
    path = torch_files.write(tmp_path / "x.pth", torch_files.number(3), {})
    with pytest.raises(ReadError, match="no dict of tensors, but a int"):
        read_tensors(path)


def test_file_hash_is_that_of_sha256sum(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert file_hash(tmp_path / "x").startswith("ba7816bf8f01cfea414140de5dae2223")

"""TorchScript archives, pickles of arrays and `.npz`: tensors come out, code does not run."""

import collections
import io
import os
import pickle
import zipfile

import ml_dtypes
import numpy as np
import pytest
import torch_files
from torch_files import mapping, name, number, read_tensors, sequence, tensor, text

from ovseg_jax.convert.reading.checkpoint_file import ReadError, read_checkpoint

WEIGHT = np.arange(6, dtype=np.float16).reshape(2, 3)


def module(kind: str, attributes: dict[str, bytes]) -> bytes:
    """Returns the opcodes of an object of a TorchScript program."""
    items = b"".join(text(key) + value for key, value in attributes.items())
    return name(f"__torch__.{kind}", "Module") + b")\x81}(" + items + b"ub"


def archive(path, content: bytes):
    options = {"constants__pkl": b"\x80\x02).", "code/model__py": b"raise SystemExit"}
    return torch_files.write(path, content, {"0": WEIGHT}, **options)


def test_the_tensors_of_a_torchscript_archive_are_named_by_its_modules(tmp_path):
    weight = tensor("0", "float16", (2, 3))
    block = module("nn.Block", {"training": b"\x89", "weight": weight, "sizes": number(3)})
    visual = module("nn.Visual", {"proj": weight, "0": block})
    path = archive(tmp_path / "x.pt", module("CLIP", {"visual": visual, "scale": weight}))
    found = read_checkpoint(path)
    assert list(found.tensors) == ["visual.proj", "visual.0.weight", "scale"]
    assert found.dtypes == {"float16": 3}
    np.testing.assert_array_equal(found.tensors["visual.0.weight"], WEIGHT.astype(np.float32))


@pytest.mark.parametrize(("place", "attribute"), [("os", "system"), ("builtins", "eval")])
def test_a_program_cannot_reach_other_code(tmp_path, place, attribute):
    trace = tmp_path / "trace"
    call = name(place, attribute) + sequence([text(f"open({str(trace)!r}, 'w')")]) + b"R"
    path = archive(tmp_path / "x.pt", module("CLIP", {"a": call}))
    with pytest.raises(ReadError, match=rf"x.pt.*{place}\.{attribute}.*nothing was executed"):
        read_tensors(path)
    assert not trace.exists()


def test_a_program_whose_objects_are_called_is_refused(tmp_path):
    call = name("__torch__.evil", "Module") + sequence([text("x")]) + b"R"
    with pytest.raises(ReadError, match="x.pt"):
        read_tensors(archive(tmp_path / "x.pt", mapping({"a": call})))


def test_torchscript_of_pytorch_itself(tmp_path):
    torch = pytest.importorskip("torch")

    class Tower(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
            self.position = torch.nn.Parameter(torch.randn(5))
            self.steps = 3

        def forward(self, x):
            return self.layers(x) + self.position[0]

    tower = Tower().half().eval()
    path = str(tmp_path / "tower.pt")
    torch.jit.save(torch.jit.script(tower), path)
    found = read_tensors(path)
    expected = {key: value.float().numpy() for key, value in tower.state_dict().items()}
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_array_equal(found[key], value)


# ---- pickles of arrays --------------------------------------------------------------------


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_detectron2_pickle_gives_its_arrays(tmp_path, protocol):
    rng = np.random.default_rng(0)
    model = {
        "a.weight": rng.standard_normal((3, 4)).astype(np.float32),
        "b": np.asfortranarray(rng.standard_normal((2, 5))),
        "half": rng.standard_normal(3).astype(np.float16),
        "big": np.arange(4, dtype=">i4"),
        "scalar": np.float32(0.5),
        "empty": np.zeros((0, 3), np.float32),
    }
    content = {"model": model, "__author__": "someone", "matching_heuristics": True}
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    found = read_tensors(path)
    assert set(found) == set(model)
    for key, value in model.items():
        wanted = np.float32(value) if value.dtype.kind == "f" else value
        np.testing.assert_array_equal(found[key], wanted)


def test_a_flat_ordered_dict_is_read_too(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(collections.OrderedDict(a=np.ones(2, np.float32)), 2))
    np.testing.assert_array_equal(read_tensors(path)["a"], np.ones(2))


class Payload:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_with_a_payload_runs_nothing(tmp_path, protocol):
    trace, path = tmp_path / "trace", tmp_path / "evil.pkl"
    content = {"model": {"a": np.ones(2), "b": Payload(f"touch {trace}")}}
    path.write_bytes(pickle.dumps(content, protocol))
    with pytest.raises(ReadError, match=r"evil.pkl.*(posix|nt|os)\.system.*nothing was executed"):
        read_tensors(path)
    assert not trace.exists()


def test_object_arrays_are_refused(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"a": np.array([{}, 1], object)}, 2))
    with pytest.raises(ReadError, match="x.pkl.*no plain numbers"):
        read_tensors(path)


def test_a_truncated_pickle_is_named(tmp_path):
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps({"a": np.ones(100)}, 2)[:-200])
    with pytest.raises(ReadError, match="x.pkl"):
        read_tensors(path)


# ---- npz ----------------------------------------------------------------------------------


def test_npz_arrays_keep_their_names_and_bfloat16(tmp_path):
    values = np.array([1.5, -2.0], np.float32)
    half = values.astype(ml_dtypes.bfloat16).view(np.dtype("V2"))
    np.savez(tmp_path / "x.npz", **{"params/img/kernel": values, "params/t": half})
    found = read_checkpoint(tmp_path / "x.npz")
    np.testing.assert_array_equal(found.tensors["params/img/kernel"], values)
    np.testing.assert_array_equal(found.tensors["params/t"], values)
    assert found.dtypes == {"float32": 1, "bfloat16": 1}


def test_pickled_objects_in_npz_run_nothing(tmp_path):
    trace = tmp_path / "trace"
    array = np.array([Payload(f"touch {trace}")], object)
    np.savez(tmp_path / "evil.npz", a=array)
    with pytest.raises(ReadError, match="evil.npz.*nothing was executed"):
        read_tensors(tmp_path / "evil.npz")
    assert not trace.exists()


def test_text_in_npz_is_refused_and_damage_is_named(tmp_path):
    np.savez(tmp_path / "x.npz", a=np.array(["words"]))
    with pytest.raises(ReadError, match="a is of type <U5"):
        read_tensors(tmp_path / "x.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.ones(100))
    with zipfile.ZipFile(tmp_path / "y.npz", "w") as file:
        file.writestr("a.npy", buffer.getvalue()[:200])
    with pytest.raises(ReadError, match="y.npz"):
        read_tensors(tmp_path / "y.npz")

"""Addresses, devices that are not there, and data sets, as the command line meets them."""

import os
import subprocess
import sys

import pytest
from slow_cases import slow

from ovseg_jax.cli.main import main
from ovseg_jax.foundation import devices


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "configs/toy/mask_adapter.py", "--workdir", "gs://bucket/run"],
        ["train", "configs/toy/mask_adapter.py", "--workdir", "r", "--data.root", "gs://bucket/d"],
        ["train", "configs/toy/mask_adapter.py", "--workdir", "r", "--init-from", "s3://bucket/w"],
        ["evaluate", "gs://bucket/run"],
        ["evaluate", "toy", "--out", "gs://bucket/out"],
        ["segment", "https://a.b/c.jpg", "--vocab", "cat"],
        ["segment", "a.jpg", "--vocab", "cat", "--out", "gs://bucket/out"],
        ["segment", "a.jpg", "--vocab", "cat", "--model", "gs://bucket/w"],
        ["segment", "a.jpg", "--vocab", "cat", "--generator", "hf://sam"],
        ["embed", "--vocab", "cat", "--out", "gs://bucket/words.npz"],
        ["convert", "open_clip", "gs://bucket/a.pt", "out"],
        ["convert", "open_clip", "a.pt", "gs://bucket/out"],
    ],
    ids=" ".join,
)
def test_addresses_are_refused_and_no_folder_is_made(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1 and "address" in said[0], said
    assert not list(tmp_path.iterdir())


def run(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ovseg_jax.cli.main", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)} | environment,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("platform", ["cuda", slow("tpu")])
def test_a_device_that_is_not_there_is_one_line(tmp_path, platform):
    command = ("train", "configs/toy/mask_adapter.py", "--workdir", "run")
    done = run(*command, cwd=tmp_path, JAX_PLATFORMS=platform)
    if done.returncode == 0:
        pytest.skip(f"this machine has {platform}")
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr[-3000:]
    assert f"JAX_PLATFORMS is '{platform}', but JAX finds no such device here" in done.stderr
    assert not list(tmp_path.iterdir())


def test_every_command_explains_a_device_that_is_not_there(monkeypatch, capsys):
    """JAX may be asked for devices anywhere; its own error is then not what is shown."""
    from ovseg_jax.cli.errors import guarded

    def fail():
        raise AssertionError

    absent = devices.DeviceError("JAX_PLATFORMS is 'cuda', but there is none")
    monkeypatch.setattr(devices, "problem", lambda: absent)
    assert guarded(fail) == 2
    assert capsys.readouterr().err == f"ovseg: error: {absent}\n"
    monkeypatch.setattr(devices, "problem", lambda: None)
    with pytest.raises(AssertionError):
        guarded(fail)


def test_the_processor_is_announced_once(capsys):
    devices.announce("training")
    assert capsys.readouterr().err == "ovseg: training on the CPU: no GPU or TPU is in use\n"


def test_data_sets_are_built_from_any_folder(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorflow_datasets")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert main(["data", "build", "toy_world", "--config", "tiny", "--data-dir", "records"]) == 0
    out = capsys.readouterr().out
    assert "test: 6 examples" in out and "48 classes: " in out
    assert main(["data", "--help"]) == 0 and main(["data"]) == 2
    assert "ovseg data build photo_set" in capsys.readouterr().out
    with pytest.raises(SystemExit) as end:
        main(["data", "build", "--help"])
    assert end.value.code == 0 and "--manual-dir" in capsys.readouterr().out

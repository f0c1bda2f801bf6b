"""`data/`, `configs/` and assets are ours from any folder, whatever else has their names."""

import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import DataConfig
from ovseg_jax.disk import shipped
from ovseg_jax.foundation.errors import MissingPackageError
from ovseg_jax.inputs.builders import own_classes
from ovseg_jax.loading.weights import find_weights

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.insert(0, "")
from ovseg_jax.disk import shipped
print(shipped.data_module("manual_files").__file__)
"""


@pytest.mark.parametrize("file", ["data/__init__.py", "data.py", "data/photo.txt"])
def test_a_data_of_the_users_own_is_never_taken_for_ours(tmp_path, file):
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("raise SystemExit('the wrong data')")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(ROOT)!r}){PROGRAM}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(ROOT / "data" / "manual_files.py"), done.stderr


def test_another_data_that_is_loaded_is_named(monkeypatch):
    other = ModuleType("data")
    other.__file__ = "/home/me/data.py"
    monkeypatch.setitem(sys.modules, "data", other)
    with pytest.raises(shipped.ShippedError, match="from /home/me/data.py, .*rename yours"):
        shipped.data_module("manual_files")


@pytest.fixture
def own_modules(monkeypatch):
    """Forgets what config files bring to the import path and to the loaded modules."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.path", list(sys.path))
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "configs"]:
        del sys.modules[name]


CONFIG = """
from configs import common
from ovseg_jax.config import Config

def get_config():
    return Config(data=common.toy_world("train", 7))
"""


@pytest.mark.parametrize("place", ["mine.py", "configs/mine.py"])
def test_a_config_elsewhere_may_import_those_of_the_package(tmp_path, own_modules, place):
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).write_text(CONFIG)
    assert load_config(tmp_path / place).data.batch_size == 7


def test_neighbours_in_ones_own_configs_come_first(tmp_path, own_modules):
    folder = tmp_path / "configs"
    folder.mkdir()
    (folder / "mine.py").write_text(CONFIG)
    (folder / "common.py").write_text(
        "from ovseg_jax.config import DataConfig\n"
        "def toy_world(split, size): return DataConfig(batch_size=9)"
    )
    (folder / "__init__.py").write_text("")
    assert load_config(folder / "mine.py").data.batch_size == 9
    assert load_config(Path("configs/toy/mask_adapter.py")).data.batch_size == 16


def test_configs_and_assets_of_the_package_are_found_from_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("configs/toy/mask_adapter.py"))
    assert config.init_from == "ovseg_jax/assets/toy/fcclip"
    assert find_weights(config.init_from) == ROOT / config.init_from
    with pytest.raises(UsageError, match="perhaps you meant configs/toy/mask_adapter.py"):
        load_config(Path("configs/toy/mask_adaptor.py"))


def test_paths_in_a_config_start_from_its_own_folder(tmp_path):
    (tmp_path / "words.txt").write_text("cat")
    (tmp_path / "mine.py").write_text(
        "from ovseg_jax.config import Config, DataConfig\n"
        "def get_config(): return Config(data=DataConfig(vocabulary='words.txt', root='gone'))"
    )
    data = load_config(tmp_path / "mine.py").data
    assert data.vocabulary == str(tmp_path / "words.txt") and data.root == "gone"


def test_a_wheel_holds_all_of_data_and_configs(monkeypatch):
    setuptools = pytest.importorskip("setuptools")
    told = {}
    monkeypatch.setattr(setuptools, "setup", lambda **given: told.update(given))
    monkeypatch.chdir(ROOT)
    exec(compile((ROOT / "setup.py").read_text(), "setup.py", "exec"), {})
    folders = {name.replace(".", "/") for name in told["packages"]}
    for name in ("data", "configs"):
        assert told["package_dir"][f"ovseg_jax.shipped.{name}"] == name
        for path in (ROOT / name).rglob("*.py"):
            assert f"ovseg_jax/shipped/{path.parent.relative_to(ROOT)}" in folders
    assert not {"data", "configs"} & folders
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    ((package, patterns),) = [x for x in settings["package-data"].items() if x[0] != "ovseg_jax"]
    packed = {path for pattern in patterns for path in (ROOT / "configs/data").glob(pattern)}
    assert package == "ovseg_jax.shipped.configs.data" and package.replace(".", "/") in folders
    assert packed == set((ROOT / "configs").rglob("*.yaml"))
    for path in (ROOT / "ovseg_jax").rglob("*.py"):
        assert str(path.parent.relative_to(ROOT)) in folders


def test_every_data_set_names_the_classes_of_its_labels():
    pytest.importorskip("tensorflow_datasets")
    assert {"toy_world", "coco_panoptic", "photo_set", "mined_pairs"} <= set(shipped.data_sets())
    for name in shipped.data_sets():
        module = shipped.data_module(f"{name}.{name}_dataset_builder")
        assert callable(module.class_list) and module.Builder.name == name


def test_without_the_libraries_of_training_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    for name in [name for name in sys.modules if name.startswith("data.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingPackageError, match=r"tensorflow_datasets.*ovseg-jax\[train\]"):
        own_classes(DataConfig(name="toy_world"))

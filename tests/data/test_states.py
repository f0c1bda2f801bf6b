"""Records of a published set belong to one state of its folder, not to whoever comes next."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from planted import DATA, DETECTRON2  # noqa: E402

from data import states  # noqa: E402
from data.build import NAMES, module_of  # noqa: E402
from data.states import config_of_state, state_of  # noqa: E402
from ovseg_jax.cli.main import main  # noqa: E402
from ovseg_jax.config import DataConfig  # noqa: E402
from ovseg_jax.foundation.errors import OvsegWarning  # noqa: E402
from ovseg_jax.inputs.builders import load_builder  # noqa: E402
from ovseg_jax.inputs.datasets import DataError, open_split  # noqa: E402

SET = "coco_instances"
WITH_TREES = [name for name in NAMES if hasattr(module_of(name), "trees")]


def data_of(tmp_path, root="", config="validation"):
    return DataConfig(
        name=SET,
        config=config,
        split="validation",
        root=str(root),
        prepared=str(tmp_path / "records"),
        vocabulary="",
    )


def names_of(data):
    return sorted(bytes(record["file_name"]).decode() for record in open_split(data))


@pytest.fixture
def root(tmp_path):
    return shutil.copytree(DATA / SET / "dummy_data", tmp_path / "coco")


@pytest.mark.filterwarnings("ignore:.*the published set has")
def test_the_rest_of_a_half_copied_set_is_prepared_when_it_arrives(tmp_path):
    source = DATA / "coco_stuff" / "dummy_data"
    root = tmp_path / "coco"
    for folder in ("val2017", "stuffthingmaps/val2017"):
        (root / folder).mkdir(parents=True)
        for path in sorted((source / folder).iterdir())[:2]:
            shutil.copy(path, root / folder)
    data = DataConfig(
        name="coco_stuff",
        config="validation",
        split="validation",
        root=str(root),
        prepared=str(tmp_path / "records"),
        vocabulary="",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        assert len(names_of(data)) == 2
    shutil.copytree(source, root, dirs_exist_ok=True)
    with pytest.warns(OvsegWarning, match="holds other files than .* prepared anew as validation-"):
        assert len(names_of(data)) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)  # of these there are records now
        assert len(names_of(data)) == 3
    assert len(list((tmp_path / "records" / "coco_stuff").glob("validation-*"))) == 2


@pytest.mark.filterwarnings("ignore:.*the published set has")
def test_records_open_without_their_folder_where_it_is_clear_which(tmp_path, root):
    with pytest.raises(DataError, match="not given: .*Manual directory"):
        names_of(data_of(tmp_path))
    found = names_of(data_of(tmp_path, root))
    assert names_of(data_of(tmp_path)) == found
    (state,) = (tmp_path / "records" / SET).glob("validation-*")
    other = shutil.copytree(state, state.with_name("validation-00000000"))
    with pytest.raises(DataError, match=f"from several folders: .*{other.name}.*{state.name}"):
        names_of(data_of(tmp_path))
    shutil.rmtree(other)
    state.rename(state.with_name("validation"))  # as records were called before
    assert names_of(data_of(tmp_path)) == found
    state.with_name("validation").rename(state.with_name("full-00000000"))
    with pytest.raises(DataError, match="Manual directory"):
        names_of(data_of(tmp_path))


@pytest.mark.filterwarnings("ignore:.*the published set has")
def test_the_command_says_that_it_prepares_anew(tmp_path, root, capsys):
    where = ["--manual-dir", str(root), "--data-dir", str(tmp_path / "records")]
    main(["data", "build", SET, "--config", "validation", *where])
    assert "validation-" in capsys.readouterr().out
    (root / "val2017" / "000000000009.jpg").write_bytes(b"x")
    main(["data", "build", SET, "--config", "validation", *where])
    assert "holds other files than when records were prepared" in capsys.readouterr().err


def all_configs():
    for name in WITH_TREES:
        for folder in ("dummy_data", DETECTRON2):
            if (DATA / name / folder).is_dir():
                for config in module_of(name).Builder.builder_configs:
                    yield pytest.param(name, folder, config, id=f"{name}-{config}-{folder}")


@pytest.mark.parametrize(("name", "folder", "config"), list(all_configs()))
def test_a_state_is_that_of_the_files_that_are_read(tmp_path, name, folder, config):
    module = module_of(name)
    root = shutil.copytree(DATA / name / folder, tmp_path / "a" / "set")

    def state(place=root):
        states._KNOWN.clear()  # as in another process
        chosen = config_of_state(module, str(place), config).name
        assert chosen.startswith(f"{config}-") and len(chosen) == len(config) + 9
        return chosen

    first = state()
    copied = shutil.copytree(root, tmp_path / "b")
    for path in copied.rglob("*"):
        os.utime(path, (1, 1))
    (copied / "readme.txt").write_text("not read")
    assert state(copied) == first
    trees = module.trees(str(copied), config)
    photos = next(iter(trees.values())).photos.files()
    if not photos:
        pytest.skip("the tree has no such split")
    path = Path(min(photos.values()))
    content = path.read_bytes()
    path.write_bytes(content + b"more")
    changed = state(copied)
    path.unlink()
    assert len({first, changed, state(copied)}) == 3


def test_all_published_sets_have_states():
    folders = {"label_maps", "mined_pairs", "photo_set"}  # by their content
    drawn = {"toy_world"}  # by a program
    assert set(WITH_TREES) == set(NAMES) - folders - drawn


def test_a_process_looks_once_unless_files_come_or_go(root, monkeypatch):
    looked, digest = [], states._digest
    monkeypatch.setattr(states, "_digest", lambda trees: (looked.append(1), digest(trees))[1])
    first = {config_of_state(module_of(SET), str(root), "full").name for _ in range(3)}
    assert len(looked) == len(first) == 1
    (root / "train2017" / "000000000001.jpg").unlink()
    assert config_of_state(module_of(SET), str(root), "full").name not in first
    assert len(looked) == 2


def test_a_set_one_level_off_has_the_same_state():
    module, place = module_of("ade20k"), DATA / "ade20k" / "dummy_data"
    inner = place / "ADEChallengeData2016"
    states = {state_of(module.trees(str(root), "panoptic")) for root in (place, inner)}
    assert len(states) == 1


def test_a_builder_of_a_state_reads_what_its_config_says(tmp_path):
    data = DataConfig(
        name="ade20k",
        config="instance_train",
        split="train",
        root=str(DATA / "ade20k" / DETECTRON2),
        prepared=str(tmp_path),
        vocabulary="",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OvsegWarning)
        builder = load_builder(data)
    assert builder.config_name == "instance_train"
    assert set(builder.info.splits) == {"train", "validation"}

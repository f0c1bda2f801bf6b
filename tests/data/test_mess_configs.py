"""The descriptions of MESS: each reads a small tree that is laid out as the scripts do."""

import numpy as np
import pytest
import yaml
from label_folder import read
from label_trees import draw_map, draw_photo

pytest.importorskip("tensorflow_datasets")

from data.label_maps.choice import SHIPPED, choose

FILES = {path.stem: path for path in sorted((SHIPPED / "mess").glob("*.yaml"))}
CLASSES = {"atlantis": 56, "cub_200": 201, "foodseg103": 104, "isaid": 16, "mhp_v1": 19, "dram": 12}

pytestmark = pytest.mark.filterwarnings("ignore:.*found 1 photos")


def draw(place, name):
    """Draws one photo and map where a description wants them; returns its split."""
    content = yaml.safe_load(FILES[name].read_text())
    ((split, part),) = content["splits"].items()
    folder = place / content["root"]
    draw_photo(folder / part["photos"] / f"x{content['photo_suffix']}")
    last = len(content["names"]) - 1
    labels = np.array([[0, last], [255, last]], np.uint8)
    draw_map(folder / part["labels"] / f"x{content['label_suffix']}", labels)
    return split, folder


def test_there_is_one_for_each_set():
    assert len(FILES) == 25 and sum(name.startswith("paxray_") for name in FILES) == 4


@pytest.mark.parametrize("name", FILES)
def test_a_set_is_read_from_the_folder_of_all_and_from_its_own(tmp_path, name):
    split, folder = draw(tmp_path / "sets", name)
    found = choose(str(folder), f"mess/{name}")
    assert len(found.classes) == CLASSES.get(name, len(found.classes))
    names = found.classes.names
    wanted = [[names[0], names[-1]], ["", names[-1]]]
    assert read(tmp_path / "sets", f"mess/{name}", split) == [wanted]
    assert found.fingerprint() == choose(str(tmp_path / "sets"), f"mess/{name}").fingerprint()
    assert list(found.counts) == [split]


def test_photos_for_training_are_left_out_where_a_folder_holds_both(tmp_path):
    split, folder = draw(tmp_path / "sets", "cwfid")
    draw_photo(folder / "images" / "y_image.png")
    assert len(read(folder, "mess/cwfid", split)) == 1


def test_a_path_of_a_shipped_description_will_do_too(tmp_path):
    split, _ = draw(tmp_path / "sets", "suim")
    assert read(tmp_path / "sets", "configs/data/mess/suim.yaml", split)


def test_the_suite_scores_each_set_on_the_split_that_its_description_names():
    from ovseg_jax.cli import suites

    items = suites.load("mess").evaluations
    assert {item.data.config: item.data.split for item in items} == {
        f"mess/{name}": next(iter(yaml.safe_load(path.read_text())["splits"]))
        for name, path in FILES.items()
    }


@pytest.mark.parametrize("name", FILES)
def test_classes_of_interest_are_all_but_the_background_or_those_that_mess_names(tmp_path, name):
    draw(tmp_path, name)
    found = choose(str(tmp_path), f"mess/{name}")
    count = {"atlantis": 0, "bdd100k": 0, "floodnet": 2, "worldfloods": 1}
    assert len(found.interest) == count.get(name, len(found.classes) - 1)
    assert set(found.interest) < set(found.classes.names)

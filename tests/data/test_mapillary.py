"""Mapillary Vistas v1.2: its three trees, names of categories, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from etils import epath
from label_trees import draw_map, draw_photo

tfds = pytest.importorskip("tensorflow_datasets")

from panoptic_trees import draw_ids, read, write_list  # noqa: E402

from data.mapillary import mapillary_dataset_builder as mapillary  # noqa: E402
from data.panoptic import read_panoptic_file  # noqa: E402
from data.segments import VOID  # noqa: E402
from ovseg_jax.inputs.datasets import DataError  # noqa: E402
from ovseg_jax.vocabulary.classes import load_preset  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*found . photos")
DUMMY = Path(mapillary.__file__).parent / "dummy_data"
NAMES = {1: "Bird", 15: "Service Lane", 65: "Ego Vehicle", 66: "Unlabeled"}
TREES = ["v1.2 alone", "of MaskCLIP++", "inside v2.0"]


class MapillaryTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of the publisher's layout."""

    DATASET_CLASS = mapillary.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["semantic_train", "panoptic_train"]


def tree(root, kind="v1.2 alone"):
    """Makes a set of one photo; returns the folder of its maps."""
    place = root / "validation"
    draw_photo(place / "images" / "x.jpg")
    labels = place / "v1.2" if kind == "inside v2.0" else place
    draw_map(labels / "labels" / "x.png", np.array([[0, 65], [14, 64]], np.uint8), palette=True)
    draw_ids(labels / "panoptic" / "x.png", [[256, 9], [300, 70000]])
    listed = labels if kind == "of MaskCLIP++" else labels / "panoptic"
    numbers = {256: 1, 9: 66, 300: 15, 70000: 65}
    write_list(listed / "panoptic_2018.json", "x.png", numbers, NAMES, crowds=[300])
    return labels


@pytest.mark.parametrize("kind", TREES)
@pytest.mark.parametrize("place", ["", "mapillary_vistas"])
def test_all_trees_are_read(tmp_path, kind, place):
    root = tmp_path / "sets"
    tree(root / place, kind)
    wanted = [["bird", ""], ["service lane", "ego vehicle"]]
    assert read(root, "mapillary", "semantic")[0] == wanted
    names, example = read(root, "mapillary", "panoptic")
    assert names == wanted
    assert example["crowds"].tolist() == [False, True, False]


def test_all_published_names_are_classes_at_their_id_minus_one(tmp_path):
    content = json.loads((DUMMY / "training" / "panoptic" / "panoptic_2018.json").read_text())
    numbers = range(1, 67)
    assert [entry["id"] for entry in content["categories"]] == list(numbers)
    infos = [{"id": number, "category_id": number} for number in numbers]
    content["annotations"] = [{"file_name": "x.png", "segments_info": infos}]
    path = epath.Path(tmp_path / "panoptic_2018.json")
    path.write_text(json.dumps(content))
    classes = load_preset("mapillary65")
    found = read_panoptic_file(path, classes, mapillary.SPELLINGS, mapillary.VOID_NAMES)
    assert found.class_index == {n: n - 1 for n in range(1, 66)} | {66: VOID}


def test_a_config_needs_its_own_maps_only(tmp_path):
    root = tmp_path / "sets"
    labels = tree(root)
    (labels / "labels").rename(labels / "elsewhere")
    assert read(root, "mapillary", "panoptic")[0][0] == ["bird", ""]
    (labels / "elsewhere").rename(labels / "labels")
    (labels / "panoptic").rename(labels / "elsewhere")
    assert read(root, "mapillary", "semantic")[0][0] == ["bird", ""]


@pytest.mark.parametrize("config", ["semantic", "panoptic"])
def test_folders_of_v2_only_are_refused(tmp_path, config):
    root = tmp_path / "sets"
    labels = tree(root)
    (labels / "v2.0").mkdir()
    for kind in ("labels", "panoptic"):
        (labels / kind).rename(labels / "v2.0" / kind)
    with pytest.raises(DataError, match=r"v2.0 \(124 classes\) only; .* expected .*/v1.2/"):
        read(root, "mapillary", config)


def test_labels_and_lists_of_v2_in_the_place_of_v1_are_refused(tmp_path):
    root = tmp_path / "sets"
    labels = tree(root)
    draw_map(labels / "labels" / "x.png", np.array([[123, 65]], np.uint8))
    with pytest.raises(DataError, match="label 123 is none of this set; labels of v2.0"):
        read(root, "mapillary", "semantic")
    listed = labels / "panoptic" / "panoptic_2018.json"
    good = listed.read_text()
    listed.write_text(good.replace("Service Lane", "Lane Marking - Hatched (Chevron)"))
    with pytest.raises(DataError, match="Hatched .* are not among the 65 classes"):
        read(root, "mapillary", "panoptic")
    listed.rename(listed.with_name("panoptic_2020.json"))
    with pytest.raises(DataError, match=r"labels of v2.0 \(124 classes\) only"):
        read(root, "mapillary", "panoptic")


def test_missing_files_are_named(tmp_path):
    root = tmp_path / "sets"
    labels = tree(root)
    (labels / "panoptic" / "x.png").unlink()
    with pytest.raises(DataError, match="the panoptic map not found; expected the file .*x.png"):
        read(root, "mapillary", "panoptic")
    (labels / "panoptic" / "panoptic_2018.json").unlink()
    choices = "panoptic/panoptic_2018.json or .*validation/panoptic_2018.json"
    with pytest.raises(DataError, match=f"annotations not found; expected .*{choices}"):
        read(root, "mapillary", "panoptic")
    (labels / "images" / "x.jpg").unlink()
    with pytest.raises(DataError, match="1 of 1 photos are missing: x.jpg"):
        read(root, "mapillary", "semantic")
    (labels / "labels" / "x.png").unlink()
    (labels / "labels").rmdir()
    with pytest.raises(DataError, match="the labels maps not found; expected the folder .*/labels"):
        read(root, "mapillary", "semantic")

"""Cityscapes: its maps, those that cityscapesScripts derives, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from label_trees import draw_map, draw_photo
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from panoptic_trees import draw_ids, read, write_list  # noqa: E402

from data import make_dummy_streets  # noqa: E402
from data.cityscapes import cityscapes_dataset_builder as cityscapes  # noqa: E402
from data.cityscapes.labels import class_index, decode_instances, label_id_table, train_id_table  # noqa: E402
from data.manual_files import ManualFileError  # noqa: E402
from ovseg_jax.inputs.datasets import DataError  # noqa: E402
from ovseg_jax.vocabulary.classes import load_preset  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*found . photos")
DUMMY = Path(cityscapes.__file__).parent / "dummy_data"
NAME = "aachen_000000_000019"
PANOPTIC = f"{NAME}_gtFine_panoptic.png"
WANTED = [["road", "car"], ["", "person"]]


class SemanticTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of the publisher's layout."""

    DATASET_CLASS = cityscapes.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["semantic_train", "panoptic_train"]


class DerivedTest(SemanticTest):
    """The same on what cityscapesScripts makes."""

    EXAMPLE_DIR = str(DUMMY.with_name("dummy_data_detectron2"))


def test_derived_files_give_what_the_published_give(tmp_path):
    for config in ("semantic", "panoptic"):
        published = records(DUMMY, tmp_path / "a", config)
        assert records(Path(DerivedTest.EXAMPLE_DIR), tmp_path / "b", config) == published


def tree(root):
    """Makes a set of one photo; returns the folder of its maps."""
    draw_photo(root / "leftImg8bit" / "val" / "aachen" / f"{NAME}_leftImg8bit.png")
    folder = root / "gtFine" / "val" / "aachen"
    folder.mkdir(parents=True)
    return folder


def draw_instances(folder, ids, kind=np.uint16):
    draw_map(folder / f"{NAME}_gtFine_instanceIds.png", np.array(ids, kind))


def draw_derived(root, ending, categories):
    """Draws the panoptic map and list that createPanopticImgs.py makes of road, car and persons."""
    maps = root / "gtFine" / f"cityscapes_panoptic_val{ending}"
    draw_ids(maps / PANOPTIC, [[7, 26001], [0, 24]])
    road, car, person = categories
    names = {road: "road", car: "car", person: "person"}
    numbers = {7: road, 26001: car, 24: person}
    write_list(maps.with_suffix(".json"), PANOPTIC, numbers, names, crowds=[24])
    return maps


def test_the_published_table_of_label_ids():
    evaluated = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33]
    assert class_index() == {label: n for n, label in enumerate(evaluated)}
    table = label_id_table()
    assert [table[n] for n in evaluated] == list(range(19))
    assert {table[n] for n in range(34) if n not in evaluated} == {-1}
    assert set(table[34:]) == {-2}, "255 of train ids is none of them"
    assert train_id_table()[[0, 18, 255, 19]].tolist() == [0, 18, -1, -2]


def test_the_config_file_of_the_classes_has_the_things_of_the_publisher():
    classes = load_preset("cityscapes19").classes
    things = [entry.original_id for entry in classes if entry.is_thing]
    assert things == [24, 25, 26, 27, 28, 31, 32, 33]


def test_instances_become_segments_by_the_rule_of_the_publisher():
    numbers = np.array([[7, 26001, 26000], [26, 29000, 29], [4, 24, 33012], [0, 26001, 7]])
    found = decode_instances(numbers, "x.png")
    # by rising number: road 7, persons 24, cars 26, cars 26000 and 26001, bicycle 33012
    np.testing.assert_array_equal(found.ids, [[1, 5, 4], [3, 0, 0], [0, 2, 6], [0, 5, 1]])
    assert found.categories == [0, 11, 13, 13, 13, 18]
    assert found.crowds == [False, True, True, False, False, False]


@pytest.mark.parametrize(
    "number,message",
    [
        (7001, "x.png: 7001 counts stuff"),
        (34, "x.png: 34 is of none of the labels 0 to 33"),
        (34000, "x.png: 34000 is of none of the labels"),
        (255, "255 is of none of .*; is this another map"),
    ],
)
def test_numbers_that_no_map_of_instances_has_are_refused(number, message):
    with pytest.raises(ManualFileError, match=message):
        decode_instances(np.array([[7, number]]), "x.png")


@pytest.mark.parametrize("place", ["", "cityscapes", "cityscape"])
def test_train_ids_and_label_ids_give_the_same(tmp_path, place):
    root = tmp_path / "sets"
    labels = tree(root / place)
    wanted = [["road", "car"], ["", "bicycle"]]
    draw_map(labels / f"{NAME}_gtFine_labelIds.png", np.array([[7, 26], [4, 33]], np.uint8))
    assert read(root, "cityscapes", "semantic")[0] == wanted
    ids = np.array([[0, 13], [255, 18]], np.uint8)
    draw_map(labels / f"{NAME}_gtFine_labelTrainIds.png", ids)
    (labels / f"{NAME}_gtFine_labelIds.png").unlink()
    assert read(root, "cityscapes", "semantic")[0] == wanted


def test_train_ids_may_have_been_made_for_some_photos_only(tmp_path):
    root = shutil.copytree(DUMMY, tmp_path / "sets")
    labels = root / "gtFine" / "val" / "lindau" / "lindau_000001_000019_gtFine_labelIds.png"
    table = np.where(label_id_table() < 0, 255, label_id_table()).astype(np.uint8)
    made = Image.fromarray(table[np.asarray(Image.open(labels))])
    made.save(str(labels).replace("labelIds", "labelTrainIds"))
    labels.unlink()
    assert records(root, tmp_path / "a", "semantic") == records(DUMMY, tmp_path / "b", "semantic")


def test_label_ids_and_train_ids_in_place_of_each_other_are_told(tmp_path):
    labels = tree(tmp_path / "sets")
    draw_map(labels / f"{NAME}_gtFine_labelIds.png", np.array([[0, 255]], np.uint8))
    with pytest.raises(DataError, match="label 255 .* should be label ids, 0 to 33; train ids"):
        read(tmp_path / "sets", "cityscapes", "semantic")
    draw_map(labels / f"{NAME}_gtFine_labelTrainIds.png", np.array([[7, 26]], np.uint8))
    with pytest.raises(DataError, match="label 26 is none of this set; .* should be train ids"):
        read(tmp_path / "sets", "cityscapes", "semantic")


@pytest.mark.parametrize("ending,ids", [("", (7, 26, 24)), ("_trainId", (0, 13, 11))])
def test_derived_panoptic_maps_with_label_ids_or_train_ids(tmp_path, ending, ids):
    root = tmp_path / "sets"
    tree(root)
    draw_derived(root, ending, ids)
    names, example = read(root, "cityscapes", "panoptic")
    assert names == WANTED
    assert example["crowds"].tolist() == [False, False, True]


def test_maps_of_instances_give_what_the_derived_maps_give(tmp_path):
    root = tmp_path / "sets"
    labels = tree(root)
    draw_instances(labels, [[7, 26001], [29, 24]])
    names, published = read(root, "cityscapes", "panoptic")
    assert names == WANTED
    draw_derived(root, "", (7, 26, 24))
    (labels / f"{NAME}_gtFine_instanceIds.png").unlink()
    derived = read(root, "cityscapes", "panoptic")[1]
    masks = [
        {
            (int(c), bool(crowd), (example["segment_ids"] == n).tobytes())
            for n, (c, crowd) in enumerate(
                zip(example["categories"], example["crowds"], strict=True), 1
            )
        }
        for example in (published, derived)
    ]
    assert masks[0] == masks[1] and len(masks[0]) == 3


def test_a_map_of_instances_of_8_bits_is_refused(tmp_path):
    draw_instances(tree(tmp_path / "sets"), [[7, 23]], np.uint8)
    with pytest.raises(DataError, match="instanceIds.png: has 8 bits, the set's labels have 16"):
        read(tmp_path / "sets", "cityscapes", "panoptic")


def test_missing_files_are_named(tmp_path):
    root = tmp_path / "sets"
    labels = tree(root)
    with pytest.raises(DataError, match=f"expected the file .*{NAME}_gtFine_labelIds.png or, made"):
        read(root, "cityscapes", "semantic")
    missing = f"expected the file .*{NAME}_gtFine_instanceIds.png, or cityscapes_panoptic_val.json"
    with pytest.raises(DataError, match=missing):
        read(root, "cityscapes", "panoptic")
    maps = draw_derived(root, "", (7, 26, 24))
    (maps / PANOPTIC).unlink()
    with pytest.raises(DataError, match=f"the panoptic map not found; .*{PANOPTIC}"):
        read(root, "cityscapes", "panoptic")
    shutil.rmtree(labels.parents[1])
    with pytest.raises(DataError, match="the label maps not found; expected the folder .*gtFine"):
        read(root, "cityscapes", "semantic")
    labels.parent.mkdir(parents=True)
    shutil.rmtree(root / "leftImg8bit" / "val" / "aachen")
    with pytest.raises(DataError, match="no photo found; expected files .*leftImg8bit/val"):
        read(root, "cityscapes", "semantic")


def test_photos_of_another_size_are_named(tmp_path):
    root = tmp_path / "sets"
    draw_instances(tree(root), [[7, 23]])
    photo = root / "leftImg8bit" / "val" / "aachen" / f"{NAME}_leftImg8bit.png"
    Image.new("RGB", (20, 30)).save(photo)
    with pytest.raises(DataError, match="leftImg8bit.png: the picture has 30 x 20 pixels"):
        read(root, "cityscapes", "panoptic")


def test_another_number_of_photos_is_told(tmp_path):
    with pytest.warns(UserWarning, match="cityscapes validation: found 2 photos, .* has 500"):
        records(DUMMY, tmp_path, "panoptic")


def records(root, place, config):
    """Builds the validation split; returns what each photo's segments are."""
    builder = cityscapes.Builder(config=config, data_dir=str(place))
    settings = tfds.download.DownloadConfig(manual_dir=str(root))
    builder.download_and_prepare(download_config=settings)
    found = tfds.as_numpy(builder.as_dataset(split="validation"))
    return {x["file_name"]: (x["categories"].tolist(), x["segment_ids"].tobytes()) for x in found}


def test_the_script_makes_the_dummy_data_that_is_checked_in(tmp_path):
    make_dummy_streets.main(tmp_path)
    for name in ("cityscapes", "mapillary"):
        checked_in = DUMMY.parent.parent / name
        files = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        assert len(files) == len([p for p in checked_in.glob("dummy*/**/*") if p.is_file()]) >= 15
        for path in files:
            twin = checked_in / path.relative_to(tmp_path / name)
            if path.suffix == ".png":
                np.testing.assert_array_equal(Image.open(path), Image.open(twin))
            elif path.suffix == ".json":
                assert path.read_text() == twin.read_text()

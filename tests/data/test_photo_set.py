"""The builder of a folder of photos with a manifest, and learning 64 real photos by heart."""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data.segments import stack_masks  # noqa: E402
from ovseg_jax.config import Config, DataConfig, EvaluationConfig  # noqa: E402
from ovseg_jax.config.experiment import located_evaluations  # noqa: E402
from ovseg_jax.inputs.batches import frame_views, photo_views  # noqa: E402
from ovseg_jax.inputs.datasets import DataError, decode, open_split  # noqa: E402
from ovseg_jax.inputs.labels import class_filter, named_classes  # noqa: E402
from ovseg_jax.inputs.stream import train_stream  # noqa: E402
from ovseg_jax.masks.rle import decode_rle  # noqa: E402
from ovseg_jax.training import sharding  # noqa: E402
from tests.data.photo_folder import (  # noqa: E402
    DOG,
    PERSON,
    SIZE,
    TOOTHBRUSH,
    Folder,
    rectangle,
)

ROOT = Path(__file__).parents[2]
REALSET = Path(os.environ.get("OVSEG_REALSET", ROOT.parent / "shared" / "realset"))
NAMES = [f"photo_{number}.png" for number in (7, 3, 11, 5, 2, 13, 1, 12, 9, 4, 10, 6)]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "photos")


@pytest.fixture
def scrambled(folder):
    """Twelve photos in an order that is neither by name nor by hash, another set in between."""
    for number, name in enumerate(NAMES):
        folder.instances(name, [rectangle(PERSON, 0, 0, 10 + number, 20)])
        folder.labels(f"other_{name}", "voc", np.zeros((8, 8), np.uint8))
    return folder.write()


def read(folder, config="coco128_instances", **fields):
    return [decode(record) for record in open_split(folder.config(config, **fields))]


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train[12:]", "holds no example"),
        ("train[:1%]", "holds no example"),
        ("train[5:3]", "holds no example"),
        ("train[:80", "Error parsing split"),
        ("test", "Unknown split 'test'"),
    ],
)
def test_a_split_without_photos_is_refused_with_those_that_there_are(scrambled, split, message):
    with pytest.raises(DataError) as caught:
        read(scrambled, split=split)
    assert str(caught.value).startswith(f"data.split: {split!r} of photo_set")
    assert message in str(caught.value)
    assert str(caught.value).endswith("; known: train (12 examples)")


def test_nothing_is_said_of_how_tfds_knows_a_folder(scrambled, caplog):
    read(scrambled)
    assert "custom data configuration" not in caplog.text


def test_a_slice_holds_the_first_photos_of_the_manifest(scrambled):
    whole, first = read(scrambled), read(scrambled, split="train[:5]")
    assert [example["file_name"] for example in whole] == [f"images/{name}" for name in NAMES]
    assert [example["file_name"] for example in first] == [f"images/{name}" for name in NAMES[:5]]
    assert [int((example["segment_ids"] == 1).sum()) for example in first] == [
        20 * height for height in range(10, 15)
    ]


def test_pixels_polygons_and_class_indices_are_those_of_the_files(folder):
    pixels = folder.instances(
        "a.png", [rectangle(TOOTHBRUSH, 3, 5, 13, 20), rectangle(DOG, 20, 0, 40, 60)]
    )
    example = read(folder.write())[0]
    expected = np.zeros(SIZE, int)
    expected[3:13, 5:20], expected[20:40] = 1, 2
    np.testing.assert_array_equal(example["image"], pixels)
    np.testing.assert_array_equal(example["segment_ids"], expected)
    assert example["categories"].tolist() == [TOOTHBRUSH[0], DOG[0]]


def test_the_smaller_of_overlapping_objects_lies_on_top_and_what_it_hides_is_kept(folder):
    folder.instances(
        "a.png",
        [
            rectangle(DOG, 5, 5, 10, 10),
            rectangle(PERSON, 0, 0, 40, 60, iscrowd=1),
            rectangle(PERSON, 0, 0, 20, 30),
            rectangle(TOOTHBRUSH, 5, 5, 10, 10, id=9),
        ],
    )
    example = read(folder.write())[0]
    assert example["categories"].tolist() == [DOG[0], PERSON[0], PERSON[0], TOOTHBRUSH[0]]
    assert example["crowds"].tolist() == [False, True, False, False]
    areas = np.bincount(example["segment_ids"].ravel(), minlength=5)
    assert areas.tolist() == [0, 0, 40 * 60 - 600, 600 - 25, 25]  # the dog lies under the brush
    whole = [decode_rle({"size": SIZE, "counts": x}).sum() if x else 0 for x in example["whole"]]
    assert whole == [25, 40 * 60, 600, 0]


def test_objects_of_many_parts_and_run_lengths_are_drawn(folder):
    two = rectangle(DOG, 0, 0, 4, 4)
    two["segmentation"] += rectangle(DOG, 10, 10, 14, 15)["segmentation"]
    runs = {"size": list(SIZE), "counts": [38 * 40, 80, 20 * 40]}  # columns 38 and 39
    folder.instances("a.png", [two, {"category_id": 1, "segmentation": runs}])
    ids = read(folder.write())[0]["segment_ids"]
    assert (ids == 1).sum() == 16 + 20 and ids[12, 12] == 1
    assert (ids[:, 38:40] == 2).all() and (ids == 2).sum() == 80


def test_a_photo_without_objects_is_kept(folder):
    folder.instances("a.png", [])
    example = read(folder.write())[0]
    assert len(example["categories"]) == 0 and not example["segment_ids"].any()
    found = stack_masks([], [], SIZE)
    assert found.ids.shape == SIZE and found.categories == []


def test_label_maps_become_one_segment_per_class(folder):
    folder.labels("v.png", "voc", np.asarray([[0, 255, 15], [20, 15, 255]], np.uint8))
    folder.labels("a.png", "ade150", np.asarray([[0, 1, 150], [150, 255, 3]], np.uint8))
    folder.write()
    voc, ade = read(folder, "voc")[0], read(folder, "ade150")[0]
    assert voc["categories"].tolist() == [0, 15, 20]
    np.testing.assert_array_equal(voc["segment_ids"], [[1, 0, 2], [3, 2, 0]])
    assert ade["categories"].tolist() == [0, 2, 149]
    np.testing.assert_array_equal(ade["segment_ids"], [[0, 1, 3], [3, 0, 2]])


def test_panoptic_maps_are_read_with_the_entrys_segments(folder):
    colors = np.zeros((4, 6, 3), np.uint8)
    colors[:2], colors[3] = (7, 0, 1), (0, 2, 0)
    segments = [{"id": 65543, "category_id": 200}, {"id": 512, "category_id": 1}]
    folder.labels("p.png", "coco_panoptic", colors, segments_info=segments)
    example = read(folder.write(), "coco_panoptic")[0]
    assert example["categories"].tolist() == [132, 0]
    np.testing.assert_array_equal(example["segment_ids"][:, 0], [1, 1, 0, 2])


def test_another_folder_and_a_changed_folder_get_records_of_their_own(folder, tmp_path):
    folder.instances("a.png", [rectangle(DOG, 0, 0, 10, 10)])
    other = Folder(tmp_path / "other")
    other.instances("a.png", [rectangle(PERSON, 0, 0, 10, 10)])
    assert read(folder.write())[0]["categories"].tolist() == [DOG[0]]
    assert read(other.write())[0]["categories"].tolist() == [PERSON[0]]
    other.objects[0]["category_id"] = TOOTHBRUSH[1]  # the manifest stays as it is
    assert read(other.write())[0]["categories"].tolist() == [TOOTHBRUSH[0]]
    other.instances("b.png", [])
    assert len(read(other.write())) == 2 and len(read(folder)) == 1
    assert len(list((tmp_path / "prepared" / "photo_set").glob("coco128*"))) == 4


def test_records_that_are_there_are_used_again(folder, tmp_path):
    folder.instances("a.png", [rectangle(DOG, 0, 0, 10, 10)])
    read(folder.write())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "prepared").rglob("*")}
    read(folder)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "prepared").rglob("*")}


def _broken(folder, damage):
    folder.instances("a.png", [rectangle(DOG, 0, 0, 10, 10)])
    entry, place = folder.entries[0], folder.place
    if damage == "size":
        entry["width"] = 61
        folder.images[0]["width"] = 61
    elif damage == "instances size":
        folder.images[0]["width"] = 61
    elif damage == "field":
        del entry["gt"]
    elif damage == "category":
        folder.objects[0]["category_id"] = 12
    elif damage == "shape":
        folder.objects[0]["segmentation"] = "round"
    elif damage == "unlisted":
        folder.images[0]["file_name"] = "b.png"
    elif damage == "set":
        entry["set"] = "mine"
    folder.write()
    {
        "manifest": (place / "manifest.json").unlink,
        "json": lambda: (place / "manifest.json").write_text("[{"),
        "no list": lambda: (place / "manifest.json").write_text("{}"),
        "image": (place / "images" / "a.png").unlink,
        "not an image": lambda: (place / "images" / "a.png").write_text("hello"),
        "gt": (place / "gt" / "instances.json").unlink,
        "not instances": lambda: (place / "gt" / "instances.json").write_text("[]"),
    }.get(damage, lambda: None)()
    return folder


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("manifest", "manifest of the photos not found; expected the file .*manifest.json"),
        ("json", "manifest.json: not valid JSON"),
        ("no list", "manifest.json: expected a list"),
        ("field", "manifest.json: entry 0: 'gt' should be of type str, found nothing"),
        ("set", "no photo of the set 'coco128_instances'; it has mine"),
        ("image", "picture not found; expected the file .*images/a.png"),
        ("not an image", "a.png: the picture cannot be read"),
        ("size", "a.png: the picture has 40 x 60 pixels, its annotation 40 x 61"),
        ("instances size", "a.png has 40 x 61 pixels there, in the manifest 40 x 60"),
        ("gt", "instance annotations not found; expected the file .*instances.json"),
        ("not instances", "instances.json: not a COCO instances file"),
        ("category", "annotations have category 12, which 'categories' does not list"),
        ("shape", "annotation 1: is neither RLE nor a list of polygons"),
        ("unlisted", "instances.json: lists no picture a.png"),
    ],
)
def test_what_is_missing_or_damaged_is_named(folder, damage, message):
    with pytest.raises(DataError, match=rf"data.root: {folder.place}: .*{message}"):
        read(_broken(folder, damage))


def test_a_label_map_of_another_size_is_named(folder):
    folder.labels("v.png", "voc", np.zeros((8, 8), np.uint8))
    Image.new("L", (9, 8)).save(folder.place / "gt" / "v.png")
    with pytest.raises(DataError, match="the annotation has 8 x 9 pixels, its photo 8 x 8"):
        read(folder.write(), "voc")


def test_no_root_and_an_unknown_config_are_named(folder):
    folder.instances("a.png", [])
    data = folder.write().config()
    with pytest.raises(DataError, match="data.root: not given: photo_set: no folder of"):
        open_split(dataclasses.replace(data, root=""))
    with pytest.raises(DataError, match="no config 'nothing'; known: coco128_instances, "):
        open_split(dataclasses.replace(data, config="nothing"))


# ---- what counts in training is what counts in evaluation -----------------------------------


@pytest.fixture
def mixed_sizes(folder):
    """Photos of 1000 pixels, portrait and landscape, with objects around 10 pixels."""
    for name, size in (("a.png", (20, 50)), ("b.png", (50, 20))):
        folder.instances(
            name,
            [
                rectangle(DOG, 0, 0, 3, 3),  # 9 pixels: just too small
                rectangle(PERSON, 10, 10, 15, 12),  # 10 pixels: just large enough
                rectangle(TOOTHBRUSH, 5, 0, 10, 10),
            ],
            size,
        )
    return folder.write()


def _labels(batch):
    """The classes of each photo's segments that own a pixel."""
    rows = zip(np.asarray(batch.segment_ids), np.asarray(batch.labels), strict=True)
    return [labels[np.unique(ids[ids > 0]) - 1].tolist() for ids, labels in rows]


def _streamed(data, kept=None):
    place = sharding.batch_sharding(sharding.make_mesh(build_config(data).mesh))
    stream = train_stream(data, 0, sharding=place, class_filter=kept)
    batch = next(stream)
    stream.close()
    return batch


def build_config(data):
    return Config(data=data)


@pytest.mark.parametrize("classes", [(), ("toothbrush", "dog")])
def test_training_and_evaluation_keep_the_same_segments(mixed_sizes, classes):
    data = mixed_sizes.config(
        image_size=(64, 64),
        batch_size=2,
        max_segments=4,
        scale=(1.0, 1.0),
        flip=False,
        pad_value=-1,
        min_area=0.01,
        shuffle=False,
        classes=classes,
    )
    kept = class_filter(data, named_classes(data.vocabulary))
    trained = _streamed(data, kept)
    (view,) = frame_views(data, class_filter=kept)
    expected = [TOOTHBRUSH[0]] if classes else [PERSON[0], TOOTHBRUSH[0]]
    assert _labels(trained) == _labels(view.truth) == [expected, expected]
    np.testing.assert_array_equal(trained.labels, view.truth.labels)
    np.testing.assert_array_equal(trained.sizes, view.truth.sizes)
    assert (np.asarray(trained.segment_ids) == view.truth.segment_ids).mean() > 0.99


def test_the_smallest_area_is_a_share_of_the_photo_whatever_the_frame(mixed_sizes):
    data = mixed_sizes.config(
        image_size=(64, 96), batch_size=2, max_segments=4, min_area=0.01, scale=(0.5, 0.5)
    )
    for labels in _labels(_streamed(data)):
        assert DOG[0] not in labels and TOOTHBRUSH[0] in labels
    inference = dataclasses.replace(Config().model.inference, short_side=32, long_side=64)
    for view in photo_views(data, inference):
        assert _labels(view.truth) == _labels(view.network) == [[PERSON[0], TOOTHBRUSH[0]]]


def test_evaluations_of_the_same_set_read_the_training_folder():
    def located(name, **fields):
        item = EvaluationConfig(data=DataConfig(name=name, **fields))
        config = Config(data=DataConfig(name="photo_set", root="here"), evaluations=(item,))
        return located_evaluations(config)[0].data.root

    assert located("photo_set") == "here"
    assert located("photo_set", root="there") == "there"
    assert located("toy_world") == ""


# ---- real photos --------------------------------------------------------------------------


def overfit_config():
    return importlib.import_module("configs.overfit").get_config()


def test_the_overfit_experiment_trains_everything_and_scores_what_it_trains():
    config = overfit_config()
    (evaluation,) = located_evaluations(config)
    assert config.optimizer.trainable == (".*",) and not config.init_from
    assert config.data.split == evaluation.data.split == "train[:64]"
    assert config.data.min_area == evaluation.data.min_area == 0.01
    assert config.model.clip.variant == "convnext_toy" and config.model.method.tune_text
    assert len(named_classes(evaluation.data.vocabulary)) == 80


@pytest.mark.slow
@pytest.mark.skipif(not (REALSET / "manifest.json").exists(), reason="real photos are not here")
def test_the_toy_model_learns_64_real_photos_by_heart(tmp_path):
    command = [sys.executable, "train.py", "configs/overfit.py", "--workdir", str(tmp_path / "run")]
    command += ["--data.root", str(REALSET), "--data.prepared", str(tmp_path / "prepared")]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=ROOT, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    (result,) = (tmp_path / "run" / "evaluations").glob("*.json")
    scores = json.loads(result.read_text())["scores"]
    assert scores["mask_accuracy/masks"] == 210
    assert scores["mask_accuracy/accuracy"] >= 0.9
    assert seconds < 15 * 60

"""The TFDS builder of LVIS v1, on dummy data in both layouts, up to scores."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data import make_dummy_lvis  # noqa: E402
from data.checks.examine import examine  # noqa: E402
from data.lvis import lvis_dataset_builder as lvis  # noqa: E402
from data.lvis.trees import MINIVAL, TRAIN  # noqa: E402
from data.lvis.trees import VALIDATION as LISTED  # noqa: E402
from data.make_dummy_lvis import CATEGORIES, VALIDATION  # noqa: E402
from ovseg_jax.config import DataConfig, InferenceConfig  # noqa: E402
from ovseg_jax.inputs.batches import frame_views, photo_views  # noqa: E402
from ovseg_jax.inputs.builders import DataError  # noqa: E402
from ovseg_jax.inputs.datasets import decode, open_split  # noqa: E402
from ovseg_jax.inputs.federated import class_frequencies  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*photos, the published set has")
DUMMY = Path(lvis.__file__).parent / "dummy_data"
NAMES = lvis.class_list("", "").names


class LvisTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = lvis.Builder
    SPLITS = {"train": 3, "validation": 3, "minival": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["full"]
    OVERLAPPING_SPLITS = ["minival"]


@pytest.fixture
def root(tmp_path):
    return Path(shutil.copytree(DUMMY, tmp_path / "coco"))


def section(root, **changes):
    fields = {"config": "validation", "split": "validation", "vocabulary": ""} | changes
    prepared = str(root.parent / "records")
    return DataConfig(name="lvis", root=str(root), prepared=prepared, image_size=(48, 64), **fields)


def records(root, **changes):
    return {x["file_name"]: x for x in map(decode, open_split(section(root, **changes)))}


def listed(root, name=LISTED):
    return json.loads((root / name).read_text())


def classes_of(ids):
    """Our class names, by LVIS's ids: ids count from 1 in the order of our list."""
    return {NAMES[number - 1] for number in ids}


def test_records_hold_objects_and_what_was_searched_for(root):
    found, content = records(root), listed(root)
    assert set(found) == {f"{name}.jpg" for name in VALIDATION}
    for image in content["images"]:
        record = found["/".join(image["coco_url"].split("/")[-2:])]
        own = [x["category_id"] for x in content["annotations"] if x["image_id"] == image["id"]]
        assert record["categories"].tolist() == [number - 1 for number in own]
        for field, key in (
            ("negatives", "neg_category_ids"),
            ("not_exhaustive", "not_exhaustive_category_ids"),
        ):
            assert {NAMES[x] for x in record[field]} == classes_of(image[key])
    assert any(len(record["not_exhaustive"]) for record in found.values())


def test_minival_is_what_lies_in_val2017_from_either_file(root):
    expected = {f"{name}.jpg" for name in VALIDATION if name.startswith("val2017")}
    assert set(records(root, split="minival")) == expected
    content = listed(root)
    content["images"] = [x for x in content["images"] if "val2017" in x["coco_url"]]
    ids = {x["id"] for x in content["images"]}
    content["annotations"] = [x for x in content["annotations"] if x["image_id"] in ids]
    for image in content["images"]:
        image["file_name"] = Path(image["coco_url"]).name
    (root / LISTED).unlink()
    (root / MINIVAL).write_text(json.dumps(content))
    shutil.rmtree(root / "train2017")
    assert set(records(root, config="minival", split="minival")) == expected


def test_detectron2s_layout_is_read_from_the_folder_above(root):
    (root.parent / "lvis").mkdir()
    for name in (TRAIN, LISTED):
        shutil.move(root / name, root.parent / "lvis" / name)
    above = root.parent
    assert len(records(above, config="full", split="train")) == 3
    assert not [x for x in examine("lvis", above).problems if x.fatal]


def test_frequencies_stay_with_the_records_and_follow_the_vocabulary(root, tmp_path):
    letters = class_frequencies(section(root))
    assert {NAMES[n]: letter for n, letter in enumerate(letters) if letter} == {
        NAMES[number - 1]: letter for number, (_, letter, _) in CATEGORIES.items()
    }
    shutil.rmtree(root)  # records are enough
    alone = dataclasses.replace(section(root), root="")
    assert class_frequencies(alone) == letters
    turned = root.parent / "turned.txt"
    turned.write_text("\n".join(reversed(NAMES)))
    backwards = dataclasses.replace(alone, vocabulary=str(turned))
    assert class_frequencies(backwards) == letters[::-1]
    assert class_frequencies(DataConfig(name="toy_world")) is None


def test_classes_follow_their_names_and_synonyms_not_their_ids(root):
    before = records(root)
    content = listed(root)
    for entry in content["categories"]:
        entry["id"] += 2000
    for item in content["annotations"]:
        item["category_id"] += 2000
    for image in content["images"]:
        for key in ("neg_category_ids", "not_exhaustive_category_ids"):
            image[key] = [number + 2000 for number in image[key]]
    (root / LISTED).write_text(json.dumps(content))
    shutil.rmtree(root.parent / "records")
    for name, record in records(root).items():
        for key in ("categories", "negatives", "not_exhaustive"):
            np.testing.assert_array_equal(record[key], before[name][key])


@pytest.mark.parametrize("views", ["frame", "photo"])
def test_views_carry_what_was_searched_for(root, views):
    data = section(root, batch_size=2)
    inference = InferenceConfig(short_side=48, long_side=64)
    made = frame_views(data) if views == "frame" else photo_views(data, inference)
    found = {}
    for view in made:
        for row, name in enumerate(view.names):
            found[name] = view.searched.negatives[row], view.searched.not_exhaustive[row]
    for name, record in records(root).items():
        kept = [[x for x in row.tolist() if x >= 0] for row in found[name]]
        assert kept == [record["negatives"].tolist(), record["not_exhaustive"].tolist()]


def test_a_configured_evaluation_scores_as_lvis_does(root):
    from ovseg_jax.config import EvaluationConfig
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.loading import build
    from ovseg_jax.loading.weights import load_weights

    model, params = load_weights("ovseg_jax/assets/toy/mask_adapter")
    data = section(root, batch_size=2, max_segments=8)
    item = EvaluationConfig(data=data, metrics=("instance",), names="matched")
    model = dataclasses.replace(model, templates="single")  # one prompt: the names are many
    suite = Suite(item, model, build.method(model))
    table, card = suite.run(params, "toy")
    assert 0.7 < table["instance/AP"] < 1.0  # the masks lack what lies hidden, the truth does not
    assert "instance/APf" in table
    assert "as of LVIS: the 300 best objects" in card.truth


def test_predictions_are_in_lviss_ids_and_score_again_to_the_last_digit(root, tmp_path):
    from ovseg_jax.config import EvaluationConfig
    from ovseg_jax.evaluation.predictions.rescoring import rescore
    from ovseg_jax.evaluation.predictions.stored import open_predictions
    from ovseg_jax.evaluation.report.files import ENDINGS, contents
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.loading import build
    from ovseg_jax.loading.weights import load_weights

    model, params = load_weights("ovseg_jax/assets/toy/mask_adapter")
    data = section(root, batch_size=2, max_segments=8)
    item = EvaluationConfig(name="lvis", data=data, metrics=("instance",), names="matched")
    model = dataclasses.replace(model, templates="single")
    suite = Suite(item, model, build.method(model))
    options = {"by_photo": True, "journal": tmp_path / "journal"}
    before = suite.score(params, "toy", predictions=lambda *_: None, **options)
    # Nothing is judged anew: all counts come from the journal.
    suite._pieces = lambda *_: iter(())
    resumed = suite.score(params, "toy", predictions=lambda *_: None, **options)
    (folder := tmp_path / "saved").mkdir()
    for ending, content in before.predictions.items():
        (folder / f"lvis{ending}").write_bytes(content)
    again = rescore(open_predictions(folder)[0])
    for ending in ENDINGS:
        assert contents(again, "a")[ending] == contents(before, "a")[ending]
        assert contents(resumed, "a")[ending] == contents(before, "a")[ending]
    assert resumed.predictions == before.predictions
    found = json.loads(before.predictions[".instances.json"])
    known = {x["id"]: x["coco_url"] for x in listed(root)["images"]}
    assert {x["image_id"] for x in found} == set(known)
    true = {(x["image_id"], x["category_id"]) for x in listed(root)["annotations"]}
    best = {(x["image_id"], x["category_id"]) for x in found if x["score"] > 0.5}
    assert best == true


def wrong(root, change):
    content = listed(root)
    change(content)
    (root / LISTED).write_text(json.dumps(content))
    with pytest.raises(DataError) as caught:
        records(root)
    assert LISTED in str(caught.value)
    return str(caught.value)


def test_files_that_say_too_little_are_refused(root):
    saved = (root / LISTED).read_text()

    def told(change):
        (root / LISTED).write_text(saved)
        return wrong(root, change)

    assert "neg_category_ids" in told(lambda x: x["images"][0].pop("neg_category_ids"))
    assert "not_exhaustive_category_ids" in told(
        lambda x: x["images"][1]["not_exhaustive_category_ids"].append(1204)
    )
    assert "'frequency'" in told(lambda x: x["categories"][0].pop("frequency"))
    assert "'height' and 'width'" in told(lambda x: x["images"][0].pop("width"))
    assert "warp core" in told(lambda x: x["categories"][0].update(name="warp core", synonyms=[]))
    assert "annotation 1" in told(lambda x: x["annotations"][0].update(segmentation=[[1, 2, 3, 4]]))


def test_missing_files_are_named(root):
    (root / "val2017" / "000000000285.jpg").unlink()
    with pytest.raises(DataError, match="val2017/000000000285.jpg"):
        records(root)
    (root / LISTED).unlink()
    with pytest.raises(DataError, match="lvis/lvis_v1_val.json"):
        records(root)


def test_check_finds_what_is_missing_and_takes_other_photos_of_coco_for_granted(root):
    Image.new("RGB", (5, 5)).save(root / "train2017" / "000000999999.jpg")
    assert not [x for x in examine("lvis", root).problems if x.fatal]
    (root / "val2017" / "000000000285.jpg").unlink()
    (root / TRAIN).unlink()
    told = [x for x in examine("lvis", root).problems if x.fatal]
    assert {"000000000285"} <= {x.file for x in told}
    assert any("lvis/lvis_v1_train.json" in f"{x.file} {x.text}" for x in told)


def test_the_script_makes_the_dummy_data_that_is_checked_in(tmp_path):
    make_dummy_lvis.main(tmp_path)
    for name in ("lvis", "coco_captions"):
        kept = DUMMY.parent.parent / name / "dummy_data"
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        assert len(files) == len([x for x in kept.rglob("*") if x.is_file()]) >= 8
        for path in files:
            twin = kept / path.relative_to(tmp_path / name / "dummy_data")
            assert path.suffix == ".jpg" or path.read_text() == twin.read_text()

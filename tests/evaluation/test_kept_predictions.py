"""Predictions on disk: in the forms of COCO, and scored again without a model."""

import contextlib
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.main import main
from ovseg_jax.cli.scoring import check_same_records
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.evaluation.predictions.keeping import Keeper
from ovseg_jax.evaluation.predictions.rescoring import rescore
from ovseg_jax.evaluation.predictions.stored import open_predictions
from ovseg_jax.evaluation.report.files import ENDINGS, contents
from ovseg_jax.foundation.errors import OperandError, OvsegError, OvsegWarning
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.masks import id_pictures as pictures
from ovseg_jax.vocabulary.classes import load_preset, read_words
from ovseg_jax.vocabulary.published_ids import category_ids, image_id

METRICS = ("semantic", "panoptic", "instance")


@pytest.fixture(scope="module")
def saved(scenes, tmp_path_factory):
    """Predictions of one evaluation by photo and one in frames, and what scoring found."""
    make, params = scenes
    folder, results = tmp_path_factory.mktemp("saved"), {}

    def write(name, content):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)

    for protocol in ("photo", "frame"):
        suite = make(metrics=METRICS, protocol=protocol, name=protocol)
        result = suite.score(params, "toy", by_photo=True, predictions=write)
        for ending, content in result.predictions.items():
            write(f"{protocol}{ending}", content)
        results[protocol] = result
    return folder, results


def test_scores_come_again_to_the_last_digit(saved):
    folder, results = saved
    stored = open_predictions(folder)
    assert sorted(one.config.name for one in stored) == ["frame", "photo"]
    for one in stored:
        again, before = (contents(x, "a") for x in (rescore(one), results[one.config.name]))
        for ending in ENDINGS:
            assert again[ending] == before[ending], ending


def test_pycocotools_reads_the_instances(saved):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    folder, results = saved
    head = json.loads((folder / "photo.predictions.json").read_text())
    truth = COCO()
    boxes = [
        {"id": n, "image_id": x["id"], "category_id": head["categories"][0]["id"], "iscrowd": 0}
        for n, x in enumerate(head["images"], start=1)
    ]
    whole = {"segmentation": [[0, 0, 96, 0, 96, 96, 0, 96]], "area": 9216, "bbox": [0, 0, 96, 96]}
    truth.dataset = {
        "images": head["images"],
        "categories": head["categories"],
        "annotations": [box | whole for box in boxes],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes(str(folder / "photo.instances.json"))
        COCOeval(truth, found, "segm").evaluate()
    assert len(found.getAnnIds()) > 6
    known = {entry["id"] for entry in head["categories"]}
    assert {item["category_id"] for item in found.dataset["annotations"]} <= known


def test_panoptic_pictures_hold_the_listed_segments(saved):
    """Read as panopticapi reads them: red + 256 green + 65536 blue, every id listed and used."""
    folder, _ = saved
    content = json.loads((folder / "photo.panoptic.json").read_text())
    assert {x["id"] for x in content["images"]} == {x["image_id"] for x in content["annotations"]}
    for entry in content["annotations"]:
        colours = np.array(Image.open(folder / "photo.panoptic" / entry["file_name"]), np.uint32)
        ids = colours[:, :, 0] + 256 * colours[:, :, 1] + 65536 * colours[:, :, 2]
        areas = {n: int((ids == n).sum()) for n in np.unique(ids).tolist() if n}
        assert areas == {x["id"]: x["area"] for x in entry["segments_info"]}
    assert sum(len(x["segments_info"]) for x in content["annotations"]) > 6


def test_semantic_pictures_are_explained(saved):
    folder, _ = saved
    content = json.loads((folder / "photo.semantic.json").read_text())
    known = {entry["id"] for entry in content["categories"]} | {content["none"]}
    files = sorted((folder / "photo.semantic").glob("*.png"))
    assert len(files) == 6
    assert set().union(*(np.unique(Image.open(file)).tolist() for file in files)) <= known


def test_ids_are_those_of_the_publisher():
    assert category_ids(load_preset("coco_things80"))[-1] == 90
    assert category_ids(read_words("cat; dog")) == (1, 2)
    assert image_id("val2017/000000000139.jpg") == 139
    assert image_id("COCO_val2014_000000000042.jpg") == 42
    assert (
        image_id("frankfurt/frankfurt_000000_000294_leftImg8bit.png") == "frankfurt_000000_000294"
    )
    assert image_id("ADE_val_00000001.jpg") == "ADE_val_00000001"


@pytest.mark.parametrize("ids", [(1, 2, 90), (0, 5, 254), (0, 255), (3, 40000)])
def test_label_maps_come_back(ids):
    labels = np.arange(-1, len(ids))[None].repeat(3, 0)
    content = pictures.classes_png(labels, ids)
    np.testing.assert_array_equal(pictures.read_classes(content, ids), labels)
    large = np.array([[0, 255, 256, 65536, 2**24 - 1]])
    np.testing.assert_array_equal(pictures.read_segments(pictures.segments_png(large)), large)


def edited(saved, folder, ending, edit):
    """A copy of the predictions by photo, with one list changed."""
    shutil.copytree(saved[0], folder)
    (folder / "frame.predictions.json").unlink()
    file = folder / f"photo{ending}"
    content = json.loads(file.read_text())
    edit(content)
    file.write_text(json.dumps(content))
    return folder


def first(**fields):
    return lambda content: content[0].update(fields)


WRONG_LISTS = {
    "category": (
        ".instances.json",
        first(category_id=999),
        "'category_id' is 999, which is none of",
    ),
    "no score": (".instances.json", lambda c: c[0].pop("score"), "result 0: lacks 'score'"),
    "NaN": (".instances.json", first(score=float("nan")), r"instances\.json.*NaN"),
    "boxes": (".instances.json", lambda c: c[0].pop("segmentation"), "lacks 'segmentation', COCO"),
    "outlines": (".instances.json", first(segmentation=[[0, 0, 5, 5, 5, 0]]), "is of type list"),
    "photo": (
        ".instances.json",
        lambda c: c[0].update(image_id=f"{c[0]['image_id']}.jpg"),
        r"photos that are not scored: .*\.jpg'; their ids are such as",
    ),
    "no list": (".panoptic.json", lambda c: c.pop("annotations"), "no list 'annotations'"),
    "lost photo": (".panoptic.json", lambda c: c["annotations"].pop(), "lacks the photos"),
    "lost segments": (
        ".panoptic.json",
        lambda c: [entry.update(segments_info=[]) for entry in c["annotations"]],
        r"\.png: has segments .*, which photo.panoptic.json lacks",
    ),
    "fewer photos": (
        ".predictions.json",
        lambda c: c.update(images=c["images"][1:]),
        "photos that are not scored|lists no prediction for the photos",
    ),
    "more photos": (
        ".predictions.json",
        lambda c: c["images"].append(c["images"][0] | {"file_name": "other.png", "id": "other"}),
        "lacks the photos 'other'|does not have: other.png",
    ),
}


@pytest.mark.parametrize("case", WRONG_LISTS)
def test_lists_by_others_are_held_to_their_form(saved, tmp_path, case):
    ending, edit, message = WRONG_LISTS[case]
    folder = edited(saved, tmp_path / "copy", ending, edit)
    with pytest.raises(OvsegError, match=message):
        rescore(open_predictions(folder)[0])


def test_results_of_other_records_are_not_replaced(saved, tmp_path):
    """By name, weights and photos alone two sets with other labels could not be told apart."""
    config, card = open_predictions(saved[0])[1].config, saved[1]["photo"].card
    for records, is_other in ((card.records, False), ("", False), ("0123456789abcdef", True)):
        content = {"scores": {}, "protocol": {"records": records}}
        (tmp_path / "photo.json").write_text(json.dumps(content))
        if is_other:
            with pytest.raises(OutputError, match="of other photos or labels .* --overwrite"):
                check_same_records(tmp_path, [config])
        else:
            check_same_records(tmp_path, [config])


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((96, 96), 200, np.uint8), "holds the values 200, which are no category; for none"),
        (np.zeros((96, 96, 3), np.uint8), "is a picture in colours; give grey values"),
    ],
)
def test_label_maps_by_others_hold_known_values(saved, tmp_path, pixels, message):
    shutil.copytree(saved[0], folder := tmp_path / "copy")
    (folder / "frame.predictions.json").unlink()
    file = min((folder / "photo.semantic").iterdir())
    Image.fromarray(pixels).save(file)
    with pytest.raises(OperandError, match=f"{file.name}: {message}"):
        rescore(open_predictions(folder)[0])


def test_answers_by_others_do_not_go_under_the_models_name(saved, tmp_path):
    folder = edited(saved, tmp_path / "copy", ".instances.json", first(score=0.123))
    with pytest.warns(OvsegWarning, match="predictions of others: photo.instances.json"):
        card = rescore(open_predictions(folder)[0]).card
    before = saved[1]["photo"].card
    assert (card.method, card.weights) == ("predictions of others",) * 2
    assert (card.records, card.dataset) == (before.records, before.dataset) and card.records


def test_predictions_of_other_photos_are_refused(saved, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(saved[0], folder)
    (folder / "frame.predictions.json").unlink()
    file = min((folder / "photo.semantic").iterdir())
    Image.fromarray(np.zeros((5, 7), np.uint8)).save(file)
    with pytest.raises(OperandError, match=f"{file.stem}.*7 x 5 pixels.*128 x 128"):
        rescore(open_predictions(folder)[0])
    file.unlink()
    with pytest.raises(OperandError, match=f"{file.name}: the prediction cannot be read"):
        rescore(open_predictions(folder)[0])
    (folder / "photo.predictions.json").write_text('{"format": 1}')
    with pytest.raises(OperandError, match="are damaged"):
        open_predictions(folder)
    with pytest.raises(OperandError, match="--save-predictions"):
        open_predictions(tmp_path)


def test_the_command_writes_the_files_again(saved, tmp_path, capsys):
    folder, results = saved
    file, out = folder / "photo.predictions.json", tmp_path / "again"
    assert main(["rescore", str(file), "--out", str(out)]) == 0
    assert "semantic" in capsys.readouterr().out
    assert (out / "photo.json").read_bytes() == contents(results["photo"], "photo")[".json"]


def test_two_photos_of_one_name_are_told_when_the_second_comes():
    keeper = Keeper("scenes", named_classes("toy_world48"), lambda *_: None)
    assert keeper.keep(["a/1.jpg"], [(4, 6)], {})[0]["file_name"] == "a/1.jpg"
    assert keeper.keep(["a/1.jpg"], [(4, 6)], {})  # the same photo, after a kill
    with pytest.raises(OperandError, match="one name: a/1.jpg, b/1.png; rename"):
        keeper.keep(["b/1.png"], [(4, 6)], {})

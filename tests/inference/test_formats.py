"""Answers in the formats of other tools: complete, exact, and read back by our own readers."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image
from pycocotools.coco import COCO

from ovseg_jax.cli.main import main
from ovseg_jax.disk.outputs import OutputError, OutputFolder, written_names
from ovseg_jax.inference.formats.folder import opened, reformat
from ovseg_jax.inference.formats.table import NAMES, TABLE, FormatError
from ovseg_jax.masks.read import MaskFiles
from ovseg_jax.vocabulary.classes import load_preset, read_words
from tests.inference.answers import HEIGHT, WIDTH, answer, shapes
from tests.inference.tiny_model import photo

PLACES = {
    "coco": "coco/annotations.json",
    "labelme": "labelme/{}.json",
    "yolo_seg": "yolo_seg/labels/{}.txt",
    "cvat": "cvat/annotations.xml",
    "label_studio": "label_studio/tasks.json",
    "geojson": "geojson/{}.geojson",
}
ODD = "ü &<\"'> b.png"


@pytest.fixture
def folder(tmp_path):
    """Answers for photos of equal names, of an odd name, without segments, and for pixels alone."""
    results = {}
    for number, place in enumerate(("x/a.jpg", "y/a.jpg", f"x/{ODD}", "none.jpg")):
        file = tmp_path / "photos" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo(HEIGHT, WIDTH, seed=number)).save(file)
        masks = shapes()[: 0 if place == "none.jpg" else 4]
        results[place.replace("/", "_")[:3]] = answer(masks, photo=file.name, photo_file=file)
    results["pixels"] = answer(photo="")
    for stem, result in results.items():
        result.save(tmp_path / "out", stem)
    return tmp_path / "out"


def entries(path, photo):
    """Masks and names of a file, whatever their order."""
    found = MaskFiles(path).read(photo, HEIGHT, WIDTH)
    names = found.names or ("",) * len(found.masks)
    return sorted((mask.tobytes(), name) for mask, name in zip(found.masks, names, strict=True))


@pytest.mark.parametrize("format", PLACES)
def test_masks_and_names_come_back_exactly(folder, format):
    reformat(folder, format)
    photos = folder.parent / "photos"
    places = {"x_a": "x/a.jpg", "y_a": "y/a.jpg", "x_ü": f"x/{ODD}", "non": "none.jpg"}
    for stem, place in places.items():
        found = entries(folder / PLACES[format].format(stem), (photos / place).absolute())
        assert found == entries(folder / f"{stem}.json", (photos / place).absolute())
        assert len(found) == (0 if stem == "non" else 4)


def test_panoptic_pictures_show_the_most_certain_on_top(folder):
    reformat(folder, "coco_panoptic")
    content = json.loads((folder / "coco_panoptic" / "panoptic.json").read_text())
    pictures = folder / "coco_panoptic" / "panoptic"
    assert len(content["annotations"]) == len(content["images"]) == 5
    for item in content["annotations"]:
        colours = np.asarray(Image.open(pictures / item["file_name"])).astype(int)
        ids = colours @ [1, 256, 256**2]
        listed = {s["id"]: s["area"] for s in item["segments_info"]}
        values, areas = np.unique(ids[ids > 0], return_counts=True)
        assert listed == dict(zip(values.tolist(), areas.tolist(), strict=True))
    x_a = next(a for a in content["annotations"] if a["file_name"] == "x_a.png")
    ids = np.asarray(Image.open(pictures / "x_a.png")).astype(int)[..., 0]
    np.testing.assert_array_equal(ids == 1, shapes()[0])
    np.testing.assert_array_equal(ids, answer().prediction.segment_ids)
    assert [s["category_id"] for s in x_a["segments_info"]] == [1, 2, 3, 2]
    place = (folder.parent / "photos" / "y" / "a.jpg").absolute()
    assert len(entries(folder / "coco_panoptic" / "panoptic.json", place)) == 4


def test_a_segment_of_which_nothing_is_seen_is_in_no_panoptic_picture(tmp_path):
    masks = shapes()[[0, 0]]
    answer(masks, (0, 1), (0.5, 0.9)).save(tmp_path)
    reformat(tmp_path, "coco_panoptic")
    content = json.loads((tmp_path / "coco_panoptic" / "panoptic.json").read_text())
    assert [s["id"] for s in content["annotations"][0]["segments_info"]] == [2]


def test_pycocotools_reads_what_coco_says(folder):
    reformat(folder, "coco")
    coco = COCO(folder / "coco" / "annotations.json")
    names = {image["file_name"]: number for number, image in coco.imgs.items()}
    assert set(names) == {"x/a.jpg", "y/a.jpg", f"x/{ODD}", "none.jpg", "pixels"}
    assert sorted(names.values()) == [1, 2, 3, 4, 5]
    found = coco.loadAnns(coco.getAnnIds(imgIds=names["y/a.jpg"]))
    for item, mask in zip(found, shapes(), strict=True):
        np.testing.assert_array_equal(coco.annToMask(item), mask)
        left, top, width, height = item["bbox"]
        inside = np.zeros_like(mask)
        inside[top : top + height, left : left + width] = True
        assert not (mask & ~inside).any() and item["area"] == mask.sum()
    assert coco.loadCats([2])[0]["name"] == "<b> & \"q\": 'x'"
    assert len(coco.loadRes(list(coco.anns.values())).anns) == 16


def test_published_lists_keep_their_ids_and_photos_of_coco_their_numbers(tmp_path):
    preset = load_preset("coco_panoptic133")
    last = len(preset) - 1
    for number in (139, 285):
        name = f"{number:012d}.jpg"
        result = answer(shapes()[:2], (79, last), words=preset, photo=name)
        result.save(tmp_path, Path(name).stem)
    one = result.to_coco()
    assert [a["category_id"] for a in one["annotations"]] == [90, 200]
    assert [c["isthing"] for c in one["categories"]][78:81] == [1, 1, 0]
    reformat(tmp_path, ["coco"])
    content = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert {a["category_id"] for a in content["annotations"]} == {90, 200}
    assert content["categories"] == one["categories"]


def test_labelme_gets_polygons_it_can_edit_and_pictures_of_masks_with_holes(folder):
    reformat(folder, "labelme")
    content = json.loads((folder / "labelme" / "y_a.json").read_text())
    place = folder / "labelme" / content["imagePath"]
    assert place.resolve() == (folder.parent / "photos" / "y" / "a.jpg").resolve()
    kinds = [(s["shape_type"], s["group_id"]) for s in content["shapes"]]
    assert kinds[:4] == [("mask", None), ("polygon", None), ("polygon", 3), ("polygon", 3)]
    assert {"version", "flags", "imageData", "imageHeight", "imageWidth"} < set(content)
    assert content["shapes"][1]["points"] == [[3, 2], [4, 2], [4, 3], [3, 3]]
    assert content["shapes"][0]["description"] == "score 0.9000"


def test_yolo_has_one_line_per_mask_and_names_of_every_kind(folder):
    reformat(folder, "yolo_seg")
    lines = (folder / "yolo_seg" / "labels" / "x_a.txt").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "1"]
    assert all(len(line.split()) % 2 for line in lines)
    values = np.array([float(v) for line in lines for v in line.split()[1:]])
    assert values.min() >= 0 and values.max() <= 1
    names = yaml.safe_load((folder / "yolo_seg" / "data.yaml").read_text())["names"]
    assert names == {0: "cat", 1: "<b> & \"q\": 'x'", 2: "球"}
    assert not (folder / "yolo_seg" / "labels" / "non.txt").read_text()


def test_cvat_and_label_studio_know_labels_and_sizes(folder):
    reformat(folder, ["cvat", "label_studio"])
    root = ElementTree.parse(folder / "cvat" / "annotations.xml").getroot()
    labels = [label.findtext("name") for label in root.iter("label")]
    assert labels == ["cat", "<b> & \"q\": 'x'", "球"]
    image = root.findall("image")[1]
    assert (image.get("width"), image.get("height")) == (str(WIDTH), str(HEIGHT))
    tasks = json.loads((folder / "label_studio" / "tasks.json").read_text())
    assert len(tasks) == 5
    config = ElementTree.parse(folder / "label_studio" / "labels.xml").getroot()
    assert [label.get("value") for label in config.iter("Label")] == labels
    names = {element.get("name") for element in config}
    results = [r for task in tasks for r in task["predictions"][0]["result"]]
    assert {r["from_name"] for r in results} | {r["to_name"] for r in results} == names
    assert tasks[0]["data"]["image"].startswith("/data/local-files/?d=")


def test_names_that_no_xml_and_no_text_can_hold(tmp_path):
    words = read_words(["bell\x07", "b"])
    answer(shapes()[:1], (0,), words=words, photo="a\udcff.jpg").save(tmp_path, "a")
    reformat(tmp_path, NAMES)
    root = ElementTree.parse(tmp_path / "cvat" / "annotations.xml").getroot()
    assert root.find("image/mask").get("label") == r"bell\x07"


def test_every_format_writes_what_the_table_says(folder):
    for row in TABLE:
        files = reformat(folder, row.name)
        named = {name.split("/")[-1] for name in row.files.split(", ") if "PHOTO" not in name}
        assert named == {name.split("/")[-1] for name in opened(row.name).folder_names}
        assert all((folder / row.name) in path.parents for path in files)
    names = written_names(folder)
    assert {name.split("/")[0] for name in names if "/" in name} == set(NAMES)


def test_the_command_writes_several_formats(folder, capsys):
    assert main(["reformat", str(folder), "--format", "coco,labelme", "--format", "cvat"]) == 0
    printed = capsys.readouterr().out
    assert "5 files -> " in printed and "1 file -> " in printed
    with pytest.raises(SystemExit):
        main(["reformat", str(folder), "--format", "voc"])
    assert "there is no format 'voc'; choose of coco" in capsys.readouterr().err


def test_files_that_were_changed_by_hand_stay(folder):
    reformat(folder, ["labelme", "coco"])
    for name in ("labelme/x_a.json", "coco/annotations.json"):
        kept = (folder / name).read_bytes()
        (folder / name).write_text("corrected by hand")
        with pytest.raises(OutputError, match="was altered"):
            reformat(folder, ["coco", "labelme"])
        reformat(folder, ["coco", "labelme"], overwrite=True)
        assert (folder / name).read_bytes() == kept


def test_folder_and_photos_may_move_together(folder):
    reformat(folder, ["labelme", "coco"])
    before = (folder / "labelme" / "x_a.json").read_bytes()
    moved = folder.parents[1] / f"{folder.parent.name}_moved"
    shutil.move(folder.parent, moved)
    reformat(moved / "out", ["labelme", "coco"])
    assert (moved / "out" / "labelme" / "x_a.json").read_bytes() == before


def test_answers_to_different_words_do_not_go_into_one_file(folder):
    answer(shapes()[:1], (0,), words="dog", photo="z.jpg").save(folder, "zz")
    reformat(folder, "labelme")
    with pytest.raises(FormatError, match=r"zz\.json answer different words"):
        reformat(folder, "coco")
    assert not (folder / "coco" / "annotations.json").exists()


def test_what_is_no_answer_is_named(tmp_path, folder):
    with pytest.raises(FormatError, match="holds no answers"):
        reformat(tmp_path / "nothing", "coco")
    with pytest.raises(FormatError, match="no format 'voc'"):
        reformat(folder, "voc")
    record = json.loads((folder / "x_a.json").read_text())
    record["segments"][0]["area"] += 1
    (folder / "x_a.json").write_text(json.dumps(record))
    with pytest.raises(FormatError, match=r"x_a\.json segments\[0\]: covers \d+ pixels"):
        reformat(folder, "geojson")
    (folder / "x_a.json").write_text("{}")
    with pytest.raises(FormatError, match=r"x_a\.json: is not as ovseg wrote it \(KeyError"):
        reformat(folder, "coco")
    (folder / "x_a.json").write_text("[")
    with pytest.raises(FormatError, match="x_a.json cannot be read"):
        reformat(folder, "coco")


def test_records_of_older_versions_count_classes_from_one(folder):
    for labels in folder.glob("*_labels.png"):
        path = folder / f"{labels.stem.removesuffix('_labels')}.json"
        record = json.loads(path.read_text())
        del record["categories"]
        path.write_text(json.dumps(record))
    reformat(folder, "coco")
    content = json.loads((folder / "coco" / "annotations.json").read_text())
    assert [c["id"] for c in content["categories"]] == [1, 2, 3]


def test_results_of_other_commands_are_no_answers(folder):
    other = OutputFolder(folder)
    other.write("notes.json", lambda file: file.write(b"{}"))
    reformat(folder, "coco")
    assert len(json.loads((folder / "coco" / "annotations.json").read_text())["images"]) == 5

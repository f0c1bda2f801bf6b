"""Class files: every form that people have is understood, or refused with the line at fault."""

import codecs
import importlib.resources
import json
import warnings

import pytest

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.vocabulary.class_files import read_class_file
from ovseg_jax.vocabulary.classes import (
    VocabularyError,
    load_class_file,
    load_preset,
)


@pytest.fixture
def read(tmp_path):
    """Writes a file; returns the synonyms of its classes and how it was understood."""

    def write_and_read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        with warnings.catch_warnings():
            warnings.simplefilter("error", OvsegWarning)
            classes, remarks = read_class_file(path)
        return [entry.synonyms for entry in classes.classes], "; ".join(remarks)

    return write_and_read


CAT_SOFA = [("cat",), ("sofa",)]


@pytest.mark.parametrize(
    "name,content",
    [
        ("names.txt", "# my classes\n\ncat\n  // more\nsofa  # the red one\n"),
        ("names.txt", "- cat\n- sofa\n"),
        ("names.txt", "0 cat\n1 sofa\n"),
        ("names.txt", "1. cat\r\n2. sofa\r\n"),
        ("names.txt", "id,name\n1,cat\n2,sofa\n"),
        ("names.txt", "1,cat\n2,sofa\n"),
        ("labels.txt", "__ignore__\n_background_\ncat\nsofa\n"),
        ("names.txt", "path: ../x\nnames:\n  0: cat\n  1: sofa\n"),
        ("names.csv", "id,name\n1,cat\n2,sofa\n"),
        ("names.csv", "Class Name\ncat\nsofa\n"),
        ("names.csv", "id;name\n2;sofa\n1;cat\n"),
        ("names.csv", "# of the museum\nname,colour\ncat,red\nsofa,blue\n"),
        ("names.tsv", "id\tname\n2\tsofa\n1\tcat\n"),
        ("data.yaml", "path: ../x\ntrain: a, b\nnc: 2\nnames:\n  0: cat\n  1: sofa\n"),
        ("data.yml", "names: ['cat', sofa]\n"),
        ("coco.json", '{"images": [], "categories": [{"id": 9, "name": "sofa"}, '
         '{"id": 4, "name": "cat", "supercategory": "animal"}]}'),
        ("names.json", '{"id2label": {"0": "cat", "1": "sofa"}}'),
        ("names.json", '{"sofa": 1, "cat": 0}'),
    ],
)  # fmt: skip
def test_what_is_no_class_is_left_out_and_said(read, name, content):
    found, remarks = read(name, content)
    assert found == CAT_SOFA
    assert remarks or name == "names.json"


@pytest.mark.parametrize(
    "name,content",
    [
        ("names.txt", "cat\nsofa\n"),
        ("names.txt", "cat\rsofa"),
        ("names.yaml", "- cat\n- sofa\n"),
        ("names.json", '{"0": "cat", "1": "sofa"}'),
        ("names.txt", codecs.BOM_UTF8 + b"cat\nsofa\n"),
        ("names.txt", "cat\r\nsofa\r\n".encode("utf-16")),
        ("names.txt", codecs.BOM_UTF16_BE + "cat\nsofa\n".encode("utf-16-be")),
        ("names.txt", "cat\nsofa".encode("utf-32")),
    ],
)
def test_plain_files_need_no_remark(read, name, content):
    assert read(name, content) == (CAT_SOFA, "")


def test_names_stay_names(read):
    found, _ = read("names.txt", "player #1\n2 liter bottle\nC#\n3 ring binder\n")
    assert found == [("player #1",), ("2 liter bottle",), ("C#",), ("3 ring binder",)]
    assert read("data.yaml", "names: [no, 'yes', 7]\n")[0] == [("no",), ("yes",), ("7",)]
    assert read("names.csv", 'id,name\n1,"cat, kitten"\n')[0] == [("cat", "kitten")]
    assert read("names.json", '{"cat": ["kitten"], "sofa": []}')[0] == [
        ("cat", "kitten"),
        ("sofa",),
    ]


def test_things_of_coco_panoptic_are_known(tmp_path):
    path = tmp_path / "panoptic.json"
    entries = [{"id": 1, "name": "cat", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}]
    path.write_text(json.dumps({"categories": entries}))
    loaded = load_class_file(path)
    assert loaded.thing_mask.tolist() == [True, False]
    assert [entry.original_id for entry in loaded.classes] == [1, 2]


@pytest.mark.parametrize("name", ["data.yaml", "names.json"])
def test_gaps_between_indices_are_warned_of(tmp_path, name):
    path = tmp_path / name
    path.write_text('{"names": {"5": "sofa", "0": "cat"}}')
    with pytest.warns(OvsegWarning, match="ids 0 to 5 have gaps"):
        assert load_class_file(path).names == ("cat", "sofa")


def test_one_line_of_commas_is_doubted(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("person, car, dog\n")
    with pytest.warns(OvsegWarning, match="names.txt: 1 class: person .also car, dog."):
        load_class_file(path)


def test_two_classes_of_the_same_names_are_warned_of(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("3:rug,mat\n7:Mat,rug\n9:carpet,rug\n")
    with pytest.warns(OvsegWarning, match="line 1 and line 2 have the same names"):
        load_class_file(path)


@pytest.mark.parametrize(
    "name,content,message",
    [
        ("a.txt", "cat\nCLASSES = ('dog', 'cow')\n", "line 2: .* is no name: it has signs"),
        ("a.txt", "'cat',\n'dog',\n", "line 1: .* quotes around it"),
        ("a.txt", "cat\nperson: human\n", "line 2: .* a colon"),
        ("a.txt", "0: cat\n\ndog\n", "line 3: 'dog' has no id"),
        ("a.txt", "1: cat\n1: dog\n", "id 1 stands in line 1 and in line 2"),
        ("a.txt", "cat\n\n# x\ncat\n", "'cat' stands in line 1 .* and in line 4"),
        ("a.txt", "<names>cat</names>", "looks like XML"),
        ("a.txt", "cat\nH\u00fcndchen".encode("latin-1"), "line 2 is not UTF-8 .byte 5, 0xfc."),
        ("a.txt", "cat\ndog".encode("utf-16-le"), "line 1 holds a zero byte"),
        ("a.csv", "id,name\n1,cat, kitten\n", "line 2: 3 cells under 2 headings"),
        ("a.csv", "id,name\n1,cat\n2,\n", "line 3: no name in column 'name'"),
        ("a.csv", "id,name\n7,cat\n7,dog\n", "id 7 stands in line 2 and in line 3"),
        ("a.csv", "Object;Count\ncat;3\n", "line 1: the columns are 'Object', 'Count'"),
        ("a.csv", "id,name\n", "the vocabulary is empty"),
        ("a.yaml", "names: [cat\n", "not valid YAML.*line 2"),
        ("a.yaml", "path: x\ntrain: y\n", "found an object with 'path', 'train'"),
        ("a.yaml", "nc: 3\nnames: [cat, dog]\n", "'nc' says 3 classes, but 2"),
        ("a.yaml", "names:\n  0: cat\n  0: dog\n", "'0' stands twice"),
        ("a.yaml", "names: !!python/object/apply:os.getcwd []\n", "asks for an object"),
        ("a.json", '{"0": "cat", "0": "dog"}', "'0' stands twice"),
        ("a.json", '{"a": "b", "version": "1"}', "classes are looked for under"),
        ("a.json", '["cat; dog"]', "class 1: 'cat; dog' holds ';'"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.yaml", "[" * 5_000, "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused_with_its_line(read, name, content, message):
    with pytest.raises(VocabularyError, match=f"{name}: .*{message}"):
        read(name, content)


def test_a_small_file_that_unfolds_to_a_huge_one_costs_nothing(read):
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40))]
    with pytest.raises(VocabularyError) as caught:
        read("a.yaml", "\n".join([*lines, "names: [*a39]"]))
    assert len(str(caught.value)) < 300


def test_endless_files_are_not_read_to_their_end():
    with pytest.raises(VocabularyError, match="too much for a class list"):
        load_class_file("/dev/zero")


def test_text_file_has_one_class_per_line(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("\ufeffcat, kitten\n\nsofa\n", encoding="utf-8")
    loaded = load_class_file(path)
    assert loaded.name == "words"
    assert [e.synonyms for e in loaded.classes] == [("cat", "kitten"), ("sofa",)]
    path.write_text("cat\nkitten,cat\n")
    with pytest.raises(VocabularyError, match=r"words.txt.*'cat'"):
        load_class_file(path)


def test_id_lines_are_read_and_may_share_names(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("0:invalid_class_id\n3:rug, mat\n7:carpet,rug\n")
    loaded = load_class_file(str(path))
    assert [e.synonyms for e in loaded.classes] == [("rug", "mat"), ("carpet", "rug")]
    assert [e.original_id for e in loaded.classes] == [3, 7]
    path.write_text("3:rug\n4: ,\n")
    with pytest.raises(VocabularyError, match=r"list.txt: line 2: no name after id 4"):
        load_class_file(path)


@pytest.mark.parametrize(
    "content",
    [
        ["cat, kitten", "sofa"],
        [["cat", "kitten"], ["sofa"]],
        {"classes": [{"names": ["cat", "kitten"]}, {"names": "sofa", "thing": False, "id": 9}]},
    ],
)
def test_json_files_are_read_in_all_forms(tmp_path, content):
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content))
    assert [e.synonyms for e in load_class_file(path).classes] == [("cat", "kitten"), ("sofa",)]


def test_a_preset_file_read_by_path_equals_the_preset():
    folder = importlib.resources.files("ovseg_jax.vocabulary") / "presets"
    with importlib.resources.as_file(folder / "ade847.json") as path:
        assert load_class_file(path) == load_preset("ade847")


@pytest.mark.parametrize(
    "content,message",
    [
        ("{", "not valid JSON"),
        ("[]", "expected a list of classes"),
        ('{"names": []}', "expected a list of classes"),
        ("[3]", "class 1: expected a string or a list of names, found 3"),
        ('["cat", ["", " "]]', "class 2: has no name"),
        ('[{"names": ["cat"], "thing": "yes"}]', "class 1: 'thing' must be true or false"),
        ('[{"names": ["cat"], "id": "seven"}]', "class 1: 'id' must be an integer"),
    ],
)
def test_bad_json_is_an_error_that_names_file_and_place(tmp_path, content, message):
    path = tmp_path / "list.json"
    path.write_text(content)
    with pytest.raises(VocabularyError, match=f"list.json: {message}"):
        load_class_file(path)


def test_missing_folder_empty_and_binary_files_are_named(tmp_path):
    with pytest.raises(VocabularyError, match=r"none.txt: no such class file"):
        load_class_file(tmp_path / "none.txt")
    with pytest.raises(VocabularyError, match="is a folder"):
        load_class_file(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(VocabularyError, match=r"empty.txt: the vocabulary is empty"):
        load_class_file(tmp_path / "empty.txt")
    (tmp_path / "binary.txt").write_bytes(b"cat\n\xff\xfe\n")
    with pytest.raises(VocabularyError, match=r"binary.txt: line 2 is not UTF-8 \(byte 4, 0xff\)"):
        load_class_file(tmp_path / "binary.txt")

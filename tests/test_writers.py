"""No writer touches what is not its own: each meets inputs, files of others and equal names."""

import functools
import shutil
from pathlib import Path

import pytest
from PIL import Image

from ovseg_jax import api
from ovseg_jax.cli.main import main
from ovseg_jax.disk.outputs import OutputFolder
from ovseg_jax.evaluation import suite
from ovseg_jax.evaluation.result import Result
from ovseg_jax.loading import weights
from tests.evaluation.test_protocol import CARD
from tests.writers import SEGMENT, WRITERS, Pretender, command, prepare

NEIGHBOURS = "thesis/ch1.tex", ".git/HEAD", "a.txt", "labels.png", "config.yaml", "params.txt"


load_once = functools.cache(weights.load_weights)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    return prepare(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def inputs(drawn, tmp_path):
    return Path(shutil.copytree(drawn, tmp_path / "inputs"))


@pytest.fixture(autouse=True)
def model(monkeypatch):
    pretender = Pretender()
    monkeypatch.setattr(api, "load_segmenter", pretender.load)
    monkeypatch.setattr(api, "load_image_classifier", pretender.load)
    monkeypatch.setattr(weights, "load_weights", load_once)
    monkeypatch.setattr(suite, "Suite", lambda *_: pretender)
    found = lambda *_, **__: pretender.load() and Result(table={}, card=CARD)  # noqa: E731
    monkeypatch.setattr(pretender, "score", found, raising=False)
    return pretender


@pytest.fixture(params=WRITERS)
def writer(request):
    return WRITERS[request.param]


def tree(folder):
    """All files below a folder, with their bytes; links by where they point."""
    found = {path: path for path in folder.rglob("*") if path.is_symlink() or path.is_file()}
    return {p: p.readlink() if p.is_symlink() else p.read_bytes() for p in found}


def put(path, content="of somebody else"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def names_in(folder):
    return {p.relative_to(folder).as_posix() for p in tree(folder) if p.name != ".ovseg"}


def test_a_new_folder_receives_exactly_the_files_of_the_list(writer, inputs, tmp_path):
    assert writer(inputs, tmp_path / "out")
    assert names_in(tmp_path / "out") == set(writer.names)
    assert writer(inputs, tmp_path / "out"), "our own files, of the same source, are replaced"
    assert names_in(tmp_path / "out") == set(writer.names)


@pytest.mark.parametrize("overwrite", [False, True])
def test_equal_names_of_others_are_refused_before_any_work(
    writer, inputs, tmp_path, model, overwrite
):
    for name in writer.names:
        put(tmp_path / name.replace("/", "_") / name)
    before = tree(tmp_path)
    for name in writer.names:
        assert not writer(inputs, tmp_path / name.replace("/", "_"), overwrite)
    assert tree(tmp_path) == before and not model.loaded


def test_links_and_folders_under_our_names_are_refused(writer, inputs, tmp_path, model):
    kept = put(tmp_path / "elsewhere")
    for number, name in enumerate(writer.names):
        (tmp_path / f"link{number}" / name).parent.mkdir(parents=True)
        (tmp_path / f"link{number}" / name).symlink_to(kept)
        put(tmp_path / f"folder{number}" / name / "deep" / "note.txt")
    before = tree(tmp_path)
    for number in range(len(writer.names)):
        assert not writer(inputs, tmp_path / f"link{number}", True)
        assert not writer(inputs, tmp_path / f"folder{number}", True)
    assert tree(tmp_path) == before and not model.loaded


@pytest.mark.parametrize("overwrite", [False, True])
def test_other_files_in_a_folder_of_ours_stay(writer, inputs, tmp_path, overwrite):
    assert writer(inputs, tmp_path / "out")
    kept = {put(tmp_path / "out" / name): b"of somebody else" for name in NEIGHBOURS}
    assert writer(inputs, tmp_path / "out", overwrite)
    assert tree(tmp_path / "out").items() >= kept.items()
    assert names_in(tmp_path / "out") == {*writer.names, *NEIGHBOURS}


def test_a_folder_of_others_is_refused_or_gets_ours_beside_theirs(writer, inputs, tmp_path, model):
    out = tmp_path / "out"
    for name in NEIGHBOURS:
        put(out / name)
    before = tree(out)
    assert writer(inputs, out) is not writer.whole
    assert tree(out).items() >= before.items()
    if writer.whole:
        assert tree(out) == before and not writer(inputs, out, True) and tree(out) == before


def test_our_own_files_that_were_altered_need_overwrite(writer, inputs, tmp_path, model):
    out = tmp_path / "out"
    assert writer(inputs, out)
    for name in writer.names:
        if name.startswith("shards/"):  # grows, so nobody can tell
            continue
        kept = (out / name).read_bytes()
        put(out / name, "corrected by hand")
        before, loaded = tree(tmp_path), model.loaded
        assert not writer(inputs, out)
        assert tree(tmp_path) == before and model.loaded == loaded
        if name == "settings.json":  # decides what the others belong to
            (out / name).write_bytes(kept)
        assert writer(inputs, out, overwrite=True)
        assert (out / name).read_bytes() != b"corrected by hand"


def test_something_else_under_the_name_of_the_journal_is_refused(writer, inputs, tmp_path, model):
    put(tmp_path / "file" / ".ovseg", "the settings of another program\n")
    put(tmp_path / "folder" / ".ovseg" / "note.txt")
    before = tree(tmp_path)
    for name in ("file", "folder"):
        assert not writer(inputs, tmp_path / name, True)
    assert tree(tmp_path) == before and not model.loaded


def test_a_file_is_no_folder(writer, inputs, tmp_path, model):
    put(tmp_path / "out")
    before = tree(tmp_path)
    assert not writer(inputs, tmp_path / "out", True)
    assert not writer(inputs, tmp_path / "out" / "deeper", True)
    assert tree(tmp_path) == before and not model.loaded


INPUTS = {
    "segment --masks": ("segment", "{i}/photos/a.png", "--masks", "{i}/out/a.json"),
    "segment PHOTOS": ("segment", "{i}/out", "--masks", "{i}/masks.json"),
    "segment --vocab-file": ("segment", "{i}/photos", "--vocab-file", "{i}/out/a.json"),
    "segment --generator": ("segment", "{i}/config.png", "--generator", "{i}/out"),
    "classify --masks": ("classify", "{i}/photos/a.png", "--masks", "{i}/out/a_masks.json"),
    "segment --model": ("segment", "{i}/config.png", "--model", "{i}/out"),
    "classify-image PHOTO": ("classify-image", "{i}/out/a.png", "--json", "{i}/out/a.png"),
    "classify-image words": (
        *("classify-image", "{i}/photos", "--json", "{i}/out/a.json"),
        *("--vocab-file", "{i}/out/a.json"),
    ),
    "embed": ("embed", "--vocab-file", "{i}/out/words.npz", "--out", "{i}/out/words.npz"),
    "mine --masks": (
        *("mine", "{i}/photos", "--words", "classes"),
        *("--masks", "{i}/out/vocabulary.json"),
    ),
    "convert": ("convert", "open_clip", "{i}/out/model.safetensors", "{i}/out"),
    "convert --clip": ("convert", "maskclippp", "{i}/clip.pt", "{i}/out", "--clip", "{i}/out/c"),
    "convert to its source": ("convert", "open_clip", "{i}/out/c", "{i}/out/c"),
}


@pytest.mark.parametrize("case", INPUTS)
def test_inputs_are_never_replaced_though_they_are_ours(case, inputs, model):
    """Every input lies in the folder of the results, and the journal there says it is ours."""
    out, parts = inputs / "out", [part.format(i=inputs) for part in INPUTS[case]]
    ours = OutputFolder(out)
    for name in ("a.json", "a_masks.json", "words.npz", "vocabulary.json", "settings.json", "c"):
        ours.write(name, lambda file: file.write(b'{"classes": ["circle", "square"]}'))
    for name in ("a.png", "a_labels.png", "model.safetensors"):
        ours.write(name, lambda file: Image.new("RGB", (8, 6)).save(file, "PNG"))
    ours.write("config.json", lambda file: file.write(b"{}"))
    shutil.copy(inputs / "photos" / "a.png", inputs / "config.png")
    before = tree(inputs)
    if parts[0] in ("segment", "classify", "mine"):
        parts += ["--out", str(out)]
    if parts[0] not in ("convert", "mine") and "--vocab-file" not in parts:
        parts += ["--vocab", "circle; square"]
    assert main([*parts, "--overwrite"]) == 2
    assert tree(inputs) == before and not model.loaded


def test_results_of_several_photos_never_share_a_name(inputs, tmp_path):
    """The reported case: the first of two photos was lost without a word."""
    for name in ("a.jpg", "a_jpg.png", "A.bmp"):
        Image.new("RGB", (8, 6), "blue").save(inputs / "photos" / name)
    out = tmp_path / "out"
    (inputs / "none.json").write_text('{"a": 1}')
    run = command("segment", "{inputs}/photos", *SEGMENT[3:], "--out", "{out}")
    assert run(inputs, out, False) == 0
    assert len(list(out.glob("*.json"))) == len(list(out.glob("*_labels.png"))) == 4
    assert run(inputs, out, False) == 0, "the same again"


def test_answers_of_other_commands_and_photos_are_kept(inputs, tmp_path):
    """classify a.png and segment a_masks.png both write a_masks.json."""
    out = tmp_path / "out"
    shutil.copy(inputs / "photos" / "a.png", inputs / "a_masks.png")
    assert command("classify", *SEGMENT, "--out", "{out}")(inputs, out, False) == 0
    before = tree(out)
    second = command("segment", "{inputs}/a_masks.png", *SEGMENT[1:], "--out", "{out}")
    assert second(inputs, out, False) == 2 and tree(out) == before
    assert second(inputs, out, True) == 0


def test_annotations_and_truth_beside_the_photo_survive(inputs):
    """The reported case: `segment a.jpg --masks a.json --out .` took both."""
    folder = inputs / "photos"
    shutil.copy(inputs / "masks.json", folder / "a.json")
    line = ["segment", str(folder / "a.png"), "--masks", str(folder / "a.json")]
    line += ["--vocab", "circle; square", "--out", str(folder), "--overwrite"]
    before = tree(folder)
    assert main(line) == 2 and tree(folder) == before
    (folder / "a.json").unlink()
    Image.new("L", (8, 6), 1).save(folder / "a_labels.png")
    line[3] = str(inputs / "masks.json")
    before = tree(folder)
    assert main(line) == 2 and tree(folder) == before


def test_results_beside_masks_would_be_read_as_masks(inputs, capsys):
    (inputs / "masks").mkdir()
    Image.new("L", (8, 6), 1).save(inputs / "masks" / "0.png")
    parts = ["segment", str(inputs / "photos"), "--masks", str(inputs / "masks"), "--vocab", "a"]
    assert main([*parts, "--out", str(inputs / "photos" / ".." / "masks")]) == 2
    assert "folder of --masks" in capsys.readouterr().err

"""Two results side by side: what differs, and the interval over photos."""

import dataclasses
import json

import numpy as np
import pytest

from ovseg_jax.cli.main import main
from ovseg_jax.evaluation import comparison, panoptic, semantic
from ovseg_jax.evaluation.counted import PhotoPart
from ovseg_jax.evaluation.photo_sums import PhotoSums, SparseSums
from ovseg_jax.evaluation.report.files import contents
from ovseg_jax.evaluation.result import Result
from ovseg_jax.evaluation.stored_result import read_result
from ovseg_jax.foundation.errors import OperandError
from tests.evaluation.test_protocol import CARD

CLASSES, PHOTOS = 4, 12
NAMES = tuple(f"photo{number}.jpg" for number in range(PHOTOS))


def drawn(seed, skill):
    """Random sums of photos: "semantic" and "panoptic" [photos, classes, sums]."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (PHOTOS, CLASSES)) * 100.0
    hit = np.floor(truth * np.clip(skill + 0.1 * rng.standard_normal(truth.shape), 0, 1))
    matched = rng.integers(0, 2, truth.shape)
    found = [0.8 * matched, matched, rng.integers(0, 2, truth.shape), matched * 0 + 1]
    return {
        "semantic": np.stack([hit, truth + 30, truth], -1),
        "panoptic": np.stack(found, -1).astype(float),
    }


def sparse(dense):
    parts = []
    for row, sums in enumerate(dense):
        present = np.flatnonzero(sums.any(-1))
        parts.append(PhotoPart(row, present, sums[present], 0.0, lambda: None))
    return SparseSums.of(parts)


def write(folder, dense, names=NAMES, card=CARD, name="test"):
    """Writes a result whose scores are those of the sums; returns its JSON file."""
    folder.mkdir(parents=True, exist_ok=True)
    total = {key: sums.sum(0) for key, sums in dense.items()}
    hit, union, _ = total["semantic"].T
    result = Result(
        table={
            "semantic/mIoU": float(semantic.mean_of_sums(total["semantic"])),
            "panoptic/PQ": float(panoptic.mean_of_sums(total["panoptic"])),
            "semantic/mIoU/unseen": np.nan,
            "mask_accuracy/masks": 4.0,
        },
        card=card,
        names=("cat", "<dog>", "sky", "never"),
        rows={"semantic/IoU": np.where([1, 1, 1, 0], hit / union, np.nan)},
        photos=PhotoSums(names, CLASSES, {key: sparse(sums) for key, sums in dense.items()}),
    )
    for ending, content in contents(result, name).items():
        (folder / f"{name}{ending}").write_bytes(content)
    return folder / f"{name}.json"


@pytest.fixture
def pair(tmp_path):
    """Two results of the same photos, the second better."""
    return write(tmp_path / "a", drawn(0, 0.5)), write(tmp_path / "b", drawn(0, 0.8))


def test_the_interval_is_that_of_plain_resampling(pair):
    found = comparison.intervals(*map(read_result, pair))
    dense = drawn(0, 0.5), drawn(0, 0.8)
    rng = np.random.default_rng(comparison.SEED)
    even = np.full(PHOTOS, 1 / PHOTOS)
    for key, name, score in (
        ("semantic/mIoU", "semantic", semantic.mean_of_sums),
        ("panoptic/PQ", "panoptic", panoptic.mean_of_sums),
    ):
        rng = np.random.default_rng(comparison.SEED)
        changes = []
        for _ in range(comparison.RESAMPLES):
            often = rng.multinomial(PHOTOS, even)
            sums = [np.einsum("n,nkc->kc", often, one[name]) for one in dense]
            changes.append(score(sums[1]) - score(sums[0]))
        np.testing.assert_allclose(found[key], np.percentile(changes, [2.5, 97.5]), atol=1e-12)
    assert found["semantic/mIoU"][0] > 0 and found["panoptic/PQ"] == (0, 0)


def test_photos_in_another_order_are_matched_by_name(pair, tmp_path):
    order = np.random.default_rng(3).permutation(PHOTOS)
    turned = {key: sums[order] for key, sums in drawn(0, 0.8).items()}
    other = write(tmp_path / "c", turned, tuple(NAMES[i] for i in order))
    first, second, third = map(read_result, (*pair, other))
    assert comparison.intervals(first, third) == comparison.intervals(first, second)


def test_equal_results_have_no_difference(pair):
    one = read_result(pair[0])
    assert set(comparison.intervals(one, one).values()) == {(0.0, 0.0)}
    assert all(item.change == 0 for item in comparison.class_differences(one, one, "semantic/IoU"))


def test_classes_come_by_the_size_of_their_change(pair):
    found = comparison.class_differences(*map(read_result, pair), "semantic/IoU")
    sizes = [abs(item.change) for item in found]
    assert sizes == sorted(sizes, reverse=True)
    assert {item.name for item in found} == {"cat", "<dog>", "sky"}, "what neither has is left out"


def test_the_command_shows_differences_and_intervals(pair, capsys):
    assert main(["compare", *map(str, pair), "--classes", "2"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0] == "the protocols are equal"
    row = next(line for line in lines if line.lstrip().startswith("semantic/mIoU "))
    assert row.count("+") == 3 and " to " in row
    assert "semantic/IoU of 3 classes: 3 better, 0 worse" in out and "and 1 more" in out
    unseen = next(line for line in lines if "mIoU/unseen" in line)
    assert unseen.split()[1:] == ["-", "-", "-"]


def test_the_first_line_warns_of_other_protocols(pair, tmp_path, capsys):
    card = dataclasses.replace(CARD, templates="single", num_names=7, weights="other")
    other = write(tmp_path / "c", drawn(0, 0.8), card=card)
    assert main(["compare", str(pair[0]), str(other)]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("warning: the protocols differ") and "templates, num names" in first
    assert "weights" not in first and "    second  single" in rest


def test_other_photos_get_no_interval(pair, tmp_path, capsys):
    other = write(tmp_path / "c", drawn(0, 0.8), ("else.jpg", *NAMES[1:]))
    assert main(["compare", str(pair[0]), str(other)]) == 1
    out = capsys.readouterr().out
    assert "only in the first: photo0.jpg; only in the second: else.jpg" in out
    assert "95 %" not in out and "semantic/mIoU" in out, "scores are still shown"
    with pytest.raises(comparison.PhotosDiffer, match="not of the same photos"):
        comparison.intervals(read_result(pair[0]), read_result(other))


def test_without_sums_of_photos_there_is_no_interval(pair, capsys):
    pair[1].with_name("test.photos.npz").unlink()
    assert main(["compare", *map(str, pair)]) == 0
    assert f"no sums of photos beside {pair[1]}" in capsys.readouterr().out


def test_sums_of_another_run_are_refused(pair, capsys):
    stored = json.loads(pair[1].read_text())
    stored["scores"]["semantic/mIoU"] = 0.99
    pair[1].write_text(json.dumps(stored))
    assert main(["compare", *map(str, pair)]) == 2
    assert "are of another run" in capsys.readouterr().err


def test_a_run_with_one_evaluation_is_found(tmp_path, pair):
    file = write(tmp_path / "run" / "evaluations", drawn(0, 0.5))
    (file.parent / "test_100.json").write_text(file.read_text())
    assert read_result(tmp_path / "run").path == file, "the one with sums of photos"
    write(file.parent, drawn(0, 0.5), name="other")
    with pytest.raises(OperandError, match=r"several results, other.json, test.json"):
        read_result(tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("[]", "no result of"),
        ("{", "not JSON"),
        ('{"scores": {}, "protocol": []}', "no result of"),
        ('{"scores": {"a": "b"}, "protocol": {}}', "is no number"),
        ('{"scores": {}, "protocol": {}, "classes": []}', "no object of names"),
        ('{"scores": {}, "protocol": {}, "classes": {"a": 1}}', "numbers by name"),
    ],
)
def test_other_files_are_explained(tmp_path, content, message, capsys):
    file = tmp_path / "a.json"
    if content is not None:
        file.write_text(content)
    assert main(["compare", str(file), str(file)]) == 2
    assert message in capsys.readouterr().err


def test_results_of_older_versions_have_scores_only(tmp_path, capsys):
    file = tmp_path / "a.json"
    file.write_text('{"scores": {"semantic/mIoU": 0.5, "x": null}, "protocol": {}}')
    assert main(["compare", str(file), str(file)]) == 0
    assert "+0.00" in capsys.readouterr().out
    assert main(["compare", str(file), str(file), "--metric", "semantic/IoU"]) == 2
    assert "share no numbers of classes" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path / "none"), "--classes", "-1"]) == 2

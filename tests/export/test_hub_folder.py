"""The folder that Hugging Face's tools upload: it has all, says whose it is, and loads."""

import json

import pytest
import yaml

from ovseg_jax.export.hub_folder import PushError, check_hub_folder, write_hub_folder
from ovseg_jax.export.model_card import hub_licence
from ovseg_jax.loading.weights import load_weights
from tests.zeros import MODEL, save_zeros

REPORT = {
    "licence": "MIT, as its publisher states; check your copy",
    "source": "clip.pt",
    "sha256": "ab" * 32,
    "published": {"address": "https://example.org/clip.pt"},
}


@pytest.fixture
def weights(tmp_path):
    return save_zeros(tmp_path / "weights", report=REPORT, dtype="float16")


def test_the_folder_holds_weights_and_a_card(weights, tmp_path):
    folder = write_hub_folder(weights, tmp_path / "up", "me/mine")
    names = {path.name for path in folder.iterdir()} - {".ovseg"}
    assert names == {"config.json", "model.safetensors", "report.json", "README.md"}
    assert check_hub_folder(folder) == load_weights(weights)[0]
    stored = (weights / "model.safetensors").read_bytes()
    assert (folder / "model.safetensors").read_bytes() == stored, "precision stays"
    _, head, text = (folder / "README.md").read_text().split("---", 2)
    assert yaml.safe_load(head)["license"] == "mit"
    for said in ("hf:me/mine@REVISION", "ab" * 32, "https://example.org/clip.pt", "MIT"):
        assert said in text
    assert write_hub_folder(weights, folder, "me/mine") == folder, "our own is replaced"


def test_weights_as_orbax_become_one_file(tmp_path):
    save_zeros(tmp_path / "w", report=REPORT, layout="orbax")
    folder = write_hub_folder(tmp_path / "w", tmp_path / "up", "me/mine", licence="CC BY-NC 4.0")
    assert check_hub_folder(folder) == MODEL
    assert "license: cc-by-nc-4.0" in (folder / "README.md").read_text()
    assert json.loads((folder / "report.json").read_text())["licence"] == "CC BY-NC 4.0"


def test_what_is_missing_is_told(weights, tmp_path):
    with pytest.raises(PushError, match=r"lacks README\.md; `ovseg push .* writes a folder"):
        check_hub_folder(weights)
    (weights / "README.md").write_text("# mine\n")
    with pytest.raises(PushError, match="head that states `license:`"):
        check_hub_folder(weights)
    (weights / "report.json").unlink()
    with pytest.raises(PushError, match="no report that states a licence; say --licence"):
        write_hub_folder(weights, tmp_path / "up", "me/mine")
    with pytest.raises(PushError, match="write OWNER/NAME"):
        write_hub_folder(weights, tmp_path / "up", "mine", licence="MIT")


@pytest.mark.parametrize(
    ("licence", "known"),
    [("Apache-2.0, as", "apache-2.0"), ("CC BY-NC 4.0", "cc-by-nc-4.0"), ("ours", "other")],
)
def test_licences_have_names_of_the_hub(licence, known):
    assert hub_licence(licence) == known

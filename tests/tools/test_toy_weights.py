"""What is shipped is what the recipes make."""

import json
from pathlib import Path

import pytest

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.loading.weights import load_weights
from tools import toy_weights

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / toy_weights.SHIPPED
LARGEST = 25 * 2**20


def test_every_shipped_directory_has_a_recipe():
    shipped = {path.parent.name for path in ASSETS.glob("*/config.json")}
    assert shipped == set(toy_weights.RECIPES)


def test_all_files_together_are_small():
    assert sum(path.stat().st_size for path in ASSETS.rglob("*")) < LARGEST


@pytest.mark.parametrize("name", toy_weights.RECIPES)
def test_a_shipped_model_is_that_of_its_recipe(name):
    recipe = toy_weights.RECIPES[name]
    model, _ = load_weights(ASSETS / name)
    assert model == load_config(ROOT / "configs" / "toy" / f"{recipe.config}.py").model
    report = json.loads((ASSETS / name / "report.json").read_text())
    assert report == {"made by": recipe.command}


def test_a_recipe_stands_on_those_before_it():
    made = []
    for name, recipe in toy_weights.RECIPES.items():
        start = load_config(ROOT / "configs" / "toy" / f"{recipe.config}.py").init_from
        assert not start or Path(start).name in made, name
        made.append(name)


def test_a_run_is_shipped_as_float16(tmp_path):
    """A shipped directory is a run's parameters too: it is written again to the bit.

    All but the header: safetensors writes its metadata in any order.
    """
    toy_weights.ship("fcclip", ASSETS / "fcclip", tmp_path)
    for file in ("config.json", "report.json"):
        again = (tmp_path / "fcclip" / file).read_bytes()
        assert again == (ASSETS / "fcclip" / file).read_bytes(), file
    headers, values = zip(
        *(parts_of(folder / "fcclip" / "model.safetensors") for folder in (tmp_path, ASSETS)),
        strict=True,
    )
    assert headers[0] == headers[1] and values[0] == values[1]
    assert {entry["dtype"] for name, entry in headers[0].items() if name != "__metadata__"} == {
        "F16"
    }


def parts_of(path):
    """Header, as a dict, and the bytes of all values."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:start]), content[start:]

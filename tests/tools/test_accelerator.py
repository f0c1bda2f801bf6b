"""The program for a short time on an accelerator, tried on whatever is here at tiny sizes."""

import importlib
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Imports modules that lie beside the program."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS.parent))
    return importlib.import_module


def run(out, *options):
    command = [sys.executable, str(BENCHMARKS / "accelerator.py"), "--small", "--out", str(out)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((out / "accelerator.json").read_text())


def test_cases_are_measured_compared_and_written(tmp_path):
    printed, found = run(tmp_path, "--only", "ops/mask IoU,correctness/mask IoU")
    measured, correct = sorted(found["cases"], key=lambda row: row["case"], reverse=True)
    assert measured["status"] == correct["status"] == "ok"
    assert measured["times"]["ours"]["ms"] > 0 and 0 < measured["roofline"] < 10
    assert measured["difference"] == {"popcount": 0, "matmul": 0}
    assert correct["relative_errors"] == {"popcount": 0, "matmul": 0, "default": 0}
    assert found["backend"] == jax.default_backend() and found["peak_tflops"]["bfloat16"] > 0
    assert "| ops/mask IoU | 6 x 4 masks of 32² |" in printed


def test_without_time_cases_are_named_and_skipped(module, tmp_path, monkeypatch):
    program, log = module("accelerator"), tmp_path / "accelerator.jsonl"
    planned = [{"case": name, "shape": ""} for name in ("ops/a", "ops/b")]
    lines = [{"planned": planned}, planned[0] | {"status": "ok"}]
    monkeypatch.setattr(program, "_start_worker", lambda *_: worker_that_says(log, lines, 0))
    rows = program._supervise(None, log, tmp_path / "found.json", program.time.monotonic() + 20)
    assert rows[1] == planned[1] | {"status": "skipped", "reason": "no time was left"}
    assert "skipped: ops/b" in module("accelerated.table").format_table(rows)

    case = module("accelerated.cases").Script(name="training/x", shape="", run=dict)
    pace = module("accelerated.plan").Pace(program.time.monotonic() + 0.5)
    assert "s are left, such a case takes about" in pace.refusal(case)


def worker_that_says(log, lines, status):
    text = "".join(json.dumps(line) + "\n" for line in lines)
    code = f"import os; open({str(log)!r}, 'a').write({text!r}); os._exit({status})"
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.slow
def test_every_part_runs(tmp_path):
    _, found = run(tmp_path, "--budget", "550")
    assert {row["status"] for row in found["cases"]} == {"ok"}
    parts = {row["case"].split("/")[0] for row in found["cases"]}
    assert parts == {"ops", "towers", "methods", "training", "correctness"}
    assert not [row for row in found["cases"] if row.get("disagrees")]


def test_a_case_that_ends_the_process_costs_itself_alone(module, tmp_path, monkeypatch):
    program = module("accelerator")
    log, target = tmp_path / "accelerator.jsonl", tmp_path / "accelerator.json"
    lines = [{"case": name, "shape": "", "status": "begun"} for name in "ab"]
    ok = {"case": "b", "shape": "", "status": "ok"}
    deeds = [(lines[:1], 11), ([lines[1], ok], 0)]

    def start(options, deadline, done):
        return worker_that_says(log, *deeds[done])

    monkeypatch.setattr(program, "_start_worker", start)
    rows = program._supervise(None, log, target, program.time.monotonic() + 100)
    assert [(row["case"], row["status"]) for row in rows] == [("a", "failed"), ("b", "ok")]
    assert "status 11" in rows[0]["reason"]
    assert json.loads(target.read_text())["cases"] == rows


def test_flops_are_those_of_products_and_convolutions(module):
    count = module("accelerated.counting").count_flops
    square = jax.ShapeDtypeStruct((8, 8), jnp.float32)
    assert count(lambda x: jnp.tanh(x @ x), square) == 2 * 8**3
    assert count(lambda x: jax.lax.fori_loop(0, 5, lambda _, y: y @ x, x), square) == 10 * 8**3
    assert count(jax.vmap(lambda x: x @ x), jax.ShapeDtypeStruct((3, 8, 8), "float32")) == 6 * 8**3
    once = jax.checkpoint(lambda x: jnp.sin(x @ x))
    assert count(jax.grad(lambda x: once(x).sum()), square) == 4 * 2 * 8**3


@pytest.mark.parametrize(
    ("name", "published"),
    [("vit_b_16", 17.58e9), pytest.param("convnext_base", 15.38e9, marks=pytest.mark.slow)],
)
def test_towers_have_the_published_number_of_operations(module, name, published):
    """Half of it is what papers and timm's tables call GFLOPs or GMACs at 224 pixels."""
    count, rows = module("accelerated.counting").count_flops, module("ovseg_jax.models.clip.rows")
    tower, image = rows.ROWS[name].visual, jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params = jax.eval_shape(tower.init, jax.random.key(0), image)
    assert count(tower.apply, params, image) / 2 == pytest.approx(published, rel=0.01)


def test_published_settings_are_models_that_fit_together(module):
    build, models = module("ovseg_jax.loading.build"), module("accelerated.models")
    for part in ("methods", "training"):
        for setting in module(f"accelerated.{part}").SETTINGS:
            config = models.config_of(setting.config, jnp.bfloat16)
            assert config.model.clip.compute_dtype == "bfloat16"
            assert build.method(config.model).towers.visual.dtype == jnp.bfloat16

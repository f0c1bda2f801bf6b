"""Plans: what fits, how long a step takes, what is said, and a real one of the toy world."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import pytest

from configs.toy import clip_convnext, mask_adapter
from ovseg_jax.cli import main
from ovseg_jax.foundation.errors import MissingPackageError, OvsegError
from ovseg_jax.planning import elsewhere
from ovseg_jax.planning import plan as planning
from ovseg_jax.planning.chips import topology
from ovseg_jax.planning.collectives import Collective
from ovseg_jax.planning.compiled import Compiled, compile_for, needed_bytes
from ovseg_jax.planning.figures import figures
from ovseg_jax.planning.fitting import advice, fits, largest_batch
from ovseg_jax.planning.given import planned, with_fields
from ovseg_jax.planning.roofline import roofline
from ovseg_jax.planning.table import rendered

CHIPS = topology("v5e-4")
TOY = mask_adapter.get_config()
GB = 10**9


def step(batch=4, temporaries=2 * GB, **fields):
    arguments = {"trained parameters": GB, "frozen parameters": GB, "moments": 2 * GB}
    arguments |= {"batch": batch * GB // 4, "words": 0}
    return Compiled(batch=batch, arguments=arguments, temporaries=temporaries, **fields)


def test_one_compiled_batch_takes_temporaries_as_proportional():
    # 3 GB an image beside 4 GB: four images make 16 GB.
    assert largest_batch([step()], TOY, CHIPS) == 4 * 4


def test_two_compiled_batches_know_what_does_not_grow():
    # Temporaries of 2 and 2.5 GB: 1.5 GB an image beside 5.5 GB: seven images make 16 GB.
    assert largest_batch([step(), step(8, 2_500_000_000)], TOY, CHIPS) == 4 * 7


def test_the_largest_batch_divides_into_parts_and_over_groups():
    in_parts = with_fields(TOY, "step", accumulate=3)
    assert largest_batch([step()], in_parts, CHIPS) == 4 * 3
    shared = with_fields(TOY, "mesh", masks=2)
    assert largest_batch([step(2)], shared, CHIPS) == largest_batch([step()], TOY, CHIPS) // 2


def test_a_second_batch_that_the_compiler_refuses_bounds_the_first():
    assert largest_batch([step(), step(8, refused=17 * GB)], TOY, CHIPS) == 4
    assert largest_batch([step(refused=17 * GB)], TOY, CHIPS) == 0


@pytest.mark.parametrize(
    ("said", "gigabytes"),
    [
        (
            "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 20.50G of 15.75G hbm.",
            20.5,
        ),
        (
            "RESOURCE_EXHAUSTED: CompileTimeHbmOom: Ran out of memory on HBM, the total memory "
            "required for HLO temporaries (42.22G) exceeds available HBM (15.75G). HLO module: a.",
            42.22 + 3,
        ),
    ],
)
def test_refusals_of_the_compiler_say_how_much_was_needed(said, gigabytes):
    assert needed_bytes(said, 3 * 2**30) == pytest.approx(gigabytes * 2**30)
    assert needed_bytes("INTERNAL: Mosaic failed", 0) is None


def options_of(lines):
    return [line.split(":")[0] for line in lines]


def test_what_does_not_fit_gets_advice_that_does():
    clip = dataclasses.replace(TOY.model.clip, compute_dtype="float32")
    config = with_fields(with_fields(TOY, "model", clip=clip), "data", batch_size=8)
    large = step(8, 14 * GB)
    assert fits(step(), CHIPS) and not fits(large, CHIPS)
    lines = advice(config, large, CHIPS)
    assert options_of(lines) == [
        "--model.clip.compute-dtype bfloat16",
        "--step.accumulate 2",  # of 14 GB no image has room beside 8 GB: one at a time
        "--step.remat full",
        "--mesh.fsdp 4",
    ]
    assert len(advice(config, step(), CHIPS)) == 1


def test_advice_takes_no_more_parts_than_it_needs():
    config = with_fields(TOY, "data", batch_size=48)
    crowded = step(48, 22 * GB)  # twelve images a chip, of which some fit
    room = largest_batch([crowded], config, CHIPS) // CHIPS.count
    assert 1 < room < 12
    parts = next(count for count in range(1, 13) if 12 % count == 0 and 12 / count <= room)
    assert f"--step.accumulate {parts}" in options_of(advice(config, crowded, CHIPS))
    assert "--step.accumulate 12" in options_of(advice(config, step(48, refused=17 * GB), CHIPS))


def test_advice_names_nothing_that_training_refuses():
    """Parts of a contrastive batch would be compared with themselves alone."""
    contrastive = with_fields(clip_convnext.get_config(), "data", batch_size=8)
    two = topology("h100x2")
    taken = options_of(advice(contrastive, step(8, 90 * GB), two))
    assert taken == ["--model.clip.compute-dtype bfloat16", "--step.remat full"]
    large = step(8, 90 * GB)
    large.arguments["moments"] = 40 * GB
    assert options_of(advice(contrastive, large, two))[-1] == "--mesh.fsdp 2"
    assert "fsdp" not in str(advice(contrastive, large, topology("h100x1")))


@pytest.mark.parametrize(
    ("section", "fields", "said"),
    [
        ("mesh", {"masks": 4}, "does not encode its masks one by one"),
        ("mesh", {"fsdp": 3}, "does not fill"),
        ("data", {"batch_size": -4}, "data.batch_size is -4; give a number above 0"),
        ("data", {"image_size": (97, 96)}, "give multiples of"),
        ("step", {"accumulate": 0}, "step.accumulate is 0"),
        ("optimizer", {"peak_lr": 0.0}, "optimizer.peak_lr is 0.0; give a finite number above 0"),
        ("optimizer", {"trainable": ("adaptor/.*",)}, "adaptor"),
    ],
)
def test_a_plan_refuses_what_training_refuses(section, fields, said):
    with pytest.raises(OvsegError, match=said):
        planned(with_fields(TOY, section, **fields), CHIPS)


def test_a_plan_of_no_steps_or_of_parts_that_do_not_add_up_is_refused():
    with pytest.raises(OvsegError, match="num_steps is 0"):
        planned(dataclasses.replace(TOY, num_steps=0), CHIPS)
    contrastive = with_fields(clip_convnext.get_config(), "step", accumulate=2)
    with pytest.raises(OvsegError, match="parts do not add up"):
        planned(contrastive, CHIPS)


def test_the_batch_is_rounded_to_what_training_takes():
    given = with_fields(with_fields(TOY, "data", batch_size=9), "step", accumulate=3)
    assert planned(given, CHIPS).data.batch_size == 12
    auto = dataclasses.replace(TOY.model.clip, compute_dtype="auto")
    found = planned(with_fields(TOY, "model", clip=auto), CHIPS)
    assert found.model.clip.compute_dtype == "bfloat16"


def test_the_roofline_divides_by_published_peaks():
    exchange = Collective("all-reduce", 4 * GB, 4, 1, "")
    time = roofline(step(flops=197e12, accessed=1638e9, collectives=(exchange,)), CHIPS.chip)
    assert time == pytest.approx((1.0, 2.0, 6 / 200))
    assert (time.shortest, time.bound) == (2.0, "memory")
    assert time.longest == pytest.approx(3.03)


def made(**fields):
    plan = planning.Plan(
        config=TOY,
        images=4800,
        topology=CHIPS,
        step=step(flops=197e12, accessed=819e9),
        time=roofline(step(flops=197e12, accessed=819e9), CHIPS.chip),
        fits=True,
        largest=16,
        by_two=False,
        advice=(),
        compiler="a compiler",
    )
    return dataclasses.replace(plan, **fields)


def test_the_table_says_hours_and_cost_of_the_whole_run():
    text = rendered(made(), "toy", price=3.0)
    # 300 steps of 16 images are 1200 of 4; a second each on four chips.
    assert "whole run, 4,800 images: at least 1.3 chip-hours (0.3 h)" in text
    assert "at 3 per chip-hour: at least 4" in text
    assert "largest batch that fits: about 16, 4 per chip" in text
    assert "at 3" not in rendered(made(), "toy")


def test_json_names_what_the_table_says():
    found = figures(made(), price=3.0)
    assert found["step"]["memory"] == made().step.memory
    assert found["topology"]["chip"]["name"] == "v5e" and found["time"]["bound"] == "compute"
    assert found["run"] == {
        "images": 4800,
        "steps": 1200,
        "images_per_second": 4,
        "hours": pytest.approx(1 / 3),
        "chip_hours": pytest.approx(4 / 3),
        "price": 3.0,
        "cost": pytest.approx(4),
    }
    assert json.loads(json.dumps(found)) == found
    assert "run" not in figures(made(step=step(refused=17 * GB)))


def test_an_estimate_says_that_it_is_one():
    assert "this is an estimate" in rendered(made(topology=topology("h100x4")), "toy")
    assert "estimate" not in rendered(made(), "toy")


def test_the_table_says_what_loops_hide():
    looped = made(step=step(flops=1e12, accessed=1e9, rounds=(5, 16)))
    assert "of 2 loops, of up to 16 rounds, the compiler counts one" in rendered(looped, "toy")
    assert "loops" not in rendered(made(), "toy")


@pytest.mark.slow
def test_work_in_loops_is_counted_as_often_as_it_is_done():
    """XLA counts the body of a loop once, however often it runs."""

    def in_chunks(size):
        method = dataclasses.replace(TOY.model.method, chunk=size)
        return compile_for(with_fields(TOY, "model", method=method), topology("h100x1"))

    whole, looped = in_chunks(64), in_chunks(1)
    assert 6 in looped.rounds and 6 not in whole.rounds
    # A little more: a chunk's activations are computed again for the gradient.
    assert whole.flops <= looped.flops < 1.5 * whole.flops


def test_without_libtpu_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install .*libtpu.*PYTHONPATH=DIR"):
        elsewhere.environment(CHIPS)


def test_what_the_compiler_process_says_last_reaches_the_user(monkeypatch):
    monkeypatch.setattr(elsewhere, "environment", lambda chips: {"PYTHONHOME": "/nowhere"})
    with pytest.raises(elsewhere.PlanError, match="ended with status 1: .*No module named"):
        planning.plan(TOY, CHIPS, 4800)


def test_the_compiler_process_ends_with_whoever_asked():
    """A killed plan leaves no process that compiles on for minutes."""
    request = {"config": {}, "topology": "v5e-4", "batches": [1]}
    slow = "import ovseg_jax.planning.worker as w, time; w.answer = lambda *_: time.sleep(60)"
    busy = subprocess.Popen(
        [sys.executable, "-c", f"{slow}; w.main()"], stdin=subprocess.PIPE, text=True
    )
    busy.communicate(json.dumps(request) + "\n", timeout=30)
    assert busy.returncode == 1


@pytest.mark.parametrize("price", ["-1", "nan", "inf"])
def test_a_price_is_a_number(price, capsys):
    options = ["--topology", "v5e-4", f"--price={price}"]
    assert main.main(["plan", "configs/toy/mask_adapter.py", *options]) == 2
    assert "--price" in capsys.readouterr().err


def test_plan_needs_a_topology(capsys):
    assert main.main(["plan", "configs/toy/mask_adapter.py"]) == 2
    assert "plan needs --topology" in capsys.readouterr().err
    assert main.main(["plan", "configs/toy/mask_adapter.py", "--topology", "v9-2"]) == 2
    assert "v5e-16" in capsys.readouterr().err


@pytest.mark.slow
def test_a_plan_for_gpus_estimates_by_cpu_devices(capsys):
    options = ["--topology", "h100x4", "--data.batch-size", "6"]
    assert main.main(["plan", "configs/toy/mask_adapter.py", *options, "--json"]) == 0
    shown = capsys.readouterr()
    assert "batch_size 6 does not divide over 4 chips" in shown.err
    found = json.loads(shown.out)["step"]
    assert found["batch"] == 8 and found["flops"] > 1e8
    assert {item["kind"] for item in found["collectives"]} == {"all-reduce"}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_a_plan_for_tpus_is_compiled_for_them(capsys):
    assert main.main(["plan", "configs/toy/mask_adapter.py", "--topology", "v5e-4"]) == 0
    shown = capsys.readouterr().out
    assert "compiled by libtpu" in shown and "program" in shown and "all-gather" not in shown

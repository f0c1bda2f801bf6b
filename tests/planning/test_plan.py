"""Plans: what fits, how long a step takes, what is said, and a real one of the toy world."""

import dataclasses
import importlib.util
import json

import pytest

from configs.toy import mask_adapter
from ovseg_jax.cli import main
from ovseg_jax.foundation.errors import MissingPackageError
from ovseg_jax.planning import plan as planning
from ovseg_jax.planning.chips import topology
from ovseg_jax.planning.collectives import Collective
from ovseg_jax.planning.compiled import Compiled, compile_for, needed_bytes
from ovseg_jax.planning.fitting import advice, fits, largest_batch
from ovseg_jax.planning.roofline import roofline
from ovseg_jax.planning.table import rendered

CHIPS = topology("v5e-4")
GB = 10**9


def step(batch=4, temporaries=2 * GB, **fields):
    arguments = {"trained parameters": GB, "frozen parameters": GB, "moments": 2 * GB}
    arguments |= {"batch": batch * GB // 4, "words": 0}
    return Compiled(batch=batch, arguments=arguments, temporaries=temporaries, **fields)


def test_one_compiled_batch_says_too_few_images_rather_than_too_many():
    # 3 GB an image beside 4 GB: four images make 16 GB.
    assert largest_batch([step()], CHIPS) == 4 * 4


def test_two_compiled_batches_know_what_does_not_grow():
    # Temporaries of 2 and 2.5 GB: 1.5 GB an image beside 5.5 GB: seven images make 16 GB.
    assert largest_batch([step(), step(8, 2_500_000_000)], CHIPS) == 4 * 7


def test_a_second_batch_that_the_compiler_refuses_bounds_the_first():
    assert largest_batch([step(), step(8, refused=17 * GB)], CHIPS) == 4
    assert largest_batch([step(refused=17 * GB)], CHIPS) == 0


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


def test_what_does_not_fit_gets_advice_that_does():
    config = mask_adapter.get_config()
    clip = dataclasses.replace(config.model.clip, compute_dtype="float32")
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, clip=clip))
    large = step(8, 14 * GB)
    assert fits(step(), CHIPS) and not fits(large, CHIPS)
    lines = advice(config, large, CHIPS)
    assert [line.split(" ")[0] for line in lines] == [
        "--model.clip.compute-dtype",
        "--step.accumulate",
        "--step.remat",
        "--mesh.fsdp",
    ]
    assert len(advice(config, step(), CHIPS)) == 1


def test_the_roofline_divides_by_published_peaks():
    exchange = Collective("all-reduce", 4 * GB, 4, 1, "")
    time = roofline(step(flops=197e12, accessed=1638e9, collectives=(exchange,)), CHIPS.chip)
    assert time == pytest.approx((1.0, 2.0, 6 / 200))
    assert (time.shortest, time.bound) == (2.0, "memory")
    assert time.longest == pytest.approx(3.03)


def made(**fields):
    planned = planning.Plan(
        config=mask_adapter.get_config(),
        topology=CHIPS,
        step=step(flops=197e12, accessed=819e9),
        time=roofline(step(flops=197e12, accessed=819e9), CHIPS.chip),
        fits=True,
        largest=16,
        by_two=False,
        advice=(),
        compiler="a compiler",
    )
    return dataclasses.replace(planned, **fields)


def test_the_table_says_hours_and_cost_of_the_whole_run():
    text = rendered(made(), "toy", price=3.0)
    # 300 steps of 16 images are 1200 of 4; a second each on four chips.
    assert "whole run, 4,800 images: at least 1.3 chip-hours (0.3 h)" in text
    assert "at 3 per chip-hour: at least 4" in text
    assert "largest batch that fits: at least 16, 4 per chip" in text
    assert "at 3" not in rendered(made(), "toy")


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

    def planned(chunk):
        config = mask_adapter.get_config()
        method = dataclasses.replace(config.model.method, chunk=chunk)
        model = dataclasses.replace(config.model, method=method)
        return compile_for(dataclasses.replace(config, model=model), topology("h100x1"))

    whole, looped = planned(chunk=64), planned(chunk=1)
    assert 6 in looped.rounds and 6 not in whole.rounds
    # A little more: a chunk's activations are computed again for the gradient.
    assert whole.flops <= looped.flops < 1.5 * whole.flops


def test_without_libtpu_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install .*libtpu.*PYTHONPATH=DIR"):
        planning.environment(CHIPS)


def test_what_the_compiler_process_says_last_reaches_the_user(monkeypatch):
    monkeypatch.setattr(planning, "environment", lambda chips: {"PYTHONHOME": "/nowhere"})
    with pytest.raises(planning.PlanError, match="ended with status 1: .*No module named"):
        planning.plan(mask_adapter.get_config(), CHIPS)


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
    assert {item[0] for item in found["collectives"]} == {"all-reduce"}


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="needs libtpu")
def test_a_plan_for_tpus_is_compiled_for_them(capsys):
    assert main.main(["plan", "configs/toy/mask_adapter.py", "--topology", "v5e-4"]) == 0
    shown = capsys.readouterr().out
    assert "compiled by libtpu" in shown and "program" in shown and "all-gather" not in shown

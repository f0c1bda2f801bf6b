"""What devices send each other in a step: gradients, parameters where these are split, no more.

docs/scaling.md has the formula. Compiled for fake devices of a CPU.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).parent / "exchanges_on_devices.py"
SMALL = 4096
"""Bytes below which an exchange carries counts, sums and flags."""
ONLY_ON_CPU = "top_k"
"""XLA's CPU form of it is one call that is not divided; the TPU's is (tried with libtpu)."""


@functools.cache
def step_of(name, count=8, fsdp=1, spread=0, masks=1):
    """What one compiled step sends; all of a file would be one process, and one failure."""
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, str(PROGRAM)],
        input=f"{name} {count} {fsdp} {spread} {masks}\n",
        env=os.environ
        | {"XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(sys.path), "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def sent(step, kind=None):
    return sum(x["sent"] for x in step["exchanges"] if kind in (None, x["kind"]))


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_weak_scaling_sends_twice_the_gradients_less_ones_own_part(count):
    step = step_of("mask_adapter", count)
    want = 2 * (count - 1) / count * step["trained"]
    # On a CPU the head's layers see touched cells and the rest apart; XLA adds the two parts of
    # their gradients before they are sent, or behind it (eight devices).
    assert 0.99 * want <= sent(step) <= 2 * want
    assert {x["kind"] for x in step["exchanges"]} <= {"all-reduce"}


@pytest.mark.parametrize("name", ["mask_adapter_mixed", "maskclippp", "fisa"])
def test_no_activation_and_no_mask_leaves_its_device(name):
    step = step_of(name)
    moved = [
        x
        for x in step["exchanges"]
        if x["kind"] != "all-reduce" and x["bytes"] > SMALL and ONLY_ON_CPU not in x["origin"]
    ]
    assert not moved
    # Gradients, and of Mask-Adapter on the CPU what its loops over masks add up on the way.
    assert sent(step, "all-reduce") < 2.5 * 2 * step["trained"]


def test_ovseg_gathers_embeddings_of_crops_alone():
    """Its loss compares every crop of the batch with every noun."""
    step = step_of("ovseg")
    crops, width = 8 * 2 * 4, 96
    others = [x for x in step["exchanges"] if x["kind"] != "all-reduce" and x["bytes"] > SMALL]
    assert [x["bytes"] for x in others] == [4 * crops * width]


@pytest.mark.parametrize("masks", [2, 4])
def test_devices_that_share_masks_out_divide_the_work_and_send_no_more(masks):
    """Two groups of devices with two images of four masks each, whatever the size of a group."""
    whole, shared = step_of("ovseg", 2), step_of("ovseg", 2 * masks, masks=masks)
    assert shared["work"] == pytest.approx(whole["work"] / masks, rel=0.1)
    crops, width, devices = 2 * 2 * 4, 96, 2 * masks
    others = [x for x in shared["exchanges"] if x["kind"] != "all-reduce" and x["bytes"] > SMALL]
    assert [x["bytes"] for x in others] == [4 * crops * width]
    gradients = 2 * (devices - 1) / devices * shared["trained"]
    assert sent(shared, "all-reduce") < 1.1 * gradients + SMALL * len(shared["exchanges"])


def test_split_parameters_are_gathered_and_activations_stay():
    step = step_of("mask_adapter", 8, 4)
    gathered = [x for x in step["exchanges"] if x["kind"] == "all-gather"]
    assert all("sharding_constraint" in x["origin"] for x in gathered)
    # Half of the toy's are the text tower's, which no step reads.
    assert step["split"] / 8 < sum(x["bytes"] for x in gathered) <= step["split"]
    assert {x["kind"] for x in step["exchanges"]} <= {"all-gather", "all-reduce", "reduce-scatter"}
    assert sent(step) < 2 * step["trained"] + step["split"]


def test_spread_moments_cost_a_gathering_of_what_they_update():
    whole, spread = step_of("mask_adapter", 8), step_of("mask_adapter", 8, 1, 1)
    assert spread["moments"] < 0.4 * whole["moments"]
    gathered = sum(x["bytes"] for x in spread["exchanges"] if x["kind"] == "all-gather")
    kept = whole["moments"] - spread["moments"]
    assert gathered == pytest.approx(kept / 2 * 8 / 7, rel=1e-6), "two moments each, 7/8 of them"
    assert sent(spread) == pytest.approx(sent(whole) + 7 / 8 * gathered, rel=0.01)

"""The script of docs/checkpoints.md reads a checkpoint without this package."""

import re
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp

from ovseg_jax.config import CheckpointConfig
from ovseg_jax.training import checkpoint
from ovseg_jax.training.state import TrainState

PAGE = Path(__file__).parents[2] / "docs" / "checkpoints.md"


def test_the_script_prints_every_array(tmp_path):
    (script,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert "ovseg" not in script and len(script.splitlines()) < 30
    run = checkpoint.open_run(tmp_path / "run", CheckpointConfig(keep=2), {"seed": 0})
    kernel = jnp.ones((2, 3))
    state = TrainState(
        step=jnp.int32(9),
        trainable={"head": {"kernel": kernel}},
        frozen={"tower": {"bias": jnp.zeros(4)}},
        optimizer=(kernel,),
    )
    run.restore(state)
    for step in (9, 10):
        run.save(state.replace(step=jnp.int32(step)), step, position=step)
    run.wait()
    place = tmp_path / "elsewhere"  # where no ovseg_jax is beside it
    place.mkdir()
    (place / "read.py").write_text(script)
    command = [sys.executable, "read.py", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    step, *arrays = done.stdout.splitlines()
    assert step.startswith("step 10 {") and "'position': 10" in step
    assert arrays == ["trainable head/kernel (2, 3) float32", "frozen tower/bias (4,) float32"]

"""The examples ask `ovseg` for what it has; the parts that need no cluster are run."""

import importlib.util
import os
import subprocess
from pathlib import Path

from ovseg_jax.cli.segment import add_arguments
from ovseg_jax.cli.shards import Shard

EXAMPLES = Path(__file__).parents[1] / "examples"


def parsed(words):
    import argparse

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(words)


def test_a_task_of_slurm_does_its_shard(tmp_path):
    program = tmp_path / "ovseg"
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    given = {"PHOTOS": "photos", "OUT": "out", "MODEL": "toy", "WORDS": "words.txt"}
    task = {"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}
    path = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    script = ["bash", EXAMPLES / "slurm_array.sh"]
    done = subprocess.run(script, env=given | task | path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    name, *words = done.stdout.splitlines()
    found = parsed(words)
    assert name == "segment" and found.shard == Shard(3, 8) and found.out == Path("out/3")
    missing = subprocess.run(script, env=task | path, capture_output=True, text=True)
    assert missing.returncode != 0 and "folder of photos" in missing.stderr


def test_a_task_of_ray_does_its_shard():
    spec = importlib.util.spec_from_file_location("ray_label", EXAMPLES / "ray_label.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    commands = [
        module.command("photos", "out", "toy", "w.txt", n + 1) for n in range(module.SHARDS)
    ]
    found = [parsed(each[each.index("segment") + 1 :]) for each in commands]
    assert [each.shard.number for each in found] == list(range(1, module.SHARDS + 1))
    assert len({each.out for each in found}) == module.SHARDS

"""Hostile files through every entrance: nothing runs, nothing floods, nothing escapes.

Files of every kind that the commands read are written by the modules beside this one and go through
`convert`, loading, `segment` and `classify` in one process (`attack`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MEGABYTES = 1000


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """All runs, and whether any payload was executed."""
    folder = tmp_path_factory.mktemp("hostile")
    programs = folder / "programs"
    programs.mkdir()
    for name in ("gs", "convert", "inkscape", "rsvg-convert"):  # what readers of pictures call
        (programs / name).write_text(f"#!/bin/sh\ntouch {folder / 'trace'}\n")
        (programs / name).chmod(0o755)
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "OVSEG_CACHE": str(folder / "cache"),
        "JAX_PLATFORMS": "cpu",
    }
    command = [sys.executable, "-m", "tests.hostile.attack", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    *runs, last = map(json.loads, done.stdout.splitlines())
    return runs, last["executed"]


def listed(runs):
    return "\n".join(f"{r['command']} {r['file']!r}: {str(r['status'])[-1500:]}" for r in runs)


def test_many_files_went_through_every_command(outcome):
    runs, _ = outcome
    assert len({run["file"] for run in runs}) >= 60
    for command in ("convert", "load", "segment", "classify"):
        assert len({r["file"] for r in runs if r["command"].startswith(command)}) >= 60


def test_nothing_was_executed(outcome):
    assert not outcome[1]


def test_no_traceback(outcome):
    bad = [r for r in outcome[0] if r["status"] not in (0, 1, 2)]
    bad += [r for r in outcome[0] if "Traceback" in r["printed"]]
    assert not bad, listed(bad)


def test_memory_is_bounded(outcome):
    large = [r | {"status": r["megabytes"]} for r in outcome[0] if r["megabytes"] > MEGABYTES]
    assert not large, listed(large)


def test_nothing_on_the_terminal_that_it_would_obey(outcome):
    bad = [
        run | {"status": ascii(run["printed"])}
        for run in outcome[0]
        if any(unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t" for c in run["printed"])
    ]
    assert not bad, listed(bad)


def test_what_cannot_be_used_ends_with_a_message(outcome):
    silent = [r for r in outcome[0] if r["status"] == 2 and "ovseg: error:" not in r["printed"]]
    assert not silent, listed(silent)

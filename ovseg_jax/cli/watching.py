"""How a long command is watched: `--progress`, and whose lines are kept out of a live view."""

from __future__ import annotations

import argparse
import os

from ovseg_jax.foundation import terminal

LOG_LEVEL, FATAL = "TF_CPP_MIN_LOG_LEVEL", "3"
"""Environment variable of XLA and TensorFlow, and its value for what ends the process alone."""


def add_progress(parser: argparse.ArgumentParser) -> None:
    """Adds --progress."""
    parser.add_argument(
        "--progress",
        choices=terminal.CHOICES,
        default="auto",
        help="a live view, or plain lines as in a log; auto (the default) is live on a terminal "
        "that can draw (TERM is not dumb) and is not CI's. A live view keeps back what XLA and "
        f"TensorFlow log by themselves; plain, or {LOG_LEVEL}=0, shows it",
    )


def keep_logs_back(progress: terminal.Progress) -> None:
    """Keeps lines of XLA and TensorFlow out of a live view; call it before JAX is imported.

    They are written past Python, into the middle of what is drawn, and XLA tells of slow
    compilations as of errors. What really is one is raised as well, and what ends the process is
    written at any level.
    """
    if terminal.is_live(progress):
        os.environ.setdefault(LOG_LEVEL, FATAL)


def tell_of_logs(error: BaseException) -> None:
    """Adds to an error of XLA how to see the lines that were kept back, which may say more."""
    if type(error).__name__ == "JaxRuntimeError" and os.environ.get(LOG_LEVEL) == FATAL:
        error.add_note(
            f"XLA's own log lines were kept back: --progress plain or {LOG_LEVEL}=0 shows them"
        )

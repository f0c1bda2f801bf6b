"""The option --progress, and lines of XLA that are kept out of a live view."""

import argparse
import os

import pytest

from ovseg_jax.cli.errors import guarded
from ovseg_jax.cli.watching import FATAL, LOG_LEVEL, add_progress, keep_logs_back


@pytest.fixture
def level(monkeypatch):
    """Tells the level that a command leaves; nobody gave one before."""
    monkeypatch.setenv(LOG_LEVEL, "unset")
    monkeypatch.delenv(LOG_LEVEL)
    return lambda: os.environ.get(LOG_LEVEL)


def test_a_live_view_keeps_lines_of_xla_back_and_logs_do_not(level):
    keep_logs_back("plain")
    assert level() is None
    keep_logs_back("live")
    assert level() == FATAL


def test_who_asks_for_them_sees_them(level, monkeypatch):
    monkeypatch.setenv(LOG_LEVEL, "0")
    keep_logs_back("live")
    assert level() == "0"


class JaxRuntimeError(RuntimeError):
    """Named as JAX's own."""


def test_an_error_of_xla_says_how_to_see_the_lines(level):
    def fail():
        raise JaxRuntimeError("no algorithm worked")

    with pytest.raises(JaxRuntimeError) as plain:
        guarded(fail)
    assert not hasattr(plain.value, "__notes__")
    keep_logs_back("live")
    with pytest.raises(JaxRuntimeError) as live:
        guarded(fail)
    assert "--progress plain" in live.value.__notes__[0]


def test_the_option_has_three_values(capsys):
    parser = argparse.ArgumentParser()
    add_progress(parser)
    assert parser.parse_args([]).progress == "auto"
    with pytest.raises(SystemExit):
        parser.parse_args(["--progress", "tty"])
    assert "'auto', 'plain', 'live'" in capsys.readouterr().err

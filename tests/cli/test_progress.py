"""Bars on terminals only, and only for what takes long."""

import io
import time

from ovseg_jax.cli.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def use(monkeypatch, stream, delay, seconds):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with Progress(delay) as progress:
        update = progress.task("embedding words")
        update(1, 4)
        time.sleep(seconds)
        update(2, 4)
    return stream.getvalue()


def test_a_pipe_sees_nothing(monkeypatch):
    assert use(monkeypatch, io.StringIO(), delay=0.0, seconds=0.2) == ""


def test_what_is_quick_shows_nothing(monkeypatch):
    shown = use(monkeypatch, Terminal(), delay=5.0, seconds=0.0)
    assert "embedding" not in shown


def test_a_terminal_sees_what_takes_long(monkeypatch):
    shown = use(monkeypatch, Terminal(), delay=0.05, seconds=0.5)
    assert "embedding words" in shown and "1/4" in shown

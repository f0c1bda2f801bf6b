"""Bars on terminals only, and only for what takes long."""

import io
import sys
import time

import pytest

from ovseg_jax.cli.progress import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def use(monkeypatch, stream, delay, seconds, wanted="auto", **variables):
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.delenv("CI", raising=False)
    for name, value in {"TERM": "xterm", **variables}.items():
        monkeypatch.setenv(name, value)
    with Progress(delay, wanted=wanted) as progress:
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


def test_what_goes_on_before_the_first_is_done_is_told(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with Progress(0.0, wanted="live") as progress:
        update = progress.task("scoring [val]", before="compiling")
        update(0, 4)
        time.sleep(0.3)
        before = sys.stderr.rich_proxied_file.getvalue()
        update(1, 4)
        time.sleep(0.3)
        after = sys.stderr.rich_proxied_file.getvalue()[len(before) :]
    assert "scoring [val]: compiling" in before
    assert "scoring [val] " in after


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"CI": "true"}])
def test_a_terminal_that_cannot_draw_or_is_a_log_sees_nothing(monkeypatch, variables):
    assert use(monkeypatch, Terminal(), delay=0.0, seconds=0.2, **variables) == ""


def test_the_option_outweighs_what_the_stream_is(monkeypatch):
    assert use(monkeypatch, Terminal(), delay=0.0, seconds=0.2, wanted="plain") == ""
    shown = use(monkeypatch, io.StringIO(), delay=0.05, seconds=0.5, wanted="live")
    assert "embedding words" in shown


def test_what_goes_to_a_file_does_not_go_to_the_terminal(monkeypatch):
    file, screen = io.StringIO(), Terminal()
    for name, stream in (("sys.stdout", file), ("sys.stderr", screen)):
        monkeypatch.setattr(name, stream)
    with Progress(0.0, wanted="live") as progress:
        progress.task("scoring")(1, 4)
        time.sleep(0.3)
        print("a result")
        print("a remark", file=sys.stderr)
    assert file.getvalue() == "a result\n"
    assert "a remark" in screen.getvalue() and "a result" not in screen.getvalue()

"""The live view of a run: what it says, that nothing tears it, and how it ends."""

import contextlib
import io
import logging
import os
import pty
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from rich.console import Console
from rich.file_proxy import FileProxy

from ovseg_jax.config import OptimizerConfig
from ovseg_jax.foundation import terminal
from ovseg_jax.training.alone import LOST
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.live import LiveView, _logged_above, terminal_console
from ovseg_jax.training.live_texts import clock_time, numbers_text
from ovseg_jax.training.optimizer import learning_rates, make_schedule
from ovseg_jax.training.pace import Pace
from ovseg_jax.training.views import Lines

NUMBERS = {
    "train/dice": 0.25,
    "train/loss": 1.5,
    "train/seconds_per_step": 0.5,
    "train/images_per_second": 32.0,
    "train/input_wait": 0.02,
}
SCORES = {"semantic/mIoU": 0.3125, "panoptic/PQ": 0.2}
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Clock:
    """Seconds that a test lets pass."""

    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def goodput(clock):
    return Goodput(clock)


@pytest.fixture
def view(goodput, clock):
    """Of a run of 1,000 steps, on a recorded terminal."""
    console = Console(file=io.StringIO(), force_terminal=True, width=80, soft_wrap=True)
    return LiveView(goodput, 1000, np.linspace(1e-3, 0, 1000), console, clock)


def shown(view):
    """The lines of a picture, spaces between words made one."""
    console = Console(file=io.StringIO(), width=80)
    console.print(view.frame())
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def take_steps(view, goodput, clock, count, seconds=0.5):
    """Lets steps be done at some pace, each seen by a picture."""
    with goodput.during("step"):
        for _ in range(count):
            clock.seconds += seconds
            goodput.steps += 1
            view.frame()


def test_a_picture_has_the_bar_the_time_left_and_the_last_numbers(view, goodput, clock):
    take_steps(view, goodput, clock, 200)
    view.numbers(200, NUMBERS)
    bar, train, speed, scores, _, empty = shown(view)
    assert "200/1,000 20% 0:06:40 left" in bar
    assert train == "train loss 1.5 lr 8.01e-04 dice 0.25"
    assert speed == "speed 0.5 s/step 32 images/s 2% input wait"
    assert scores == "scores -" and empty == ""


def test_compiling_and_evaluating_are_told_and_lengthen_no_step(view, goodput, clock):
    with goodput.during("compile"):
        shown(view)
        clock.seconds += 75
        assert shown(view)[4] == "now compiling the step, since 0:01:15"
    take_steps(view, goodput, clock, 100)
    with goodput.during("evaluation"):
        for seen in range(13):
            view.photos("val", seen, 50)
            shown(view)
            clock.seconds += 2
        assert "evaluating val, 12/50 photos, 0:01:16 left" in shown(view)[4]
    take_steps(view, goodput, clock, 100)
    assert "0:06:40 left" in shown(view)[0]


def test_all_pictures_of_a_run_have_one_height(view, goodput, clock):
    """Else a line that another thread prints meanwhile would leave a piece of the old one."""
    heights = [len(shown(view))]
    take_steps(view, goodput, clock, 30)
    view.numbers(30, {f"train/loss_of_a_layer_{n}": 0.5 for n in range(40)} | NUMBERS)
    view.scores(30, "a rather long name of an evaluation" * 3, SCORES)
    for phase in ("compile", "evaluation", "save", "input"):
        with goodput.during(phase):
            heights.append(len(shown(view)))
    assert set(heights) == {6}


def test_an_evaluation_prints_one_table_and_compares_it_with_the_last(view):
    view.scores(100, "val", SCORES)
    view.scores(200, "val", {"semantic/mIoU": 0.3, "panoptic/PQ": 0.25})
    printed = CONTROL.sub("", view._console.file.getvalue())
    assert printed.count("percent") == 2 and "val, step 200 of 1,000" in printed
    assert re.search(r"panoptic PQ +25\.00 +\+5\.00", printed)
    assert shown(view)[3] == "scores val, step 200 mIoU 30.00 PQ 25.00"


@pytest.fixture
def drawing(monkeypatch, goodput):
    """Opens the view on a stderr that says it is a terminal; pytest puts its own there before."""
    monkeypatch.delenv("CI", raising=False)
    for name, value in {"TERM": "xterm", "COLUMNS": "60"}.items():
        monkeypatch.setenv(name, value)

    @contextlib.contextmanager
    def draw():
        screen = io.StringIO()
        screen.isatty = lambda: True
        monkeypatch.setattr("sys.stderr", screen)
        assert terminal.is_live()
        with LiveView(goodput, 10, np.ones(10), terminal_console("auto")):
            yield screen
        assert sys.stderr is screen and not terminal._drawn

    return draw


def test_lines_go_above_the_view_and_stay_whole(drawing):
    path = f"/{'x' * 70}/run"
    with drawing() as screen:
        first = screen.tell()
        print(f"ovseg: {path}", file=sys.stderr)
        said = screen.getvalue()[first:]
    assert said.index("\x1b[2K") < said.index(path) < said.index("train")
    assert said[: said.index(path)].count("\x1b[2K") == 6, "all of the picture is taken away"


def test_handlers_of_libraries_write_above_it_too(monkeypatch):
    screen = io.StringIO()
    handler = logging.StreamHandler(screen)
    monkeypatch.setattr(logging.getLogger("a library"), "handlers", [handler])
    monkeypatch.setattr("sys.stderr", FileProxy(Console(file=screen), screen))
    with _logged_above():
        assert handler.stream is sys.stderr
    assert handler.stream is screen


def test_the_cursor_is_never_hidden_and_the_last_picture_stays(drawing):
    with pytest.raises(RuntimeError), drawing() as screen:
        first = screen.getvalue()
        raise RuntimeError
    for said in (first, screen.getvalue()):
        assert said.rfind("\x1b[?25h") > said.rfind("\x1b[?25l")
    last = CONTROL.sub("", screen.getvalue()[len(first) :])
    assert "scores" in last and "now" not in last and last.endswith("\n")


def test_no_color_is_heard(drawing, monkeypatch):
    for variable, colored in (("OTHER", True), ("NO_COLOR", False)):
        monkeypatch.setenv(variable, "1")
        with drawing() as screen:
            pass
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-9](;|m)", screen.getvalue())) is colored


PROGRAM = """
import sys, time
from pathlib import Path
import numpy as np
from ovseg_jax.training.goodput import Goodput
from ovseg_jax.training.live import LiveView, _logged_above, terminal_console
from ovseg_jax.training.watchdog import watching

goodput = Goodput()
with LiveView(goodput, 10, np.ones(10), terminal_console("auto")):
    with watching(goodput, 0.5, Path(sys.argv[1])), goodput.during("step"):
        time.sleep(60)
"""


def test_a_process_that_ends_at_once_leaves_its_words_below_the_view(tmp_path):
    """A thread that went on drawing would wipe them away."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(tmp_path)], stderr=theirs)
    os.close(theirs)
    said = b""
    try:
        while part := os.read(ours, 1 << 16):
            said += part
    except OSError:  # how a pseudo-terminal says that nobody writes any more
        pass
    assert process.wait(timeout=60) == LOST
    picture, words = said.decode().split("ovseg: error:")
    assert "Thread" in words and not CONTROL.search(words)
    assert picture.rfind("\x1b[?25h") > picture.rfind("\x1b[?25l")
    assert CONTROL.sub("", picture).endswith("\n")


def test_a_terminal_that_takes_nothing_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(terminal, "PATIENCE", 0.05)
    done = []
    with terminal.drawn(lambda: done.append(1) or time.sleep(0.3)):
        began = time.monotonic()
        terminal.give_back()
        assert time.monotonic() - began < 0.25 and done
    assert len(done) == 2


def test_a_log_has_a_line_for_each_report_without_control_characters(capsys):
    lines = Lines(40)
    lines.numbers(5, {"train/loss": 1.23456, "train/seconds_per_step": 0.5})
    lines.photos("val", 1, 2)
    lines.scores(10, "val", SCORES)
    assert capsys.readouterr().err == (
        "step 5/40  loss 1.235  seconds_per_step 0.5\n"
        "step 10/40  semantic/mIoU 0.3125  panoptic/PQ 0.2\n"
    )


def test_the_time_left_follows_the_latest_counts():
    pace = Pace()
    assert pace.seconds(10) is None
    for second in range(200):
        pace.look(second, second // 10)
    assert pace.seconds(6) == pytest.approx(60, rel=0.1)
    for second in range(200, 400):
        pace.look(second, 20 + second - 200)
    assert pace.seconds(60) == pytest.approx(60, rel=0.05)
    pace.look(1000, 220, at_work=False)
    assert pace.seconds(60) == pytest.approx(60, rel=0.05)


@pytest.mark.parametrize(
    "seconds, text", [(0, "0:00:00"), (59.6, "0:01:00"), (3723, "1:02:03"), (90000, "1 d 1:00:00")]
)
def test_times_read_as_on_a_clock(seconds, text):
    assert clock_time(seconds) == text


def test_a_few_of_dozens_of_numbers_are_shown_the_loss_first():
    text = str(numbers_text({f"train/n{n}": 1.0 for n in range(20)} | {"train/loss": 2.0}, 1e-4))
    assert text.startswith("loss 2   lr 1.00e-04   n0 1") and text.endswith("... 15 more")


def test_the_rate_of_every_step_is_that_of_the_optimizer():
    config = OptimizerConfig(schedule="poly", warmup_steps=3)
    rates, rate_of = learning_rates(config, 9), make_schedule(config, 9)
    np.testing.assert_allclose(rates[[1, 7]], [rate_of(1), rate_of(7)], rtol=1e-5)
    assert learning_rates(config, 0).shape == (0,)

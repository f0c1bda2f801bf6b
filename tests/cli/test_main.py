"""The command line as a whole: quick help, one line per error."""

import subprocess
import sys
import time

import pytest

from ovseg_jax.cli import errors
from ovseg_jax.cli.main import COMMANDS, main

HEAVY = {"jax", "flax", "numpy", "PIL", "tensorflow", "tyro", "rich", "orbax", "scipy"}


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_imports_nothing_heavy(command):
    arguments = [command] if command else []
    program = (
        "import sys\nfrom ovseg_jax.cli.main import main\n"
        f"try: main({[*arguments, '--help']})\nexcept SystemExit as e: assert not e.code\n"
        f"print(sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "usage: ovseg" in done.stdout
    assert done.stderr.strip() == "[]"


def test_help_answers_in_half_a_second():
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "ovseg_jax.cli.main", "segment", "--help"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        times.append(time.perf_counter() - start)
    assert min(times) < 0.5


def test_help_says_how_background_works(capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "fewer than 10 classes" in text and "--min-score" in text
    assert "0 = unlabelled" in text


@pytest.mark.parametrize(
    "arguments",
    [[], ["paint"], ["classify"], ["segment", "a.jpg", "--vocab", "cat", "--vocab-file", "b"]],
)
def test_wrong_usage_exits_with_status_2(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: ovseg" in capsys.readouterr().err


def test_an_unknown_option_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["segment", "a.jpg", "--vocab", "cat", "--colour", "red"])
    assert "--colour" in capsys.readouterr().err


def test_errors_of_the_user_are_one_line_without_traceback(capsys):
    def fail():
        raise errors.UsageError("no such thing")

    assert errors.guarded(fail) == 2
    assert capsys.readouterr().err == "ovseg: error: no such thing\n"


def test_defects_keep_their_traceback():
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        errors.guarded(fail)


def test_a_traceback_can_be_asked_for(monkeypatch):
    monkeypatch.setenv(errors.TRACEBACK, "1")

    def fail():
        raise errors.UsageError("no such thing")

    with pytest.raises(errors.UsageError):
        errors.guarded(fail)


def test_interruption_is_no_error(capsys):
    def stop():
        raise KeyboardInterrupt

    assert errors.guarded(stop) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--out", "--masks", "--vocab-file"])
def test_an_empty_path_is_not_the_working_folder(option, capsys):
    with pytest.raises(SystemExit) as end:
        main(["segment", "photo.jpg", "--vocab", "cat", option, ""])
    assert end.value.code == 2 and "the path is empty" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error():
    code = (
        "import sys; from ovseg_jax.cli.errors import guarded;"
        "sys.exit(guarded(lambda: [print('line') for _ in range(100_000)] and 0))"
    )
    command = [sys.executable, "-c", code]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    program.stdout.readline()
    program.stdout.close()
    assert program.stderr.read() == b"" and program.wait() == 141


def test_a_pipe_of_something_else_that_breaks_is_an_error(capsys):
    def fail():
        raise BrokenPipeError(32, "Broken pipe")

    assert errors.guarded(fail) == 2 and "Broken pipe" in capsys.readouterr().err

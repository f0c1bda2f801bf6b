"""One family of errors, safe to print; the command line turns them into a line and status 2."""

import pytest

from ovseg_jax.cli.errors import guarded
from ovseg_jax.disk.atomic import OutputError
from ovseg_jax.foundation import errors


def fail(error):
    raise error


def test_control_characters_in_messages_are_written_out():
    error = errors.ModelError("tensor \x1b[2Jname\r\nsecond line\tend \u202e")
    assert str(error) == "tensor \\x1b[2Jname\\r\nsecond line\\tend \\u202e"


def test_long_lists_are_cut_and_counted():
    assert errors.first_few(["a", "b"]) == "a, b"
    assert errors.first_few(range(12), 10).endswith("8, 9 and 2 more")
    assert errors.first_few("abc", 2, "; ") == "a; b and 1 more"
    assert [errors.counted(n, "class", "es") for n in (0, 1, 2)] == [
        "0 classes",
        "1 class",
        "2 classes",
    ]


@pytest.mark.parametrize("text", ["Straße", "猫\u3000犬", "a\u00a0b", "two\nlines", "naïve 🐈"])
def test_letters_of_every_script_stay(text):
    assert errors.printable(text) == text


def test_names_that_are_no_text_can_be_printed():
    assert errors.printable("photo\udce9.jpg").encode() == b"photo\\udce9.jpg"


@pytest.mark.parametrize(
    "error",
    [errors.ModelError("bad\x1b[31m"), OutputError("disk\x1b[31m"), FileNotFoundError("x\x1b[31m")],
)
def test_the_command_line_prints_one_line(capsys, error):
    assert guarded(fail, error) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("ovseg: error: ") and "\x1b" not in shown and "Traceback" not in shown


def test_a_defect_keeps_its_traceback():
    with pytest.raises(ValueError, match="defect"):
        guarded(fail, ValueError("defect"))


def test_warnings_are_lines_on_stderr(capsys):
    assert guarded(lambda: errors.warn("12 photos were \x1bskipped")) == 0
    assert capsys.readouterr().err == "ovseg: warning: 12 photos were \\x1bskipped\n"

"""`python -m tools.sizes`: what it counts, and when its check fails."""

import pytest

from tools import sizes

FLAT = '''
def plain(a: int, *, b: str = "") -> int:
    """Two lines of text
    and no block."""
    if a:
        return 1
    elif b:
        return 2
    else:
        return 3


class Thing:
    def __init__(self, size):
        with open(size) as file:
            for line in file:
                def inner():
                    if line:
                        while True:
                            pass
'''
DEEP = """
def deep():
    for a in "a":
        if a:
            try:
                pass
            except OSError:
                if a:
                    pass
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("pass\n" * 5)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text(FLAT)
    return tmp_path


def test_each_function_is_measured_for_itself(folder):
    found = {each.where.split()[1]: each for each in sizes.functions(folder / "source" / "a.py")}
    plain, init, inner = (found[name] for name in ("plain", "__init__", "inner"))
    assert (plain.lines, plain.nesting, plain.arguments, plain.annotated) == (9, 1, 2, True)
    assert (init.nesting, init.arguments, init.annotated) == (2, 1, False)
    assert (inner.lines, inner.nesting, inner.arguments, inner.annotated) == (4, 2, 0, False)


def test_nesting_above_three_fails_the_check_only(folder, capsys):
    arguments = [str(folder / "source"), "--tests", str(folder / "tests")]
    assert sizes.main([*arguments, "--check"]) == 0
    (folder / "source" / "b.py").write_text(DEEP)
    assert sizes.main(arguments) == 0
    assert sizes.main([*arguments, "--check"]) == 1
    printed = capsys.readouterr()
    assert "nested 4 deep:" in printed.err and "b.py:2 deep" in printed.err
    assert "| nesting per function | 2 | 4 | 4 |" in printed.out
    assert "2 files, 29 lines, 4 functions" in printed.out
    assert "annotated functions: 25 %" in printed.out
    assert "test lines per 100 source lines: 17" in printed.out


def test_the_package_can_be_measured(capsys):
    assert sizes.main([]) == 0
    assert capsys.readouterr().out.startswith("| size | median |")

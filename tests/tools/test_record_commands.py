"""docs/commands.md shows what the commands print; and the program that holds it to that."""

from pathlib import Path

import pytest

from tools import record_commands
from tools.record_commands import FREE, Block, Shell, blocks, normalised, recorded, same

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "commands.md"
QUICK = (
    "ovseg --help",
    "ovseg segment foto.png",
    "ovseg train configs/own_photos.py --workdir run2",
)


def test_the_page_covers_what_it_promises():
    commands = "\n".join(
        command for block in blocks(PAGE.read_text()) for command in block.commands()
    )
    for name in ("segment", "classify", "classify-image", "embed", "train", "evaluate", "weights"):
        assert f"ovseg {name} " in commands
    assert "ovseg data build" in commands and "--masks masks.json" in commands


@pytest.mark.parametrize("start", QUICK)
def test_help_and_errors_are_as_shown(tmp_path, start):
    shown = [block for block in blocks(PAGE.read_text()) if block.text.startswith(f"$ {start}")]
    assert len(shown) == 1
    printed = Shell(tmp_path).answer(shown[0])
    assert same(shown[0], printed), printed.text


@pytest.mark.slow
def test_every_command_prints_what_the_page_shows(capsys):
    status = record_commands.main([str(PAGE), "--check"])
    assert status == 0, capsys.readouterr().out


def test_commands_go_on_behind_a_backslash():
    block = Block("$ a \\\n  b\nprinted\n$ c\n")
    assert block.commands() == ["a \\\n  b", "c"]


def test_answers_take_the_place_of_the_old_ones():
    page = f"one\n```console\n$ a\nold\n```\n{FREE}```console\n$ b\n```\n```\n$ no console\n```\n"
    first, second = blocks(page)
    assert (first.free, second.free) == (False, True)
    after = recorded(page, [Block("$ a\nnew \\1\n"), second])
    assert after == page.replace("old", "new \\1")


def test_near_numbers_are_the_same_and_all_where_they_are_free():
    def block(text, free=False):
        return Block(f"$ a\n{text}\n", free)

    assert same(block("cat  0.991 ███"), block("cat  0.987 ██"))
    assert not same(block("cat 0.99"), block("cat 0.90"))
    assert not same(block("cat 0.99"), block("dog 0.99"))
    assert not same(block("3 masks"), block("4 masks"))
    assert not same(block("0.5"), block("0.5 0.5"))
    assert same(block("loss 1.5  masks 3", True), block("loss 2  masks 4", True))
    assert not same(block("loss 1.5", True), block("gain 1.5", True))


def test_folders_times_and_notes_are_made_even(tmp_path):
    work = tmp_path / "work"
    printed = f"WARNING:absl:hm\nin {work}/instances-abcdef012345  \n\n\n\nseconds_per_step 3.25\n"
    assert normalised(printed, work) == (
        "in /home/me/toys/instances-0123456789ab\n\nseconds_per_step 1.0\n"
    )

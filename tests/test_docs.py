"""Links of the pages lead somewhere, and what they tell to type exists."""

import re
from pathlib import Path

import pytest

from ovseg_jax.cli.main import COMMANDS
from ovseg_jax.convert.published import KINDS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ovseg_jax"
PATTERNS = ("*.md", "docs/*.md", "*/README.md", "data/*/README.md", "tests/goldens/README.md")
PAGES = sorted({page for pattern in PATTERNS for page in ROOT.glob(pattern)})
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
TARGET = re.compile(r"^([\w.-]+(?: [\w.-]+)*):(?!=)", re.MULTILINE)
named = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(page):
    """The names that a page's headings have as targets of links."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@named
def test_links_lead_to_files_and_headings_that_exist(page):
    for target, anchor in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in target:
            continue
        file = page.parent / target if target else page
        assert file.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(file), f"{page}: {target}#{anchor}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_paths_that_are_named_exist(name):
    """Those that start at the root or, as the guide writes them, in the package."""
    folders = "|".join(path.name for path in [*ROOT.iterdir(), *PACKAGE.iterdir()])
    text = (ROOT / name).read_text()
    paths = re.findall(rf"[`\s]((?:{folders})/[\w./-]+\.(?:py|md|toml))\b", text)
    assert len(paths) > 5
    missing = [path for path in paths if not any((r / path).exists() for r in (ROOT, PACKAGE))]
    assert not missing


@named
def test_commands_exist(page):
    text = page.read_text()
    lines = [line.removeprefix("$ ") for block in FENCE.findall(text) for line in block.split("\n")]
    for line in lines:
        if match := re.match(r"ovseg ([a-z][a-z-]*)( \w+)?", line):
            name, rest = match[1], (match[2] or "").strip()
            assert name in COMMANDS, f"{page}: {line}"
            assert name != "convert" or rest in KINDS, f"{page}: {line}"
        for module in re.findall(r"python -m ((?:tools|benchmarks|data)[\w.]*)", line):
            assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), f"{page}: {line}"


@named
def test_targets_of_make_exist(page):
    known = {
        name for line in TARGET.findall((ROOT / "Makefile").read_text()) for name in line.split()
    }
    for target in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(), re.MULTILINE):
        assert set(filter(None, target)) <= known, f"{page}: make {target}"


def test_the_hook_before_a_commit_checks_with_the_ruff_of_the_constraints():
    (version,) = re.findall(r"^ruff==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    hooks = re.findall(r"ruff==[\d.]+", (ROOT / ".pre-commit-config.yaml").read_text())
    assert hooks == [version, version]

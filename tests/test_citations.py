"""Every `docs/reference N.M` in the repository is a heading there, and its pages hold together."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs" / "reference").glob("*.md"))
FOLDERS = ("ovseg_jax", "configs", "tests", "data", "benchmarks", "docs")
NUMBER = r"\d+(?:\.\d+)?"
BREAK = r"[ \t]*\n[ \t]*(?:# )?| "  # a citation may go on in the next line, of a comment too
CITATION = re.compile(
    rf"docs/reference(?!/)(?:(?:{BREAK})({NUMBER}(?:(?:,|(?:{BREAK})and)(?:{BREAK})\d+\.\d+)*))?"
)
OLD = re.compile(r"\bsystems(?:\.md\b|\s+\d)")
HEADING = re.compile(rf"^#+ ({NUMBER}) (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def files() -> Iterator[Path]:
    """Yields programs and pages, but for this file, which shows what broken ones look like."""
    for suffix in ("*.py", "*.md"):
        yield from ROOT.glob(suffix)
        for folder in FOLDERS:
            found = (ROOT / folder).rglob(suffix)
            yield from (path for path in found if path != Path(__file__))


def numbers() -> list[str]:
    return [found[1] for page in PAGES for found in HEADING.finditer(page.read_text())]


def broken(text: str, known: set[str]) -> list[str]:
    """Returns the citations that lead nowhere: without a number, of no heading, or of old form."""
    wrong = [found[0] for found in OLD.finditer(text)]
    for found in CITATION.finditer(text):
        cited = re.findall(NUMBER, found[1] or "")
        if not cited or not known.issuperset(cited):
            wrong.append(found[0])
    return wrong


def anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives to a page's headings."""
    titles = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_citation_is_a_heading():
    known = set(numbers())
    found = {str(path.relative_to(ROOT)): broken(path.read_text(), known) for path in files()}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("({} 5.7)", 0),
        ("{} 4", 0),
        ("{} 5.3, 6.3 and 0.1.", 0),
        ("# as in {}\n    # 5.7", 0),
        ("[the page]({}/sam.md)", 0),
        ("({} 5.99)", 1),
        ("({} 5.3, 6.99)", 1),
        ("({} 5.3 and\n    6.99)", 1),
        ("{} 57", 1),
        ("see {}", 1),
        ("({} 5.7) and (systems 5.7)", 1),
        ("{} 5.7, and systems.md", 1),
    ],
)
def test_what_counts_as_broken(text, count):
    assert len(broken(text.format("docs/reference"), set(numbers()))) == count


def test_headings_count_up_without_gaps():
    found = numbers()
    chapters = [number for number in found if "." not in number]
    assert sorted(chapters, key=int) == [str(index) for index in range(len(PAGES) - 1)]
    for chapter in chapters:
        inside = [number for number in found if number.startswith(f"{chapter}.")]
        assert inside == [f"{chapter}.{index + 1}" for index in range(len(inside))]


def test_the_index_names_every_page():
    index = (ROOT / "docs" / "reference" / "README.md").read_text()
    listed = re.findall(r"^\| (\d+) \| \[(\w+\.md)\]\(\2\) \|", index, re.MULTILINE)
    pages = {path.name: HEADING.search(path.read_text())[1] for path in PAGES[1:]}
    assert {name: number for number, name in listed} == pages


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    for target in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name).resolve() if name else page
        assert other.exists(), target
        assert not anchor or anchor in anchors(other), target

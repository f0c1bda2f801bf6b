"""What the site's hook makes of files of the checkout."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tools import site_pages

ROOT = Path(__file__).parents[2]


def entries(nav):
    """All files that a navigation names."""
    for item in nav:
        for value in item.values():
            yield from entries(value) if isinstance(value, list) else [value]


def test_every_page_of_docs_is_in_the_navigation_and_all_of_it_exists():
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    folders = {"api/", "reference/"}
    listed, made = set(entries(nav)) - folders, site_pages.pages()
    assert listed <= set(made.values())
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= listed
    assert all((ROOT / source).is_file() for source in made)


def test_every_module_of_the_reference_exists():
    names = [name for group in site_pages.REFERENCE.values() for name in group]
    files = [ROOT / "ovseg_jax" / f"{name.replace('.', '/')}.py" for name in names]
    assert [str(file) for file in files if not file.is_file()] == []


@pytest.mark.parametrize(
    ("text", "source", "want"),
    [
        ("[a](docs/inputs.md#words)", "README.md", "[a](inputs.md#words)"),
        ("![a](docs/images/demo.png)", "README.md", "![a](images/demo.png)"),
        ("[a](LICENSE)", "README.md", "a"),
        ("[a](#layout) [b](https://b.org)", "README.md", "[a](#layout) [b](https://b.org)"),
        ("[a](../benchmarks/README.md)", "docs/toy_world.md", "[a](benchmarks.md)"),
        ("[a](toy_world/README.md)", "data/README.md", "[a](data/toy_world.md)"),
        ("```\n[a](LICENSE)\n```", "README.md", "```\n[a](LICENSE)\n```"),
    ],
)
def test_links_of_the_checkout_become_links_between_pages(text, source, want):
    assert site_pages.linked(text, source) == want


def test_a_notebook_becomes_a_page_with_its_outputs():
    picture = {"output_type": "display_data", "data": {"image/png": "AAAA\n"}}
    printed = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {"cell_type": "code", "source": ["f()"], "outputs": [printed, picture]},
    ]
    page = site_pages.notebook_page(json.dumps({"cells": cells}))
    assert page.startswith("# Title\n\n```python\nf()\n```\n\n```text\n1\n2\n```\n\n<img")
    assert 'src="data:image/png;base64,AAAA"' in page


@pytest.mark.slow
def test_the_site_builds_strictly_and_asks_no_other_host_for_anything(tmp_path):
    pytest.importorskip("mkdocstrings")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for page in tmp_path.rglob("*.html"):
        text = page.read_text()
        assert 'src="http' not in text and '<link rel="stylesheet" href="http' not in text, page
    assert "load_segmenter" in (tmp_path / "api" / "api.html").read_text()

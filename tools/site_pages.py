"""Pages of the site that are not in docs/: a hook of mkdocs, named in mkdocs.yml.

Files of the checkout (the README is the front page), the notebook as a page with its stored
outputs, and a page of reference for each module of `REFERENCE`. Links between files of the
checkout become links between pages; a link to what is no page becomes plain text.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "configs/README.md": "configs.md",
    "data/README.md": "data.md",
    "benchmarks/README.md": "benchmarks.md",
    "tests/goldens/README.md": "goldens.md",
    "docs/first_steps.ipynb": "first_steps.md",
}
"""From a file of the checkout to its page; the sets' own READMEs and docs/ are added to these."""
REFERENCE = {
    "Use": (
        "api",
        "foundation.errors",
        "inference.segmenter",
        "inference.segmentation",
        "inference.results",
    ),
    "Describe": (
        *("config.experiment", "config.model", "config.methods.shared", "config.generators"),
        *("config.data", "disk.configs_io", "loading.build"),
    ),
    "Extend": (
        *("foundation.typing", "methods.method", "methods.mask_pooling", "models.clip.clip"),
        *("models.clip.rows", "evaluation.evaluator"),
        *("evaluation.suite", "evaluation.semantic", "evaluation.panoptic", "convert.published"),
        *("convert.rules", "convert.family"),
    ),
    "Run": (
        "loading.opening",
        "loading.weights",
        "foundation.trees",
        "training.loop",
        "training.step",
        "training.state",
    ),
    "Words and masks": ("vocabulary.classes", "vocabulary.text_bank", "masks.read", "masks.found"),
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]*)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^```.*?^```)", re.DOTALL | re.MULTILINE)


def on_config(config: Any) -> Any:
    """Fills the parts of the navigation that are folders."""
    for entry in config["nav"]:
        for title in entry:
            if entry[title] == "api/":
                entry[title] = [
                    {group: [{name: _reference(name)} for name in names]}
                    for group, names in REFERENCE.items()
                ]
            elif str(entry[title]).endswith("/"):
                folder = ROOT / "docs" / entry[title]
                entry[title] = [
                    str(path.relative_to(ROOT / "docs")) for path in folder.glob("*.md")
                ]
                entry[title].sort(key=lambda path: (not path.endswith("README.md"), path))
    config["nav"] = [entry for entry in config["nav"] if all(entry.values())]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made."""
    from mkdocs.structure.files import File  # pyright: ignore[reportMissingImports]

    for source, page in pages().items():
        if source.startswith("docs/") and not source.endswith(".ipynb"):
            continue
        text = (ROOT / source).read_text()
        if source.endswith(".ipynb"):
            text = notebook_page(text)
        files.append(File.generated(config, page, content=linked(text, source)))
    for names in REFERENCE.values():
        for name in names:
            text = f"# `{name}`\n\n::: ovseg_jax.{name}\n"
            files.append(File.generated(config, _reference(name), content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Mends the links of the pages in docs/, which are written for the checkout."""
    source = f"docs/{page.file.src_uri}"
    return linked(markdown, source) if (ROOT / source).is_file() else markdown


def pages() -> dict[str, str]:
    """Returns the page of every file of the checkout that has one."""
    found = {f"data/{path.parent.name}/README.md": "" for path in ROOT.glob("data/*/README.md")}
    found = {source: f"data/{source.split('/')[1]}.md" for source in sorted(found)}
    docs = ROOT / "docs"
    own = {f"docs/{p.relative_to(docs)}": str(p.relative_to(docs)) for p in docs.rglob("*.md")}
    return PAGES | found | own


def linked(text: str, source: str) -> str:
    """Rewrites the links of a file for its page; what stands in fences is left alone."""
    known = pages()
    here = Path(known[source]).parent

    def rewritten(match: re.Match[str]) -> str:
        image, words, target, anchor = match[1], match[2], match[3], match[4] or ""
        if not target or "://" in target:
            return match[0]
        file = os.path.normpath(Path(source).parent / target)
        if image:
            place = os.path.relpath(file, Path("docs") / here)
            return f"![{words}]({place})"
        if file not in known:
            return words
        return f"[{words}]({os.path.relpath(known[file], here)}{anchor})"

    parts = FENCE.split(text)
    return "".join(p if p.startswith("```") else LINK.sub(rewritten, p) for p in parts)


def notebook_page(text: str) -> str:
    """Writes a notebook as Markdown, with the outputs that are stored in it."""
    parts = []
    for cell in json.loads(text)["cells"]:
        content = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(content)
            continue
        parts.append(f"```python\n{content}\n```")
        parts += [shown for output in cell["outputs"] if (shown := _output(output))]
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, Any]) -> str:
    data = output.get("data", {})
    if "image/png" in data:
        packed = "".join("".join(data["image/png"]).split())
        return f'<img alt="output" src="data:image/png;base64,{packed}">'
    printed = "".join(output.get("text") or data.get("text/plain", ""))
    return f"```text\n{printed.rstrip()}\n```" if printed else ""


def _reference(name: str) -> str:
    return f"api/{name}.md"

"""The page of a model on Hugging Face's hub: what it is, whose, under what licence, how to use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ovseg_jax.config import ModelConfig, SamConfig
from ovseg_jax.inputs.labels import named_classes

CARD = "README.md"
LICENCES = {
    "apache-2.0": "apache-2.0",
    "mit": "mit",
    "cc by-nc 4.0": "cc-by-nc-4.0",
    "cc-by-nc-4.0": "cc-by-nc-4.0",
    "cc by 4.0": "cc-by-4.0",
}
"""From the beginning of a licence as reports state it to what the hub calls it."""
SHOWN = 12


def hub_licence(licence: str) -> str:
    """Returns what the hub calls a licence; "other" for those that it may not know."""
    known = licence.lower()
    return next((name for start, name in LICENCES.items() if known.startswith(start)), "other")


def model_card(
    config: ModelConfig, report: Mapping[str, Any], licence: str, repository: str
) -> str:
    """Writes the page.

    Args:
        config: The model.
        report: Its `report.json`; empty if it has none.
        licence: Licence of these weights.
        repository: Where they will be, "OWNER/NAME".
    """
    return "\n".join(
        [
            *_head(licence),
            f"# {repository.rpartition('/')[2]}",
            "",
            _what(config),
            "",
            "## Use",
            "",
            *_use(config, repository),
            "## Words",
            "",
            _words(config),
            "",
            "## Licence and origin",
            "",
            f"{licence}. A converted model keeps the licence of its file.",
            "",
            *_origin(report),
        ]
    )


def _head(licence: str) -> list[str]:
    name = hub_licence(licence)
    other = [f"license_name: {json.dumps(licence)}"] if name == "other" else []
    tags = ["tags:", "- ovseg_jax", "- jax", "- open-vocabulary-segmentation"]
    head = [f"license: {name}", *other, "library_name: ovseg_jax"]
    return ["---", *head, "pipeline_tag: image-segmentation", *tags, "---", ""]


def _what(config: ModelConfig) -> str:
    tower = config.clip.variant or "no CLIP"
    masks = {"none": "no masks of its own", "sam": "Segment Anything's masks"}
    made = masks.get(config.generator.kind, "a mask generator of its own")
    return (
        "Weights of ovseg_jax, open-vocabulary image "
        f"segmentation in JAX: method `{config.method.kind}` on `{tower}`, with {made}. "
        "`config.json` describes the model, `model.safetensors` holds its parameters, "
        "`report.json` says where they come from."
    )


def _use(config: ModelConfig, repository: str) -> list[str]:
    place = f"hf:{repository}@REVISION"
    if isinstance(config.generator, SamConfig):
        command = f'ovseg segment photo.jpg --vocab "cat; sofa" --model MODEL --generator {place}'
        return ["```", command, "```", ""]
    python = [
        "```python",
        "from ovseg_jax.api import load_segmenter",
        "",
        f'segmenter = load_segmenter("{place}")',
    ]
    if config.clip.variant:
        python.append('segmenter.set_vocabulary("cat, kitten; sofa, couch")')
    own = config.generator.kind != "none"
    masks = "" if own else ', masks="masks.json"'
    python += [f'segmenter.segment("photo.jpg"{masks}).save("out/")', "```", ""]
    pin = "REVISION is a commit of this repository: it pins what is loaded.\n"
    return [*python, pin]


def _words(config: ModelConfig) -> str:
    seen = _seen(config)
    if not config.clip.variant:
        return f"A fixed list of classes. {seen}" if seen else "None: it makes masks."
    return f"Any words; prompts `{config.templates}`. {seen}".strip()


def _seen(config: ModelConfig) -> str:
    if not config.train_vocabulary:
        return ""
    names = list(named_classes(config.train_vocabulary).names)
    first = ", ".join(str(name) for name in names[:SHOWN])
    rest = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"Trained with the {len(names)} classes of `{config.train_vocabulary}`: {first}{rest}."


def _origin(report: Mapping[str, Any]) -> list[str]:
    lines = []
    if report.get("source"):
        lines.append(f"* made from `{report['source']}`, SHA-256 `{report.get('sha256', '?')}`")
    if report.get("clip_file"):
        lines.append(f"* and `{report['clip_file']}`, SHA-256 `{report.get('clip_sha256', '?')}`")
    published = report.get("published") or {}
    if isinstance(published, Mapping) and published.get("address"):
        lines.append(f"* published at <{published['address']}>")
    return [*(lines or ["* trained, not converted: there is no report of a source"]), ""]

"""Embeds a vocabulary: fills the cache, so that later runs start at once, and writes a file.

The cache is keyed by weights, templates and names; OVSEG_CACHE moves it. --out writes an .npz with
`embeddings` [names, templates, d], `names`, `classes` (class index of each name) and `templates`.

  ovseg embed --vocab-file names.txt --model weights/clip_convnext_large
"""

from __future__ import annotations

import argparse
import hashlib
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.options import (
    add_model,
    add_overwrite,
    add_vocabulary,
    given_path,
    read_vocabulary,
)
from ovseg_jax.foundation.errors import counted, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument(
        "--out", type=given_path, metavar="FILE.npz", help="also write the embeddings"
    )
    add_overwrite(parser)
    add_vocabulary(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Embeds the words; returns the exit status."""
    import numpy as np

    from ovseg_jax.cli.photos import load_model
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.cli.results import open_file
    from ovseg_jax.vocabulary.prompts import templates as find_templates
    from ovseg_jax.vocabulary.text_bank import default_directory

    if arguments.out and arguments.out.suffix != ".npz":
        raise UsageError(f"--out {arguments.out}: embeddings are written as .npz; end it so")
    classes = read_vocabulary(arguments)
    keep = arguments.out and open_file(arguments, arguments.out, _source(classes))
    with Progress() as progress:
        segmenter = load_model(arguments.model, progress)
        prompts = arguments.templates or segmenter.model.templates
        text = segmenter.embed(classes, prompts, progress.task("embedding words"))
    names, owners = classes.synonym_rows
    rows = np.asarray(text.embeddings)[: len(names)]
    print(
        f"{counted(len(classes), 'class', 'es')}, {counted(len(names), 'name')}, "
        f"{counted(rows.shape[1], 'template')} ({prompts}), {rows.shape[2]} numbers each; "
        f"cached in {default_directory()}"
    )
    if keep:
        arrays = {"embeddings": rows, "names": np.array(names), "classes": owners}
        arrays["templates"] = np.array(find_templates(prompts))
        path = keep(lambda file: np.savez(file, **arrays))
        print(printable(f"written to {path}"))
    return 0


def _source(classes: Any) -> str:
    """What tells the file of these words from that of others."""
    words = "; ".join(", ".join(entry.synonyms) for entry in classes.classes)
    return f"words {hashlib.sha256(words.encode()).hexdigest()[:16]}"

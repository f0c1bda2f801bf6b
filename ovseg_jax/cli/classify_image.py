"""Names whole photos: zero-shot classification, a quick check of a converted tower.

The words compete with each other, so give some that do not fit. Of a SigLIP model each word has a
probability of its own.

  ovseg classify-image photo.jpg --vocab "cat, kitten; dog; car" --model weights/clip_vit_l
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ovseg_jax.cli.options import add_model, add_vocabulary, read_vocabulary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("photos", type=Path, metavar="PHOTO", help="a photo or a folder of photos")
    parser.add_argument(
        "--top", type=int, default=5, metavar="N", help="names per photo (default: 5)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write all names there")
    add_vocabulary(parser)
    add_model(parser)


def run(arguments: argparse.Namespace) -> int:
    """Classifies the photos; returns the exit status."""
    from ovseg_jax import api
    from ovseg_jax.cli.photos import keep_compiled
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.inference.files import write_atomically
    from ovseg_jax.inputs.images import list_images, read_image

    photos, classes = list_images(arguments.photos), read_vocabulary(arguments)
    keep_compiled()
    records = []
    with Progress() as progress:
        loading = progress.task("loading the model")
        classifier = api.load_image_classifier(arguments.model)
        loading(1, 1)
        classifier.set_vocabulary(
            classes,
            templates=arguments.templates or "",
            progress=progress.task("embedding words"),
        )
        advance = progress.task("photos")
        for number, path in enumerate(photos):
            advance(number, len(photos))
            guesses = classifier.classify(read_image(path).pixels)
            best = "  ".join(f"{g.name} {g.probability:.3f}" for g in guesses[: arguments.top])
            print(f"{path.name}: {best}", flush=True)
            scores = {guess.name: guess.probability for guess in guesses}
            records.append({"file": path.name, "probabilities": scores})
    if arguments.json:
        text = json.dumps(records, ensure_ascii=False, indent=1)
        write_atomically(arguments.json, lambda file: file.write(text.encode()))
        print(f"written to {arguments.json}")
    return 0

"""Turns a published checkpoint into a weights directory. Nothing in the file is executed.

  open_clip     OpenCLIP ConvNeXt models (.safetensors, .bin, .pt)
  mask_adapter  Mask-Adapter on FC-CLIP, after either training phase (.pth)

Every tensor of the file must be known and every parameter must be filled; otherwise all problems
are listed at once and nothing is written.

  ovseg convert open_clip open_clip_pytorch_model.bin weights/clip_convnext_large
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

KINDS = ("open_clip", "mask_adapter")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of this subcommand."""
    parser.add_argument("kind", choices=KINDS, help="what the file holds")
    parser.add_argument("source", type=Path, help="the published file")
    parser.add_argument("target", type=Path, help="the weights directory to write")


def run(arguments: argparse.Namespace) -> int:
    """Converts the file; returns the exit status."""
    from ovseg_jax import trees
    from ovseg_jax.cli.progress import Progress
    from ovseg_jax.convert.clip import convert_open_clip
    from ovseg_jax.convert.mask_adapter import convert_mask_adapter
    from ovseg_jax.convert.readers import file_hash, read_tensors
    from ovseg_jax.weights import save_weights

    convert = {"open_clip": convert_open_clip, "mask_adapter": convert_mask_adapter}
    with Progress() as progress:
        progress.task(f"converting {arguments.source.name}")
        tensors = read_tensors(arguments.source)
        config, params, report = convert[arguments.kind](tensors, str(arguments.source))
        origin = {"kind": arguments.kind, "file": arguments.source.name}
        origin |= {"sha256": file_hash(arguments.source), "skipped": report.skipped}
        save_weights(arguments.target, config, params, report=origin)
    print(f"{config.method.kind} on {config.clip.variant}, {trees.count(params):,} parameters")
    print(f"{len(report.used)} tensors used, {len(report.skipped)} left out")
    for reason, count in Counter(report.skipped.values()).most_common():
        print(f"  {count:>4}  {reason}")
    print(f"written to {arguments.target}")
    return 0

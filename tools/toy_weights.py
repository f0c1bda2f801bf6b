"""Makes the shipped toy weights anew: python -m tools.toy_weights --runs runs/toy.

Trains every recipe of `configs/toy` whose result is shipped, in the order in which they stand on
each other, and puts each as float16 under `ovseg_jax/assets/toy`. What is trained already is not
trained again, and what was stopped goes on: about five hours on two cores in all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ovseg_jax.cli.main import main as ovseg

SHIPPED = Path("ovseg_jax/assets/toy")
FILES = "config.json", "model.safetensors"


@dataclass(frozen=True)
class Recipe:
    """What makes one shipped directory.

    Attributes:
        config: Name of a file in `configs/toy`.
        seed: Of the training.
    """

    config: str
    seed: int = 0

    @property
    def command(self) -> str:
        """What a user types, but for the place of the run."""
        return f"ovseg train configs/toy/{self.config}.py --seed {self.seed}"


RECIPES = {
    "clip_convnext_seed0": Recipe("clip_convnext"),
    "clip_convnext_seed1": Recipe("clip_convnext", 1),
    "clip_convnext_seed2": Recipe("clip_convnext", 2),
    "clip_vit_seed0": Recipe("clip_vit"),
    "fcclip": Recipe("generator"),
    "mask_adapter": Recipe("mask_adapter"),
}
"""By the directory that it makes; each may start from those before it."""


def make(name: str, runs: Path, options: Sequence[str] = ()) -> None:
    """Trains one recipe and ships its parameters.

    Args:
        name: A key of `RECIPES`.
        runs: Where runs are kept, one directory each.
        options: Further words of the training's command line, such as where records lie.

    Raises:
        SystemExit: The training or the export failed; they said why.
    """
    _, *words = RECIPES[name].command.split()
    _run(*words, "--workdir", str(runs / name), *options)
    ship(name, runs / name)


def ship(name: str, run: Path, assets: Path = SHIPPED) -> None:
    """Writes the parameters of a run as float16 to the shipped directory of a name."""
    place = assets / name
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / name
        _run("export", str(run), str(exported), "--format", "safetensors", "--dtype", "float16")
        place.mkdir(parents=True, exist_ok=True)
        for file in FILES:
            shutil.copyfile(exported / file, place / file)
    report = {"made by": RECIPES[name].command}
    (place / "report.json").write_text(json.dumps(report, indent=1) + "\n")


def _run(*words: str) -> None:
    if ovseg(list(words)):
        raise SystemExit(f"failed: ovseg {' '.join(words)}")


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RECIPES)}; all")
    parser.add_argument("--runs", type=Path, default=Path("runs/toy"))
    parser.add_argument(
        "--prepared", type=Path, help="where records lie, if not in the usual place"
    )
    parser.add_argument("--only-ship", action="store_true", help="train nothing")
    options = parser.parse_args()
    if unknown := set(options.names) - RECIPES.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(RECIPES)}")
    records = ["--data.prepared", str(options.prepared)] if options.prepared else []
    for name in options.names or RECIPES:
        if options.only_ship:
            ship(name, options.runs / name)
        else:
            make(name, options.runs, records)


if __name__ == "__main__":
    main()

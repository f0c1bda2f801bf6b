"""From nothing to named masks in minutes: python demo.py --out demo --words "ball; boat, ship".

Draws toy scenes, trains Mask-Adapter on the 32 seen classes on top of the shipped tiny CLIP,
compares it with mask pooling on seen and unseen classes, and names the masks of one scene with
your words. With `--clip-seeds 0 1 2` it does so on three CLIPs and states the spread.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import Config, MaskPoolingConfig

ADAPTER = Path("configs/toy/mask_adapter.py")
CLIP = "ovseg_jax/assets/toy/clip_convnext_seed{}"


def main() -> None:
    """Runs the demo and prints where its results lie."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for all results")
    parser.add_argument("--words", default="ball; boat, ship; grass, lawn; sky")
    parser.add_argument("--clip-seeds", type=int, nargs="*", help="default: the shipped CLIP")
    options = parser.parse_args()

    from benchmarks import toy_report

    started = time.perf_counter()
    base = prepared(load_config(ADAPTER), options.out)
    rows = []
    for clip in [CLIP.format(seed) for seed in options.clip_seeds or ()] or [base.init_from]:
        config = dataclasses.replace(base, init_from=clip)
        rows.append(("mask pooling", clip, pooling_scores(config)))
        workdir = options.out / f"adapter_on_{Path(clip).name}"
        rows.append(("Mask-Adapter", clip, adapter_scores(config, workdir)))
    toy_report.write(rows, options.out)
    print(toy_report.table(rows))
    toy_report.curves(workdir, options.out / "curves.png")
    toy_report.gallery(config, workdir, options.out / "scenes.png")
    toy_report.segment_scene(config, workdir, options.words, options.out / "your_words")
    print(f"\n{time.perf_counter() - started:.0f} s in all; results are in {options.out}/:")
    print("  table.md  curves.png  scenes.png  your_words/scene_overlay.png")


def prepared(config: Config, out: Path) -> Config:
    """Lets the toy scenes be drawn into the output folder."""
    place = {"prepared": str(out / "data"), "config": "scenes"}
    evaluations = tuple(
        dataclasses.replace(item, data=dataclasses.replace(item.data, **place))
        for item in config.evaluations
    )
    data = dataclasses.replace(config.data, **place)
    return dataclasses.replace(config, data=data, evaluations=evaluations)


def pooling_scores(config: Config) -> dict[str, float]:
    """Scores mask pooling on the config's CLIP: nothing is trained."""
    from ovseg_jax import build
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.weights import load_weights

    model = dataclasses.replace(config.model, method=MaskPoolingConfig())
    _, params = load_weights(config.init_from)
    suite = Suite(config.evaluations[0], model, build.method(model))
    return suite.run({"clip": params["clip"]}, config.init_from)[0]


def adapter_scores(config: Config, workdir: Path) -> dict[str, float]:
    """Trains the adapter, or goes on where an earlier demo stopped, and scores it."""
    from ovseg_jax import build
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.training.loop import train
    from ovseg_jax.weights import load_weights

    if not (workdir / "weights").is_dir():
        train(dataclasses.replace(config, evaluations=()), workdir)
    _, params = load_weights(workdir)
    suite = Suite(config.evaluations[0], config.model, build.method(config.model))
    return suite.run(params, str(workdir))[0]


if __name__ == "__main__":
    main()

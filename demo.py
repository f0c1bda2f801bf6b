"""From nothing to named masks in minutes: python demo.py --out demo --words "plate, dish; snow".

Draws toy scenes, trains Mask-Adapter on the 32 seen classes on top of the shipped tiny CLIP, and
compares it with mask pooling on seen and unseen classes: on true masks, and from pixels by the
shipped mask generator. One scene is segmented with your words. With `--clip-seeds 0 1 2` true masks
are scored on three CLIPs with their spread.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

from benchmarks import toy_report
from configs import common
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import (
    Config,
    MaskPoolingConfig,
    ModelConfig,
    NoGeneratorConfig,
)
from ovseg_jax.foundation.typing import Params

ADAPTER = Path("configs/toy/mask_adapter.py")
CLIP = "ovseg_jax/assets/toy/clip_convnext_seed{}"


def main() -> None:
    """Runs the demo and prints where its results lie."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for all results")
    parser.add_argument("--words", default="plate, dish; spider; sledge; tower; snow; forest")
    parser.add_argument("--clip-seeds", type=int, nargs="*", help="default: the shipped CLIP")
    options = parser.parse_args()

    started = time.perf_counter()
    base = common.with_scenes_in(options.out / "data", with_pixels(load_config(ADAPTER)))
    rows = []
    for seed in options.clip_seeds or ():
        config = on_clip(base, CLIP.format(seed))
        rows += compared(config, options.out)[0]
    if not options.clip_seeds:
        config = base
        rows, from_pixels = compared(config, options.out)
        print(toy_report.pixels_table(from_pixels), end="\n\n")
        toy_report.write_pixels(from_pixels, options.out)
    workdir = run_folder(config, options.out)
    toy_report.write(rows, options.out)
    print(toy_report.table(rows))
    toy_report.curves(workdir, options.out / "curves.png")
    toy_report.gallery(config, workdir, options.out / "scenes.png")
    toy_report.segment_scene(config, workdir, options.words, options.out / "your_words")
    print(f"\n{time.perf_counter() - started:.0f} s in all; results are in {options.out}/:")
    print("  table.md  curves.png  scenes.png  your_words/scene_overlay.png")


def with_pixels(config: Config) -> Config:
    """Scores fewer scenes, and them from pixels too, by the model's own generator."""
    evaluations = config.evaluations[0], common.toy_pixels_evaluation("test")
    fewer = (dataclasses.replace(e, max_images=toy_report.TEST_SCENES) for e in evaluations)
    return dataclasses.replace(config, evaluations=tuple(fewer))


def compared(config: Config, out: Path) -> tuple[list, list]:
    """Scores mask pooling, trains the adapter and scores it.

    Returns:
        Rows of the table on true masks, and of the one from pixels.
    """
    names = ("mask pooling", "Mask-Adapter")
    scored = pooling_scores(config), adapter_scores(config, run_folder(config, out))
    true_masks, from_pixels = [], []
    for name, tables in zip(names, scored, strict=True):
        true_masks.append((name, config.init_from, tables[0]))
        from_pixels += [(name, config.init_from, table) for table in tables[1:]]
    return true_masks, from_pixels


def run_folder(config: Config, out: Path) -> Path:
    """Where the adapter on some weights is trained."""
    return out / f"adapter_on_{Path(config.init_from).name}"


def on_clip(config: Config, clip: str) -> Config:
    """The same experiment on a CLIP without a mask generator, scored on true masks only."""
    method = dataclasses.replace(config.model.method, has_void=False)
    model = dataclasses.replace(config.model, method=method, generator=NoGeneratorConfig())
    evaluations = config.evaluations[:1]
    return dataclasses.replace(config, model=model, evaluations=evaluations, init_from=clip)


def pooling_scores(config: Config) -> list[dict[str, float]]:
    """Scores mask pooling on the config's weights: nothing is trained."""
    from ovseg_jax.loading.weights import load_weights

    method = MaskPoolingConfig(has_void=config.model.method.has_void)
    _, params = load_weights(config.init_from)
    wanted = {"clip", "generator", "void_embedding"}
    params = {name: part for name, part in params.items() if name in wanted}
    return scores(config, dataclasses.replace(config.model, method=method), params)


def adapter_scores(config: Config, workdir: Path) -> list[dict[str, float]]:
    """Trains the adapter, or goes on where an earlier demo stopped, and scores it."""
    from ovseg_jax.loading.weights import load_weights
    from ovseg_jax.training.loop import train

    if not (workdir / "weights").is_dir():
        train(dataclasses.replace(config, evaluations=()), workdir)
    _, params = load_weights(workdir)
    return scores(config, config.model, params)


def scores(config: Config, model: ModelConfig, params: Params) -> list[dict[str, float]]:
    """Runs every evaluation of the config on a model."""
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.loading import build

    method = build.method(model)
    return [Suite(item, model, method).run(params, "")[0] for item in config.evaluations]


if __name__ == "__main__":
    main()

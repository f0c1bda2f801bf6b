"""Where the toy world's points are lost, stage by stage, on the test split.

    python -m benchmarks.toy_stages                 # three CLIPs; resumes; 50 minutes on two cores
    python -m benchmarks.toy_stages --split validation --seeds 0

A CLIP, a mask generator and what names masks stand behind an answer. Each is replaced by the truth
in turn: true masks leave only names to blame, true names (each true mask's name to the mask that
fits it best) leave only masks. With true names, RQ is the share of segments found at an IoU of 0.5.

What is shipped stands on CLIP 0. For the other CLIPs the generator, which names seen classes in the
words of CLIP 0, is tuned to theirs, and the adapter is trained by `configs/toy/mask_adapter.py`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

from benchmarks.claims import spread
from configs import common
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import Config, EvaluationConfig, MaskPoolingConfig
from ovseg_jax.foundation.typing import Params

CLIP = "ovseg_jax/assets/toy/clip_convnext_seed{}"
GENERATOR, ADAPTER = "ovseg_jax/assets/toy/fcclip", "ovseg_jax/assets/toy/mask_adapter"
TUNING_STEPS, TUNING_LR = 500, 1e-3
METHODS = ("mask pooling", "Mask-Adapter")
COLUMNS = {
    "accuracy seen": "mask_accuracy/class_accuracy/seen",
    "accuracy unseen": "mask_accuracy/class_accuracy/unseen",
    "mIoU seen": "semantic/mIoU/seen",
    "mIoU unseen": "semantic/mIoU/unseen",
    "PQ seen": "panoptic/PQ/seen",
    "PQ unseen": "panoptic/PQ/unseen",
    "PQ unseen things": "panoptic/PQ/things_unseen",
    "RQ seen things": "panoptic/RQ/things_seen",
    "RQ unseen things": "panoptic/RQ/things_unseen",
}
Scores = dict[str, float]


def stages(split: str) -> dict[str, EvaluationConfig]:
    """Returns an evaluation for each stage that may be to blame, by what the truth stands for."""
    on_truth = dataclasses.replace(common.toy_evaluation(split), name="true masks")
    pixels = common.toy_pixels_evaluation(split)
    pixels = dataclasses.replace(pixels, name="from pixels", metrics=("semantic", "panoptic"))
    oracle = dataclasses.replace(pixels, name="true names", names="matched")
    return {item.name: item for item in (on_truth, pixels, oracle)}


def adapter_on(seed: int, out: Path, options: dict[str, str]) -> tuple[Config, Path]:
    """Returns Mask-Adapter on a CLIP and a generator that knows its words, and its weights."""
    config = dataclasses.replace(load_config(Path("configs/toy/mask_adapter.py")), seed=seed)
    if not seed:
        return config, Path(ADAPTER)
    generator = load_config(Path("configs/toy/generator.py"))
    tuned = dataclasses.replace(
        generator,
        optimizer=dataclasses.replace(generator.optimizer, peak_lr=TUNING_LR),
        init_from=GENERATOR,
        init_parts=((r"clip/.*", CLIP.format(seed)),),
        init_missing=(),
        num_steps=TUNING_STEPS,
        seed=seed,
    )
    start = trained(tuned, out / f"generator_seed{seed}", options)
    config = dataclasses.replace(config, init_from=str(start))
    return config, trained(config, out / f"adapter_seed{seed}", options)


def trained(config: Config, folder: Path, options: dict[str, str]) -> Path:
    """Trains in a folder, or goes on there, and returns it."""
    from ovseg_jax.training import loop

    if not (folder / "weights").is_dir():
        data = dataclasses.replace(config.data, **options)
        loop.train(dataclasses.replace(config, data=data, evaluations=()), folder)
    return folder


def scores_of(seed: int, split: str, out: Path, options: dict[str, str]) -> dict[str, Scores]:
    """Returns the scores of a CLIP at every stage, by "method, stage"; kept in a file."""
    file = out / f"{split}_seed{seed}.json"
    if file.exists():
        return json.loads(file.read_text())
    from ovseg_jax.loading.weights import load_weights

    config, weights = adapter_on(seed, out, options)
    _, params = load_weights(weights)
    pooling = MaskPoolingConfig(has_void=config.model.method.has_void)
    bare = {name: part for name, part in params.items() if name != "adapter"}
    found = {}
    for name, method, own in zip(METHODS, (pooling, None), (bare, params), strict=True):
        model = dataclasses.replace(config.model, method=method or config.model.method)
        for stage, item in stages(split).items():
            if stage != "true names" or name == METHODS[0]:
                found[f"{name}, {stage}"] = evaluated(item, model, own, options)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(found, indent=1))
    return found


def evaluated(item: EvaluationConfig, model, params: Params, options: dict[str, str]) -> Scores:
    """Runs one evaluation of a model."""
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.loading import build

    item = dataclasses.replace(item, data=dataclasses.replace(item.data, **options))
    return Suite(item, model, build.method(model)).run(params, "")[0]


def table(record: dict[str, dict[str, Scores]]) -> str:
    """Renders mean and deviation over CLIPs, in percent; `record` is by seed, then by row."""
    lines = ["| names, masks | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for row in next(iter(record.values())):
        cells = [
            spread([scores[row][key] for scores in record.values() if key in scores[row]])
            for key in COLUMNS.values()
        ]
        row = row.replace("mask pooling, true names", "true names, from pixels")
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Runs what has not run yet, and reports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/stages"), help="where runs are kept")
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--prepared", type=Path, help="where records lie, if not in the usual place"
    )
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/toy_stages.json"))
    given = parser.parse_args()
    options = {"prepared": str(given.prepared)} if given.prepared else {}
    record = {str(seed): scores_of(seed, given.split, given.out, options) for seed in given.seeds}
    given.results.write_text(json.dumps({"split": given.split} | record, indent=1))
    print(table(record))


if __name__ == "__main__":
    main()

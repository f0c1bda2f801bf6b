"""The papers' claims that do not hang on scale, tried on the toy world.

    python -m benchmarks.claims                    # all of them, three seeds; resumes
    python -m benchmarks.claims --only ovseg --seeds 0 1 2 3 4
    python -m benchmarks.claims --report          # the table of what has run so far

Each claim compares two arms with the same seeds on the toy world's test split. It holds where the
mean of the paired differences exceeds its margin, and it fails where it lies as far below zero. In
between, the arms are equal where mean and margin stay within a point together; else the claim is
open, and more seeds may decide it. A claim that fails is a result. Scores are what the paper's
table measures, over the unseen classes unless the table itself is about all: from pixels, on the
masks of a generator, mIoU or (for FISA) PQ; Mask-Adapter 3 counts the true masks that are named
right. Beside it stands what a classifier does where masks are given: class accuracy on true masks
(for Mask-Adapter 3, mIoU).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
from scipy import stats

from benchmarks.claim_arms import ARMS, CONVNEXT, TOY_VIT, Arm, evaluations
from configs import common
from ovseg_jax.config import Config
from ovseg_jax.foundation.typing import Params

ON_MASKS, ACCURACY = "test/semantic/mIoU", "test/mask_accuracy/class_accuracy"
SHARE = "test/mask_accuracy/accuracy/unseen"
PIXELS = "from_pixels/semantic/mIoU"
UNSEEN, PANOPTIC = f"{PIXELS}/unseen", "from_pixels/panoptic/PQ/unseen"
METRICS = {
    SHARE: "true masks named right, unseen",
    UNSEEN: "mIoU, unseen",
    PIXELS: "mIoU, all",
    PANOPTIC: "PQ, unseen",
}
"""What decides, and what the report calls it."""
WITHIN = 0.01
"""Arms that differ by less than this, the margin included, are equal."""
CONFIDENCE = float(stats.t.cdf(3**0.5, 2))
"""That a mean beyond its margin has the right sign: what makes the margin of three seeds their
standard deviation, 89 %."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """Something that a paper says, as a comparison.

    Attributes:
        source: Paper and table.
        better: Arm that should win.
        worse: Arm that should lose.
        metric: By which.
    """

    source: str
    better: str
    worse: str
    metric: str = UNSEEN


CLAIMS = (
    Claim("Mask-Adapter 3", "adapter", "pool", SHARE),
    Claim("Mask-Adapter 3", "pool", "crop", SHARE),
    Claim("Mask-Adapter 5", "mixed IoU", "mixed Hungarian"),
    Claim("Mask-Adapter 4", "mixed IoU", "mixed no cosine"),
    Claim("Mask-Adapter 4", "mixed IoU", "mixed no warm-up"),
    Claim("MaskCLIP++ 4", "maskclippp linear", "maskclippp none"),
    Claim("MaskCLIP++ 2", "maskclippp linear", "maskclippp generated masks", PIXELS),
    Claim("MaskCLIP++ 1", "maskclippp linear", "maskclippp linear on masks"),
    Claim("MaskCLIP++ 1", "maskclippp linear", "maskclippp linear on words"),
    Claim("MaskCLIP++ 1", "maskclippp linear", "maskclippp pseudo text alone"),
    Claim("MaskCLIP++ 1", "maskclippp pseudo text", "maskclippp pseudo text alone"),
    Claim("OVSeg 3", "ovseg MPT", "ovseg none"),
    Claim("OVSeg 3", "ovseg FT", "ovseg none"),
    Claim("OVSeg 3", "ovseg FT then MPT", "ovseg FT"),
    Claim("OVSeg 2", "ovseg MPT", "ovseg MPT on class names"),
    Claim("OVSeg 5", "ovseg FT then MPT", "ovseg MPT then FT"),
    Claim("OVSeg 5", "ovseg FT then MPT", "ovseg both"),
    Claim("FISA 3a", "fisa SEVE", "fisa none", PANOPTIC),
    Claim("FISA 3a", "fisa SIMO", "fisa none", PANOPTIC),
    Claim("FISA 3a", "fisa SIMO", "fisa SEVE", PANOPTIC),
    Claim("FISA 3a", "fisa SIMO", "fisa full", PANOPTIC),
)


def main() -> None:
    """Runs what has not run yet, and reports."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/claims"), help="where runs are kept")
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/claims.json"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--only", default="", help="arms whose name contains this")
    parser.add_argument("--images", type=int, default=0, help="test scenes; 0 for all 800")
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument(
        "--keep", action="store_true", help="arms that were not run keep what the results say"
    )
    options = parser.parse_args()
    for seed in () if options.report else options.seeds:
        for name in (name for name in ARMS if options.only in name):
            scores = scores_of(name, seed, options.out, options.images)
            named = 100 * scores[f"{ACCURACY}/unseen"]
            print(f"{name}, seed {seed}: class accuracy, unseen {named:.1f} %", flush=True)
    record = collected(options.out, options.seeds)
    if (options.keep or options.report) and options.results.exists():
        kept = json.loads(options.results.read_text())
        record = {name: kept.get(name, {}) | runs for name, runs in record.items()}
    options.results.parent.mkdir(parents=True, exist_ok=True)
    options.results.write_text(json.dumps(record, indent=1))
    print(arms_table(record), claims_table(record), sep="\n\n")


def scores_of(name: str, seed: int, out: Path, images: int = 0) -> dict[str, float]:
    """Trains and scores one arm with one seed, or reads what an earlier call found."""
    file = run_folder(name, seed, out) / "scores.json"
    if file.exists():
        return json.loads(file.read_text())
    config = seeded(name, seed, out)
    if not (config.num_steps or ARMS[name].clip_per_seed) and seed:
        scores = scores_of(name, 0, out, images)  # without training all seeds are one
    else:
        params = trained(config, file.parent)
        scores = evaluated(config, evaluations(name, config), params, images)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(scores, indent=1))
    return scores


def trained(config: Config, folder: Path) -> Params:
    """Returns the parameters behind an arm's training, or those that it starts from."""
    from ovseg_jax.loading import build
    from ovseg_jax.loading.weights import load_weights
    from ovseg_jax.training import loop, sharding, state

    if not config.num_steps:
        method, mesh = build.method(config.model), sharding.make_mesh(config.mesh)
        return state.create(config, method, mesh)[0].params
    if not (folder / "weights").is_dir():
        loop.train(dataclasses.replace(config, evaluations=()), folder)
    return load_weights(folder)[1]


def seeded(name: str, seed: int, out: Path) -> Config:
    """The experiment of an arm with a seed: its data, its start, its order of examples."""
    arm: Arm = ARMS[name]
    config = dataclasses.replace(arm.config(), seed=seed)
    config = common.with_scenes_in(out / "data", config)
    data = dataclasses.replace(config.data, **mined(out)) if arm.mined else config.data
    start = CONVNEXT.format(seed % 3) if arm.clip_per_seed else config.init_from
    if arm.after:
        start = str(run_folder(arm.after, seed, out))
        trained(seeded(arm.after, seed, out), Path(start))
    return dataclasses.replace(config, data=data, init_from=start)


def mined(out: Path) -> dict[str, str]:
    """Mines the validation scenes once: their masks without names, their captions, the toy ViT.

    Returns:
        Fields of `DataConfig` that read the pairs.
    """
    from data.toy_world.export import export
    from ovseg_jax.cli.main import main as ovseg

    pairs, photos = out / "pairs", out / "photos"
    if not (pairs / "pairs.jsonl").exists():
        export(photos, "validation", 500)
        arguments = ["mine", str(photos), "--data", "toy_world", "--data-config", "scenes"]
        arguments += ["--data-prepared", str(out / "data"), "--data-split", "validation"]
        arguments += ["--data-vocabulary", "toy_world48", "--captions-per-image", "all"]
        if ovseg([*arguments, "--model", TOY_VIT, "--out", str(pairs)]):
            raise SystemExit("mining failed")
    vocabulary = str(pairs / "vocabulary.json")
    return {"root": str(pairs), "vocabulary": vocabulary, "config": ""}


def evaluated(config: Config, suites: tuple, params: Params, images: int) -> dict[str, float]:
    """Returns all scores as fractions, by "evaluation/metric/name"."""
    from ovseg_jax.evaluation.suite import Suite
    from ovseg_jax.loading import build

    method, scores = build.method(config.model), {}
    for suite in suites:
        suite = dataclasses.replace(suite, max_images=images)
        table, _ = Suite(suite, config.model, method).run(params, "")
        scores |= {f"{suite.name}/{key}": float(value) for key, value in table.items()}
    return scores


def run_folder(name: str, seed: int, out: Path) -> Path:
    """Where one run lies."""
    return out / name.replace(" ", "_") / f"seed{seed}"


def collected(out: Path, seeds: list[int]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the scores of every run that is there, by arm and seed."""
    files = {
        name: {str(seed): run_folder(name, seed, out) / "scores.json" for seed in seeds}
        for name in ARMS
    }
    return {
        name: {seed: json.loads(file.read_text()) for seed, file in of_arm.items() if file.exists()}
        for name, of_arm in files.items()
    }


def arms_table(record: dict) -> str:
    """Renders every arm's scores in percent: mean and spread over seeds."""
    parts = {
        "accuracy seen": f"{ACCURACY}/seen",
        "accuracy unseen": f"{ACCURACY}/unseen",
        "mIoU on masks seen": f"{ON_MASKS}/seen",
        "mIoU on masks unseen": f"{ON_MASKS}/unseen",
        "mIoU seen": f"{PIXELS}/seen",
        "mIoU unseen": UNSEEN,
        "PQ unseen": PANOPTIC,
    }
    lines = ["| arm | seeds | " + " | ".join(parts) + " |", "|---" * (len(parts) + 2) + "|"]
    for name, runs in record.items():
        if runs:
            cells = [
                spread([run[key] for run in runs.values() if key in run]) for key in parts.values()
            ]
            lines.append(f"| {name} | {len(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def claims_table(record: dict) -> str:
    """Renders every claim with its difference and verdict, and those by the other measure."""
    columns = ["paper, table", "claim", "by", "seeds"]
    columns += ["difference", "verdict", "the other way", "verdict"]
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for claim in CLAIMS:
        other = f"{ON_MASKS if claim.metric == SHARE else ACCURACY}/unseen"
        differences = [paired(record, claim, metric) for metric in (claim.metric, other)]
        if len(differences[0]) > 1:
            cells = [claim.source, f"{claim.better} > {claim.worse}", METRICS[claim.metric]]
            cells.append(str(len(differences[0])))
            for found in differences:
                cells += [percent(np.mean(found), margin(found)), verdict(found)]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def paired(record: dict, claim: Claim, metric: str) -> list[float]:
    """Returns better minus worse for every seed that both were scored with."""
    better, worse = (
        {seed: run[metric] for seed, run in record[arm].items() if metric in run}
        for arm in (claim.better, claim.worse)
    )
    return [score - worse[seed] for seed, score in better.items() if seed in worse]


def margin(differences: list[float]) -> float:
    """Returns how far from zero the mean must lie for its sign to be right with `CONFIDENCE`."""
    count = len(differences)
    quantile = stats.t.ppf(CONFIDENCE, count - 1)
    return float(quantile * np.std(differences, ddof=1) / count**0.5)


def verdict(differences: list[float]) -> str:
    """Says whether a claim holds, fails, compares equals, or is open within the margin."""
    mean, within = np.mean(differences), margin(differences)
    if abs(mean) > within:
        return "holds" if mean > 0 else "fails"
    return "equal" if abs(mean) + within <= WITHIN else "open"


def spread(values: list[float]) -> str:
    """Renders mean and standard deviation in percent."""
    if not values:
        return "–"
    if len(values) == 1:
        return f"{100 * values[0]:.1f}"
    return percent(np.mean(values), np.std(values, ddof=1))


def percent(mean: float, deviation: float) -> str:
    """Renders a fraction and what it may be off by in percent."""
    return f"{100 * mean:.1f} ± {100 * deviation:.1f}"


if __name__ == "__main__":
    main()

"""How long a vocabulary takes: embedded anew, from the cache on disk, and within a process.

    python benchmarks/text_bank.py [--preset ade847] [--variant vit_l_14]

847 names in 14 templates are 11,858 texts; with all their synonyms the classes have 1,341 names.
"embedded" runs the text tower of the variant, random weights, on a share of the names and scales
up; "from disk" opens the cache as a new process would, the file being in the system's memory; "in
process" is a later change of words. Both end with arrays that scoring can use.
"""

from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.models.clip.variants import build_tokenizer, variant
from ovseg_jax.vocabulary.classes import load_preset
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import build_text
from ovseg_jax.vocabulary.text_cache import TextCache

RESULTS = pathlib.Path(__file__).parent / "results"
SHARE = 20
"""Names that are really embedded."""
Names = Sequence[tuple[str, ...]]


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Returns the median time of a call that waits for its arrays."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure(names: Names, name: str, prompts: Sequence[str], repeats: int) -> dict[str, float]:
    """Returns seconds per way for the names of some classes and the text tower of a variant."""
    tower, tokenizer = variant(name).text, build_tokenizer(name)
    params = jax.jit(tower.init)(jax.random.key(0), jnp.zeros((1, 16), jnp.int32))
    apply = jax.jit(tower.apply)

    def drawn(tokens: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(int(tokens.sum()))
        return rng.standard_normal((len(tokens), tower.embedding_dim), np.float32)

    def embed() -> object:
        return build_text(names[:SHARE], prompts, lambda t: np.asarray(apply(params, t)), tokenizer)

    with tempfile.TemporaryDirectory() as folder:
        build_text(names, prompts, drawn, tokenizer, cache=TextCache(folder, "weights"))
        warm = TextCache(folder, "weights")

        def load(cache: TextCache) -> object:
            return build_text(names, prompts, drawn, tokenizer, cache=cache)

        embed()
        share = sum(map(len, names[:SHARE])) / sum(map(len, names))
        return {
            "embedded": seconds(embed, 1) / share,
            "from disk": seconds(lambda: load(TextCache(folder, "weights")), repeats),
            "in process": seconds(lambda: load(warm), repeats),
        }


def main() -> None:
    """Measures, prints a table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="ade847")
    parser.add_argument("--variant", default="vit_l_14")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    classes, prompts = load_preset(options.preset), templates("vild14")
    groups = [entry.synonyms for entry in classes.classes]
    rows = []
    print("| names | embedded s | from disk ms | in process ms |\n| --- | --- | --- | --- |")
    for names in ([group[:1] for group in groups], groups):
        times = measure(names, options.variant, prompts, options.repeats)
        rows.append({"names": sum(map(len, names)), "seconds": times})
        disk, process = (times[way] * 1e3 for way in ("from disk", "in process"))
        print(f"| {rows[-1]['names']} | {times['embedded']:.0f} | {disk:.1f} | {process:.1f} |")
    record = {
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "backend": jax.default_backend(),
        "repeats": options.repeats,
        "preset": options.preset,
        "templates": len(prompts),
        "variant": options.variant,
        "embedding_dim": variant(options.variant).text.embedding_dim,
        "cases": rows,
    }
    target = RESULTS / f"text_bank_{jax.default_backend()}.json"
    target.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""How long a vocabulary takes: embedded anew, from the cache on disk, and within a process.

    python benchmarks/text_bank.py [--names 847] [--variant vit_b_16]

847 names in 14 templates are 11,858 texts. "embedded" runs the text tower of the variant, random
weights, on a share of them and scales up; "from disk" opens the cache as a new process would;
"in process" is a second vocabulary change. Both return arrays that scoring can use.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.models.clip.variants import build_tokenizer, variant
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.text_bank import build_text
from ovseg_jax.vocabulary.text_cache import TextCache

RESULTS = pathlib.Path(__file__).parent / "results"
SHARE = 20
"""Names that are really embedded."""


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Returns the median time of a call that waits for its arrays."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Measures, prints a table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--names", type=int, default=847)
    parser.add_argument("--variant", default="vit_b_16")
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    row, prompts = variant(options.variant), templates("vild14")
    names = [(f"class number {index}",) for index in range(options.names)]
    tokenizer = build_tokenizer(options.variant)
    params = jax.jit(row.text.init)(jax.random.key(0), jnp.zeros((1, 16), jnp.int32))
    tower = jax.jit(row.text.apply)

    def drawn(tokens: np.ndarray) -> np.ndarray:
        rng = np.random.default_rng(int(tokens.sum()))
        return rng.standard_normal((len(tokens), row.text.embedding_dim), np.float32)

    def embed() -> object:
        return build_text(
            names[:SHARE], prompts, lambda t: np.asarray(tower(params, t)), tokenizer
        ).embeddings

    with tempfile.TemporaryDirectory() as folder:
        build_text(names, prompts, drawn, tokenizer, cache=TextCache(folder, "weights"))
        warm = TextCache(folder, "weights")

        def load(cache: TextCache) -> object:
            return build_text(names, prompts, drawn, tokenizer, cache=cache).embeddings

        embed()
        result = {
            "embedded": seconds(embed, 1) * options.names / SHARE,
            "from disk": seconds(lambda: load(TextCache(folder, "weights")), options.repeats),
            "in process": seconds(lambda: load(warm), options.repeats),
        }
    print("| " + " | ".join(result) + " |\n|" + " --- |" * len(result))
    print("| " + " | ".join(f"{value * 1e3:.1f} ms" for value in result.values()) + " |")
    record = {"names": options.names, "templates": len(prompts), "variant": options.variant}
    record |= {"jax": jax.__version__, "seconds": result}
    (RESULTS / "text_bank_cpu.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Memory of whole methods for few and many masks, as the compiler plans it.

    python benchmarks/method_memory.py [--masks 100 400]

Nothing is run: scoring is compiled for shapes alone, with the options that inference uses, and XLA
says how many bytes of temporaries it needs beside masks, weights, what `encode` kept, and results.
"""

from __future__ import annotations

import argparse
import functools
import json
from typing import Any

import jax
import jax.numpy as jnp
from method_pairs import CLASSES, Setting, draw_params, encode, score, settings, text_of
from ops import RESULTS

from ovseg_jax.ops.compiler import compiler_options


def count_temporaries(setting: Setting, masks: int) -> tuple[float, float]:
    """Compiles scoring for a number of masks; MiB of temporaries, and of its masks and results."""
    method, side = setting.method, setting.side
    params = jax.eval_shape(lambda: draw_params(method))
    image = jax.ShapeDtypeStruct((1, side, side, 3), jnp.uint8)
    sizes = jax.ShapeDtypeStruct((1, 2), jnp.int32)
    features = jax.eval_shape(functools.partial(encode, method), params, image, sizes)
    shown = jax.ShapeDtypeStruct((1, masks, side, side), jnp.bool_)
    width = method.clip.embedding_dim
    text = text_of(jnp.zeros((CLASSES, setting.templates, width)))
    jitted = jax.jit(functools.partial(score, method), compiler_options=compiler_options())
    plan = jitted.lower(params, features, shown, text).compile().memory_analysis()
    return plan.temp_size_in_bytes / 2**20, masks * side**2 / 2**20


def main() -> None:
    """Compiles every method for all counts, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--masks", type=int, nargs=2, default=(100, 400), help="two counts")
    parser.add_argument("--only", default="", help="methods whose name contains this")
    options = parser.parse_args()
    few, many = options.masks
    print(f"| method | chunk | {few} masks, MiB | {many} masks, MiB | growth | of which masks |")
    print("|---|---|---|---|---|---|")
    rows: list[dict[str, Any]] = []
    for setting in {each.name: each for each in settings()}.values():
        if options.only.lower() not in setting.name.lower():
            continue
        (small, given), (large, more) = (count_temporaries(setting, q) for q in (few, many))
        name, chunk = f"{setting.name}, {setting.side}²", setting.method.config.chunk
        growth, share = large / small, more - given
        cells = f"{small:.0f} | {large:.0f} | {growth:.2f}x | {share:.0f}"
        print(f"| {name} | {chunk} | {cells} |", flush=True)
        rows.append({"method": name, "chunk": chunk, "temporaries_mib": [small, large]})
    result = {"jax": jax.__version__, "masks": [few, many], "rows": rows}
    path = RESULTS / f"method_memory_{jax.default_backend()}.json"
    if not options.only:
        path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

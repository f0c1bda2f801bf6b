"""Peak memory of the Mask-Adapter head for few and many masks, as the compiler plans it.

    python benchmarks/adapter_memory.py [--chunk 32]

Nothing is run: the head is compiled for shapes alone, and XLA says how many bytes of temporaries
it will need beside inputs, weights and results. "Reference" is the head as the paper's code
writes it, which repeats the CLIP map for every mask.
"""

from __future__ import annotations

import argparse
import json
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from ovseg_jax.config import MaskAdapterConfig
from ovseg_jax.methods.mask_adapter import adapter_head
from ovseg_jax.models.mask_adapter import MaskAdapterHead

RESULTS = pathlib.Path(__file__).parent / "results"
COUNTS = (64, 250)
GRID, MASK_SIDE, CHANNELS = 28, 224, 768  # ConvNeXt-L at 896 pixels; masks at stride 4


def inference(head: MaskAdapterHead, variables: Any, features: Any, masks: Any) -> jax.Array:
    """Computes the maps as shipped."""
    return head.apply(variables, features, masks)


def training(head: MaskAdapterHead, variables: Any, features: Any, masks: Any) -> Any:
    """Computes the gradient of the weights."""

    def loss(variables):
        return jnp.sum(head.apply(variables, features, masks) ** 2)

    return jax.grad(loss)(variables)


def reference(head: MaskAdapterHead, variables: Any, features: Any, masks: Any) -> jax.Array:
    """Computes the maps as the paper's code does."""
    return head.apply(variables, features, masks, method="reference")


def count_temporaries(compute: Callable[..., Any], chunk: int, masks: int) -> float:
    """Compiles one form for a number of masks; megabytes of temporaries."""
    head = adapter_head(MaskAdapterConfig(chunk=chunk), CHANNELS)
    features = jax.ShapeDtypeStruct((1, GRID, GRID, CHANNELS), jnp.float32)
    shape = jax.ShapeDtypeStruct((1, masks, MASK_SIDE, MASK_SIDE), jnp.float32)
    variables = jax.eval_shape(head.init, jax.random.key(0), features, shape)
    lowered = jax.jit(compute, static_argnums=0).lower(head, variables, features, shape)
    return lowered.compile().memory_analysis().temp_size_in_bytes / 2**20


def main() -> None:
    """Compiles every form for both counts, prints the table and writes it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--chunk", type=int, default=32, help="masks computed at once")
    chunk = parser.parse_args().chunk
    rows = {
        compute.__name__: [count_temporaries(compute, chunk, count) for count in COUNTS]
        for compute in (inference, training, reference)
    }
    print(f"| chunk {chunk} | {' | '.join(f'{count} masks, MiB' for count in COUNTS)} | growth |")
    print("|---|---|---|---|")
    for name, (few, many) in rows.items():
        print(f"| {name} | {few:.0f} | {many:.0f} | {many / few:.2f}x |")
    result = {"jax": jax.__version__, "chunk": chunk, "masks": COUNTS, "temporaries_mib": rows}
    path = RESULTS / f"adapter_memory_{jax.default_backend()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

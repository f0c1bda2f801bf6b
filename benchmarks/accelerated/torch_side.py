"""PyTorch's side, where it is installed and sees the same kind of device as JAX."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from accelerated.cases import Contenders

MOST_COMPARED = 2**22 - 3
"""Numbers of a result that are compared; odd, so that no axis of a large one is left out."""


@functools.cache
def missing() -> str:
    """Says why PyTorch cannot take part; empty where it can."""
    try:
        import torch
    except Exception as error:  # a broken installation raises whatever it likes
        return f"PyTorch does not import: {error}"
    backend = jax.default_backend()
    if backend == "cpu":
        return ""
    if backend != "gpu":
        return f"PyTorch has no {backend} here"
    return "" if torch.cuda.is_available() else "PyTorch sees no GPU"


@functools.cache
def device() -> str:
    """Returns the device that PyTorch computes on."""
    return "cpu" if jax.default_backend() == "cpu" else "cuda"


def to_torch(array: Any) -> Any:
    """Copies an array to PyTorch's device, bit by bit."""
    import torch

    host = np.asarray(array)
    if host.dtype == jnp.bfloat16:
        return torch.tensor(host.view(np.int16)).view(torch.bfloat16).to(device())
    return torch.tensor(host, device=device())


def to_numpy(result: Any) -> list[np.ndarray]:
    """Copies a result of either library to flat float32 arrays; of large ones every k-th number.

    Both libraries' results are to be in one order of axes.
    """
    if isinstance(result, (list, tuple)):
        return [array for part in result for array in to_numpy(part)]
    if hasattr(result, "detach"):
        flat = result.detach().reshape(-1)
        return [flat[:: _stride(flat.numel())].float().cpu().numpy()]
    flats = [leaf.reshape(-1) for leaf in jax.tree.leaves(result)]
    return [np.asarray(flat[:: _stride(flat.size)], np.float32) for flat in flats]


def _stride(size: int) -> int:
    return -(-size // MOST_COMPARED)


def contenders(
    function: Callable[..., Any],
    inputs: Sequence[tuple],
    *,
    training: bool = False,
    compiled: bool = True,
) -> Contenders:
    """Returns calls on the next of the inputs: eager, and on a GPU compiled as well.

    Args:
        function: Of tensors.
        inputs: Tuples of tensors.
        training: Whether gradients are computed.
        compiled: Whether `torch.compile` takes part on a GPU.
    """
    import torch

    calls = {"torch eager": turns(function, inputs, training)}
    if compiled and device() == "cuda":
        calls["torch compiled"] = turns(torch.compile(function, dynamic=False), inputs, training)
    return calls


def turns(
    function: Callable[..., Any], inputs: Sequence[tuple], training: bool
) -> Callable[[], Any]:
    """Returns a call on the next of the inputs, with or without gradients."""
    import torch

    cycle = itertools.cycle(inputs)

    def call() -> Any:
        with torch.inference_mode(not training):
            return function(*next(cycle))

    return call


def wait(_: Any = None) -> None:
    """Waits for everything that was asked of the GPU."""
    if device() == "cuda":
        import torch

        torch.cuda.synchronize()


def forget() -> None:
    """Gives memory back that PyTorch keeps for later, and what it compiled."""
    if missing() or device() == "cpu":
        return
    import torch

    torch._dynamo.reset()
    torch.cuda.empty_cache()


def peak_memory(call: Callable[[], Any]) -> int:
    """Returns the most bytes that PyTorch held during a call; 0 on a CPU."""
    if device() == "cpu":
        return 0
    import torch

    torch.cuda.reset_peak_memory_stats()
    call()
    wait()
    return torch.cuda.max_memory_allocated()

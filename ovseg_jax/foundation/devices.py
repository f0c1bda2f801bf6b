"""The devices that JAX finds, and what to say where it finds none."""

from __future__ import annotations

import os
import sys
from typing import Any

from ovseg_jax.foundation.errors import OvsegError, counted

PLATFORMS = "JAX_PLATFORMS"
"""Environment variable that tells JAX which kinds of device it may use."""

PEAK_TFLOPS = {
    "TPU v4": 275.0,
    "TPU v5 lite": 197.0,
    "TPU v5e": 197.0,
    "TPU v5": 459.0,
    "TPU v5p": 459.0,
    "TPU v6 lite": 918.0,
    "TPU v6e": 918.0,
    "NVIDIA A100-SXM4-40GB": 312.0,
    "NVIDIA A100-SXM4-80GB": 312.0,
    "NVIDIA A100 80GB PCIe": 312.0,
    "NVIDIA H100 80GB HBM3": 989.0,
    "NVIDIA H100 PCIe": 756.0,
    "NVIDIA H200": 989.0,
    "NVIDIA L4": 121.0,
}
"""Dense products in bfloat16 per second by JAX's name of the device, as the makers state them."""


class DeviceError(OvsegError, RuntimeError):
    """The kind of device that was asked for is not there."""


def found() -> list[Any]:
    """Returns all devices of all hosts.

    Raises:
        DeviceError: `JAX_PLATFORMS` names a kind that is not there, or drivers do not answer.
    """
    import jax

    try:
        return jax.devices()
    except (RuntimeError, AssertionError, ImportError, OSError) as error:
        # JAX asserts where a plug-in is not installed, without a message.
        asked = os.environ.get(PLATFORMS)
        reason = str(error).strip().splitlines()
        raise DeviceError(
            f"{f'{PLATFORMS} is {asked!r}, but ' if asked else ''}JAX finds no such device here"
            f"{f' ({reason[0]})' if reason else ''}; unset {PLATFORMS} to use what is there, or "
            "install the package with [cuda] or [tpu] on a machine that has one"
        ) from error


def described() -> str:
    """Says what was found: "what JAX finds here, 1 cpu device"."""
    devices = found()
    return f"what JAX finds here, {counted(len(devices), f'{devices[0].platform} device')}"


def compute_dtype(wanted: str, platform: str = "") -> str:
    """Returns the type of activations that `model.clip.compute_dtype` asks for.

    Args:
        wanted: The field.
        platform: What computes, such as "cpu"; empty for what is here.
    """
    import jax

    if wanted != "auto":
        return wanted
    return "float32" if (platform or jax.default_backend()) == "cpu" else "bfloat16"


def announce(work: str) -> None:
    """Says once that a run is on the CPU, which is slow, where there is no accelerator."""
    import jax

    if jax.default_backend() == "cpu" and jax.process_index() == 0:
        print(f"ovseg: {work} on the CPU: no GPU or TPU is in use", file=sys.stderr, flush=True)


def problem() -> DeviceError | None:
    """Returns why devices that `JAX_PLATFORMS` asks for cannot be used; None if they can."""
    if not os.environ.get(PLATFORMS) or "jax" not in sys.modules:
        return None
    try:
        found()
    except DeviceError as error:
        return error
    return None

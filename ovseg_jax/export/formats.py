"""The formats by name; a new one is a file of this folder and a row here."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any


@dataclasses.dataclass(frozen=True)
class Format:
    """A way to write a model.

    Attributes:
        module: The file of this folder that writes it. Its `write(model, parts, folder)` returns
            the file of each part and where the weights are; `lower(parts)` does what can fail of
            that and is quick.
        description: For help texts.
        computes: Whether the parts are written too, not parameters alone.
        entries: What it writes beside the manifest, the config and the tokenizer.
        words: Slots for words where nothing else is said; 0 for any number.
    """

    module: str
    description: str
    computes: bool
    entries: tuple[str, ...]
    words: int = 0

    def load(self) -> Any:
        """Imports the module, and whatever libraries it needs."""
        return importlib.import_module(f"ovseg_jax.export.{self.module}")


PARTS = ("image", "text", "scorer")
SAFETENSORS, ORBAX, SAVED_MODEL = "model.safetensors", "params", "saved_model"
FORMATS = {
    "orbax": Format("parameters", "parameters as an Orbax checkpoint", False, (ORBAX,)),
    "safetensors": Format("parameters", "parameters in one file", False, (SAFETENSORS,)),
    "stablehlo": Format(
        "stablehlo",
        "photos, words and scorer as jax.export programs for CPU, CUDA and TPU",
        True,
        (SAFETENSORS, *(f"{name}.stablehlo" for name in PARTS)),
    ),
    "onnx": Format(
        "onnx_file",
        "the same as ONNX, through jax2onnx; words have a fixed number of slots",
        True,
        tuple(f"{name}.onnx{end}" for name in PARTS for end in ("", ".data")),
        words=256,
    ),
    "saved_model": Format(
        "saved_model", "the same as signatures of a TensorFlow SavedModel", True, (SAVED_MODEL,)
    ),
}

"""Recognises checkpoints of 8 and 4 bits by the names of their tensors; they are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ovseg_jax.convert.reading.inert import ReadError

FULL_PRECISION = "take the file of 16 or 32 bits that it was made from"
EIGHT_BIT_FLOATS = {
    "F8_E4M3": "float8_e4m3",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
"""Types of safetensors that hold floats of 8 bits."""

_MARKS = {
    r".*\.(?:quant_state\.bitsandbytes__\w+|quant_map|nested_quant_map|absmax|SCB|weight_format)": (
        "bitsandbytes"
    ),
    r".*\.(?:qweight|qzeros|g_idx)": "AWQ or GPTQ",
    r".*\.(?:weight_packed|weight_zero_point|weight_scale|weight_scale_inv|input_scale)": (
        "compressed-tensors or fp8 with scales"
    ),
    r".*\._data|.*\.(?:_scale|_zero_point|_packed_params.*)": "quanto or torch.ao",
    r"(?:v|mm|t)\.(?:blk|patch_embd|position_embd|token_embd)\..*": "GGUF",
}
"""Tensors that only quantised files have, and what writes them."""


def refuse_quantised(names: Iterable[str]) -> None:
    """Refuses tensors that go with quantised weights.

    Raises:
        ReadError: There is one; the message names it and what wrote it.
    """
    for name in names:
        for pattern, writer in _MARKS.items():
            if re.fullmatch(pattern, name):
                raise ReadError(
                    f"{name} shows that its weights are quantised ({writer}); {FULL_PRECISION}"
                )

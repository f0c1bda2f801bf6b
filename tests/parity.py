"""Makes open_clip and timm importable beside the CPU build of PyTorch.

torchvision has no CPU build for every PyTorch, and a CUDA-built one fails on import because its
operators are not registered. Importing this module first defines their names, which is all that
the imports need; none of them is ever called.
"""

import importlib.util
import re
from pathlib import Path

import torch


def _register_names() -> torch.library.Library | None:
    found = importlib.util.find_spec("torchvision")
    if found is None or torch.version.cuda is not None:
        return None
    text = (Path(found.origin).parent / "_meta_registrations.py").read_text()
    names = set(re.findall(r'register_meta\("(\w+)"\)|"torchvision::(\w+)"', text))
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted(first or second for first, second in names):
        library.define(f"{name}(Tensor input) -> Tensor")
    return library


LIBRARY = _register_names()
"""Kept alive: the names vanish with it."""

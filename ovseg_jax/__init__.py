"""Open-vocabulary image segmentation in JAX: a photo and any words in, named masks out.

`ovseg_jax.load` and the other names of `ovseg_jax.api` are at hand here, and are imported when they
are first asked for: importing the package itself loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ovseg_jax.foundation.version import VERSION

if TYPE_CHECKING:
    from ovseg_jax.api import (
        ImageClassifier,
        Segmentation,
        Segmenter,
        keep_programs,
        load_image_classifier,
        load_segmenter,
        reformat,
    )
    from ovseg_jax.api import load_segmenter as load

__version__ = VERSION

__all__ = [
    "ImageClassifier",
    "Segmentation",
    "Segmenter",
    "keep_programs",
    "load",
    "load_image_classifier",
    "load_segmenter",
    "reformat",
]


def __getattr__(name: str) -> Any:
    """Imports a name of `ovseg_jax.api`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ovseg_jax import api

    return getattr(api, "load_segmenter" if name == "load" else name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

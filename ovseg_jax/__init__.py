"""Open-vocabulary image segmentation in JAX: a photo and any words in, named masks out.

Import what you need from its own module; `ovseg_jax.api` holds what most users want. This file
stays empty on purpose: a facade here would make every import load everything.
"""

__version__ = "0.1.0"

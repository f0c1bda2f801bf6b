"""Compiled programs, kept from one command to the next."""

from __future__ import annotations

import os


def keep_compiled() -> None:
    """Keeps compiled programs in the user's cache, so that the next start is quicker.

    They lie beside the embedded texts. JAX's own variables go first: `JAX_COMPILATION_CACHE_DIR`
    names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` switches this off. Where the folder
    cannot be written, every start compiles.
    """
    import jax

    from ovseg_jax.vocabulary.text_bank import default_directory

    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = default_directory().parent / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if os.access(folder, os.W_OK | os.X_OK):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)

"""Compiled programs in the user's cache, so that the next start is quicker."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def keep_compiled() -> None:
    """Keeps compiled programs beside the embedded texts, in a folder of the user alone.

    JAX's own variables go first: `JAX_COMPILATION_CACHE_DIR` names another folder,
    `JAX_ENABLE_COMPILATION_CACHE=false` switches this off. Where the folder cannot be made private
    and written, every start compiles: what lies there is run, so nobody else may put it there.
    """
    import jax

    from ovseg_jax.vocabulary.text_bank import default_directory

    settings = jax.config.values
    if settings["jax_compilation_cache_dir"] or not settings["jax_enable_compilation_cache"]:
        return
    folder = default_directory().parent / "xla"
    if _is_private(folder):
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


def _is_private(folder: Path) -> bool:
    """Makes a folder that only this user can read and write; says whether it is one."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)  # refused where it is another user's
    except OSError:
        return False
    own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    return own and os.access(folder, os.W_OK | os.X_OK)

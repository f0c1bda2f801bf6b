"""The user's cache folder, which every cache of the package is a part of."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def user_cache() -> Path:
    """Returns the package's folder in the user's cache; `OVSEG_CACHE` overrides where that is."""
    base = os.environ.get("OVSEG_CACHE") or os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "ovseg_jax"


def make_private(folder: Path) -> bool:
    """Makes a folder that only this user can read and write; says whether it is one."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if stat.S_IMODE(folder.stat().st_mode) & 0o077:
            folder.chmod(0o700)  # refused where it is another user's
    except OSError:
        return False
    own = not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()
    return own and os.access(folder, os.W_OK | os.X_OK)

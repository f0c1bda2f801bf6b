"""Where downloads and converted weights lie in the user's cache.

weights/files/KEY/NAME            a published file; KEY is a hash of its address
weights/files/KEY/.NAME.record    its hash, size, revision and day
weights/models/NAME/KEY/          the weights directory made of it; KEY is a hash of its sources
weights/models/NAME/current.json  which of them is meant by the name
weights/hub/OWNER--REPO/COMMIT/   a weights directory of the hub
weights/hub/OWNER--REPO/refs/     which commit a branch or tag was, when last asked
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ovseg_jax.disk.atomic import OutputError, write_atomically
from ovseg_jax.disk.json_text import JsonError, json_bytes, parse_json
from ovseg_jax.disk.user_cache import make_private, user_cache

CURRENT = "current.json"


def weights_cache() -> Path:
    """Returns the folder of all that is downloaded; it may not be there yet."""
    return user_cache() / "weights"


def private_folder(*names: str) -> Path:
    """Makes a folder of the cache that this user alone can read and write.

    Raises:
        OutputError: It cannot be made, or is another user's.
    """
    folder = weights_cache()
    for place in (folder, folder.joinpath(*names)):
        if not make_private(place):
            raise OutputError(
                f"{place} cannot be made a folder of yours alone; set OVSEG_CACHE to a place where "
                "it can"
            )
    return folder.joinpath(*names)


def key_of(*texts: str) -> str:
    """Returns a short name for texts, such as an address or the hashes of sources."""
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


def converted(name: str) -> Path | None:
    """Returns the weights directory that was made of a published file; None if there is none."""
    folder = weights_cache() / "models" / name
    key = read_record(folder / CURRENT).get("key", "")
    found = folder / str(key)
    return (
        found if key and Path(str(key)).name == key and (found / "config.json").is_file() else None
    )


def all_converted() -> dict[str, Path]:
    """Returns the weights directories of the cache: by name, and by "hf:" place."""
    top = weights_cache()
    found = {path.name: converted(path.name) for path in sorted((top / "models").glob("*"))}
    for path in sorted((top / "hub").glob("*/*/config.json")):
        repository = path.parents[1].name.replace("--", "/", 1)
        found[f"hf:{repository}@{path.parent.name}"] = path.parent
    return {name: path for name, path in found.items() if path is not None}


def read_record(path: Path) -> dict[str, Any]:
    """Returns a record of the cache; empty if there is none that can be read."""
    try:
        content = parse_json(path.read_bytes(), str(path))
    except (OSError, JsonError):
        return {}
    return content if isinstance(content, dict) else {}


def write_record(path: Path, content: dict[str, Any]) -> None:
    """Writes a record of the cache."""
    write_atomically(path, lambda file: file.write(json_bytes(content, indent=1)))

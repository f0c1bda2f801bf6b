"""Whether a saved state holds the arrays of the one that is to go on from it."""

from __future__ import annotations

from typing import Any

import jax
import orbax.checkpoint as ocp

from ovseg_jax.foundation import trees
from ovseg_jax.foundation.errors import first_few
from ovseg_jax.training.state import TrainState


def differences(folder: Any, state: TrainState) -> list[str]:
    """Lists what differs in names and shapes; reads no values.

    Orbax itself fills moments that are missing with nothing, which a step would stumble over.

    Args:
        folder: A state as Orbax wrote it, by the path that its manager has.
        state: The one that wants its values.

    Returns:
        Lines, each about one array or about some; none where everything fits.
    """
    try:
        stored = ocp.StandardCheckpointHandler().metadata(folder)
        trees.compare(stored["trainable"], state.trainable, "what it trains")
        found, wanted = _by_place(stored["optimizer"]), _by_place(state.optimizer)
    except (trees.TreeError, TypeError, KeyError, AttributeError, OSError) as error:
        return str(error).splitlines()
    kinds = ("missing moments", "moments that nothing asks for", "moments of another shape")
    pairs = zip(kinds, trees.mismatches(found, wanted), strict=True)
    return [f"{kind}: {first_few(paths)}" for kind, paths in pairs if paths]


def _by_place(tree: Any) -> dict[str, Any]:
    """Arrays of any tree by their place in it, alike for records, lists and dicts."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}

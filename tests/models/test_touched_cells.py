"""Maps computed where masks reach equal those of the whole head, and follow its cost."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.foundation.errors import OperandError
from ovseg_jax.models import touched_cells
from ovseg_jax.models.touched_cells import adapter_maps
from ovseg_jax.ops.chosen import map_chosen
from tests.models.test_mask_adapter import INPUTS, make_head, parameters

GRID = (19, 26)
"""Not square, and larger than what two blocks carry a small mask to."""
SIDES = (4 * GRID[0], 4 * GRID[1])
FEATURES = jax.random.normal(jax.random.key(3), (2, *GRID, 12))


def drawn_masks() -> np.ndarray:
    """One image's masks: [q, H, W]; empty, full, at borders and corners, thin, in pieces, equal."""
    height, width = SIDES
    masks = np.zeros((15, height, width), bool)
    masks[1] = True
    masks[2, :5, :6] = masks[3, :3, -4:] = masks[4, -4:, :2] = masks[5, -1:, -1:] = True
    masks[6, :2, 40:60] = masks[7, -3:, 40:60] = masks[8, 30:50, :3] = masks[9, 30:50, -2:] = True
    masks[10, 40, :] = masks[11, :, 57] = True
    masks[12, 3:6, 3:6] = masks[12, -6:-2, 50:53] = masks[12, 33:36, -9:-5] = True
    masks[13] = np.random.default_rng(0).random(SIDES) < 0.001
    masks[14] = masks[12]
    return masks


MASKS = jnp.asarray(np.stack([drawn_masks(), drawn_masks()[:, ::-1, ::-1]]))


@functools.partial(jax.jit, static_argnums=(0, 4))
def run(head, variables, features, masks, form=None):
    return head.apply(
        variables, features, masks, method=lambda *inputs: adapter_maps(*inputs, form=form)
    )


@pytest.mark.parametrize("fields", [{}, *INPUTS[:3]], ids=str)
def test_maps_where_masks_reach_equal_those_of_the_whole_head(fields):
    head = make_head(chunk=4, **fields)
    variables = parameters(head)
    whole = run(head, variables, FEATURES, MASKS, "whole")
    touched = run(head, variables, FEATURES, MASKS, "touched")
    np.testing.assert_allclose(touched, whole, atol=1e-5, rtol=1e-5)
    np.testing.assert_array_equal(touched[0, 12], touched[0, 14])
    assert np.abs(touched[0, 12] - touched[0, 0]).max() > 1e-2


def test_away_from_a_mask_its_maps_are_those_of_the_empty_mask_to_the_bit():
    head = make_head(num_blocks=1)
    maps = np.asarray(run(head, parameters(head), FEATURES, MASKS, "touched"))
    changed = (maps[0, 3] != maps[0, 0]).any(0)
    rows, columns = np.nonzero(changed)
    assert changed.any() and rows.max() <= 1 + 3 and columns.min() >= GRID[1] - 1 - 3


def test_soft_masks_and_other_resolutions_reach_what_their_resized_form_reaches():
    head = make_head()
    variables = parameters(head)
    soft = jax.random.uniform(jax.random.key(5), (2, 3, 31, 45)) * (MASKS[:, 5:8, :31, :45] + 1e-3)
    whole = run(head, variables, FEATURES, soft, "whole")
    touched = run(head, variables, FEATURES, soft, "touched")
    np.testing.assert_allclose(touched, whole, atol=1e-5, rtol=1e-5)


def test_cpus_take_the_touched_form_and_accelerators_the_head_as_it_is():
    """Only the touched form sorts cells."""
    head = make_head()
    variables = parameters(head)

    def loops(platform):
        traced = run.trace(head, variables, FEATURES, MASKS)
        text = traced.lower(lowering_platforms=(platform,)).as_text()
        return "stablehlo.sort" in text

    assert loops("cpu") and not loops("tpu") and not loops("cuda")


def test_few_masks_take_the_head_as_it_is():
    head = make_head()
    variables, few = parameters(head), MASKS[:, :7]
    by_default = run.lower(head, variables, FEATURES, few).as_text()
    assert by_default == run.lower(head, variables, FEATURES, few, "whole").as_text()


def test_empty_masks_have_no_cell_computed_and_full_ones_all(monkeypatch):
    counts = []

    def counted(function, arrays, chosen, elsewhere):
        jax.debug.callback(lambda count: counts.append(int(count)), chosen.sum())
        return map_chosen(function, arrays, chosen, elsewhere)

    monkeypatch.setattr(touched_cells, "map_chosen", counted)
    head = make_head()
    jax.block_until_ready(run(head, parameters(head), FEATURES, MASKS[:, :2], "touched"))
    jax.effects_barrier()
    assert counts == [len(FEATURES) * GRID[0] * GRID[1]] * head.num_blocks


def test_a_head_without_blocks_and_unknown_forms():
    head = make_head(num_blocks=0)
    variables = parameters(head)
    np.testing.assert_array_equal(
        run(head, variables, FEATURES, MASKS, "touched"),
        run(head, variables, FEATURES, MASKS, "whole"),
    )
    with pytest.raises(OperandError, match="touched"):
        run(head, variables, FEATURES, MASKS, "windowed")

"""Golden cases of Mask-Adapter with maps computed only where masks reach."""

import check_goldens
import pytest
from golden_cases import GOLDENS, find_cases

from ovseg_jax.models import touched_cells
from ovseg_jax.models.mask_adapter import MaskAdapterHead
from ovseg_jax.ops.chosen import map_chosen

INFERENCE = ("head", "warmup_eval", "path_fcclip", "path_maft", "full_fcclip", "full_maft")
CASES = [
    case
    for case in find_cases(GOLDENS)
    if case.system == "mask_adapter" and any(kind in case.name for kind in INFERENCE)
]


def marked(case):
    return pytest.param(case, id=case.name, marks=() if "head" in case.name else pytest.mark.slow)


@pytest.mark.parametrize("case", [marked(case) for case in CASES])
def test_every_case_of_inference_passes_in_the_touched_form(case, monkeypatch):
    blocks, whole = [], MaskAdapterHead.__call__

    def counted(function, arrays, chosen, elsewhere):
        blocks.append(chosen.shape)
        return map_chosen(function, arrays, chosen, elsewhere)

    def touched(head, features, masks):
        if head.is_initializing():
            return whole(head, features, masks)
        return touched_cells.adapter_maps(head, features, masks, form="touched")

    monkeypatch.setattr(touched_cells, "map_chosen", counted)
    monkeypatch.setattr(MaskAdapterHead, "__call__", touched)
    status, lines = check_goldens.check(case)
    assert status == "passed", "\n".join(map(str, lines))
    assert blocks

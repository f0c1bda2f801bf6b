"""The table of published files: complete, consistent, and of addresses that are opened."""

import dataclasses
import re
from pathlib import Path

import pytest

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.getting import with_settings
from ovseg_jax.convert.published import KINDS
from ovseg_jax.fetching.table import UnknownNameError, find_published, published_files
from ovseg_jax.fetching.web import check_address
from ovseg_jax.inputs.labels import named_classes

ROOT = Path(__file__).parents[2]
FILES = published_files()


@pytest.mark.parametrize("name", FILES)
def test_each_row_can_be_used(name):
    row = FILES[name]
    kind = KINDS[row.kind]
    assert re.fullmatch(r"[a-z0-9_]+", name)
    assert row.source and row.licence and row.title and row.group
    for address in filter(None, (row.address, row.other_address, row.tokenizer)):
        check_address(address)
    assert re.fullmatch(r"([0-9a-f]{64})?", row.sha256) and re.fullmatch(r"[0-9a-f]*", row.md5)
    assert row.sha256 in ("", row.sha256.lower()) and row.size >= 0
    assert row.non_commercial == ("NC" in row.licence)
    assert row.licence.split()[0] == kind.licence.split()[0]
    assert bool(row.tokenizer) == kind.has_tokenizer
    assert not row.clip or kind.needs_clip
    for other in filter(None, (row.clip, row.generator)):
        assert other in FILES
    file = row.config.partition(":")[0]
    assert not file or (ROOT / file).is_file()


def test_settings_are_fields_of_a_model_and_keep_the_others():
    for row in FILES.values():
        before = ModelConfig()
        after = with_settings(before, row.settings)
        assert (after == before) == (not row.settings)
        if after.train_vocabulary:
            named_classes(after.train_vocabulary)
    alpha = FILES["maskclippp_eva02_l_14_336_wtext"].settings
    changed = with_settings(ModelConfig(), alpha)
    assert changed.inference.ensemble.alpha == 0.9
    rest = dataclasses.replace(changed.inference, ensemble=ModelConfig().inference.ensemble)
    assert rest == ModelConfig().inference


def test_addresses_of_openai_state_the_hash():
    rows = [row for row in FILES.values() if row.kind == "openai"]
    assert len(rows) == 9 and all(row.sha256 in row.address for row in rows)


def test_variants_of_configs_that_are_named_exist():
    from configs.maskclippp.evaluations import VARIANTS

    named = [row.config for row in FILES.values() if ":" in row.config]
    assert len(named) == 9 and {name.partition(":")[2] for name in named} <= set(VARIANTS)


def test_a_name_that_is_nearly_right_is_told():
    with pytest.raises(UnknownNameError, match="did you mean .*sam_vit_b"):
        find_published("sam_vitb")


def test_one_file_under_two_names_is_downloaded_once():
    whole, alone = FILES["ovseg_swin_base_vit_l_14"], FILES["ovseg_generator_swin_base"]
    assert whole.address == alone.address

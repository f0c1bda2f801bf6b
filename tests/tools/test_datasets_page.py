"""The page of all data sets says what their READMEs and the check of today say."""

import pytest

pytest.importorskip("tensorflow_datasets")

from tools import datasets_page


def test_the_page_is_what_would_be_written_now():
    assert datasets_page.PAGE.read_text() == datasets_page.page(), (
        "docs/datasets.md is stale: python -m tools.datasets_page"
    )

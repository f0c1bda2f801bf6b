"""The TFDS builders of ADE20K-150 and of the full ADE20K on dummy data, in both layouts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data import make_dummy_ade  # noqa: E402
from data.ade20k import ade20k_dataset_builder as ade20k  # noqa: E402
from data.ade20k_full import ade20k_full_dataset_builder as full  # noqa: E402

DATA = Path(make_dummy_ade.__file__).parent
FOLDERS = ("dummy_data", "dummy_data_detectron2")
pytestmark = pytest.mark.filterwarnings("ignore:.*(the published set has|things cover stuff)")


class SmallTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder, on the publisher's layout of ADE20K-150."""

    DATASET_CLASS = ade20k.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["semantic_train", "panoptic_train", "instance_train"]


class PreparedSmallTest(SmallTest):
    """The same on detectron2's layout."""

    EXAMPLE_DIR = str(DATA / "ade20k" / FOLDERS[1])


class FullTest(tfds.testing.DatasetBuilderTestCase):
    """The release of the full ADE20K."""

    DATASET_CLASS = full.Builder
    SPLITS = {"train": 3, "validation": 2}
    BUILDER_CONFIG_NAMES_TO_TEST = ["published_train", "original_train"]


class PreparedFullTest(FullTest):
    """The same on detectron2's layout, which has no original photos."""

    EXAMPLE_DIR = str(DATA / "ade20k_full" / FOLDERS[1])
    BUILDER_CONFIG_NAMES_TO_TEST = ["published_train"]


def masks_of(builder, folder, config, place):
    """Returns the class and the pixels of each segment, by photo, and the photos."""
    made = builder(config=config, data_dir=str(place))
    root = DATA / made.name / folder
    made.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=str(root)))
    masks, photos = {}, {}
    for record in tfds.as_numpy(made.as_dataset(split="validation")):
        name, ids = record["file_name"], record["segment_ids"][..., 0]
        pairs = enumerate(record["categories"].tolist(), 1)
        masks[name] = {(c, (ids == n).tobytes()) for n, c in pairs if (ids == n).any()}
        photos[name] = record["image"]
    return masks, photos


@pytest.mark.parametrize(
    ("builder", "config"),
    [(ade20k.Builder, kind) for kind in ("semantic", "panoptic", "instance")]
    + [(full.Builder, "published")],
)
def test_both_layouts_hold_the_same_truth(tmp_path, builder, config):
    masks, photos = masks_of(builder, FOLDERS[0], config, tmp_path / "published")
    others, same = masks_of(builder, FOLDERS[1], config, tmp_path / "prepared")
    assert masks == others and len(masks) == 2 and any(masks.values())
    for name, photo in photos.items():
        np.testing.assert_array_equal(photo, same[name])


def test_the_script_draws_the_dummy_data_that_are_there(tmp_path):
    make_dummy_ade.main(tmp_path)
    for name in ("ade20k", "ade20k_full"):
        files = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        twins = [DATA / path.relative_to(tmp_path) for path in files]
        kept = [p for p in (DATA / name).glob("dummy*/**/*") if p.is_file()]
        assert sorted(twins) == sorted(kept)
        for path, twin in zip(files, twins, strict=True):
            if path.suffix in (".png", ".tif"):
                np.testing.assert_array_equal(Image.open(path), Image.open(twin))
            elif path.suffix == ".json":
                assert path.read_text() == twin.read_text()

"""The TFDS builder of the toy world."""

from __future__ import annotations

import numpy as np
import pytest

tfds = pytest.importorskip("tensorflow_datasets")

from data import features  # noqa: E402
from data.build import make_builder  # noqa: E402
from data.segments import Segments  # noqa: E402
from data.toy_world import splits, toy_world_dataset_builder  # noqa: E402
from data.toy_world.splits import draw_example  # noqa: E402


class ToyWorldTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = toy_world_dataset_builder.Builder
    SPLITS = {"web": 12, "parts": 12, "train": 12, "masks": 12, "validation": 6, "test": 6}
    BUILDER_CONFIG_NAMES_TO_TEST = ["tiny"]
    EXAMPLE_DIR = str(toy_world_dataset_builder.Builder.code_path.parent)
    SKIP_CHECKSUMS = True


def test_written_examples_equal_the_drawn_ones(tmp_path):
    counts = {"train": 3, "test": 2}
    config = toy_world_dataset_builder.ToyWorldConfig(name="custom", counts=counts, size=64)
    builder = toy_world_dataset_builder.Builder(config=config, data_dir=str(tmp_path))
    builder.download_and_prepare()
    for split, count in counts.items():
        examples = list(tfds.as_numpy(builder.as_dataset(split=split)))
        assert len(examples) == count
        for example in examples:
            name, index = example["file_name"].decode().rsplit("_", 1)
            scene = draw_example(name, int(index), size=64)
            np.testing.assert_array_equal(example["image"], scene.image)
            np.testing.assert_array_equal(example["segment_ids"][..., 0], scene.segment_ids)
            np.testing.assert_array_equal(example["categories"], scene.categories)
            assert [text.decode() for text in example["captions"]] == scene.captions


def test_full_and_scenes_configs_have_the_documented_sizes(tmp_path):
    full = make_builder("toy_world", data_dir=tmp_path).builder_config
    scenes = make_builder("toy_world", "scenes", tmp_path).builder_config
    assert full.counts == splits.FULL_COUNTS
    assert set(scenes.counts) == {"train", "validation", "test"}


def test_an_unknown_data_set_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="'toyworld'.*coco_stuff.*toy_world"):
        make_builder("toyworld")


def test_an_id_without_category_is_an_error():
    with pytest.raises(ValueError, match="a.png: segment id 3 has no category"):
        features.segmentation_example(b"", Segments(np.full((2, 2), 3), [1, 2]), (), "a.png")

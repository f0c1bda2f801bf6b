"""Evaluation batches see photos as the segmenter does."""

import numpy as np
import pytest

from ovseg_jax.config import DataConfig, InferenceConfig
from ovseg_jax.inputs import batches
from ovseg_jax.ops.images.network_input import prepare


@pytest.mark.parametrize("height, width", [(333, 500), (375, 500), (97, 301), (640, 427)])
def test_the_network_sees_detectron2s_test_size_to_the_pixel(monkeypatch, height, width):
    rng = np.random.default_rng(0)
    example = {
        "image": rng.integers(0, 256, (height, width, 3), dtype=np.uint8),
        "segment_ids": rng.integers(0, 3, (height, width)).astype(np.int32),
        "categories": np.array([4, 2], np.int32),
        "crowds": np.array([False, False]),
        "whole": [b"", b""],
        "file_name": "photo.jpg",
    }
    monkeypatch.setattr(batches, "open_split", lambda data: [example])
    monkeypatch.setattr(batches, "decode", lambda record: record)
    inference = InferenceConfig(short_side=224, long_side=299)
    (view,) = batches.photo_views(DataConfig(max_segments=4), inference)
    wanted = prepare(example["image"], 224, 299)
    np.testing.assert_array_equal(view.network.images[0], wanted.frame)
    np.testing.assert_array_equal(view.network.sizes[0], wanted.size)
    ids = view.truth.segment_ids[0]
    np.testing.assert_array_equal(ids[:height, :width], example["segment_ids"])
    assert not ids[height:].any() and not ids[:, width:].any()
    ratio = np.array(ids.shape) / view.network.images.shape[1:3]
    np.testing.assert_allclose(ratio, [height / wanted.size[0], width / wanted.size[1]], rtol=0.01)

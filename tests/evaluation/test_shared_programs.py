"""What sees pictures is compiled once, whatever words are asked for and however large the truth."""

import dataclasses

import pytest

pytest.importorskip("tensorflow_datasets")

from ovseg_jax.config import EvaluationConfig, InferenceConfig, MaskSourceConfig
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.inference.steps import compiled_steps
from ovseg_jax.loading import build
from tests.data.photo_folder import PERSON, Folder, rectangle
from tests.inference.tiny_model import GENERATOR, POOLING, random_params


def test_another_vocabulary_and_other_sizes_of_photos_share_the_heavy_steps(tmp_path):
    folder = Folder(tmp_path / "photos")
    for number, size in enumerate([(60, 90), (80, 120)]):  # both become 32 x 48 at test size
        folder.instances(f"{number}.png", [rectangle(PERSON, 0, 0, 30, 20)], size)
    folder.write()
    config = dataclasses.replace(
        POOLING, generator=GENERATOR, inference=InferenceConfig(short_side=32, long_side=64)
    )
    params = random_params(config)
    compiled_steps.cache_clear()
    steps = compiled_steps(build.method(config), config.inference.ensemble)
    for vocabulary in ("coco_things80", "coco_things80+ade150"):
        item = EvaluationConfig(
            data=dataclasses.replace(folder.config(max_segments=4), vocabulary=vocabulary),
            masks=MaskSourceConfig(kind="generator"),
            metrics=("semantic",),
            protocol="photo",
        )
        assert Suite(item, config, build.method(config)).score(params, "").card.images == 2
    heavy = steps.encode, steps.make_masks, steps.embed
    assert [step.jitted._cache_size() for step in heavy] == [1, 1, 1]
    assert steps.score.jitted._cache_size() == 2  # one for each bucket of words

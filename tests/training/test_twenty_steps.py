"""Twenty training steps on COCO-Stuff in the publisher's layout (dummy files)."""

import dataclasses
from pathlib import Path

import numpy as np

from data.coco_stuff import coco_stuff_dataset_builder
from ovseg_jax.cli.experiment import load_config
from ovseg_jax.foundation import trees
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.training.loop import train

DUMMY = Path(coco_stuff_dataset_builder.__file__).parent / "dummy_data"


def test_twenty_steps_train_the_adapter(tiny_config, tmp_path):
    published = load_config(Path("configs/mask_adapter/maft_plus_base_coco_stuff_warmup.py"))
    data = dataclasses.replace(
        published.data,
        root=str(DUMMY),
        prepared=str(tmp_path / "prepared"),
        image_size=(64, 64),
        batch_size=4,
        max_segments=12,
    )
    model = dataclasses.replace(tiny_config.model, train_vocabulary="coco_stuff171")
    config = dataclasses.replace(tiny_config, data=data, model=model, num_steps=20)
    state = train(config, tmp_path / "run")
    assert int(state.step) == 20
    trained = trees.flatten(load_weights(tmp_path / "run")[1])
    assert all(np.isfinite(value).all() for value in trained.values())

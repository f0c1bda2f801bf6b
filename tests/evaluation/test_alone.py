"""A photo alone and in a batch that is filled up answers the same, standing or lying.

The frame is the same both times: a network sees the padding of its frame, as the originals do, and
no batch of this package decides how large a frame is.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovseg_jax.config import ClipConfig, EvaluationConfig, MaskGeneratorConfig, MaskSourceConfig
from ovseg_jax.evaluation.suite import Suite
from ovseg_jax.foundation.typing import Batch
from ovseg_jax.inference import answering
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.loading.parameters import initial_parameters
from ovseg_jax.models.backbones.resnet import ResNetBackbone
from ovseg_jax.models.backbones.swin import SwinBackbone
from ovseg_jax.models.generators import variants
from tests.data.photo_folder import DOG, PERSON, Folder, rectangle
from tests.inference.tiny_model import GENERATOR, POOLING, photo, random_params

BACKBONES = {
    "swin of tests": SwinBackbone(width=8, depths=(1, 2, 1, 1), heads=(1, 1, 2, 2), window=3),
    "resnet of tests": ResNetBackbone(blocks=(1, 1, 1, 1)),
}
GENERATORS = {
    "FC-CLIP": {"backbone": "clip", "levels": 1, "class_head": "text"},
    "Mask2Former": {"backbone": "swin of tests", "levels": 3},
    "MaskFormer": {"backbone": "resnet of tests", "pixel_decoder": "fpn", "decoder": "detr"},
    "MaskFormer without encoder": {"pixel_decoder": "fpn", "decoder": "detr", "encoder_layers": 0},
}
FRAME = (96, 96)
pytestmark = pytest.mark.slow  # each network is compiled twice


def model(kind):
    changes = {"class_head": "linear", "num_classes": 32} | GENERATORS[kind]
    generator = dataclasses.replace(GENERATOR, **changes)
    if generator.class_head == "text":
        return dataclasses.replace(POOLING, generator=generator)
    method, clip = MaskGeneratorConfig(), ClipConfig(variant="")
    return dataclasses.replace(POOLING, generator=generator, method=method, clip=clip)


def drawn(config):
    """Random parameters, without those of CLIP where there is none."""
    if config.clip.variant:
        return random_params(config)
    method = build.method(config)
    return jax.jit(lambda key: initial_parameters(method, key))(jax.random.key(0))


def batch_of(photos):
    frames = np.zeros((len(photos), *FRAME, 3), np.uint8)
    for frame, pixels in zip(frames, photos, strict=True):
        frame[: pixels.shape[0], : pixels.shape[1]] = pixels
    return Batch(images=jnp.asarray(frames), sizes=jnp.asarray([x.shape[:2] for x in photos]))


@pytest.mark.parametrize("kind", GENERATORS)
def test_a_photo_answers_alone_as_in_a_batch(kind, monkeypatch):
    monkeypatch.setattr(variants, "BACKBONES", variants.BACKBONES | BACKBONES)
    config = model(kind)
    method, params = build.method(config), drawn(config)
    text = embed_vocabulary(config, method, params, named_classes("toy_world_seen32"))

    @jax.jit
    def answered(params, batch):
        features = answering.encode(method, params, batch)
        made = answering.propose(method, params, batch, features, text)
        ensemble = config.inference.ensemble
        found = answering.answer(method, params, features, made, text, ensemble)
        masks = made.masks if found.masks is None else found.masks
        return jnp.exp(found.log_probs), jax.nn.sigmoid(masks)

    photos = [photo(64, 96, 1), photo(96, 64, 2)]
    together = answered(params, batch_of([*photos, photos[0]]))
    for row, pixels in enumerate(photos):
        for alone, batched in zip(answered(params, batch_of([pixels])), together, strict=True):
            np.testing.assert_allclose(alone[0], batched[row], rtol=0, atol=1e-4)
            assert not np.allclose(batched[row], batched[1 - row], atol=1e-2)


def test_photos_of_both_orientations_score_alone_as_in_a_batch(tmp_path):
    """Three photos one by one, and in twos of which the last is filled up."""
    folder = Folder(tmp_path / "photos")
    for number, size in enumerate([(40, 60), (60, 40), (40, 60)]):
        objects = [rectangle(PERSON, 0, 0, 30, 20), rectangle(DOG, 10, 20, 38, 38)]
        folder.instances(f"{number}.png", objects, size)
    folder.write()
    config = dataclasses.replace(POOLING, generator=GENERATOR)
    params, tables = random_params(config), []
    for size in (1, 2):
        data = folder.config(image_size=(64, 64), batch_size=size, max_segments=4)
        item = EvaluationConfig(
            data=data,
            masks=MaskSourceConfig(kind="generator"),
            metrics=("semantic", "panoptic", "instance"),
        )
        result = Suite(item, config, build.method(config)).score(params, "", by_photo=True)
        assert result.card.images == 3 and result.confusion is not None
        tables.append((result.table, result.confusion))
    (alone, pixels), (batched, others) = tables
    assert alone.keys() == batched.keys()
    for name, value in alone.items():
        np.testing.assert_allclose(batched[name], value, rtol=0, atol=1e-4, err_msg=name)
    known, others = pixels[:, :-1], others[:, :-1]  # the last column, void, counts nowhere
    assert abs(known - others).sum() <= 1e-4 * known.sum() and known.sum() > 3000

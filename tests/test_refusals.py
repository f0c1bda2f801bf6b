"""Parts of a model that do not fit are refused when it is built, by the name of the field."""

import dataclasses

import pytest

from ovseg_jax.config import (
    ClipConfig,
    FisaConfig,
    MaftPlusConfig,
    MaskClipPlusPlusConfig,
    MaskCroppingConfig,
    MaskGeneratorConfig,
    MaskPoolingConfig,
    MaskSourceConfig,
    ModelConfig,
    OVSegConfig,
    QueryGeneratorConfig,
    SamConfig,
)
from ovseg_jax.inputs.labels import named_classes
from ovseg_jax.loading import build
from ovseg_jax.loading.checks import check_classes, check_source

VIT, RESNET = ClipConfig(variant="vit_b_16"), ClipConfig(variant="rn50")
OWN = QueryGeneratorConfig(backbone="swin_tiny", class_head="linear")
REFUSED = {
    "maskclippp deeper than the tower": (
        ModelConfig(clip=VIT, method=MaskClipPlusPlusConfig(depth=13)),
        "method.depth is 13, but maskclippp needs 1 to 12: the tower has 12 blocks",
    ),
    "templates that the PSM does not know": (
        ModelConfig(clip=VIT, method=MaskClipPlusPlusConfig(), templates="single"),
        "method.num_templates is 14, but maskclippp needs 1, as many as the model's templates",
    ),
    "void for maskclippp": (
        ModelConfig(clip=RESNET, method=MaskClipPlusPlusConfig(has_void=True)),
        "method.has_void is True, but maskclippp needs False",
    ),
    "words in more blocks than there are": (
        ModelConfig(clip=VIT, method=FisaConfig(words_enter="last", word_blocks=13, rank=96)),
        "method.word_blocks is 13, but fisa needs 1 to 12: the tower has 12 blocks",
    ),
    "words in no block": (
        ModelConfig(clip=VIT, method=FisaConfig(words_enter="first", word_blocks=0, rank=96)),
        "method.word_blocks is 0, but fisa needs 1 to 12",
    ),
    "a rank that heads do not divide": (
        ModelConfig(clip=VIT, method=FisaConfig()),
        "method.rank is 128, but fisa needs 0 or a multiple of the tower's 12 heads",
    ),
    "relative attention behind the last block": (
        ModelConfig(clip=VIT, method=FisaConfig(rank=96, relative_blocks=(5, 12))),
        "method.relative_blocks is (5, 12), but fisa needs rising numbers from 0 to 11",
    ),
    "the same block twice": (
        ModelConfig(clip=VIT, method=FisaConfig(rank=96, relative_blocks=(5, 5))),
        "method.relative_blocks is (5, 5), but fisa needs rising numbers",
    ),
    "a square of broken patches": (
        ModelConfig(clip=VIT, method=FisaConfig(rank=96, clip_size=900)),
        "method.clip_size is 900, but fisa needs 0 or whole patches: a multiple of 16",
    ),
    "LoRA where no mask token goes": (
        ModelConfig(clip=RESNET, method=FisaConfig(lora_rank=4)),
        "clip.variant is 'rn50', but fisa needs a vision transformer with a class token",
    ),
    "a generator to train that is not there": (
        ModelConfig(clip=VIT, method=FisaConfig(rank=96, tune_generator=True)),
        "generator.kind is 'none', but fisa needs 'query', since method.tune_generator trains it",
    ),
    "four convolutions": (
        ModelConfig(clip=VIT, method=FisaConfig(rank=96, adapter_layers=4)),
        "method.adapter_layers is 4, but fisa needs 0 to 3",
    ),
    "prompts deeper than the tower": (
        ModelConfig(clip=VIT, method=OVSegConfig(prompt_depth=14)),
        "method.prompt_depth is 14, but ovseg needs 1 to 13: the tower has 12 blocks",
    ),
    "crops of broken patches": (
        ModelConfig(clip=VIT, method=OVSegConfig(crop_size=220)),
        "method.crop_size is 220, but ovseg needs whole patches: a multiple of 16",
    ),
    "crops smaller than a cell": (
        ModelConfig(clip=RESNET, method=MaskCroppingConfig(crop_size=16)),
        "method.crop_size is 16, but mask_cropping needs a cell or more: 32 pixels",
    ),
    "heads that the joint space does not hold": (
        ModelConfig(clip=VIT, method=MaftPlusConfig(transfer_heads=7)),
        "method.transfer_heads is 7, but maft_plus needs a divisor of the joint space's width, 512",
    ),
    "a generator that is only SAM": (
        ModelConfig(clip=VIT, method=MaskPoolingConfig(), generator=SamConfig()),
        "generator.kind is 'sam', but a model's own generator is 'query' or 'none'",
    ),
    "a generator to train alone that is not there": (
        ModelConfig(clip=VIT, method=MaskGeneratorConfig()),
        "generator.kind is 'none', but mask_generator needs 'query'",
    ),
    "more levels than maps": (
        ModelConfig(
            clip=VIT, method=MaskPoolingConfig(), generator=dataclasses.replace(OWN, levels=4)
        ),
        "generator.levels is 4, but mask_pooling needs 1 to 3: its trunk has 4 maps",
    ),
    "masked attention on one map": (
        ModelConfig(
            clip=VIT,
            method=MaskPoolingConfig(),
            generator=dataclasses.replace(OWN, pixel_decoder="fpn"),
        ),
        "generator.pixel_decoder is 'fpn', but generator.decoder 'masked_attention' needs",
    ),
    "heads that the generator does not hold": (
        ModelConfig(
            clip=VIT, method=MaskPoolingConfig(), generator=dataclasses.replace(OWN, heads=7)
        ),
        "generator.heads is 7, which does not divide generator.width, 256",
    ),
    "no CLIP": (
        ModelConfig(clip=ClipConfig(variant=""), method=MaskPoolingConfig()),
        "clip.variant is empty, but method.kind 'mask_pooling' needs a CLIP model",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_parts_that_do_not_fit_are_refused_by_name(name):
    config, message = REFUSED[name]
    with pytest.raises(ValueError) as raised:
        build.method(config)
    assert str(raised.value).startswith(message)


def test_a_tower_of_two_maps_takes_a_generator_of_one_level():
    tower = ClipConfig(variant="convnext_toy")
    config = ModelConfig(clip=tower, method=MaskPoolingConfig(), generator=QueryGeneratorConfig())
    with pytest.raises(ValueError, match=r"^generator\.levels is 3, but .* its trunk has 2 maps"):
        build.method(config)
    one = dataclasses.replace(config.generator, levels=1)
    build.method(dataclasses.replace(config, generator=one))


def test_masks_of_a_generator_need_one():
    source = MaskSourceConfig(kind="generator")
    without = build.method(ModelConfig(clip=VIT, method=MaskPoolingConfig()))
    check_source(MaskSourceConfig(), without)
    check_source(source, build.method(ModelConfig(clip=VIT, generator=OWN)))
    with pytest.raises(ValueError, match=r"^masks\.kind is 'generator', but the model has none"):
        check_source(source, without)


def test_a_fixed_list_of_classes_is_as_long_as_the_vocabulary_that_teaches_it():
    model = ModelConfig(clip=ClipConfig(variant=""), method=MaskGeneratorConfig(), generator=OWN)
    check_classes(model, named_classes("coco_panoptic133"))
    with pytest.raises(ValueError, match=r"^generator\.num_classes is 133, but .* has 150 classes"):
        check_classes(model, named_classes("ade150"))
    named = dataclasses.replace(model, clip=VIT, method=MaskPoolingConfig())
    check_classes(named, named_classes("ade150"))

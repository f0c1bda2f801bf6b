"""Every method with every tower and every source of masks: it fits in shapes, or is refused.

Nothing is computed. Towers keep the switches and widths of their rows but not their depth; the slow
sweep takes whole rows and whole generators.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import pytest

from ovseg_jax.config import (
    ClipConfig,
    EnsembleConfig,
    FisaConfig,
    MaftPlusConfig,
    MaskAdapterConfig,
    MaskAdapterOnMaftConfig,
    MaskClipPlusPlusConfig,
    MaskCroppingConfig,
    MaskPoolingConfig,
    MaskSourceConfig,
    ModelConfig,
    NoGeneratorConfig,
    OVSegConfig,
    QueryGeneratorConfig,
)
from ovseg_jax.foundation.typing import Batch, Opinion, Proposals, Text
from ovseg_jax.inference.ensemble import choose_rule
from ovseg_jax.inference.mask_makers.reframe import reframe
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes
from ovseg_jax.methods.fisa import Fisa
from ovseg_jax.models.clip.variants import VARIANTS
from ovseg_jax.models.clip.vit import VisionTransformer

SIDE, SLOTS, CLASSES, TEMPLATES = 224, 6, 4, 14
PSMS = ("none", "linear", "pseudo_text", "pseudo_only", "linear_mask", "linear_text")
METHODS = {
    "mask_pooling": MaskPoolingConfig(has_void=True),
    "mask_cropping": MaskCroppingConfig(chunk=4),
    "maft_plus": MaftPlusConfig(),
    "mask_adapter": MaskAdapterConfig(),
    "mask_adapter_on_maft": MaskAdapterOnMaftConfig(),
    **{f"maskclippp_{psm}": MaskClipPlusPlusConfig(psm=psm) for psm in PSMS},
    **{f"ovseg_{kind}": OVSegConfig(prompts=kind, chunk=4) for kind in ("mask", "vpt", "none")},
    "fisa": FisaConfig(clip_size=0, rank=0),
    "fisa_without_words": FisaConfig(words_enter="none", clip_size=448),
    "maskclip": FisaConfig(
        words_enter="none", adapter_layers=0, relative_blocks=(0, 2), clip_size=0
    ),
}
TOWERS = {
    "CLIP ConvNeXt": "convnext_base",
    "CLIP ViT": "vit_b_32",
    "OpenAI ResNet": "rn50",
    "EVA02": "eva02_b_16",
    "EVA01": "eva01_g_14",
    "SigLIP": "siglip_b_16_224",
    "SigLIP 2": "siglip2_b_32_256",
    "toy ConvNeXt": "convnext_toy",
    "toy ViT": "vit_toy",
}
CLASS_TOKEN = {"CLIP ViT", "EVA02", "EVA01", "toy ViT"}
CONVOLUTIONAL = {"CLIP ConvNeXt", "OpenAI ResNet", "toy ConvNeXt"}
_SMALL = {"num_queries": SLOTS, "encoder_layers": 1, "decoder_layers": 2}
_FORMER = {"pixel_decoder": "fpn", "decoder": "detr"}
GENERATORS = {
    "none": NoGeneratorConfig(),
    "FC-CLIP": QueryGeneratorConfig(**_SMALL),
    "Mask2Former, Swin": QueryGeneratorConfig(
        backbone="swin_tiny", class_head="linear", num_classes=9, **_SMALL
    ),
    "MaskFormer": QueryGeneratorConfig(
        backbone="resnet50", class_head="linear", num_classes=9, **_FORMER, **_SMALL
    ),
    "MaskFormer of OVSeg": QueryGeneratorConfig(
        backbone="resnet50", class_head="embedding", **_FORMER, **_SMALL
    ),
    "toy": QueryGeneratorConfig(backbone="convnext_toy", **_SMALL | {"levels": 2}),
}


def model(method, tower, generator="none"):
    return ModelConfig(
        clip=ClipConfig(variant=TOWERS[tower]),
        method=METHODS[method],
        generator=GENERATORS[generator],
        templates="vild14",
    )


def refused_field(method, tower, generator="none"):
    """The field by which a triple is refused, by the papers' and towers' own limits; else None."""
    if generator == "FC-CLIP":
        crops = method.startswith(("mask_cropping", "ovseg"))
        if crops or tower not in CONVOLUTIONAL:
            return "generator.backbone"  # no maps of the whole image at several strides
        if tower == "toy ConvNeXt":
            return "generator.levels"  # it has two maps, FC-CLIP encodes three and adds a fourth
    if method.startswith(("fisa", "maskclip")) and not method.startswith("maskclippp"):
        return None if tower in CLASS_TOKEN else "clip.variant"
    if method.startswith("maskclippp"):
        return "clip.variant" if tower.startswith("SigLIP") else None
    if method in ("ovseg_mask", "ovseg_vpt"):
        rotary = method == "ovseg_vpt" and tower == "EVA02"
        return "method.prompts" if rotary or tower not in CLASS_TOKEN else None
    return None


TRIPLES = [(m, t, g) for m in METHODS for t in TOWERS for g in GENERATORS]


def test_every_triple_builds_or_is_refused_by_its_field():
    """Modules are made at full size; making them costs no memory."""
    refused = 0
    for method, tower, generator in TRIPLES:
        config, field = model(method, tower, generator), refused_field(method, tower, generator)
        if field is None:
            build.method(config)
            continue
        refused += 1
        found = functools.reduce(getattr, field.split("."), config)
        with pytest.raises(ValueError) as raised:
            build.method(config)
        start = f"{field} is {found!r}, but {config.method.kind} needs "
        assert str(raised.value).startswith(start), (method, tower, generator)
    assert 0.2 < refused / len(TRIPLES) < 0.4


# ---- shapes ----------------------------------------------------------------------------------

BATCH = Batch(
    images=jax.ShapeDtypeStruct((1, SIDE, SIDE, 3), jnp.uint8),
    sizes=jax.ShapeDtypeStruct((1, 2), jnp.int32),
    segment_ids=jax.ShapeDtypeStruct((1, SIDE, SIDE), jnp.int32),
    labels=jax.ShapeDtypeStruct((1, SLOTS), jnp.int32),
)
KEY = jax.eval_shape(jax.random.key, 0)


def words(width):
    """A vocabulary with one synonym more than classes, in shapes."""
    rows = CLASSES + 1
    return Text(
        embeddings=jax.ShapeDtypeStruct((rows, TEMPLATES, width), jnp.float32),
        classes=jax.ShapeDtypeStruct((rows,), jnp.int32),
        valid=jax.ShapeDtypeStruct((CLASSES,), jnp.bool_),
        seen=jax.ShapeDtypeStruct((CLASSES,), jnp.bool_),
    )


def shallow(row):
    """A row with the widths and switches of its own, and few blocks."""
    visual, text = row.visual, row.text.clone(layers=1)
    if isinstance(visual, VisionTransformer):
        return dataclasses.replace(row, visual=visual.clone(layers=3), text=text)
    name = "depths" if hasattr(visual, "depths") else "blocks"
    few = (1,) * len(getattr(visual, name))
    return dataclasses.replace(row, visual=visual.clone(**{name: few}), text=text)


@pytest.fixture
def shallow_towers(monkeypatch):
    for name in TOWERS.values():
        monkeypatch.setitem(VARIANTS, name, shallow(VARIANTS[name]))


@functools.cache
def given_sources():
    """Proposals of sources that are no part of the model, in shapes, by name."""
    found = {
        kind: jax.eval_shape(build.mask_source(MaskSourceConfig(kind=kind)).propose, BATCH, KEY)
        for kind in ("ground_truth", "perturbed")
    }
    # Files and SAM: hard masks, which the engine brings to the frame.
    masks = jax.ShapeDtypeStruct((1, 16, SIDE, SIDE), jnp.bool_)
    found["files and SAM"] = Proposals(masks=masks, valid=jax.ShapeDtypeStruct((1, 16), jnp.bool_))
    # Another model's generator: its masks come from a frame of its own, its classes are a list.
    frames = Frame((288, 384), (288, 380), (300, 399)), Frame((SIDE, SIDE), (168, SIDE), (300, 399))
    far = jax.ShapeDtypeStruct((1, SLOTS, 72, 96), jnp.float32)
    found["another model's"] = Proposals(
        masks=jax.eval_shape(lambda masks: reframe(masks, *frames), far),
        valid=jax.ShapeDtypeStruct((1, SLOTS), jnp.bool_),
        class_logits=jax.ShapeDtypeStruct((1, SLOTS, 10), jnp.float32),
        opinion=Opinion.NO_OBJECT,
    )
    return found


def check(module, sources):
    """Answers by masks of each source: log probabilities per class and void, masks if refined."""
    variables, text = (
        {"params": parameter_shapes(module)},
        words(module.clip.embedding_dim),
    )

    def answer(variables, batch, sources, text):
        features = module.apply(variables, batch, method="encode_batch")
        found, grid = {}, features.dense.shape[1:3]
        if module.generator is not None:
            own = module.apply(variables, batch, features, text, method="propose")
            sources = sources | {"its own": own}
        for name, proposals in sources.items():
            scores = module.apply(variables, features, proposals, text, method="score")
            rule = choose_rule(proposals, EnsembleConfig(), grid, repeats=module.repeats_names)
            log_probs = rule.join(proposals, scores.logits, text)
            found[name] = log_probs, scores.masks, proposals.valid
        return found

    found = jax.eval_shape(answer, variables, BATCH, sources, text)
    assert set(found) == set(sources) | ({"its own"} if module.generator is not None else set())
    for name, (logs, masks, valid) in found.items():
        assert logs.shape == (*valid.shape, CLASSES + 1), name
        assert (masks is not None) == isinstance(module, Fisa), name
        if masks is not None:
            side = module.config.clip_size or SIDE
            assert masks.shape == (*valid.shape, side, side), name


ADMITTED = [(m, t) for m in METHODS for t in TOWERS if not refused_field(m, t)]
FAMILIES = ("CLIP ConvNeXt", "CLIP ViT", "OpenAI ResNet", "EVA02", "SigLIP")
ONE_OF_EACH_KIND = ("mask_pooling", "mask_adapter", "maskclippp_linear", "ovseg_mask", "fisa")
# Quickly: every method on one tower, and on the others the methods that read each of their maps,
# tokens and crops. The slow sweep leaves nothing out.
QUICK = [
    (method, tower)
    for method, tower in ADMITTED
    if tower == "CLIP ViT" or (tower in FAMILIES and method in ONE_OF_EACH_KIND)
]


@pytest.mark.parametrize(("method", "tower"), QUICK)
def test_a_method_on_a_tower_fits_in_shapes(method, tower, shallow_towers):
    """Under hard masks, of which `parameter_shapes` makes some, and under logits with classes."""
    name = "another model's"
    check(build.method(model(method, tower)), {name: given_sources()[name]})


@pytest.mark.parametrize("generator", [name for name in GENERATORS if name != "none"])
def test_every_generator_fits_in_shapes(generator, shallow_towers):
    check(build.method(model("mask_adapter", "CLIP ConvNeXt", generator)), {})


@pytest.mark.parametrize(
    ("method", "tower"), [("mask_adapter", "toy ConvNeXt"), ("fisa", "toy ViT")]
)
def test_every_given_source_fits_in_shapes(method, tower, shallow_towers):
    check(build.method(model(method, tower)), given_sources())


@pytest.mark.slow
@pytest.mark.parametrize(("method", "tower"), ADMITTED)
def test_a_whole_row_fits_with_every_source(method, tower):
    """Towers as published; one generator of each kind, inside the model where it is admitted."""
    check(build.method(model(method, tower)), given_sources())
    for generator in GENERATORS:
        if generator != "none" and not refused_field(method, tower, generator):
            check(build.method(model(method, tower, generator)), {})

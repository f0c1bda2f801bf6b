"""The toy experiments behind `claims.py`: every arm of every comparison, by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovseg_jax.cli.experiment import load_config
from ovseg_jax.config import (
    Config,
    EvaluationConfig,
    LrFactor,
    MaskCroppingConfig,
    MaskPoolingConfig,
    MaskSourceConfig,
    NoGeneratorConfig,
)

CONVNEXT = "ovseg_jax/assets/toy/clip_convnext_seed{}"
FCCLIP = "ovseg_jax/assets/toy/fcclip"
TOY_VIT = "ovseg_jax/assets/toy/clip_vit_seed0"
WARMED_UP = "ovseg_jax/assets/toy/mask_adapter"
OWN_MASKS = MaskSourceConfig(kind="generator")
SHIPPED_MASKS = MaskSourceConfig(kind="model", path=FCCLIP)
ON_TRUE_MASKS = "crop", "pool", "adapter"
"""Arms of the one table whose masks are given; all others are scored from pixels as well."""
TOWER = r"clip/visual/.*"
MIXED_STEPS = 150


@dataclasses.dataclass(frozen=True)
class Arm:
    """One side of a comparison.

    Attributes:
        config: The experiment, before the seed enters; zero steps mean that nothing is trained.
        after: Name of the arm whose run, with the same seed, this one starts from.
        clip_per_seed: Whether seed i stands on the i-th toy ConvNeXt instead of the first.
        mined: Whether it trains on mined pairs.
    """

    config: Callable[[], Config]
    after: str = ""
    clip_per_seed: bool = False
    mined: bool = False


def toy(name: str, *, method: dict[str, Any] | None = None, **changes: Any) -> Config:
    """Returns a toy config with some fields of its method, optimizer or itself replaced."""
    config = load_config(Path(f"configs/toy/{name}.py"))
    optimizer = {
        field.name: changes.pop(field.name)
        for field in dataclasses.fields(config.optimizer)
        if field.name in changes
    }
    return dataclasses.replace(
        config,
        model=dataclasses.replace(
            config.model, method=dataclasses.replace(config.model.method, **(method or {}))
        ),
        optimizer=dataclasses.replace(config.optimizer, **optimizer),
        **changes,
    )


def on_bare_clip(config: Config, method: Any = None) -> Config:
    """Puts a method of the ConvNeXt on CLIP alone: masks are given, nothing else is trained."""
    method = method or dataclasses.replace(config.model.method, has_void=False)
    model = dataclasses.replace(config.model, method=method, generator=NoGeneratorConfig())
    config = dataclasses.replace(config, model=model)
    if method.kind == "mask_adapter":
        return config
    optimizer = dataclasses.replace(config.optimizer, trainable=())
    return dataclasses.replace(config, optimizer=optimizer, num_steps=0, init_missing=())


def mixed(**changes: Any) -> Config:
    """Mask-Adapter's second phase on the masks of the shipped generator."""
    method = {"phase": "mixed", "num_matched": 3} | changes.pop("method", {})
    defaults = {"init_from": WARMED_UP, "init_missing": (), "num_steps": MIXED_STEPS}
    return toy("mask_adapter", method=method, masks=OWN_MASKS, **(defaults | changes))


def cold() -> Config:
    """The mixed phase alone, for as many steps as both phases take together."""
    warmup = toy("mask_adapter")
    steps = {"num_steps": warmup.num_steps + MIXED_STEPS}
    return mixed(init_from=FCCLIP, init_missing=warmup.init_missing, **steps)


def maskclippp(psm: str, **changes: Any) -> Config:
    """MaskCLIP++ with one of the PSMs."""
    return toy("maskclippp", method={"psm": psm}, **changes)


def tuned_on_generated_masks() -> Config:
    """MaskCLIP++ that sees masks of the toy generator, matched to the truth, while it trains."""
    config = toy("maskclippp", method={"prior": "generated"}, masks=OWN_MASKS)
    generator = toy("mask_adapter").model.generator
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, generator=generator),
        init_parts=((r"generator/.*", FCCLIP),),
    )


def ovseg(prompts: str, *trainable: str, **changes: Any) -> Config:
    """OVSeg: what is put into the tower and what trains; the tower learns slowly."""
    missing = () if prompts == "none" else (r"prompt/.*",)
    defaults = {"trainable": trainable, "init_missing": missing}
    defaults["lr_factors"] = slow_tower(trainable, 0.02)
    return toy("ovseg", method={"prompts": prompts}, **(defaults | changes))


def on_class_names() -> Config:
    """Mask prompts learned on true masks and names of the seen classes instead of mined pairs."""
    config = ovseg("mask", r"prompt/.*")
    data = toy("mask_adapter").data
    return dataclasses.replace(config, data=dataclasses.replace(data, batch_size=6))


def fisa(*trainable: str, **changes: Any) -> Config:
    """FISA with other parts in training than SIMO's; the tower, if it trains, learns slowly."""
    factors = slow_tower(trainable, 0.1)
    return toy("fisa", trainable=trainable, lr_factors=factors, **changes)


def slow_tower(trainable: tuple[str, ...], factor: float) -> tuple[LrFactor, ...]:
    """Returns the factor on the tower's learning rate, if the tower trains."""
    return (LrFactor(pattern=TOWER, factor=factor),) if TOWER in trainable else ()


NEW = (r"seve/.*", r"distribution/.*")
NO_TRAINING = {"num_steps": 0, "trainable": (), "lr_factors": (), "init_missing": ()}
PLAIN_MASK_TOKENS = {"words_enter": "none", "adapter_layers": 0}

ARMS: dict[str, Arm] = {
    "crop": Arm(
        lambda: on_bare_clip(toy("mask_adapter"), MaskCroppingConfig(crop_size=64)), "", True
    ),
    "pool": Arm(lambda: on_bare_clip(toy("mask_adapter"), MaskPoolingConfig()), "", True),
    "adapter": Arm(lambda: on_bare_clip(toy("mask_adapter")), "", True),
    "maskclippp none": Arm(
        lambda: maskclippp("none", **NO_TRAINING | {"init_missing": (r"log_strength",)})
    ),
    "maskclippp linear": Arm(lambda: maskclippp("linear")),
    "ovseg none": Arm(lambda: ovseg("none", **NO_TRAINING)),
    "ovseg MPT": Arm(lambda: ovseg("mask", r"prompt/.*"), mined=True),
    "fisa none": Arm(lambda: toy("fisa", method=PLAIN_MASK_TOKENS, **NO_TRAINING)),
    "fisa SIMO": Arm(lambda: toy("fisa")),
    "maskclippp linear on masks": Arm(lambda: maskclippp("linear_mask")),
    "maskclippp linear on words": Arm(lambda: maskclippp("linear_text")),
    "maskclippp pseudo text": Arm(lambda: maskclippp("pseudo_text")),
    "maskclippp pseudo text alone": Arm(lambda: maskclippp("pseudo_only")),
    "maskclippp generated masks": Arm(tuned_on_generated_masks),
    "ovseg FT": Arm(lambda: ovseg("none", TOWER), mined=True),
    "ovseg FT then MPT": Arm(lambda: ovseg("mask", r"prompt/.*"), "ovseg FT", mined=True),
    "ovseg MPT then FT": Arm(
        lambda: ovseg("mask", TOWER, init_missing=()), "ovseg MPT", mined=True
    ),
    "ovseg both": Arm(lambda: ovseg("mask", r"prompt/.*", TOWER), mined=True),
    "ovseg MPT on class names": Arm(on_class_names),
    "fisa SEVE": Arm(lambda: fisa(*NEW)),
    "fisa full": Arm(lambda: fisa(*NEW, TOWER)),
    "mixed IoU": Arm(mixed),
    "mixed Hungarian": Arm(lambda: mixed(method={"match_rule": "mask2former"})),
    "mixed no cosine": Arm(lambda: mixed(method={"cosine_weight": 0.0})),
    "mixed no warm-up": Arm(cold),
}


def evaluations(name: str, config: Config) -> tuple[EvaluationConfig, ...]:
    """On true masks of the test split, and from pixels on a generator's masks, as the papers do.

    The mixed phase carries a generator; methods that have none get the masks of the shipped one.
    """
    on_truth = dataclasses.replace(config.evaluations[0], metrics=("mask_accuracy", "semantic"))
    if name in ON_TRUE_MASKS:
        return (on_truth,)
    masks = OWN_MASKS if name.startswith("mixed") else SHIPPED_MASKS
    metrics = "semantic", "panoptic"
    from_pixels = dataclasses.replace(on_truth, name="from_pixels", masks=masks, metrics=metrics)
    return on_truth, from_pixels

"""FISA's Table 3 and Figure 2, and other readings of what the paper leaves open: named variants.

python train.py configs/fisa/ablations.py:lora_64 --workdir runs/lora_64 --data.root DIR
python -m configs.fisa.ablations              # all variants: trainable parameters by group
python -m configs.fisa.ablations simo lora_64 # some of them

What trains does so for 10,000 steps. `VARIANTS[name]()` is the config of one; `get_config()` is
that of "simo", the full method.
"""

import dataclasses
import sys
from collections.abc import Callable
from typing import Any

from configs import common
from configs.fisa import vit_l_14_336 as main
from ovseg_jax.config import Config, LrFactor, MaskSourceConfig

NEW, QUERIES, STEPS = main.NEW, main.QUERIES, 10_000
TOWER = r"clip/visual/.*"


def get_config(variant: str = "simo") -> Config:
    """Returns one variant."""
    return VARIANTS[variant]()


def variant(
    trainable: tuple[str, ...] = (*NEW, QUERIES),
    slow: tuple[str, ...] = (QUERIES,),
    clip: dict[str, Any] | None = None,
    **method: Any,
) -> Callable[[], Config]:
    """Describes a variant by what differs from the main experiment.

    Args:
        trainable: Patterns of what trains; parts that the model has not are left out.
        slow: Those of them that train at a tenth of the rate.
        clip: Fields of the towers.
        **method: Fields of the method.
    """

    def build_config() -> Config:
        config = main.get_config()
        model = dataclasses.replace(
            config.model,
            clip=dataclasses.replace(config.model.clip, **(clip or {})),
            method=dataclasses.replace(config.model.method, **method),
        )
        optimizer = dataclasses.replace(
            config.optimizer,
            trainable=trainable,
            lr_factors=tuple(LrFactor(pattern=pattern, factor=0.1) for pattern in slow),
        )
        fresh = tuple(p for p in trainable if not p.startswith(("clip/", "generator/")))
        changes = {"num_steps": STEPS if trainable else 0, "init_missing": fresh}
        return dataclasses.replace(config, model=model, optimizer=optimizer, **changes)

    return build_config


def low_rank(rank: int) -> Callable[[], Config]:
    """LoRA in place of the query projections, which are frozen."""
    return variant((*NEW, r"lora/.*"), (), lora_rank=rank)


def full_rank(place: str) -> Callable[[], Config]:
    """Words in seven blocks, projections of full rank and queries of the masks' own: 25.7 M."""
    options = {"shared": False, "rank": 0, "separate_query": True}
    return variant(NEW, (), words_enter=place, **options)


def trained_maskclip() -> Config:
    """The base method behind its training; nothing more trains."""
    config = VARIANTS["maskclip"]()
    optimizer = dataclasses.replace(config.optimizer, trainable=())
    changes = {"init_from": "runs/maskclip", "init_missing": (), "num_steps": 0}
    return dataclasses.replace(config, optimizer=optimizer, **changes)


VARIANTS: dict[str, Callable[[], Config]] = {
    # (a) what trains
    "baseline": variant((), (), words_enter="none", adapter_layers=0),
    "seve": variant(NEW, ()),
    "full_clip": variant((*NEW, TOWER), (TOWER,)),
    "simo": variant(),
    # (b) low-rank changes of all attention projections
    **{f"lora_{rank}": low_rank(rank) for rank in (64, 128, 256)},
    # (c) convolutions of the Distribution Adapter; 2 is "simo"
    "adapter_0": variant((r"seve/.*", QUERIES), adapter_layers=0),
    "adapter_1": variant(adapter_layers=1),
    "adapter_3": variant(adapter_layers=3),
    # (d) further modules
    "text_encoder": variant(
        (*NEW, QUERIES, r"clip/text/.*"), (QUERIES, r"clip/text/.*"), tune_text=True
    ),
    "mask_generator": variant(
        (*NEW, QUERIES, r"generator/.*"), (QUERIES, r"generator/.*"), tune_generator=True
    ),
    # (e) towers; 12 heads do not divide 128 channels
    "vit_b_16": variant(clip={"variant": "vit_b_16_quickgelu"}, rank=96),
    "eva01_g_14_plus": variant(clip={"variant": "eva01_g_14_plus"}),
    # other readings of the paper
    "first_blocks": full_rank("first"),
    "last_blocks": full_rank("last"),
    "separate_query": variant(NEW, (), separate_query=True),
    "residual": variant(residual=True),
    "normed": variant(norm=True),
    "patches_only": variant(class_key=False),
    # the base method, which trains relative mask attention
    "maskclip": variant(
        (r"relative_block\d+/.*",),
        (),
        clip_size=336,
        words_enter="none",
        adapter_layers=0,
        relative_blocks=(5, 11, 17, 23),
    ),
    # Figure 2 (a), A-150 mIoU and PQ of MaskCLIP, published 23.7 and 15.1: what perfect masks and
    # what perfect names would give. The paper's rule for the latter is not stated.
    "maskclip_true_masks": lambda: common.scored_with(  # 28.4, 31.9
        trained_maskclip(), masks=MaskSourceConfig()
    ),
    "maskclip_true_names": lambda: common.scored_with(  # 60.5, 44.6
        trained_maskclip(), names="matched"
    ),
}


if __name__ == "__main__":
    common.report_variants(VARIANTS, sys.argv[1:])

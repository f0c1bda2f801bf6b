"""OVSeg's Tables 2 and 8: where pairs of mask and word come from, as named variants.

python train.py configs/ovseg/mined_pairs.py:truth_nouns --workdir runs/truth_nouns

Each variant reads the folder `pairs/<name>`. With COCO in /data/coco, and `mine` short for
ovseg mine /data/coco/train2017 --captions /data/coco/annotations/captions_train2017.json
    --model weights/vit_l_14_quickgelu

    truth_classes         ovseg mine /data/coco/train2017 --words classes --data coco_stuff
                              --data-root /data/coco --out pairs/truth_classes
    truth_nouns           mine --data coco_stuff --data-root /data/coco --out pairs/truth_nouns
    proposals             mine --generator weights/ovseg_generator --out pairs/proposals
    proposals_5_captions  the same with --captions-per-image 5 and --out of this name
    both                  ovseg mine --merge pairs/truth_classes pairs/proposals --out pairs/both

Published, this step alone, A-150 / A-847 / PC-59: baseline 21.8 / 7.3 / 51.4, then 23.0 / 5.3 /
57.3, 24.2 / 7.9 / 53.2, 28.8 / 8.8 / 55.7, 28.6 / 8.8 / 55.5, and 26.7 for both on A-150. Ours:
needs official weights and data. Steps are five epochs of the published pairs, about 128 a step.
"""

import dataclasses
from collections.abc import Callable

from configs.ovseg import vit_l_14_ft_mined as main
from ovseg_jax.config import Config


def get_config(variant: str = "proposals") -> Config:
    """Returns one variant."""
    return VARIANTS[variant]()


def pairs(
    name: str, num_steps: int, batch_size: int = 64, num_truth: int = 4
) -> Callable[[], Config]:
    """Describes training on one folder of pairs.

    Args:
        name: Of the folder below `pairs/`.
        num_steps: Five epochs.
        batch_size: Examples a step.
        num_truth: Most pairs of an example that a step takes.
    """

    def build_config() -> Config:
        config = main.get_config()
        root = f"pairs/{name}"
        data = dataclasses.replace(
            config.data, root=root, vocabulary=f"{root}/vocabulary.json", batch_size=batch_size
        )
        method = dataclasses.replace(config.model.method, num_truth=num_truth)
        model = dataclasses.replace(config.model, method=method)
        return dataclasses.replace(config, model=model, data=data, num_steps=num_steps)

    return build_config


VARIANTS: dict[str, Callable[[], Config]] = {
    # Masks of the truth do not overlap: all of a photo's, about eight, are one example.
    "truth_classes": pairs("truth_classes", 37_700, batch_size=16, num_truth=16),
    "truth_nouns": pairs("truth_nouns", 17_300),
    "proposals": pairs("proposals", 17_300),
    "proposals_5_captions": pairs("proposals_5_captions", 50_800),
    # One photo's true masks, or two mined pairs: about four an example.
    "both": pairs("both", 54_700, batch_size=32, num_truth=8),
}
"""Rows (1) to (4) of Table 2, and "both" of Table 8."""

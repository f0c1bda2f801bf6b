"""FISA."""

from __future__ import annotations

from typing import Literal

from ovseg_jax.config.methods.shared import LabelledConfig, PairLossConfig
from ovseg_jax.config.schema import schema


@schema
class FisaConfig(PairLossConfig, LabelledConfig):
    """FISA, and MaskCLIP, its base: mask tokens through all blocks, with words on the way.

    Attributes:
        clip_size: Side in pixels of the square that CLIP sees each frame squashed to, whatever the
            generator sees; 0 for the frame itself.
        words_enter: In which blocks mask tokens ask the words; "none" is MaskCLIP.
        word_blocks: How many blocks "first" and "last" mean.
        shared: Whether these blocks share the projections of masks and words.
        rank: Channels in which masks and words are compared; 0 for the tower's width.
        residual: Whether the mask token stays in what it asks the image.
        norm: Whether what the words say is normalised.
        separate_query: Whether mask tokens have query projections of their own.
        class_key: Whether mask tokens see the class token beside the patches.
        adapter_layers: Convolutions of the Distribution Adapter, 0 to 3.
        adapter_width: Channels between them.
        relative_blocks: Blocks with relative mask attention (MaskCLIP: 5, 11, 17, 23).
        lora_rank: Rank of changes of all attention projections; 0 for none.
        tune_generator: Whether the mask generator learns from the loss of the masks too.
        chunk: Masks of each image refined at once; bounds the memory.
    """

    module = "ovseg_jax.methods.fisa:Fisa"
    kind: Literal["fisa"] = "fisa"
    num_truth: int = 96
    clip_size: int = 896
    words_enter: Literal["all", "first", "last", "none"] = "all"
    word_blocks: int = 7
    shared: bool = True
    rank: int = 128
    residual: bool = False
    norm: bool = False
    separate_query: bool = False
    class_key: bool = True
    adapter_layers: int = 2
    adapter_width: int = 8
    relative_blocks: tuple[int, ...] = ()
    lora_rank: int = 0
    tune_generator: bool = False
    chunk: int = 64

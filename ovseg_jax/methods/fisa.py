"""FISA: words enter CLIP's image tower early, through mask tokens; and MaskCLIP, its base.

Mask tokens start as copies of the class token and pass every block beside the image, which never
sees them; a token sees the class token and the patches that its mask covers. That alone is the
baseline. FISA lets the tokens ask the words first (`models.fisa.seve`), refines the masks by a few
convolutions, and trains only these and CLIP's query projections (SIMO). MaskCLIP trains relative
mask attention instead. Source: FISA's paper, which has no code, and MaskCLIP (arXiv 2208.08984);
docs/reference 4.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ovseg_jax.config.methods.fisa import FisaConfig
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import (
    Batch,
    Features,
    Memory,
    Opinion,
    Proposals,
    Regions,
    Scores,
    Text,
)
from ovseg_jax.losses.set_criterion import SetCriterion
from ovseg_jax.methods.method import Method, Metrics
from ovseg_jax.methods.needs import CLASS_TOKEN, Need, has_class_token, transformer
from ovseg_jax.methods.set_loss import criterion_of
from ovseg_jax.models.fisa.distribution_adapter import DistributionAdapter
from ovseg_jax.models.fisa.low_rank import LowRank
from ovseg_jax.models.fisa.mask_tokens import covered_tokens, mask_logits, walk
from ovseg_jax.models.fisa.relative_mask_attention import RelativeMaskAttention
from ovseg_jax.models.fisa.seve import Seve
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.chunks import map_chunks
from ovseg_jax.ops.images.resize import resize
from ovseg_jax.ops.sizes import mask_size
from ovseg_jax.ops.text_rows import average_templates
from ovseg_jax.ops.vectors import ABSENT, unit

TOKENS = 4
"""How many times more tokens than masks are read at once; a mask of pixels is far larger."""


class Fisa(Method):
    """Mask tokens through all blocks of a vision transformer, with words on the way."""

    config: FisaConfig

    def setup(self):
        """Declares what is new beside CLIP."""
        super().setup()
        config = self.config
        tower = self.towers.visual
        sizes = {"width": tower.width, "heads": tower.heads, "dtype": tower.dtype}
        if blocks := self.blocks_with_words():
            self.seve = Seve(
                blocks=blocks,
                shared=config.shared,
                rank=config.rank,
                residual=config.residual,
                norm=config.norm,
                separate_query=config.separate_query,
                **sizes,
            )
        if config.adapter_layers:
            self.distribution = DistributionAdapter(config.adapter_layers, config.adapter_width)
        self.relative = [
            RelativeMaskAttention(patch=tower.patch, name=f"relative_block{index}", **sizes)
            for index in config.relative_blocks
        ]
        if config.lora_rank:
            self.lora = LowRank(tower.width, tower.layers, config.lora_rank)

    def blocks_with_words(self) -> tuple[int, ...]:
        """Indices of the blocks in which mask tokens ask the words.

        Raises:
            ModelError: The tower has fewer blocks than that.
        """
        config = self.config
        layers, count = self.towers.visual.layers, config.word_blocks
        if config.words_enter in ("first", "last") and not 0 < count <= layers:
            raise ModelError(f"word_blocks={count}, but the tower has {layers} blocks")
        every = tuple(range(layers))
        ways = {"all": every, "first": every[:count], "last": every[-count:], "none": ()}
        return ways[config.words_enter]

    def needs(self, templates: int) -> Iterator[Need]:
        """Yields what must hold: mask tokens need a class token, words and masks its sizes."""
        config = self.config
        yield from super().needs(templates)
        tower = self.towers.visual
        yield Need("clip.variant", has_class_token(tower), CLASS_TOKEN)
        layers, some = tower.layers, config.words_enter in ("first", "last")
        few = f"1 to {layers}: the tower has {layers} blocks"
        yield Need("method.word_blocks", not some or 0 < config.word_blocks <= layers, few)
        divides = config.words_enter == "none" or config.rank % tower.heads == 0
        yield Need("method.rank", divides, f"0 or a multiple of the tower's {tower.heads} heads")
        chosen = config.relative_blocks
        inside = list(chosen) == sorted(set(chosen) & set(range(layers)))
        yield Need("method.relative_blocks", inside, f"rising numbers from 0 to {layers - 1}")
        whole = f"0 or whole patches: a multiple of {tower.patch}"
        yield Need("method.clip_size", config.clip_size % tower.patch == 0, whole)
        yield Need("method.adapter_layers", 0 <= config.adapter_layers <= 3, "0 to 3")
        yield Need("method.lora_rank", config.lora_rank >= 0, "0 for none, or more")
        untaught = "False: nothing in its loss teaches void"
        yield Need("method.has_void", not config.has_void, untaught)
        trains = not config.tune_generator or self.generator is not None
        yield Need("generator.kind", trains, "'query', since method.tune_generator trains it")

    @property
    def adds_up(self) -> bool:
        """True: its means are those of `ops.batch_parts`."""
        return True

    @property
    def stride(self) -> int:
        """Sides of frames are multiples of it: the generator's, where CLIP has its own size."""
        return 32 if self.config.clip_size else self.towers.stride

    # ---- the image -------------------------------------------------------------------------

    def encode(self, images: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        """Runs the tower once and keeps what mask tokens will read of every block.

        The whole frame, padding included, is squashed to CLIP's square, as MaskCLIP does; masks
        follow it. Bicubic with antialiasing, which only matters where frames are larger.
        """
        pixels = self.normalise(images, sizes)
        if self.config.clip_size:
            size = (self.config.clip_size, self.config.clip_size)
            pixels = resize(pixels, size, method="bicubic", antialias=True)
        if self.is_initializing():
            return self._encode(pixels, sizes)
        method, variables = self._tuned()
        return call(method, variables, pixels, sizes, method="_encode")

    def _encode(self, pixels: Float[Array, "b H W 3"], sizes: Int[Array, "b 2"]) -> Features:
        tower = self.towers.visual
        tokens, memories = tower.run(pixels, remember=range(tower.layers))
        grid = (pixels.shape[1] // tower.patch, pixels.shape[2] // tower.patch)
        kept = tuple(self._kept(index, memories[index]) for index in range(tower.layers))
        return Features(dense=tower.cells(tokens, grid), cache=kept, sizes=sizes)

    def _kept(self, index: int, memory: Memory) -> Memory:
        """Drops what nobody reads: tokens but the first block's class token, most of `normed`."""
        tokens = memory.tokens[:, : int(index == 0)]
        normed = memory.normed if index in self.config.relative_blocks else memory.normed[:, :0]
        return memory.replace(tokens=tokens, normed=normed)

    def _tuned(self) -> tuple[Method, dict[str, Any]]:
        """This method outside of its scope, and its parameters with LoRA's changes in place."""
        params = self.variables["params"]
        if self.config.lora_rank:
            visual = self.lora(params["clip"]["visual"])
            params = {**params, "clip": {**params["clip"], "visual": visual}}
        return self.clone(parent=None), {"params": params}

    # ---- masks and words -------------------------------------------------------------------

    def name_masks(
        self, features: Features, layers: list[Proposals], text: Text
    ) -> list[Proposals]:
        """Takes the generator's names away: they are not used."""
        silent = {"class_logits": None, "class_embeddings": None, "opinion": Opinion.NOTHING}
        return [layer.replace(**silent) for layer in layers]

    def embed(self, features: Features, proposals: Proposals) -> Regions:
        """Refines masks by the adapter and finds the tokens that they see; words come later.

        Masks at the size of pixels need the memory, so some are refined at a time.
        """
        if self.is_initializing():
            refined, covered = self.refine(features, proposals.masks)
        else:
            method, variables = self._tuned()

            @jax.checkpoint
            def refine(masks: Array) -> tuple[Array, Array]:
                return call(method, variables, features, masks, method="refine")

            refined, covered = map_chunks(refine, proposals.masks, self.config.chunk, axis=1)
        if self.config.relative_blocks:  # which go on refining them
            return Regions(cache=(covered, refined))
        return Regions(masks=refined if self.config.adapter_layers else None, cache=(covered, None))

    def score_regions(self, features: Features, regions: Regions, text: Text) -> Scores:
        """Reads mask tokens through the tower, where they meet the words, and compares them.

        Tokens need the speed of many rows at once, so many of them walk together.
        """
        rows, valid = class_rows(text), text.valid
        if self.is_initializing():
            if self.config.lora_rank:
                self._tuned()
            covered, masks = regions.cache
            tokens, masks = self.read(features, covered, masks, rows, valid)
        else:
            method, variables = self._tuned()

            @jax.checkpoint
            def read(part: tuple[Array, Array | None]) -> tuple[Array, Array | None]:
                return call(method, variables, features, *part, rows, valid, method="read")

            together = self.config.chunk * (1 if self.config.relative_blocks else TOKENS)
            tokens, masks = map_chunks(read, regions.cache, together, axis=1)
        logits = self.compare(tokens, self.words(features, text), text)
        masks = regions.masks if masks is None else masks
        return Scores(logits=logits, masks=masks, regions=Regions(embeddings=tokens))

    def refine(
        self, features: Features, masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"]
    ) -> tuple[Float[Array, "b q _H _W"], Bool[Array, "b q l"]]:
        """Returns logits at the size of CLIP's images, as the adapter fits them, and what they see.

        Args:
            features: Say the size.
            masks: Hard masks or logits, in the frame, at any size.
        """
        patch, grid = self.towers.visual.patch, features.dense.shape[1:3]
        masks = mask_logits(masks, (grid[0] * patch, grid[1] * patch))
        masks = self.distribution(masks) if self.config.adapter_layers else masks
        return masks, covered_tokens(masks, patch, self.config.class_key)

    def read(
        self,
        features: Features,
        covered: Bool[Array, "b q l"],
        masks: Float[Array, "b q H W"] | None,
        rows: Float[Array, "k d"],
        valid: Bool[Array, " k"],
    ) -> tuple[Float[Array, "b q d"], Float[Array, "b q H W"] | None]:
        """Embeds masks; also returns them as relative blocks refined them.

        Args:
            features: What `encode` returned.
            covered: The tokens that each mask sees.
            masks: Logits at the size of CLIP's images; None where no block is relative.
            rows: One row per class.
            valid: Classes that exist.
        """
        tokens, masks = self.walk(features, covered, masks, rows, valid)[-1]
        return self.towers.project(tokens).astype(jnp.float32), masks

    def walk(
        self,
        features: Features,
        covered: Bool[Array, "b q l"],
        masks: Float[Array, "b q H W"] | None,
        rows: Float[Array, "k d"],
        valid: Bool[Array, " k"],
    ) -> list[tuple[Float[Array, "b q c"], Float[Array, "b q H W"] | None]]:
        """Returns tokens and masks behind every block; arguments as for `read`."""
        options: dict[str, Any] = {"class_key": self.config.class_key}
        options["relative"] = dict(zip(self.config.relative_blocks, self.relative, strict=True))
        if self.config.words_enter != "none":
            words = self.seve.words(rows)
            options["query"] = partial(self.seve.query, words=words, valid=valid)
        return walk(transformer(self.towers.visual), features.cache, covered, masks, **options)

    # ---- training --------------------------------------------------------------------------

    def loss(
        self,
        batch: Batch,
        proposals: Proposals,
        text: Text,
        rng: Array,
        features: Features | None = None,
    ) -> tuple[Float[Array, ""], Metrics]:
        """Matches refined masks with the truth; cross-entropy, dice and points of the pairs.

        Masks without a partner have no say: their weight is zero (equation 6, docs/reference 4.3).

        Args:
            batch: Images with `segment_ids` and `labels`.
            proposals: Masks of the configured source.
            text: The training vocabulary.
            rng: Key of this step.
            features: What `encode` gave for these images.
        """
        draw_key, loss_key = jax.random.split(rng)
        truth = self.draw_truth(batch, draw_key)
        features, text = self.encode_batch(batch, features), self.current_text(text)
        if self.config.tune_generator:
            proposals = self.propose(batch, features, text)
        scores = self.score(features, proposals, text)
        logits = scores.logits.at[..., -1].set(ABSENT)
        masks = scores.masks
        if masks is None:
            masks = mask_logits(proposals.masks, mask_size(proposals.masks))
        answers = Proposals(masks=masks, valid=proposals.valid, class_logits=logits)
        loss, metrics = self.criterion()([answers], truth, loss_key)
        return loss, {"loss": loss, **metrics}

    def criterion(self) -> SetCriterion:
        """The loss with this method's weights."""
        return criterion_of(self.config, no_object_weight=0.0)


def class_rows(text: Text) -> Float[Array, "k d"]:
    """Returns one row of unit length per class, the mean of its names; zeros in empty slots."""
    slots, rows = text.valid.shape[0], average_templates(text.embeddings)
    return unit(jax.ops.segment_sum(rows, text.classes, num_segments=slots + 1)[:slots])

"""The plain vision transformer of CLIP, with the joints that mask methods need.

One class covers OpenAI's and OpenCLIP's towers and, by switches, EVA's: docs/reference 0.3 and 0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from types import MappingProxyType
from typing import Literal

import flax.linen as nn
import jax.numpy as jnp
from jax.nn.initializers import normal
from jax.typing import DTypeLike
from jaxtyping import Array, Float

from ovseg_jax.models.layers import ACTIVATIONS, LayerNorm
from ovseg_jax.models.transformer import (
    Memory,
    Rotate,
    TransformerBlock,
    clip_block,
)
from ovseg_jax.ops.attention.positions import resample_positions
from ovseg_jax.ops.attention.rotary import rotate_cells, rotation
from ovseg_jax.ops.sizes import map_size

Edit = Callable[[Array], Array]
"""Takes the map of cells [b, h, w, c] and returns one in its place."""


class VisionTransformer(nn.Module):
    """Patches and a class token through pre-norm blocks; the class token is the image.

    Attributes:
        image_size: Side in pixels of the images that positions were trained on.
        patch: Side of a patch in pixels.
        width: Channels.
        layers: Blocks.
        heads: Attention heads.
        embedding_dim: Width of the joint space.
        mlp_width: Width inside the MLPs; 0 for four times the channels.
        activation: Inside the MLPs.
        eps: Epsilon of all norms.
        class_token: Whether a learned token comes before the patches.
        patch_bias: Whether the patch projection has a bias.
        pre_norm: Whether a norm stands before the first block.
        head_bias: Whether the projection to the joint space has a bias.
        key_bias: Whether keys have a bias.
        gated: SwiGLU with an inner norm in place of the MLP, and a norm of the joined heads
            (EVA02's "sub-LN").
        rotary_grid: Turn queries and keys of patches by their place, in units of which this many
            span the image (EVA02: 16 at every size); 0 for no turning.
        position_resize: How positions fit another grid: a key of `ops.attention.positions.WAYS`.
    """

    image_size: int
    patch: int
    width: int
    layers: int
    heads: int
    embedding_dim: int
    mlp_width: int = 0
    activation: Literal["gelu", "quick_gelu", "gelu_tanh"] = "gelu"
    eps: float = 1e-5
    class_token: bool = True
    patch_bias: bool = False
    pre_norm: bool = True
    head_bias: bool = False
    key_bias: bool = True
    gated: bool = False
    rotary_grid: int = 0
    position_resize: str = "bicubic_antialias"
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares everything but the head, then the head."""
        side, spread = self.image_size // self.patch, normal(self.width**-0.5)
        self.patches = nn.Conv(
            self.width,
            (self.patch, self.patch),
            strides=(self.patch, self.patch),
            padding="VALID",
            use_bias=self.patch_bias,
            dtype=self.dtype,
        )
        count = side * side + self.prefix
        self.position_embedding = self.param("position_embedding", spread, (count, self.width))
        if self.class_token:
            self.class_embedding = self.param("class_embedding", spread, (self.width,))
        if self.pre_norm:
            self.input_norm = LayerNorm(self.eps)
        self.blocks = [self._block(f"block{index}") for index in range(self.layers)]
        self.setup_head()

    def setup_head(self) -> None:
        """Declares what `head_hidden` and `head_output` use."""
        self.final_norm = LayerNorm(self.eps)
        self.projection = nn.Dense(
            self.embedding_dim,
            use_bias=self.head_bias,
            kernel_init=normal(self.width**-0.5),
            dtype=self.dtype,
        )

    @property
    def stride(self) -> int:
        """Pixels per cell of the dense map."""
        return self.patch

    @property
    def prefix(self) -> int:
        """Number of tokens before the patches."""
        return int(self.class_token)

    # ---- the image, once -------------------------------------------------------------------

    def embed_patches(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b h w c"]:
        """Projects patches of normalised images; what does not fill a patch is dropped."""
        return self.patches(images.astype(self.dtype))

    def embed_tokens(self, cells: Float[Array, "b h w c"]) -> Float[Array, "b l c"]:
        """Puts the class token in front, adds positions and normalises: the first block's input."""
        batch, rows, columns, width = cells.shape
        tokens = cells.reshape(batch, rows * columns, width)
        if self.class_token:
            first = self.class_embedding.astype(cells.dtype)
            tokens = jnp.concatenate([jnp.tile(first, (batch, 1, 1)), tokens], axis=1)
        tokens = tokens + self.positions((rows, columns)).astype(cells.dtype)
        return self.input_norm(tokens) if self.pre_norm else tokens

    def positions(self, grid: tuple[int, int]) -> Float[Array, "l c"]:
        """Returns the position embeddings of a grid, that of the class token first."""
        side = self.image_size // self.patch
        special, cells = jnp.split(self.position_embedding, [self.prefix])
        cells = resample_positions(cells, (side, side), grid, self.position_resize)
        return jnp.concatenate([special, cells])

    def run(
        self,
        images: Float[Array, "b H W 3"],
        *,
        edits: Mapping[int, Edit] = MappingProxyType({}),
        prompts: Mapping[int, Float[Array, "n c"]] = MappingProxyType({}),
        remember: Container[int] = (),
        class_only: bool = False,
    ) -> tuple[Float[Array, "b l c"], dict[int, Memory]]:
        """Runs all blocks.

        Args:
            images: Normalised pixels.
            edits: Changes of the cells on their way, as OVSeg's mask prompts are: 0 acts before
                positions are added, i behind block i, counted from 1.
            prompts: Tokens that stand between the class token and the patches from a block on,
                counted from 0, until others take their place (visual prompt tuning). They are
                dropped in the end; edits cannot be combined with them.
            remember: Blocks, counted from 0, whose memories are returned for `read`.
            class_only: Whether the class token is all that is wanted; then the last block computes
                only what it looks at, which saves 7 % of a tower of twelve.

        Returns:
            The tokens behind the last block, class token first, not normalised; the memories.
        """
        cells = self.embed_patches(images)
        grid, memories = map_size(cells), {}
        tokens = self.embed_tokens(edits[0](cells) if 0 in edits else cells)
        rotate = self.rotate_for(grid)
        extra = 0
        for index, block in enumerate(self.blocks):
            if index in prompts:
                tokens = self._prompted(tokens, extra, prompts[index])
                extra = len(prompts[index])
            before = tokens
            tokens, memory = block.remember(before, rotate=rotate)
            if index in remember:
                memories[index] = memory
            if class_only and index == self.layers - 1:
                return block.read(before[:, :1], memory), memories
            if index + 1 in edits:
                cells = edits[index + 1](self.cells(tokens, grid)).reshape(
                    len(tokens), -1, self.width
                )
                tokens = jnp.concatenate([tokens[:, : self.prefix], cells], axis=1)
        return self._prompted(tokens, extra, None), memories

    def _prompted(self, tokens: Array, old: int, new: Array | None) -> Array:
        """Puts new prompts in the place of the old ones."""
        if not old and new is None:
            return tokens
        parts = [tokens[:, : self.prefix], tokens[:, self.prefix + old :]]
        if new is not None:
            new = new.astype(tokens.dtype)
            parts.insert(1, jnp.broadcast_to(new, (len(tokens), *new.shape)))
        return jnp.concatenate(parts, axis=1)

    def cells(
        self, tokens: Float[Array, "b l c"], grid: tuple[int, int]
    ) -> Float[Array, "b h w c"]:
        """Returns the tokens of patches as a map."""
        return tokens[:, self.prefix :].reshape(len(tokens), *grid, self.width)

    def trunk(self, images: Float[Array, "b H W 3"]) -> dict[str, Float[Array, "b h w c"]]:
        """Computes the map of patch tokens behind the last block, under "dense"."""
        return self.outputs(images)[0]

    def outputs(
        self, images: Float[Array, "b H W 3"]
    ) -> tuple[dict[str, Float[Array, "b h w c"]], Float[Array, "b d"]]:
        """Returns the map of patch tokens, under "dense", and the embedding of the whole image."""
        tokens, _ = self.run(images)
        grid = (images.shape[1] // self.patch, images.shape[2] // self.patch)
        return {"dense": self.cells(tokens, grid)}, self.embed_whole(tokens)

    # ---- the head --------------------------------------------------------------------------

    def head_hidden(self, vectors: Float[Array, "*r c"]) -> Float[Array, "*r c"]:
        """Normalises tokens; what follows is linear, so averages commute with it."""
        return self.final_norm(vectors)

    def head_output(self, hidden: Float[Array, "*r c"]) -> Float[Array, "*r d"]:
        """Projects normalised tokens into the joint space."""
        return self.projection(hidden)

    def __call__(self, images: Float[Array, "b H W 3"]) -> Float[Array, "b d"]:
        """Embeds whole images by their class token; not of unit length."""
        if not self.class_token:
            return self.outputs(images)[1]
        return self.embed_whole(self.run(images, class_only=True)[0])

    def embed_whole(self, tokens: Float[Array, "b l c"]) -> Float[Array, "b d"]:
        """Embeds an image from its tokens behind the last block."""
        return self.head_output(self.head_hidden(tokens[:, 0]))

    # ---- parts -----------------------------------------------------------------------------

    def _block(self, name: str) -> TransformerBlock:
        return clip_block(
            width=self.width,
            heads=self.heads,
            layers=self.layers,
            mlp_width=self.mlp_width,
            activation=ACTIVATIONS[self.activation],
            eps=self.eps,
            gated=self.gated,
            key_bias=self.key_bias,
            dtype=self.dtype,
            name=name,
        )

    def rotate_for(self, grid: tuple[int, int]) -> Rotate | None:
        """Returns what turns queries and keys on a grid; None for towers that turn nothing."""
        if not self.rotary_grid:
            return None
        turn = rotation(grid, self.width // self.heads, self.rotary_grid)
        return lambda x: rotate_cells(x, turn, self.prefix)

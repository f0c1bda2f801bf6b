"""The Mask-Adapter head: one CLIP map and many masks in, K activation maps per mask out."""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.nn.initializers import lecun_normal
from jax.typing import DTypeLike
from jaxtyping import Array, Bool, Float

from ovseg_jax.models.layers import ConvNeXtBlock, LayerNorm, gelu
from ovseg_jax.models.unbound import call
from ovseg_jax.ops.chunks import map_chunks
from ovseg_jax.ops.images.resize import resize_masks

MASK_SCALE = 4
"""Masks enter at this multiple of the feature grid; the strides of their embedding undo it."""

Patchify = Literal["add", "concat", "add_4x4"]


class MaskAdapterHead(nn.Module):
    """Looks at an image's projected CLIP map together with each mask (arXiv 2412.04533, 3.2).

    Matches `MASKAdapterHead` of hustvl/MaskAdapter, in two forms with the same parameters:
    `reference` is its computation step by step, with the CLIP map repeated for every mask;
    calling the module is exact too but fuses the CLIP map once per image, folds the mask
    embedding's last convolution into `fuse`, and takes `chunk` masks at a time. For inference
    there is a third, `models.touched_cells`.

    Three further inputs are ablations of the paper (its Table 6): "concat" puts the embedded mask
    beside CLIP's map instead of adding it, "add_4x4" embeds masks by one convolution, and without
    `use_clip` the adapter sees nothing but the mask.

    Attributes:
        feature_dim: Channels of the projected CLIP map (d).
        width: Channels of the blocks.
        mask_width: Channels of the embedded mask.
        num_blocks: ConvNeXt blocks.
        num_maps: Activation maps per mask (m).
        patchify: How the mask is embedded, and how it meets CLIP's map.
        use_clip: Whether the adapter sees CLIP's map at all; if not, "concat" and "add" are one.
        chunk: Masks of each image computed at once. It bounds the memory, also of the backward
            pass, where chunks are computed again instead of kept.
        layer_scale_init: Start value of the blocks' residual factors.
        dtype: Compute type; parameters and norm statistics stay float32.
    """

    feature_dim: int
    width: int
    mask_width: int
    num_blocks: int
    num_maps: int
    patchify: Patchify
    use_clip: bool
    chunk: int
    layer_scale_init: float
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the layers under the names that checkpoints use."""
        strides = (4,) if self.patchify == "add_4x4" else (2, 2)
        self.mask_embedding = MaskEmbedding(
            self.mask_width, self.feature_dim, strides, dtype=self.dtype
        )
        self.fuse = Linear(self.feature_dim * (1 + self._beside), self.width, dtype=self.dtype)
        self.blocks = [
            ConvNeXtBlock(
                self.width,
                layer_scale_init=self.layer_scale_init,
                dtype=self.dtype,
                name=f"block{index}",
            )
            for index in range(self.num_blocks)
        ]
        self.norm = LayerNorm(eps=1e-5)  # torch's default; every other norm here has 1e-6
        self.maps = Linear(self.width, self.num_maps, dtype=self.dtype)

    @property
    def _beside(self) -> bool:
        """Whether CLIP's map and the embedded mask have channels of their own in `fuse`."""
        return self.use_clip and self.patchify == "concat"

    def __call__(
        self,
        features: Float[Array, "b h w d"],
        masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"],
    ) -> Float[Array, "b q m h w"]:
        """Computes activation map logits.

        Args:
            features: Projected CLIP map.
            masks: Masks of the same frame at any resolution, as zeros and ones or as coverage
                between 0 and 1.

        Returns:
            Logits in float32; a mask's weights are their sigmoids, normalised over the cells.
        """
        shared = self.prepare(features)
        if self.is_initializing() or masks.shape[1] <= self.chunk:
            return self.adapt(*shared, masks)
        head, variables = self.clone(parent=None), self.variables

        @jax.checkpoint
        def adapt(part: Array) -> Array:
            return call(head, variables, *shared, part, method="adapt")

        return map_chunks(adapt, masks, self.chunk, axis=1)

    def prepare(
        self, features: Float[Array, "b h w d"]
    ) -> tuple[Float[Array, "b h w width"], Float[Array, "c width"]]:
        """Computes what all masks share, once per image.

        With W_6 and b_6 of the mask embedding's last map and W_f and b_f of `fuse`,

            fuse(features + project(x)) = [features W_f + b_6 W_f + b_f] + x [W_6 W_f].

        Side by side, the two W_f are different rows of the kernel of `fuse`; without CLIP the term
        of the features is missing.

        Returns:
            The two brackets: the fused CLIP map, and the map from embedded masks to it.
        """
        project, dim = self.mask_embedding.project, self.feature_dim
        of_clip, of_mask = self.fuse.kernel[:dim], self.fuse.kernel[-dim:]
        bias = (project.bias @ of_mask + self.fuse.bias).astype(self.dtype)
        context = jnp.broadcast_to(bias, (*features.shape[:3], self.width))
        if self.use_clip:
            context = features.astype(self.dtype) @ of_clip.astype(self.dtype) + bias
        return context, (project.kernel @ of_mask).astype(self.dtype)

    def adapt(
        self,
        context: Float[Array, "b h w width"],
        folded: Float[Array, "c width"],
        masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"],
    ) -> Float[Array, "b q m h w"]:
        """Computes the maps of some masks from the result of `prepare`."""
        batch, height, width = context.shape[:3]
        embedded = self.mask_embedding.convolve(as_images(masks, height, width))
        mixed = (embedded @ folded).reshape(batch, -1, *context.shape[1:])
        x = (mixed + context[:, None]).reshape(-1, *context.shape[1:])
        return self._maps_of(x, batch)

    def reference(
        self,
        features: Float[Array, "b h w d"],
        masks: Float[Array, "b q H W"] | Bool[Array, "b q H W"],
    ) -> Float[Array, "b q m h w"]:
        """Computes the same as a call, as the paper's code writes it; memory grows with q."""
        batch, height, width, _ = features.shape
        embedded = self.mask_embedding(as_images(masks, height, width))
        if not self.use_clip:
            return self._maps_of(self.fuse(embedded), batch)
        repeated = jnp.repeat(features.astype(self.dtype), masks.shape[1], axis=0)
        both = jnp.concatenate([repeated, embedded], -1) if self._beside else repeated + embedded
        return self._maps_of(self.fuse(both), batch)

    def _maps_of(self, x: Float[Array, "r h w width"], batch: int) -> Float[Array, "b q m h w"]:
        for block in self.blocks:
            x = block(x)
        maps = self.maps(self.norm(x)).astype(jnp.float32)
        return jnp.moveaxis(maps, -1, 1).reshape(batch, -1, self.num_maps, *x.shape[1:3])


class MaskEmbedding(nn.Module):
    """Convolutions with strides and a linear map: a mask becomes a map of CLIP's width.

    Strides of (2, 2) match `mask_downscaling` of `MASKAdapterHead`; (4,) is the other form of the
    paper's Table 6, of which only the convolution is described.

    Attributes:
        width: Channels after the last convolution; a quarter of it before, but two at least.
        feature_dim: Channels of the result.
        strides: Of the convolutions, each with a norm and GELU: 3 x 3 for a stride of 2, with its
            border padded; 4 x 4 for a stride of 4.
    """

    width: int
    feature_dim: int
    strides: tuple[int, ...] = (2, 2)
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares the convolutions with norms, and the linear map."""
        self.convolutions = [self._convolution(index) for index in range(len(self.strides))]
        self.norms = [LayerNorm(name=f"norm{index + 1}") for index in range(len(self.strides))]
        self.project = Linear(self.width, self.feature_dim, dtype=self.dtype)

    def _convolution(self, index: int) -> nn.Conv:
        stride, last = self.strides[index], index == len(self.strides) - 1
        side, border = window_of(stride)
        return nn.Conv(
            self.width if last else max(self.width // 4, 2),  # a norm over one channel is zero
            (side, side),
            strides=(stride, stride),
            padding=((border, border), (border, border)),
            dtype=self.dtype,
            name=f"conv{index + 1}",
        )

    def convolve(self, masks: Float[Array, "r h4 w4 1"]) -> Float[Array, "r h w c"]:
        """Computes everything before the last linear map."""
        x = masks.astype(self.dtype)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = gelu(norm(convolution(x)))
        return x

    def __call__(self, masks: Float[Array, "r h4 w4 1"]) -> Float[Array, "r h w d"]:
        """Embeds masks given at four times the feature grid."""
        return self.project(self.convolve(masks))


def window_of(stride: int) -> tuple[int, int]:
    """Returns the side of a convolution of the mask embedding, and by how much it is padded."""
    return (3, 1) if stride == 2 else (stride, 0)


class Linear(nn.Module):
    """A linear map whose kernel and bias other modules may read, so that maps can be folded.

    Attributes:
        inputs: Channels before.
        outputs: Channels after.
    """

    inputs: int
    outputs: int
    dtype: DTypeLike = jnp.float32

    def setup(self):
        """Declares kernel and bias at once: the input width is known."""
        self.kernel = self.param("kernel", lecun_normal(), (self.inputs, self.outputs))
        self.bias = self.param("bias", nn.initializers.zeros, (self.outputs,))

    def __call__(self, x: Float[Array, "*r inputs"]) -> Float[Array, "*r outputs"]:
        """Applies the map."""
        return x.astype(self.dtype) @ self.kernel.astype(self.dtype) + self.bias.astype(self.dtype)


def as_images(masks: Array, height: int, width: int) -> Float[Array, "r h4 w4 1"]:
    """Resizes masks to four times the feature grid and joins images and masks into one axis."""
    size = (MASK_SCALE * height, MASK_SCALE * width)
    resized = resize_masks(masks.astype(jnp.float32), size)
    return resized.reshape(-1, *size, 1)

"""A tiny CLIP and tiny scenes, for tests of the methods."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.foundation.typing import Batch, Proposals, Text
from ovseg_jax.loading import build
from ovseg_jax.models.clip.clip import Clip
from ovseg_jax.models.clip.convnext import ConvNeXtTower
from ovseg_jax.models.clip.resnet import ResNetTower
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer

quick_jit = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""Compiles in half the time what runs only once."""
SIDE, IMAGES, SEGMENTS, WIDTH, CONTEXT = 32, 2, 6, 16, 5


def tiny_clip(head="linear") -> Clip:
    visual = ConvNeXtTower(
        dims=(8, 12),
        depths=(1, 1),
        kernels=(3, 3),
        embedding_dim=WIDTH,
        head=head,
        layer_scale_init=0.5,
    )
    text = TextTower(
        vocab_size=20, context_length=CONTEXT, width=8, heads=2, layers=1, embedding_dim=WIDTH
    )
    return Clip(visual=visual, text=text)


def tiny_method(config, clip=None, generator=None):
    """The method of a config, around `tiny_clip()` unless another is given."""
    return build.method_class(config)(clip=clip or tiny_clip(), config=config, generator=generator)


def with_settings(method, **settings):
    """The same method with other settings."""
    return method.clone(config=dataclasses.replace(method.config, **settings))


def tiny_batch(seed=0) -> Batch:
    """Images of blocks; the second has two segments fewer and is padded on the right."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, SEGMENTS + 1, (IMAGES, 8, 8)).repeat(4, 1).repeat(4, 2)
    ids[1][ids[1] >= SEGMENTS - 1] = 0
    ids[1, :, 24:] = 0
    labels = rng.integers(0, 3, (IMAGES, SEGMENTS))
    labels[1, SEGMENTS - 2 :] = -1
    return Batch(
        images=jnp.asarray(rng.integers(0, 256, (IMAGES, SIDE, SIDE, 3)), jnp.uint8),
        sizes=jnp.array([[SIDE, SIDE], [SIDE, 24]]),
        segment_ids=jnp.asarray(ids, jnp.int32),
        labels=jnp.asarray(labels, jnp.int32),
        captions=jnp.asarray(rng.integers(1, 20, (IMAGES, CONTEXT)), jnp.int32),
    )


def tiny_text(seed=0) -> Text:
    """Three classes in four slots; two synonyms, one, one; two templates; a padded row."""
    rows = jax.random.normal(jax.random.key(seed), (5, 2, WIDTH))
    rows = rows / jnp.linalg.norm(rows, axis=-1, keepdims=True)
    return Text(
        embeddings=rows.at[4].set(0.0),
        classes=jnp.array([0, 0, 1, 2, 4]),
        valid=jnp.array([True, True, True, False]),
        seen=jnp.array([True, False, False, False]),
        tokens=jax.random.randint(jax.random.key(seed + 1), (5, 2, CONTEXT), 1, 20),
    )


def tiny_proposals(batch: Batch) -> Proposals:
    """Logits at stride 4 near the ground truth, two slots more than there are segments."""
    masks = batch.segment_ids[:, None, ::4, ::4] == jnp.arange(1, SEGMENTS + 3)[:, None, None]
    noise = jax.random.normal(jax.random.key(5), masks.shape)
    return Proposals(masks=jnp.where(masks, 4.0, -4.0) + noise, valid=masks.any((2, 3)))


def initialise(method, batch, proposals, text) -> dict:
    """Parameters in which no bias is zero and no factor one; drawn without compiling anything."""
    tokens = text.tokens.reshape(-1, CONTEXT)
    shapes = jax.eval_shape(method.init, jax.random.key(0), batch, proposals, text, tokens)
    variables = random_like(shapes)
    params = variables["params"]
    params["clip"]["logit_scale"] = jnp.float32(3.0)
    if "adapter" in params:  # with maps nearly flat, all masks would look alike
        params["adapter"]["maps"]["kernel"] *= 5
        params["adapter"]["mask_embedding"]["project"]["kernel"] *= 5
    return variables


def random_like(shapes) -> dict:
    """Arrays of given shapes: kernels that keep the variance, vectors about 0.5."""
    rng = np.random.default_rng(3)

    def draw(leaf):
        noise = rng.standard_normal(leaf.shape)
        fan_in = np.prod(leaf.shape[:-1])
        return jnp.float32(noise / np.sqrt(fan_in) if leaf.ndim > 1 else 0.5 + 0.2 * noise)

    def positive(path, leaf):
        return jnp.abs(leaf) + 0.1 if path[-1].key == "variance" else leaf

    return jax.tree_util.tree_map_with_path(positive, jax.tree.map(draw, shapes))


@functools.cache
def compiled(method, function):
    """One of the method's functions under jit, compiled once per shape."""
    return quick_jit(
        lambda variables, *arguments: method.apply(variables, *arguments, method=function)
    )


def run(method, variables, function, *arguments):
    """Applies one of the method's functions under jit."""
    return compiled(method, function)(variables, *arguments)


def tiny_vit_clip(**options) -> Clip:
    """As `tiny_clip` with a transformer: patches of 8 pixels, three blocks."""
    sizes = {"image_size": 32, "patch": 8, "width": 24, "layers": 3, "heads": 2}
    visual = VisionTransformer(**(sizes | options), embedding_dim=WIDTH)
    return Clip(visual=visual, text=tiny_clip().text)


def tiny_resnet_clip() -> Clip:
    """As `tiny_clip` with attention pooling."""
    sizes = {"image_size": 32, "blocks": (1, 1, 1, 1), "width": 8, "heads": 2}
    return Clip(visual=ResNetTower(**sizes, embedding_dim=WIDTH), text=tiny_clip().text)

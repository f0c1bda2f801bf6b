"""The parts of a model that are served: photos, words, and the names of masks by words.

    image   photos (and masks, for a model that makes none) ─► what the scorer reads, and masks
    text    token ids ─► unit rows
    scorer  what the scorer reads, and rows ─► log probabilities of every mask

Each part is a function of a flat dict of weights and a flat dict of arrays, which is what file
formats can hold. No method is named here: what passes from the image part to the scorer is found
by tracing which of the method's arrays the scorer reads. Of most methods that is one embedding per
mask; where the image changes the words (MAFT+) or words meet the masks between the blocks of the
tower (FISA), it is more. A model that knows a fixed list has an image part only, which answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from ovseg_jax.export import pieces
from ovseg_jax.export.named import Traced, named_leaves, refill, trace
from ovseg_jax.export.pieces import Arrays
from ovseg_jax.foundation.errors import ModelError
from ovseg_jax.foundation.typing import Text
from ovseg_jax.inference.model import Model
from ovseg_jax.loading.parameters import without_places
from ovseg_jax.ops.images.network_input import frame_multiple
from ovseg_jax.vocabulary.prompts import templates

Shapes = dict[str, jax.ShapeDtypeStruct]
Function = Callable[[Arrays, Arrays], dict[str, Any]]
PATH = "/"
"""Between the parts of a weight's name."""
GIVEN = 100
"""Masks per photo of a model that makes none, where nothing else is said."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What is fixed in an export.

    Attributes:
        frame: Height and width of the network's input in pixels.
        batch: Photos at once.
        masks: Masks per photo that are given; 0 for those of the model's own generator.
        words: Slots for classes and for names, and rows of the text part; 0 for any number of each.
    """

    frame: tuple[int, int]
    batch: int = 1
    masks: int = 0
    words: int = 0


@dataclasses.dataclass(frozen=True)
class Part:
    """One function of a model, with all that is fixed about it.

    Attributes:
        name: "image", "text" or "scorer".
        function: Takes weights by path and inputs by name; returns outputs by name.
        weights: Those that it reads, by path.
        inputs: By name; sides that may vary are symbolic dimensions of `jax.export`.
        outputs: By name, likewise.
    """

    name: str
    function: Function
    weights: Shapes
    inputs: Shapes
    outputs: Shapes


def usual_sizes(model: Model, frame: tuple[int, int] = (0, 0)) -> Sizes:
    """Returns one photo and, where no frame is wanted, the smallest square that fits any photo.

    Args:
        model: Says at which size photos are shown to it, and whether it makes masks.
        frame: Height and width that are wanted; zeros for none.

    Raises:
        ModelError: No frame is wanted, and the model takes photos as they come.
    """
    if not any(frame):
        if not model.inference.short_side:
            raise ModelError("no test size (inference.short_side is 0): say which, as --size HxW")
        multiple = frame_multiple(model.method.stride)
        side = -(-model.inference.long_side // multiple) * multiple
        frame = (side, side)
    return Sizes(frame, masks=0 if model.method.makes_masks else GIVEN)


def parts_of(model: Model, sizes: Sizes) -> list[Part]:
    """Takes a model apart; traces it, and computes nothing.

    Args:
        model: The model; of its parameters only the shapes are read.
        sizes: What is fixed.

    Raises:
        ModelError: The frame has no whole number of cells, or the model needs masks and none are
            to be given.
    """
    _check(model, sizes)
    tree, photos = without_places(model.params), _photos(sizes)
    flat = named_leaves(tree, PATH)

    def traced(piece: Callable, *inputs: Any) -> Traced:
        return trace(lambda arrays, *rest: piece(model, refill(tree, arrays, PATH), *rest), *inputs)

    if model.is_closed:
        answer = traced(pieces.answer_closed, flat, photos)
        return [_part("image", answer, lambda found: found, flat, photos)]
    words, tokens = _words(model, sizes.words), _tokens(model, sizes.words)
    see, embed = traced(pieces.see, flat, photos), traced(pieces.embed_text, flat, tokens)
    leaves = named_leaves(see.outputs)

    def score(seen: Arrays, weights: Arrays, text: Arrays) -> dict[str, Any]:
        params = refill(tree, weights, PATH)
        return pieces.score(model, params, refill(see.outputs, seen), Text(**text))

    read = trace(score, leaves, flat, words)
    passed = {name: leaves[name] for name in read.read}

    def shown(seen: pieces.Seen) -> dict[str, Any]:
        found = named_leaves(seen)
        return {name: found[name] for name in passed} | pieces.shown_masks(seen)

    def scorer(weights: Arrays, arrays: Arrays) -> dict[str, Any]:
        seen = {
            name: arrays.get(name, jnp.zeros(leaf.shape, leaf.dtype))
            for name, leaf in leaves.items()
        }
        return read.again(seen, _whole(weights, flat), {name: arrays[name] for name in words})

    return [
        _part("image", see, shown, flat, photos),
        _part("text", embed, lambda found: found, flat, tokens),
        _part(
            "scorer", trace(scorer, flat, passed | words), lambda found: found, flat, passed | words
        ),
    ]


def _part(
    name: str, traced: Traced, shown: Callable[[Any], Any], flat: Shapes, inputs: Shapes
) -> Part:
    """A part of what was traced, of which some is shown."""

    def compute(weights: Arrays, arrays: Arrays) -> dict[str, Any]:
        return shown(traced.again(_whole(weights, flat), dict(arrays)))

    found = trace(compute, flat, inputs)
    weights = {path: flat[path] for path in found.read}
    return Part(name, compute, weights, inputs, found.outputs)


def _whole(arrays: Arrays, shapes: Shapes) -> dict[str, Any]:
    """All of the arrays; those that are not given are zero."""
    missing = {
        name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items() if name not in arrays
    }
    return {**arrays, **missing}


def is_fixed(side: Any) -> bool:
    """Whether a side of a shape is a number, and no symbolic dimension."""
    return not export.is_symbolic_dim(side)


def _photos(sizes: Sizes) -> Shapes:
    shape = (sizes.batch, *sizes.frame)
    photos = {
        "images": jax.ShapeDtypeStruct((*shape, 3), jnp.uint8),
        "sizes": jax.ShapeDtypeStruct((sizes.batch, 2), jnp.int32),
    }
    if sizes.masks:
        masks = (sizes.batch, sizes.masks, *sizes.frame)
        photos["masks"] = jax.ShapeDtypeStruct(masks, jnp.bool_)
    return photos


def _words(model: Model, slots: int) -> Shapes:
    """A vocabulary: `s` names of `k` classes."""
    names, classes = (slots, slots) if slots else export.symbolic_shape("s, k")
    rows = (names, len(templates(model.templates)), model.method.towers.embedding_dim)
    return {
        "embeddings": jax.ShapeDtypeStruct(rows, jnp.float32),
        "classes": jax.ShapeDtypeStruct((names,), jnp.int32),
        "valid": jax.ShapeDtypeStruct((classes,), jnp.bool_),
        "seen": jax.ShapeDtypeStruct((classes,), jnp.bool_),
    }


def _tokens(model: Model, slots: int) -> Shapes:
    rows = slots or export.symbolic_shape("r")[0]
    return {"tokens": jax.ShapeDtypeStruct((rows, model.tokenizer.context_length), jnp.int32)}


def _check(model: Model, sizes: Sizes) -> None:
    multiple = frame_multiple(model.method.stride)
    if any(side < multiple or side % multiple for side in sizes.frame):
        height, width = sizes.frame
        raise ModelError(f"size {height}x{width}: both sides must be multiples of {multiple}")
    if not sizes.masks and not model.method.makes_masks:
        raise ModelError("this model makes no masks: say how many are given, such as --masks 100")

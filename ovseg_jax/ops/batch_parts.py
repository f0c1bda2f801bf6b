"""A batch taken in parts, so that the sums of its parts are those of the whole.

Losses divide by what a batch holds (masks, images, pairs), and draw at random for its images. Where
a step takes its batch in parts, both have to be those of the whole batch, or the parts' gradients
would not add up to its gradient. So losses ask here. Outside of a part nothing changes.

Parts are known while a step is traced, not while it runs, as named axes of `jax.vmap` are.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence

from jaxtyping import Array, Float, Int, Key, Shaped

Number = Float[Array, ""] | Int[Array, ""]


class Part:
    """Some images of a batch.

    Attributes:
        counts: What this part itself holds of everything that `over_batch` was asked for, in
            order.
    """

    def __init__(
        self, images: int, numbers: Int[Array, " b"], totals: Sequence[Number] | None = None
    ):
        """Describes a part.

        Args:
            images: In the whole batch.
            numbers: Positions in the whole batch of this part's images.
            totals: The sums of `counts` over all parts; None while they are being counted.
        """
        self.images, self.numbers = images, numbers
        self.counts: list[Number] = []
        self._totals = totals

    def total(self, count: Number) -> Number:
        """Notes a count of this part and returns that of the whole batch, once it is known."""
        self.counts.append(count)
        return count if self._totals is None else self._totals[len(self.counts) - 1]


_current: contextvars.ContextVar[Part | None] = contextvars.ContextVar("part", default=None)


@contextlib.contextmanager
def inside(part: Part) -> Iterator[Part]:
    """What is traced in here sees a part of a batch."""
    token = _current.set(part)
    try:
        yield part
    finally:
        _current.reset(token)


def over_batch(count: Number) -> Number:
    """Returns a count of what is seen here, such as labelled masks, over the whole batch.

    Losses divide by it. Not to be called below `jax.checkpoint`, `lax.scan` or `vmap` of one's own:
    the count must be a number of the step itself.
    """
    part = _current.get()
    return count if part is None else part.total(count)


def mean_over_batch(values: Shaped[Array, "b ..."]) -> Float[Array, ""]:
    """Returns what this part adds to the mean over the whole batch; outside of parts, the mean."""
    part = _current.get()
    return values.mean() if part is None else values.mean() * (len(values) / part.images)


def drawn(
    draw: Callable[[int], Shaped[Array, "..."] | Key[Array, "..."]], images: int
) -> Shaped[Array, "..."] | Key[Array, "..."]:
    """Returns random numbers for the images at hand, in a part those that the whole batch has.

    Args:
        draw: Takes a number of images and returns as many rows.
        images: At hand.
    """
    part = _current.get()
    return draw(images) if part is None else draw(part.images)[part.numbers]

"""Activations that are computed again for the gradient instead of kept, block by block.

Models do not know of it: Flax lets the calls of all modules be intercepted, and those of `BLOCKS`
are run under `jax.checkpoint`. The gradient is the same; see `jax.checkpoint_policies`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Literal

import flax.linen as nn
import jax

from ovseg_jax.models.backbones.swin import SwinBlock
from ovseg_jax.models.generators.deformable_decoder import DeformableLayer
from ovseg_jax.models.generators.fpn_decoder import EncoderLayer
from ovseg_jax.models.layers import ConvNeXtBlock
from ovseg_jax.models.post_norm import AttentionLayer, FeedForwardLayer
from ovseg_jax.models.transformer import TransformerBlock

Kept = Literal["none", "dots", "dots_with_weights", "full"]
POLICIES: Mapping[str, Callable[..., bool]] = {
    "full": jax.checkpoint_policies.nothing_saveable,
    "dots": jax.checkpoint_policies.dots_saveable,
    "dots_with_weights": jax.checkpoint_policies.dots_with_no_batch_dims_saveable,
}
BLOCKS = (
    AttentionLayer,
    ConvNeXtBlock,
    DeformableLayer,
    EncoderLayer,
    FeedForwardLayer,
    SwinBlock,
    TransformerBlock,
)
"""Towers and generators consist of these; what lies between them is kept."""
METHODS = ("__call__", "remember", "read", "read_copies")
"""Ways to run a whole block."""


def by(policy: Kept) -> AbstractContextManager[Any]:
    """Lets what is traced inside compute its blocks again by a policy; "none" changes nothing."""
    if policy == "none":
        return contextlib.nullcontext()
    return nn.intercept_methods(_Interceptor(POLICIES[policy]))


class _Interceptor:
    """Runs whole blocks under `jax.checkpoint`, and what lies inside of them as it is."""

    def __init__(self, policy: Callable[..., bool]):
        self._policy, self._busy = policy, False

    def __call__(
        self,
        run: Callable[..., Any],
        given: tuple[Any, ...],
        options: dict[str, Any],
        context: nn.module.InterceptorContext,
    ) -> Any:
        block, method = context.module, context.method_name
        wanted = isinstance(block, BLOCKS) and method in METHODS
        if self._busy or not wanted or block.is_initializing():
            return run(*given, **options)
        return self._again(block, method, given, options)

    def _again(self, block: nn.Module, method: str, given: tuple, options: dict) -> Any:
        """Runs a block outside of its scope, which `jax.checkpoint` cannot pass."""
        alone, policy = block.clone(parent=None), self._policy

        @partial(jax.checkpoint, policy=policy)
        def compute(variables: Mapping[str, Any]) -> Any:
            with self._inside():
                return alone.apply(variables, *given, method=method, **options)

        return compute(block.variables)

    @contextlib.contextmanager
    def _inside(self) -> Iterator[None]:
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

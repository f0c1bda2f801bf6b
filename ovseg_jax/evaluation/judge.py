"""What a method makes of a batch: masks proposed or given, named, and ready to be scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.evaluation.evaluator import Outcome
from ovseg_jax.evaluation.oracle import NamesOfTruth, true_log_probs
from ovseg_jax.evaluation.other_masks import Given, OtherMasks
from ovseg_jax.evaluation.shares import Device, copies
from ovseg_jax.foundation.typing import Batch, Params, Proposals, Text, needed
from ovseg_jax.inference.postprocess.geometry import Frame, Size
from ovseg_jax.inference.steps import compiled_steps
from ovseg_jax.inputs.batches import View
from ovseg_jax.loading import build
from ovseg_jax.loading.embedding import embed_vocabulary
from ovseg_jax.loading.opening import open_mask_maker
from ovseg_jax.vocabulary.classes import ClassList


@dataclasses.dataclass(frozen=True)
class Bench:
    """A device with all that judging needs there.

    Attributes:
        device: The device.
        params: All parameters.
        text: The vocabulary.
    """

    device: Device
    params: Params
    text: Text


class Judge:
    """Applies a method to batches of one evaluation; compiled once for each device and shape."""

    def __init__(
        self, config: EvaluationConfig, model: ModelConfig, method: Any, classes: ClassList
    ):
        """Opens the source of the masks.

        Args:
            config: Masks, names and protocol.
            model: The model section.
            method: The method's module.
            classes: What is asked for.
        """
        self._config, self._model, self._method, self._classes = config, model, method, classes
        self._source = self._others = None
        if config.masks.kind == "model":
            maker = open_mask_maker(config.masks.path, most=config.masks.most)
            names_count = model.inference.ensemble.with_others
            self._others = OtherMasks(maker, classes, names_count=names_count)
        else:
            self._source = build.mask_source(config.masks)
        self._copies = config.masks.copies if config.masks.kind == "perturbed" else 1
        self._steps = compiled_steps(method, model.inference.ensemble)
        self._draw = jax.jit(self._drawn)
        self._true_names = jax.jit(true_log_probs, static_argnums=(2, 3))

    def benches(self, params: Params, devices: Sequence[Device]) -> list[Bench]:
        """Puts parameters and vocabulary on devices of this host; all hosts ask together."""
        on_each = copies(params, devices)
        text = embed_vocabulary(self._model, self._method, on_each[0], self._classes)
        pairs = zip(devices, on_each, strict=True)
        return [Bench(device, own, jax.device_put(text, device)) for device, own in pairs]

    @property
    def others(self) -> str:
        """Tells the model that makes the masks from any other; empty where none does."""
        return "" if self._others is None else self._others.key

    def __call__(self, view: View, bench: Bench) -> Outcome:
        """Judges one batch. Masks of another model are made on the first device."""
        given = None if self._others is None else self._others.propose(view)
        with jax.default_device(bench.device):
            return self._judged(bench.params, view, bench.text, given)

    def _frame(self, view: View, given: Given | None) -> Frame | None:
        """The sizes of one photo; None where all pictures of a batch are scored in one frame."""
        if self._config.protocol == "frame":
            return None
        over_truth = self._source is not None if given is None else given.truth is not given.network
        seen = view.truth if over_truth else view.network
        height, width = seen.images.shape[1:3]
        return Frame((height, width), _size(seen), _size(view.truth))

    def _judged(self, params: Params, view: View, text: Text, given: Given | None) -> Outcome:
        """Proposes masks unless they are given, classifies them and ensembles, for one batch."""
        picture = Batch(images=view.network.images, sizes=view.network.sizes)
        features = self._steps.encode(params, picture)
        if given is None and self._source is None:
            made = self._steps.propose(params, picture, features, text)
            given = Given(network=made, truth=made)  # masks of a network cover its frame
        small, large, labels = self._laid(view, given)
        found = self._steps.compare(params, features, small, text)
        if self._source is None and found.masks is not None:
            large = small.replace(masks=found.masks)
        log_probs, rule = found.log_probs, found.rule
        if self._config.names != "model":
            rule = NamesOfTruth(self._config.names)
            log_probs = self._true_names(view.truth, large, len(text.valid), rule.rule)
        return Outcome(
            batch=view.truth,
            proposals=large,
            log_probs=log_probs,
            mask_labels=labels,
            rule=rule,
            overlaps=view.overlaps,
            searched=view.searched,
            frame=self._frame(view, given),
        )

    def _laid(self, view: View, given: Given | None) -> tuple[Proposals, Proposals, jax.Array]:
        """Returns masks over the frame of the network, over that of the truth, and true classes."""
        if given is not None:
            return given.network, given.truth, jnp.full(given.network.valid.shape, -1)
        labels = jnp.tile(view.network.truth[1], (1, self._copies))
        return self._draw(view.network), self._draw(view.truth), labels

    def _drawn(self, batch: Batch) -> Proposals:
        """Masks of the configured source; what is random is the same in every run."""
        return needed(self._source, "the source of masks").propose(batch, jax.random.key(0))


def _size(batch: Batch) -> Size:
    """Height and width of the picture of a batch of one."""
    height, width = np.asarray(batch.sizes)[0].tolist()
    return height, width

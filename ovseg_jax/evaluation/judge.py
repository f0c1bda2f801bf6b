"""What a method makes of a batch: masks proposed or given, named, and ready to be scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax import build
from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.embedding import embed_vocabulary
from ovseg_jax.evaluation.evaluator import Outcome
from ovseg_jax.evaluation.oracle import NamesOfTruth, true_log_probs
from ovseg_jax.evaluation.other_masks import Given, OtherMasks
from ovseg_jax.evaluation.shares import Device, copies
from ovseg_jax.inference import answering
from ovseg_jax.inference.postprocess.geometry import Frame, Size
from ovseg_jax.inputs.batches import View
from ovseg_jax.opening import open_mask_maker
from ovseg_jax.typing import Batch, Params, Text
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
        self._judge = jax.jit(self._judged)

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
            outcome = self._judge(bench.params, view.on_device, bench.text, given)
        on_host = {"overlaps": view.overlaps, "searched": view.searched}
        return outcome.replace(**on_host, frame=self._frame(view, given))

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
        key = jax.random.key(0)  # masks that are drawn at random are the same in every run
        network, method = view.network, self._method
        features = answering.encode(method, params, network)
        if given is not None:
            small, large = given.network, given.truth
            labels = jnp.full(small.valid.shape, -1)
        elif self._source is None:
            small = answering.propose(method, params, network, features, text)
            # Masks of a network cover its frame, and so do they that of the truth.
            large, labels = small, jnp.full(small.valid.shape, -1)
        else:
            small = self._source.propose(network, key)
            large = self._source.propose(view.truth, key)
            labels = jnp.tile(network.truth[1], (1, self._copies))
        ensemble = self._model.inference.ensemble
        found = answering.answer(method, params, features, small, text, ensemble)
        if self._source is None and found.masks is not None:
            large = small.replace(masks=found.masks)
        log_probs, rule = found.log_probs, found.rule
        if self._config.names != "model":
            rule = NamesOfTruth(self._config.names)
            log_probs = true_log_probs(view.truth, large, len(text.valid), rule.rule)
        return Outcome(
            batch=view.truth,
            proposals=large,
            log_probs=log_probs,
            mask_labels=labels,
            rule=rule,
        )


def _size(batch: Batch) -> Size:
    """Height and width of the picture of a batch of one."""
    height, width = np.asarray(batch.sizes)[0].tolist()
    return height, width

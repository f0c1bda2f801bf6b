"""One configured evaluation: its data, masks and evaluators around a method's parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import ovseg_jax
from ovseg_jax import build
from ovseg_jax.checks import check_classes, check_source
from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.embedding import embed_vocabulary
from ovseg_jax.evaluation import protocol
from ovseg_jax.evaluation.evaluator import (
    Evaluator,
    NamingRule,
    Outcome,
    Table,
    run_pass,
)
from ovseg_jax.evaluation.federated import FederatedEvaluator
from ovseg_jax.evaluation.instance import InstanceEvaluator
from ovseg_jax.evaluation.mask_accuracy import MaskAccuracy
from ovseg_jax.evaluation.oracle import NamesOfTruth, true_log_probs
from ovseg_jax.evaluation.other_masks import Given, OtherMasks
from ovseg_jax.evaluation.panoptic import PanopticEvaluator
from ovseg_jax.evaluation.result import PhotoRecord, Result, put_together
from ovseg_jax.evaluation.semantic import SemanticEvaluator
from ovseg_jax.inference import answering
from ovseg_jax.inference.postprocess.geometry import Frame, Size
from ovseg_jax.inference.postprocess.panoptic import PanopticRules
from ovseg_jax.inputs.batches import View, frame_views, photo_views
from ovseg_jax.inputs.federated import class_frequencies
from ovseg_jax.inputs.labels import class_filter, class_list, named_classes
from ovseg_jax.opening import open_mask_maker
from ovseg_jax.typing import Batch, Params, Text
from ovseg_jax.vocabulary.classes import class_file_hash, seen_mask
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens


class Suite:
    """Evaluates one method on one split; compiled once, run with any parameters."""

    def __init__(self, config: EvaluationConfig, model: ModelConfig, method: Any):
        """Prepares an evaluation.

        Args:
            config: Data, masks and metrics.
            model: The model section, for templates, inference settings and the card.
            method: The method's module.
        """
        self._config, self._model, self._method = config, model, method
        check_source(config.masks, method, f"masks of evaluation {config.name!r}: masks")
        self.classes = class_list(config.data)
        check_classes(model, self.classes)
        check_tokens(self.classes, templates(model.templates), build.tokenizer(model))
        self._source = self._others = None
        if config.masks.kind == "model":
            maker = open_mask_maker(config.masks.path, most=config.masks.most)
            names_count = model.inference.ensemble.with_others
            self._others = OtherMasks(maker, self.classes, names_count=names_count)
        else:
            self._source = build.mask_source(config.masks)
        self._copies = config.masks.copies if config.masks.kind == "perturbed" else 1
        self._judge = jax.jit(self._judged)

    def run(
        self, params: Params, weights: str, on_batch: Callable[[int], None] | None = None
    ) -> tuple[Table, protocol.ProtocolCard]:
        """Scores the split; as `score`, without what is kept of photos.

        Returns:
            Scores as fractions by "metric/name", and the protocol behind them.
        """
        result = self.score(params, weights, on_batch)
        return result.table, result.card

    def score(
        self,
        params: Params,
        weights: str,
        on_batch: Callable[[int], None] | None = None,
        *,
        by_photo: bool = False,
    ) -> Result:
        """Scores the split.

        Args:
            params: All parameters of the method.
            weights: What the card calls them.
            on_batch: Called with the number of images so far.
            by_photo: Also keep the sums of each photo, and the worst photos.

        Returns:
            Scores, the numbers of each class, and the protocol behind them.
        """
        text = embed_vocabulary(self._model, self._method, params, self.classes)
        rules: set[NamingRule] = set()

        def judge(view: View) -> Outcome:
            given = self._given(view)
            outcome = self._judge(params, view.on_device, text, given)
            rules.add(outcome.rule)
            on_host = {"overlaps": view.overlaps, "searched": view.searched}
            return outcome.replace(**on_host, frame=self._frame(view, given))

        record = PhotoRecord() if by_photo else None
        keep = record.add if record else None
        evaluators, views = self._evaluators(), self._views()
        done = run_pass(evaluators, judge, views, on_batch=on_batch, on_photos=keep)
        seen = int((text.seen & text.valid).sum())
        applied = sorted(rule.describe(seen, len(self.classes) - seen) for rule in rules)
        card = self._card(done.images, weights, " or ".join(applied))
        return put_together(done, card, self.classes, record)

    def _given(self, view: View) -> Given | None:
        return None if self._others is None else self._others.propose(view)

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

    def _views(self) -> Iterator[View]:
        data, limit = self._config.data, self._config.max_images
        kept = class_filter(data, self.classes)
        if self._config.protocol == "frame":
            return frame_views(data, limit, kept)
        stride = self._method.stride
        return photo_views(data, self._model.inference, limit, kept, stride)

    def _evaluators(self) -> dict[str, Evaluator]:
        seen = self._seen() if self._config.seen_apart else None
        things = self.classes.thing_mask
        inference = self._model.inference
        rules = PanopticRules(
            object_threshold=inference.object_threshold,
            overlap_threshold=inference.overlap_threshold,
        )
        known: dict[str, Evaluator] = {
            "mask_accuracy": MaskAccuracy(seen, things),
            "semantic": SemanticEvaluator(seen, things, self._config.miou),
            "panoptic": PanopticEvaluator(seen, things, rules),
            "instance": InstanceEvaluator(seen, things, inference.top_instances),
        }
        if self._frequencies is not None:
            known["instance"] = FederatedEvaluator(seen, things, self._frequencies)
        return {name: known[name] for name in self._config.metrics}

    @functools.cached_property
    def _frequencies(self) -> tuple[str, ...] | None:
        """How often classes occur, where AP counts as of LVIS; None elsewhere."""
        scores_objects = "instance" in self._config.metrics
        return class_frequencies(self._config.data) if scores_objects else None

    def _seen(self) -> np.ndarray:
        train = self._model.train_vocabulary
        if not train:
            return np.zeros(len(self.classes), bool)
        return np.asarray(seen_mask(self.classes, named_classes(train)))

    def _named_by(self) -> str:
        rule = self._config.names
        return self._model.method.kind if rule == "model" else f"none: names of the truth, {rule}"

    def _card(self, images: int, weights: str, ensemble: str) -> protocol.ProtocolCard:
        data, model, classes = self._config.data, self._model, self.classes
        frame = data.image_size if self._config.protocol == "frame" else ()
        masks = self._config.masks
        source = masks.kind
        if masks.kind == "perturbed":
            source = f"{masks.kind}, IoU {masks.iou:g}"
        elif masks.kind == "model":
            source = f"{masks.kind} {masks.path}"
        elif masks.kind == "generator":
            source = f"{masks.kind}, {getattr(model.generator, 'backbone', 'none: pixels')}"
        return protocol.ProtocolCard(
            dataset=" ".join(filter(None, (data.name, data.config, data.split))),
            images=images,
            resize=protocol.describe_resize(model.inference, self._method.stride, frame),
            mask_source=source,
            method=self._named_by(),
            ensemble=ensemble,
            templates=model.templates,
            num_templates=len(templates(model.templates)),
            class_file=classes.name,
            class_file_hash=class_file_hash(classes),
            num_classes=len(classes),
            num_names=len(classes.synonym_rows[0]),
            num_seen=int(self._seen().sum()),
            train_vocabulary=model.train_vocabulary or "none",
            miou=self._config.miou,
            thresholds=f"object {model.inference.object_threshold:g}, "
            f"overlap {model.inference.overlap_threshold:g}",
            weights=weights,
            dtype=model.clip.compute_dtype,
            version=ovseg_jax.__version__,
            truth=protocol.TRUTH if self._frequencies is None else protocol.FEDERATED,
        )


def _size(batch: Batch) -> Size:
    """Height and width of the picture of a batch of one."""
    height, width = np.asarray(batch.sizes)[0].tolist()
    return height, width

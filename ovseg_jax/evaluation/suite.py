"""One configured evaluation: its data, masks and evaluators around a method's parameters."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from ovseg_jax.config import EvaluationConfig, ModelConfig
from ovseg_jax.evaluation import gathered, shares
from ovseg_jax.evaluation.card import fill_card
from ovseg_jax.evaluation.configured import make_evaluators, open_views
from ovseg_jax.evaluation.evaluator import Table
from ovseg_jax.evaluation.identity import identify
from ovseg_jax.evaluation.journal import Kept, KeptOnDisk
from ovseg_jax.evaluation.judge import Bench, Judge
from ovseg_jax.evaluation.pieces import Counting, Piece
from ovseg_jax.evaluation.predictions.keeping import Keeper, Write, lists
from ovseg_jax.evaluation.protocol import ProtocolCard
from ovseg_jax.evaluation.result import Result, put_together
from ovseg_jax.evaluation.totals import Totals
from ovseg_jax.evaluation.worst import Worst
from ovseg_jax.foundation.typing import Params
from ovseg_jax.inputs.batches import View
from ovseg_jax.inputs.labels import class_list
from ovseg_jax.loading import build
from ovseg_jax.loading.checks import check_classes, check_source
from ovseg_jax.vocabulary.prompts import templates
from ovseg_jax.vocabulary.token_check import check_tokens


class Suite:
    """Evaluates one method on one split; compiled once, run with any parameters.

    Batches are divided over the devices of all hosts, see `evaluation.shares`; every host gets the
    whole result.
    """

    def __init__(
        self,
        config: EvaluationConfig,
        model: ModelConfig,
        method: Any,
        shown: type[Worst] = Worst,
    ):
        """Prepares an evaluation.

        Args:
            config: Data, masks and metrics.
            model: The model section, for templates, inference settings and the card.
            method: The method's module.
            shown: Which photos results have to look at: `Worst`, or `First` for the same ones
                every time.
        """
        self._config, self._model, self._method = config, model, method
        self._shown = shown
        check_source(config.masks, method, f"masks of evaluation {config.name!r}: masks")
        self.classes = class_list(config.data)
        check_classes(model, self.classes)
        check_tokens(self.classes, templates(model.templates), build.tokenizer(model))
        self._judge = Judge(config, model, method, self.classes)

    def run(
        self, params: Params, weights: str, on_batch: Callable[[int], None] | None = None
    ) -> tuple[Table, ProtocolCard]:
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
        journal: Path | None = None,
        predictions: Write | None = None,
    ) -> Result:
        """Scores the split; all hosts of a cluster have to ask for it together.

        Args:
            params: All parameters of the method.
            weights: What the card calls them.
            on_batch: Called with the number of images so far, those of other hosts left out.
            by_photo: Also keep the sums of each photo, and some photos to look at.
            journal: Where counts are kept, so that a killed evaluation goes on; it stays behind.
            predictions: Writes answers; see `evaluation.predictions.keeping`. Needs `by_photo`.

        Returns:
            Scores, the numbers of each class, and the protocol behind them.

        Raises:
            JournalError: The journal is of another evaluation, damaged, in use, or not ours.
        """
        answers = {"keeps_found": predictions is not None}
        evaluators = make_evaluators(self._config, self._model, self.classes, **answers)
        keeper = Keeper(self._config.name, self.classes, predictions) if predictions else None
        counting = Counting(evaluators, by_photo=by_photo, keeper=keeper, shown=self._shown())
        own = {"called": weights, "by_photo": by_photo, "predictions": keeper is not None}
        with self._kept(params, journal, own) as kept:
            seen = kept.images
            for piece, line in self._pieces(params, counting, kept.lines):
                kept.add(line)
                seen += piece.images
                if on_batch is not None:
                    on_batch(seen)
            lines = gathered.from_all_hosts(kept.lines.values())
        pieces = map(Piece.of_line, sorted(lines, key=Piece.number_in))
        totals = Totals(evaluators, pieces, self._shown())
        stride = self._method.stride
        card = fill_card(self._config, self._model, self.classes, stride, totals, weights)
        result = put_together(totals, card, self.classes)
        if keeper is None:
            return result
        files = lists(self._config, self._model, self.classes, card, totals)
        return dataclasses.replace(result, predictions=files)

    def _kept(self, params: Params, journal: Path | None, more: dict[str, Any]) -> Kept:
        if journal is None:
            return Kept()
        masks = self._judge.others
        own = identify(self._config, self._model, params, self.classes, masks=masks, **more)
        return KeptOnDisk(journal, own)

    def _pieces(
        self, params: Params, counting: Counting, done: Collection[int]
    ) -> Iterator[tuple[Piece, bytes]]:
        """Counts those batches of this host that are not done, in their order."""
        benches = self._judge.benches(params, shares.own_devices())
        seen = int((benches[0].text.seen & benches[0].text.valid).sum())

        def work(view: View, bench: Bench) -> tuple[Piece, bytes]:
            outcome = self._judge(view, bench)
            rule = outcome.rule.describe(seen, len(self.classes) - seen) if outcome.rule else ""
            piece = counting.count(view, outcome, rule)
            return piece, piece.line()

        wanted = functools.partial(shares.own_numbers, done=frozenset(done))
        views = open_views(self._config, self._model, self.classes, self._method.stride, wanted)
        return shares.in_order(work, views, benches)

"""From the options of `ovseg mine` to photos, masks, and what pairs them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ovseg_jax.cli.errors import UsageError
from ovseg_jax.cli.photos import load_model
from ovseg_jax.cli.progress import Progress
from ovseg_jax.config import DataConfig, ModelConfig
from ovseg_jax.disk.configs_io import read_json
from ovseg_jax.loading.opening import resolve
from ovseg_jax.loading.weights import CONFIG, find_weights, fingerprint
from ovseg_jax.mining import photos as sources
from ovseg_jax.mining.captions import read_captions
from ovseg_jax.mining.miner import ClassMiner, NounMiner
from ovseg_jax.mining.nouns import NounExtractor
from ovseg_jax.mining.scorer import CropScorer
from ovseg_jax.mining.settings import file_key, text_key
from ovseg_jax.mining.stop_nouns import STOP_NOUNS
from ovseg_jax.models.clip.variants import variant
from ovseg_jax.vocabulary.classes import read_words


def open_photos(
    arguments: argparse.Namespace, per_photo: int
) -> sources.FolderPhotos | sources.DatasetPhotos:
    """Returns the photos with their captions.

    Args:
        arguments: Of `ovseg mine`.
        per_photo: How many captions of each photo count; 0 for all.
    """
    captions = read_captions(arguments.captions, per_photo) if arguments.captions else None
    if arguments.data is None:
        return sources.FolderPhotos(arguments.photos, captions)
    data = DataConfig(
        name=arguments.data,
        config=arguments.data_config,
        split=arguments.data_split,
        root=arguments.data_root,
        prepared=arguments.data_prepared,
        vocabulary=arguments.data_vocabulary,
    )
    return sources.DatasetPhotos(data, arguments.photos, captions, per_photo)


def make_miner(
    arguments: argparse.Namespace, progress: Progress, names: Sequence[str] = ()
) -> tuple[NounMiner | ClassMiner, dict[str, Any]]:
    """Returns what pairs masks with words, and the options on which its results depend.

    Args:
        arguments: Of `ovseg mine`.
        progress: Shows how far loading is.
        names: Of all photos, as far as they are known before they are read.
    """
    captions = file_key(arguments.captions) if arguments.captions else ""
    options: dict[str, Any] = {"--captions": captions}
    if arguments.words == "classes":
        masks, options["masks"] = _given_masks(arguments, names)
        return ClassMiner(masks, arguments.min_area), options
    stop_nouns = _stop_nouns(arguments.stop_nouns)
    extractor = NounExtractor(stop_nouns)
    segmenter = load_model(arguments.model, progress, arguments.generator)
    if segmenter.model.is_closed:
        raise UsageError(f"--model {arguments.model} has no CLIP, which has to score the masks")
    scorer = CropScorer(segmenter.engine, _crop_size(arguments), arguments.templates or "")
    masks, options["masks"] = _masks(arguments, segmenter, names)
    options |= {
        "--model": fingerprint({"clip": segmenter.model.params["clip"]})[:16],
        "--templates": scorer.templates,
        "--crop-size": scorer.crop_size,
        "--stop-nouns": text_key(sorted(stop_nouns)),
        "parser": extractor.parser,
    }
    miner = NounMiner(extractor, scorer, masks, arguments.min_area, arguments.min_score)
    return miner, options


def _masks(arguments: argparse.Namespace, segmenter: Any, names: Sequence[str]) -> tuple[Any, str]:
    """Returns the source of masks and what identifies it."""
    if arguments.masks or (arguments.data and not arguments.generator):
        return _given_masks(arguments, names)
    if segmenter.mask_maker is None and segmenter.model.method.generator is None:
        raise UsageError(
            f"--model {arguments.model} has no mask generator; give --generator, --masks or --data"
        )
    maker = segmenter.as_mask_maker()
    # Some generators name the masks that they make by words; which words is no matter.
    maker.choose_words(read_words("object", "vocabulary"))
    return sources.masks_of_maker(maker), f"{maker.kind} {fingerprint(maker.params)[:16]}"


def _given_masks(arguments: argparse.Namespace, names: Sequence[str]) -> tuple[Any, str]:
    if arguments.masks:
        return sources.masks_of_files(arguments.masks, names), file_key(arguments.masks)
    return sources.masks_of_dataset, f"ground truth of {arguments.data}"


def _crop_size(arguments: argparse.Namespace) -> int:
    """Returns the size that was asked for, or that of the images the tower was trained on."""
    if arguments.crop_size:
        return arguments.crop_size
    config = read_json(ModelConfig, find_weights(resolve(arguments.model)) / CONFIG)
    return variant(config.clip.variant).image_size


def _stop_nouns(path: Path | None) -> frozenset[str]:
    if path is None:
        return STOP_NOUNS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--stop-nouns {path}: cannot be read ({error})") from error
    return frozenset(" ".join(line.lower().split()) for line in lines if line.strip())

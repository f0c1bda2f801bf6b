"""From the name of a published file to a weights directory: downloaded, converted, kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from ovseg_jax.config import ModelConfig
from ovseg_jax.convert.conversion import Conversion, check_target, read_conversion
from ovseg_jax.disk.configs_io import from_dict, to_dict
from ovseg_jax.fetching import cache
from ovseg_jax.fetching.download import Wanted, check_content
from ovseg_jax.fetching.files import Fetched, fetch, file_place
from ovseg_jax.fetching.table import PublishedFile, find_published
from ovseg_jax.fetching.web import FetchError
from ovseg_jax.foundation.errors import OvsegError
from ovseg_jax.loading import weights

SMALL = 2**24
"""Bytes of the largest tokenizer, and of the settings beside a file."""
Progress = Callable[[int, int], object]


class LicenceError(OvsegError, ValueError):
    """The licence of a file was not accepted; the message says what it forbids."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wish:
    """How a published file is wanted.

    Attributes:
        file: A copy of the file that is here already; None to download it.
        dtype: Precision of the stored parameters.
        layout: See `ovseg_jax.loading.weights.save_weights`.
        accept_licence: The licence was read and is kept, where it forbids commercial use.
        accept_changed: Take another content than that of the first download.
        offline: Use only what is there.
        discard: Remove the published file once it is converted.
        overwrite: See `ovseg_jax.loading.weights.save_weights`; for a folder of the user's.
        report: Told what happens, with bytes done and in all.
    """

    file: Path | None = None
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    layout: Literal["orbax", "safetensors"] = "safetensors"
    accept_licence: bool = False
    accept_changed: bool = False
    offline: bool = False
    discard: bool = False
    overwrite: bool = False
    report: Callable[[str], Progress] = lambda what: lambda done, total: None


def parts_of(published: PublishedFile) -> list[PublishedFile]:
    """Returns a published file and the CLIP that its conversion needs."""
    return [published, *([find_published(published.clip)] if published.clip else [])]


def restricted(published: PublishedFile) -> list[PublishedFile]:
    """Returns those of `parts_of` whose licence forbids commercial use."""
    return [part for part in parts_of(published) if part.non_commercial]


def kept(name: str, wish: Wish) -> Path | None:
    """Returns the weights directory of the cache that answers a wish; None if there is none."""
    folder = cache.converted(name)
    if folder is None or wish.file is not None or wish.accept_changed:
        return None
    noted = cache.read_record(folder.parent / cache.CURRENT)
    same = all(noted.get(field) == getattr(wish, field) for field in ("dtype", "layout"))
    return folder if same else None


def get_model(name: str, wish: Wish | None = None, target: Path | None = None) -> Path:
    """Returns the weights directory of a published file, making it if need be.

    Args:
        name: A name of `ovseg_jax.fetching.table`.
        wish: How it is wanted.
        target: Where to write the weights directory; None for the user's cache, where `--model
            NAME` and `load_segmenter("NAME")` find it.

    Raises:
        ovseg_jax.fetching.table.UnknownNameError: There is no such name.
        LicenceError: The licence forbids commercial use and was not accepted.
        FetchError: The file cannot be had, or is not what it was.
        ovseg_jax.convert.rules.ConversionError: The file does not fit.
        ovseg_jax.disk.atomic.OutputError: The target may not be written, or the disk refuses.
    """
    published, wish = find_published(name), wish or Wish()
    if target is None and (found := kept(name, wish)) is not None:
        return found
    _check_licence(published, wish)
    if target is not None:
        check_target(
            target,
            wish.file or file_place(published.address, published.file_name),
            overwrite=wish.overwrite,
        )
    sources = _sources(published, wish)
    key = cache.key_of(*(item.sha256 for item in sources.values()), wish.dtype, wish.layout)
    folder = target or cache.private_folder("models", name) / key
    _convert(published, sources, wish, folder)
    if target is None:
        record = {"key": key, "dtype": wish.dtype, "layout": wish.layout}
        cache.write_record(folder.parent / cache.CURRENT, record)
    if wish.discard and wish.file is None:
        sources["file"].path.unlink(missing_ok=True)
    return folder


def _check_licence(published: PublishedFile, wish: Wish) -> None:
    for part in restricted(published):
        if not wish.accept_licence:
            raise LicenceError(
                f"{part.name} is under {part.licence}, which forbids commercial use "
                f"({part.source}); say --accept-licence (accept_licence=True) if you keep to it"
            )


def _sources(published: PublishedFile, wish: Wish) -> dict[str, Fetched]:
    """Returns all files of a conversion, by what they are to it."""
    found = {"file": _given(published, wish) if wish.file else _fetched(published, wish)}
    if published.clip:
        found["clip"] = _fetched(find_published(published.clip), wish)
    if published.tokenizer:
        wanted = Wanted(published.tokenizer, SMALL)
        found["tokenizer"] = _fetch(wanted, "tokenizer.model", wish, published.tokenizer)
    return found


def _given(published: PublishedFile, wish: Wish) -> Fetched:
    """Takes the user's copy, held to the hash that the publisher states."""
    path = Path(wish.file or "")
    if not path.is_file():
        raise FetchError(f"{path} is not a file; give the copy of {published.title} that is here")
    wanted = Wanted(published.address, published.most, published.sha256, published.md5)
    return Fetched(path, check_content(path, wanted))


def _fetched(published: PublishedFile, wish: Wish) -> Fetched:
    if not published.address:
        raise FetchError(
            f"no address of {published.name} is known; {published.source} lists it. Download it "
            f"there and say `ovseg get {published.name} --file FILE`"
        )
    wanted = Wanted(published.address, published.most, published.sha256, published.md5)
    found = _fetch(wanted, published.file_name, wish, published.address)
    for name in published.beside:
        address = f"{published.address.rpartition('/')[0]}/{name}"
        _fetch(Wanted(address, SMALL), name, wish, published.address)
    return found


def _fetch(wanted: Wanted, name: str, wish: Wish, group: str) -> Fetched:
    options = {"offline": wish.offline, "accept_changed": wish.accept_changed}
    return fetch(wanted, name, group=group, progress=wish.report(f"downloading {name}"), **options)


def _convert(
    published: PublishedFile, sources: Mapping[str, Fetched], wish: Wish, folder: Path
) -> None:
    wish.report(f"converting {published.name}")
    beside: dict[str, Any] = {
        name: str(item.path) for name, item in sources.items() if name != "file"
    }
    conversion = read_conversion(
        published.kind,
        sources["file"].path,
        dtype=wish.dtype,
        licence=f"{published.licence}, as its publisher states ({published.source})",
        **beside,
    )
    weights.save_weights(
        folder,
        with_settings(conversion.config, published.settings),
        conversion.params,
        layout=wish.layout,
        dtype=wish.dtype,
        report=_report(published, sources, conversion),
        source=sources["file"].path,
        overwrite=wish.overwrite,
    )


def _report(
    published: PublishedFile, sources: Mapping[str, Fetched], conversion: Conversion
) -> dict[str, Any]:
    """Adds to a conversion's report where its files came from."""
    came = {
        "name": published.name,
        "address": published.address,
        "revision": sources["file"].revision,
        "non_commercial": bool(restricted(published)),
        "settings": dict(published.settings),
    }
    return conversion.origin | {"published": came}


def with_settings(config: ModelConfig, settings: Mapping[str, Any]) -> ModelConfig:
    """Returns a config with other values in some fields, given as nested mappings."""
    return from_dict(ModelConfig, _merged(to_dict(config), settings)) if settings else config


def _merged(fields: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Replaces fields, those of sections one by one."""
    sections = {
        name: _merged(fields[name], value)
        for name, value in changes.items()
        if isinstance(value, Mapping) and isinstance(fields.get(name), Mapping)
    }
    return {**fields, **changes, **sections}

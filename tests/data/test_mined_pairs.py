"""The builder of mined pairs: layers lose nothing, and what can be wrong is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

tfds = pytest.importorskip("tensorflow_datasets")

from data.mined_pairs import mined_pairs_dataset_builder as mined  # noqa: E402
from data.mined_pairs.layers import disjoint_layers, id_map  # noqa: E402
from ovseg_jax.config import DataConfig, MeshConfig  # noqa: E402
from ovseg_jax.inference.output.save import encode_rle  # noqa: E402
from ovseg_jax.inputs.datasets import DataError, decode, open_split  # noqa: E402
from ovseg_jax.inputs.labels import named_classes  # noqa: E402
from ovseg_jax.inputs.stream import train_stream  # noqa: E402
from ovseg_jax.masks.pictures import ORIENTATION  # noqa: E402
from ovseg_jax.masks.rle import decode_rle  # noqa: E402
from ovseg_jax.mining.pairs import Source, read_pairs, write_pairs  # noqa: E402
from ovseg_jax.training import sharding  # noqa: E402

DUMMY = Path(mined.__file__).parent / "dummy_data"
SIZE = (32, 48)
BOXES = {
    "a.png": [("cat", 0, 0, 16, 16), ("traffic light", 8, 8, 24, 24), ("sky", 16, 0, 32, 8)],
    "b.png": [("cat", 4, 4, 28, 40), ("dog", 4, 4, 28, 40)],
    "c.png": [("sky", 0, 0, 32, 48)],
}
"""Photo: noun, top, left, bottom, right. Layers: a needs 2, b (the same mask twice) 2, c 1."""


def box(top, left, bottom, right, size=SIZE):
    mask = np.zeros(size, bool)
    mask[top:bottom, left:right] = True
    return mask


def write_folder(root, photos_folder=""):
    """Writes a finished folder of pairs with its photos."""
    (root / "photos").mkdir(parents=True)
    records = []
    for name, boxes in BOXES.items():
        pixels = np.random.default_rng(ord(name[0])).integers(0, 256, (*SIZE, 3), np.uint8)
        Image.fromarray(pixels).save(root / "photos" / name)
        pairs = [
            {
                "noun": noun,
                "caption": f"a {noun}",
                "score": 0.5,
                "area": int(box(*sides).sum()),
                "segmentation": encode_rle(box(*sides)),
            }
            for noun, *sides in boxes
        ]
        records.append({"photo": name, "captions": 1, "nouns": len(pairs), "pairs": pairs})
    write_pairs(root, [Source({"photos_folder": photos_folder}, lambda: records)])
    return root


class MinedPairsTest(tfds.testing.DatasetBuilderTestCase):
    """TFDS's own checks of a builder."""

    DATASET_CLASS = mined.Builder
    SPLITS = {"train": 5}


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "pairs")


def config(folder, **fields):
    vocabulary = str(folder / "vocabulary.json")
    prepared = str(folder.parent / "tfds")
    common = {"name": "mined_pairs", "root": str(folder), "prepared": prepared}
    return DataConfig(vocabulary=vocabulary, **common | fields)


def read(folder):
    return [decode(record) for record in open_split(config(folder))]


def test_the_dummy_data_is_what_this_test_writes(folder):
    files = [path.relative_to(folder) for path in folder.rglob("[!.]*") if path.is_file()]
    assert len(files) == 7  # the journal of a folder of ours is not part of the data
    for name in files:
        assert (DUMMY / name).read_bytes() == (folder / name).read_bytes(), name


def test_no_pair_is_lost_or_cut(folder):
    names = named_classes(str(folder / "vocabulary.json")).names
    found = [
        (example["file_name"], names[category], (example["segment_ids"] == n + 1).tobytes())
        for example in read(folder)
        for n, category in enumerate(example["categories"])
    ]
    wanted = [
        (pair["file_name"], pair["noun"], decode_rle(pair["segmentation"]).tobytes())
        for pair in read_pairs(folder)
    ]
    assert len(wanted) == 6 and sorted(found) == sorted(wanted)


def test_layers_are_disjoint_and_as_few_as_fit():
    masks = [box(*sides) for _, *sides in BOXES["a.png"]]
    assert disjoint_layers(masks) == [[0, 2], [1]]
    assert disjoint_layers([masks[0]] * 3) == [[0], [1], [2]]
    assert disjoint_layers([]) == []
    before = masks[0].copy()
    ids = id_map([masks[0], masks[2]])
    np.testing.assert_array_equal(ids == 1, before)
    np.testing.assert_array_equal(masks[0], before)  # laying out changes no mask


def test_photos_of_an_example_are_those_of_the_folder(folder):
    for example in read(folder):
        with Image.open(folder / "photos" / example["file_name"]) as photo:
            np.testing.assert_array_equal(example["image"], np.asarray(photo))


def test_the_recorded_folder_is_used_where_no_link_is(tmp_path):
    elsewhere = write_folder(tmp_path / "other") / "photos"
    folder = write_folder(tmp_path / "pairs", str(elsewhere))
    shutil.rmtree(folder / "photos")
    assert len(read(folder)) == 5
    shutil.rmtree(elsewhere)
    stamp = (folder / "sources.json").read_text()
    (folder / "sources.json").write_text(stamp + " ")  # another state: prepared anew
    with pytest.raises(DataError, match=r"a photo of the pairs not found; expected.*a\.png"):
        read(folder)


def test_a_photo_that_exif_turns_is_stored_upright(folder):
    with Image.open(folder / "photos" / "c.png") as photo:
        upright = np.asarray(photo)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.fromarray(np.rot90(upright)).save(folder / "photos" / "c.png", exif=exif)
    np.testing.assert_array_equal(read(folder)[-1]["image"], upright)


def test_the_training_stream_reads_masks_with_their_nouns(folder):
    data = config(folder, image_size=SIZE, batch_size=5, max_segments=4, scale=(1.0, 1.0))
    names = named_classes(data.vocabulary).names
    place = sharding.batch_sharding(sharding.make_mesh(MeshConfig()))
    stream = train_stream(data, 0, sharding=place)
    batch = next(stream)
    stream.close()
    labels = np.asarray(batch.labels)
    found = sorted(names[label] for label in labels[labels >= 0])
    assert found == sorted(noun for boxes in BOXES.values() for noun, *_ in boxes)


def damaged(folder, name, change):
    path = folder / name
    path.write_text(change(path.read_text()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("pairs.jsonl", lambda text: text[:-20], r"pairs\.jsonl: line 6: not JSON"),
        ("pairs.jsonl", lambda text: text.replace("dog", "elk"), "lacks 'elk'"),
        ("pairs.jsonl", lambda text: text.replace("[32, 48]", "[48, 32]"), "its annotation 48 x"),
        ("pairs.jsonl", lambda text: text.replace("[32, 48]", "[32, 40]", 1), "a mask of a.png"),
        ("sources.json", lambda text: "[]", "holds 0 runs, no run 0"),
    ],
)
def test_damaged_folders_are_named(folder, name, change, message):
    with pytest.raises(DataError, match=message):
        read(damaged(folder, name, change))


def test_unfinished_folders_and_missing_photos_are_named(folder):
    with pytest.raises(DataError, match="no config 'x'"):
        open_split(config(folder, config="x"))
    with pytest.raises(DataError, match="no folder given"):
        open_split(config(folder, root=""))
    shutil.rmtree(folder / "photos")
    with pytest.raises(DataError, match="run 0 has no folder of photos; put them"):
        read(folder)
    (folder / "pairs.jsonl").unlink()
    with pytest.raises(DataError, match=r"pairs\.jsonl"):
        read(folder)

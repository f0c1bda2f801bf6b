"""The training frame equals resizing the whole picture first, as detectron2 does with Pillow."""

import dataclasses

import numpy as np
import pytest
from drawn_records import DATA
from PIL import Image

from ovseg_jax.inputs.augment import augment
from ovseg_jax.inputs.reading import Record

NO_COLORS = np.full(9, 0.9, np.float32)


def drawn(size):
    rng = np.random.default_rng(sum(size))
    soft = rng.integers(0, 256, (size[0] // 9 + 1, size[1] // 9 + 1, 3), np.uint8)
    image = Image.fromarray(soft).resize(size[::-1], Image.Resampling.BICUBIC)
    ids = rng.integers(0, 999, size).astype(np.uint16)
    none = np.zeros(0, np.int32)
    return Record(image, ids, none, none.astype(bool), none)


def whole_first(record, draws, data):
    """Mirrors, resizes all, cuts, pads: the plain order."""
    image, ids = np.asarray(record.image), record.ids
    if data.flip and draws[0] < 0.5:
        image, ids = image[:, ::-1], ids[:, ::-1]
    low, high = data.scale
    target = np.array(data.image_size) * (low + (high - low) * draws[1])
    height, width = np.rint(np.array(ids.shape) * (target / ids.shape).min()).astype(int).tolist()
    image = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    ids = Image.fromarray(ids).resize((width, height), Image.Resampling.NEAREST)
    room = np.maximum(np.array([height, width]) - data.image_size, 0)
    top, left = np.rint(room * draws[2]).astype(int)
    rows, columns = data.image_size
    cut = (slice(top, top + rows), slice(left, left + columns))
    return np.asarray(image)[cut], np.asarray(ids)[cut]


@pytest.mark.parametrize("size", [(60, 90), (211, 130), (64, 64), (333, 500)])
@pytest.mark.parametrize("flip", [0.1, 0.9])
@pytest.mark.parametrize("scale", [0.0, 0.31, 0.5, 0.77, 0.999])
def test_the_frame_is_a_cut_of_the_whole_resized_picture(size, flip, scale):
    data = dataclasses.replace(DATA, image_size=(96, 128), scale=(0.1, 2.0))
    record, draws = drawn(size), np.float32([flip, scale, 0.37])
    image, ids = whole_first(record, draws, data)
    framed = augment(record, draws, NO_COLORS, data)
    assert framed.image.shape == (96, 128, 3) and framed.size.tolist() == [96, 128]
    shown = framed.image[: len(image), : image.shape[1]]
    gap = np.abs(shown.astype(int) - image)
    cut = scale > 0.4  # the part's edges, as float32, are not always those of the whole
    assert gap.max() <= 2 * cut and (gap > 0).mean() < 0.1
    assert (framed.image[len(image) :] == 128).all()
    assert (framed.image[:, image.shape[1] :] == 128).all()
    np.testing.assert_array_equal(record.ids[framed.rows[:, None], framed.columns], ids)


def test_a_picture_that_fits_keeps_its_pixels():
    data = dataclasses.replace(DATA, image_size=(60, 90), scale=(1.0, 1.0))
    record = drawn((60, 90))
    framed = augment(record, np.float32([0.9, 0.5, 0.5]), NO_COLORS, data)
    np.testing.assert_array_equal(framed.image, np.asarray(record.image))
    mirrored = augment(record, np.float32([0.1, 0.5, 0.5]), NO_COLORS, data)
    np.testing.assert_array_equal(mirrored.image, np.asarray(record.image)[:, ::-1])


def test_padding_that_becomes_the_mean_colour_counts_as_no_picture():
    data = dataclasses.replace(DATA, image_size=(96, 128), scale=(0.5, 0.5), pad_value=-1)
    framed = augment(drawn((60, 90)), np.float32([0.9, 0.5, 0.5]), NO_COLORS, data)
    assert framed.size.tolist() == [43, 64] == [len(framed.rows), len(framed.columns)]
    assert not framed.image[43:].any() and not framed.image[:, 64:].any()


def test_colours_change_in_the_picture_and_never_in_the_padding():
    data = dataclasses.replace(DATA, image_size=(96, 128), scale=(0.5, 0.5), color_jitter=True)
    draws, record = np.float32([0.9, 0.5, 0.5]), drawn((60, 90))
    plain = augment(record, draws, NO_COLORS, data).image
    bright = augment(record, draws, np.float32([0, 1, 1, 1, 1, 0, 0, 0, 0]), data).image
    np.testing.assert_array_equal(bright[:43, :64], np.minimum(plain[:43, :64] + 32.0, 255))
    assert (bright[43:] == 128).all() and (bright[:, 64:] == 128).all()

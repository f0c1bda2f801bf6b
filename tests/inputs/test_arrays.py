"""Photos in memory: every layout and kind that stands for the same photo, and what is refused."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.images import ImageError, read_image
from ovseg_jax.inputs.photos import load_photo

RGB = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
GREY = RGB[..., 0]
OPAQUE = np.full((20, 30), 255, np.uint8)


class Tensor:
    """Behaves as tensors of PyTorch do."""

    def __init__(self, values, error=None):
        self.values, self.error = values, error

    def __array__(self, dtype=None, copy=None):
        if self.error:
            raise self.error
        return self.values


def pixels(photo):
    return load_photo(photo).pixels


@pytest.mark.parametrize(
    "same",
    [
        RGB,
        jnp.asarray(RGB),
        Tensor(RGB),
        Image.fromarray(RGB),
        RGB / np.float32(255),
        RGB / 255,
        RGB.astype(np.float32),
        RGB.astype(np.int64),
        RGB.astype(np.uint16) * 257,
        np.dstack([RGB, OPAQUE]),
        np.dstack([RGB / 255, np.ones((20, 30))]),
        np.dstack([RGB.astype(float), np.ones((20, 30))]),
        np.asfortranarray(RGB),
        RGB[:, ::-1][:, ::-1],
    ],
    ids=["uint8", "jax", "torch", "pil", "float32", "float64", "float255", "int64", "uint16"]
    + ["rgba", "floats", "mixed", "fortran", "views"],
)
def test_the_same_photo_in_many_forms(same):
    photo = load_photo(same)
    assert photo.pixels.dtype == np.uint8 and photo.pixels.flags.c_contiguous
    np.testing.assert_array_equal(photo.pixels, RGB)
    assert (photo.height, photo.width, photo.name) == (20, 30, "")


@pytest.mark.parametrize(
    "same",
    [GREY, GREY[..., None], np.dstack([GREY, OPAQUE]), GREY / 255, Image.fromarray(GREY)],
    ids=["HW", "HW1", "HW2", "float", "pil"],
)
def test_grey_in_many_forms(same):
    np.testing.assert_array_equal(pixels(same), np.repeat(GREY[..., None], 3, -1))


def test_booleans_are_black_and_white():
    np.testing.assert_array_equal(pixels(GREY > 100)[..., 1], np.where(GREY > 100, 255, 0))


def test_bfloat16_keeps_its_range():
    found = pixels(jnp.asarray(RGB / 255, jnp.bfloat16)).astype(int)
    assert abs(found - RGB).max() <= 1


def test_transparency_lies_over_white():
    alpha = np.zeros((20, 30), np.uint8)
    alpha[:10], alpha[10:15] = 255, 51
    found = pixels(np.dstack([RGB, alpha]))
    np.testing.assert_array_equal(found[:10], RGB[:10])
    assert (found[15:] == 255).all()
    assert abs(found[10:15] - np.round(RGB[10:15] * 0.2 + 204)).max() <= 1


def test_opacity_of_zero_and_one_is_said():
    with pytest.warns(OvsegWarning, match="photo: is transparent everywhere"):
        pixels(np.dstack([RGB, OPAQUE // 255]))


def test_a_photo_of_zero_and_one_is_said():
    with pytest.warns(OvsegWarning, match="no value but 0 and 1"):
        pixels((RGB > 100).astype(np.uint8))


def test_the_array_may_change_afterwards():
    given = RGB.copy()
    found = pixels(given)
    given[:] = 0
    np.testing.assert_array_equal(found, RGB)


def test_one_pixel_is_a_photo():
    assert pixels(RGB[:1, :1]).shape == (1, 1, 3)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (
            RGB.transpose(2, 0, 1),
            r"\[3, 20, 30\], channels first; pass np.moveaxis\(photo, 0, -1\)",
        ),
        (GREY[None], "channels first"),
        (RGB[None], r"\[1, 20, 30, 3\], a batch; pass photo\[0\]"),
        (np.stack([RGB, RGB]), r"a batch; pass list\(photos\)"),
        (np.zeros((20, 30, 5), np.uint8), r"\[20, 30, 5\]; pass \[H, W\]"),
        (np.zeros(7), r"\[7\]; pass"),
        (np.zeros((0, 30, 3), np.uint8), r"\[0, 30, 3\] and so no pixels"),
        (Image.new("RGB", (0, 5)), "0 x 5 and so has no pixels"),
        (None, "type NoneType; pass a file name"),
        (7, "type int"),
        (b"\x89PNG", r"photo: not a picture that can be read \(4 bytes\)"),
        (b"", "photo: the file is empty"),
        ([RGB, RGB], "a list where one photo is expected; loop"),
        (Tensor(RGB, TypeError("can't convert cuda:0 tensor")), "cuda:0.*NumPy array"),
        (RGB / 255 * 2 - 1, "negative"),
        (np.ma.masked_array(RGB, RGB > 9), r"a masked array; .*photo.filled\(0\)"),
    ],
)
def test_what_is_no_photo_is_refused_with_a_word_on_what_to_pass(photo, message):
    with pytest.raises(ImageError, match=message):
        load_photo(photo)


# ---- pictures of Pillow --------------------------------------------------------------------

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr"]
MODES += ["HSV", "LAB"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb(mode):
    between = {"La": "LA", "RGBa": "RGBA", "PA": "P", "LAB": "LAB"}.get(mode, mode)
    photo = Image.new("LAB", (3, 2)) if mode == "LAB" else Image.fromarray(RGB).convert(between)
    assert pixels(photo.convert(mode)).shape[2] == 3


def test_a_picture_that_was_opened_is_turned_as_its_file_is(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    photo = load_photo(Image.open(tmp_path / "a.png"))
    np.testing.assert_array_equal(photo.pixels, read_image(tmp_path / "a.png").pixels)
    assert photo.turned and (photo.height, photo.name, photo.path) == (30, "a.png", None)


def test_deep_pictures_in_memory_are_scaled():
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    np.testing.assert_array_equal(pixels(Image.fromarray(values))[..., 0], np.round(values / 257))
    twelve = Image.fromarray((values >> 4).astype(np.int32))
    with pytest.warns(OvsegWarning, match="read as 12 bits"):
        assert pixels(twelve).max() == 255
    fractions = Image.fromarray(RGB[..., 0] / np.float32(255))
    np.testing.assert_array_equal(pixels(fractions)[..., 2], RGB[..., 0])


def test_a_damaged_picture_in_memory_is_refused():
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG")
    with pytest.raises(ImageError, match="photo: the picture is damaged or cut off"):
        load_photo(Image.open(io.BytesIO(buffer.getvalue()[:900])))


def test_an_address_is_not_fetched():
    for name in ("https://example.org/a.jpg", "s3://bucket/a.jpg", "file:///a.jpg"):
        with pytest.raises(ImageError, match="is an address, and nothing is fetched"):
            load_photo(name)

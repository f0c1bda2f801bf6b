"""Photos from disk: every mode and orientation, and files that cannot be used."""

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.images import ImageError, read_image


@pytest.fixture
def picture():
    """A small RGB gradient in which no two corners are alike."""
    rows, columns = np.mgrid[0:20, 0:30]
    return np.stack([rows * 12, columns * 8, rows * 3 + columns * 5], axis=-1).astype(np.uint8)


def save(path, array, mode=None, **options):
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def test_rgb_pixels_come_back_unchanged(tmp_path, picture):
    loaded = read_image(save(tmp_path / "a.png", picture))
    assert (loaded.height, loaded.width) == (20, 30)
    assert loaded.pixels.dtype == np.uint8
    np.testing.assert_array_equal(loaded.pixels, picture)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(tmp_path, picture, orientation):
    stored = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.transpose(1, 0, 2),
        6: np.rot90(picture, 1),
        7: picture[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(picture, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", np.ascontiguousarray(stored), exif=exif)
    loaded = read_image(path)
    np.testing.assert_array_equal(loaded.pixels, picture)
    assert loaded.turned == (orientation >= 5)


def test_damaged_exif_data_leaves_the_picture_as_stored(tmp_path, picture):
    path = save(tmp_path / "a.jpg", picture, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff\x01")
    assert read_image(path).pixels.shape == picture.shape


def test_cmyk_becomes_rgb(tmp_path, picture):
    path = save(tmp_path / "a.jpg", picture, "CMYK", quality=100, subsampling=0)
    difference = read_image(path).pixels.astype(int) - picture
    assert abs(difference).max() <= 8


def test_sixteen_bit_grey_is_scaled_not_cut(tmp_path):
    values = np.linspace(0, 65535, 600).reshape(20, 30).astype(np.uint16)
    for name in ("a.png", "a.tif"):
        loaded = read_image(save(tmp_path / name, values)).pixels
        np.testing.assert_array_equal(loaded[..., 0], np.round(values / 257).astype(np.uint8))
        assert (loaded == loaded[..., :1]).all()


def test_palette_and_grey_become_rgb(tmp_path, picture):
    palette = read_image(save(tmp_path / "p.png", picture // 64 * 64, "P")).pixels
    assert abs(palette.astype(int) - picture // 64 * 64).mean() < 20
    grey = read_image(save(tmp_path / "l.png", picture[..., 0])).pixels
    np.testing.assert_array_equal(grey, np.repeat(picture[..., :1], 3, axis=-1))
    black_and_white = read_image(save(tmp_path / "1.png", picture[..., 0] > 100)).pixels
    assert set(np.unique(black_and_white)) == {0, 255}


def test_transparent_pixels_lie_over_white(tmp_path, picture):
    alpha = np.full((20, 30, 1), 255, np.uint8)
    alpha[:5], alpha[5:10] = 0, 51
    path = save(tmp_path / "a.png", np.concatenate([picture, alpha], axis=-1))
    pixels = read_image(path).pixels
    assert (pixels[:5] == 255).all()
    expected = np.round(picture[5:10] * 0.2 + 255 * 0.8)
    assert abs(pixels[5:10] - expected).max() <= 1
    np.testing.assert_array_equal(pixels[10:], picture[10:])


def test_a_transparent_palette_colour_is_white(tmp_path):
    indices = Image.fromarray(np.zeros((4, 4), np.uint8), mode=None).convert("P")
    indices.putpalette([10, 20, 30])
    indices.save(tmp_path / "a.gif", transparency=0)
    assert (read_image(tmp_path / "a.gif").pixels == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "tif", "webp", "png"])
def test_the_first_of_several_pictures_is_taken_and_said(tmp_path, picture, suffix):
    first, second = (Image.fromarray(pixels) for pixels in (picture * 0 + 200, picture * 0))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    with pytest.warns(OvsegWarning, match="holds several pictures"):
        loaded = read_image(tmp_path / f"a.{suffix}")
    assert loaded.pixels.min() == 200


def test_a_phones_photo_with_a_preview_is_one_picture(tmp_path, picture, recwarn):
    Image.fromarray(picture).save(
        tmp_path / "a.mpo", save_all=True, append_images=[Image.fromarray(picture)]
    )
    read_image(tmp_path / "a.mpo")
    assert not recwarn.list


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ImageError, match="nowhere.jpg: no such file"):
        read_image(tmp_path / "nowhere.jpg")


@pytest.mark.parametrize(
    "content", [b"", b"not a picture at all", b"\x89PNG\r\n\x1a\n" + b"x" * 99]
)
def test_a_file_that_is_no_picture_is_named(tmp_path, content):
    (tmp_path / "odd.png").write_bytes(content)
    with pytest.raises(ImageError, match="odd.png"):
        read_image(tmp_path / "odd.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_cut_off_picture_is_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = save(tmp_path / f"cut{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=f"cut{suffix}: the picture is damaged or cut off"):
        read_image(path)


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "huge.png"
    Image.new("1", (30_000, 30_000)).save(path)
    with pytest.raises(ImageError, match="huge.png: 30000 x 30000 is 900 megapixels"):
        read_image(path)


def test_the_size_limit_can_be_set(tmp_path, picture):
    path = save(tmp_path / "a.png", picture)
    with pytest.raises(ImageError, match="limit"):
        read_image(path, max_pixels=599)
    assert read_image(path, max_pixels=600).height == 20


def test_a_missing_address_is_no_missing_file():
    with pytest.raises(ImageError, match="http://example.org/a.jpg: is an address"):
        read_image("http://example.org/a.jpg")


def test_a_few_bytes_that_become_gigabytes_are_refused(tmp_path):
    Image.new("L", (9000, 9000)).save(tmp_path / "plain.png")
    with pytest.raises(ImageError, match=r"plain.png: its 0.1 megabytes announce 81 megapixels"):
        read_image(tmp_path / "plain.png")

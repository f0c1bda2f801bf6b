"""Pictures: ids, borders, colours, opacity, smooth edges, and what is no label map."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import read

SIDE = 64
IDS = np.zeros((SIDE, SIDE), np.uint8)
IDS[5:30, 5:30] = 1
IDS[25:60, 25:60] = 7
BORDER = IDS.copy()
BORDER[np.roll(IDS, 2, 0) != IDS] = 255


def save(path, values, mode=None):
    picture = values if isinstance(values, Image.Image) else Image.fromarray(values, mode)
    picture.save(path)
    return path


def masks(path):
    return read(path, "photo.jpg", SIDE, SIDE).masks


def smooth(times=8, shape="ellipse"):
    """A white shape with anti-aliased edges."""
    large = Image.new("L", (SIDE * times, SIDE * times))
    getattr(ImageDraw.Draw(large), shape)([90, 60, 400, 420], fill=255)
    return np.asarray(large.resize((SIDE, SIDE), Image.Resampling.BOX))


def with_palette(values, colours):
    picture = Image.fromarray(values, "L")
    picture.putpalette(np.asarray(colours, np.uint8).tobytes())
    return picture


# ---- ids ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["grey", "sixteen bits", "palette", "equal channels", "tif", "bmp"]
)
def test_every_value_but_zero_is_a_mask(tmp_path, kind, recwarn):
    path = tmp_path / {"tif": "m.tif", "bmp": "m.bmp"}.get(kind, "m.png")
    values = IDS
    if kind == "sixteen bits":
        values = IDS.astype(np.uint16) * 5000
    if kind == "palette":
        values = with_palette(IDS, np.random.default_rng(0).integers(0, 255, (256, 3)))
    if kind == "equal channels":
        values = np.repeat(IDS[..., None], 3, -1)
    np.testing.assert_array_equal(masks(save(path, values)), [IDS == 1, IDS == 7])
    assert not [w for w in recwarn if w.category is OvsegWarning]


def test_one_bit_and_black_and_white_are_one_mask(tmp_path):
    for number, values in enumerate((IDS > 0, (IDS > 0).astype(np.uint8) * 255)):
        path = save(tmp_path / f"{number}.png", Image.fromarray(values))
        np.testing.assert_array_equal(masks(path), [IDS > 0])


def test_colours_are_ids(tmp_path):
    colours = np.zeros((SIDE, SIDE, 3), np.uint8)
    colours[IDS == 1], colours[IDS == 7] = (128, 0, 0), (0, 0, 200)
    path = save(tmp_path / "m.png", colours)
    np.testing.assert_array_equal(masks(path), [IDS == 1, IDS == 7])
    assert read(path, "photo.jpg", SIDE, SIDE).sources[1] == "m.png colour (0, 0, 200)"


# ---- borders ------------------------------------------------------------------------------


@pytest.mark.parametrize("palette", [False, True])
def test_255_beside_ids_is_border(tmp_path, palette):
    colours = np.random.default_rng(0).integers(0, 255, (256, 3))
    values = with_palette(BORDER, colours) if palette else BORDER
    with pytest.warns(OvsegWarning, match="255 beside the ids 1, 7 is read as border"):
        found = masks(save(tmp_path / "m.png", values))
    np.testing.assert_array_equal(found, [BORDER == 1, BORDER == 7])


def test_65535_is_border_of_sixteen_bits_and_255_an_id(tmp_path):
    deep = np.select([BORDER == 255, BORDER == 7], [65535, 255], BORDER.astype(int)).astype(
        np.uint16
    )
    with pytest.warns(OvsegWarning, match="65535 beside the ids 1, 255"):
        assert len(masks(save(tmp_path / "m.png", deep))) == 2


def test_255_may_be_the_last_of_many_ids(tmp_path):
    counted = np.repeat(np.repeat(np.arange(256, dtype=np.uint8).reshape(16, 16), 4, 0), 4, 1)
    assert len(masks(save(tmp_path / "m.png", counted))) == 255


def test_ids_that_were_stretched_for_the_eye_are_all_masks(tmp_path):
    stretched = np.select([IDS == 1, IDS == 7], [127, 255]).astype(np.uint8)
    with pytest.warns(OvsegWarning, match="look stretched for the eye; 255 is a mask too"):
        assert len(masks(save(tmp_path / "m.png", stretched))) == 2


def test_vocs_border_colour_is_no_mask(tmp_path):
    colours = np.zeros((SIDE, SIDE, 3), np.uint8)
    colours[BORDER == 1], colours[BORDER == 7] = (128, 0, 0), (0, 128, 0)
    colours[BORDER == 255] = (224, 224, 192)
    with pytest.warns(OvsegWarning, match=r"\(224, 224, 192\) is Pascal VOC's border"):
        assert len(masks(save(tmp_path / "m.png", colours))) == 2


# ---- smooth edges -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["ellipse", "rectangle"])
@pytest.mark.parametrize("hue", [None, (1.0, 0.0, 0.0), (1.0, 0.5, 0.25)])
def test_a_mask_with_smooth_edges_is_one_mask(tmp_path, shape, hue):
    levels = smooth(shape=shape)
    values = levels if hue is None else np.round(levels[..., None] * np.array(hue)).astype(np.uint8)
    with pytest.warns(OvsegWarning, match="one mask with smooth edges, cut at half"):
        found = masks(save(tmp_path / "m.png", values))
    np.testing.assert_array_equal(found, [levels >= 128])


def test_a_blurred_mask_is_one_mask(tmp_path):
    from scipy.ndimage import gaussian_filter

    levels = gaussian_filter((IDS > 0) * 255.0, 1.5).round().astype(np.uint8)
    with pytest.warns(OvsegWarning, match="smooth edges"):
        found = masks(save(tmp_path / "m.png", levels))
    assert (found[0] != (IDS > 0)).mean() < 0.01


def test_fractions_are_cut_at_half(tmp_path):
    Image.fromarray(smooth().astype(np.float32) / 255).save(tmp_path / "m.tif")
    with pytest.warns(OvsegWarning, match="cut at one half"):
        np.testing.assert_array_equal(masks(tmp_path / "m.tif"), [smooth() >= 128])


def test_a_thin_object_beside_a_large_one_is_not_an_edge(tmp_path):
    thin = np.where(IDS == 7, 3, 0).astype(np.uint8)
    thin[24, 25:60] = 1
    assert len(masks(save(tmp_path / "m.png", thin))) == 2


def test_photos_and_resized_label_maps_are_refused(tmp_path):
    rng = np.random.default_rng(0)
    photo = save(tmp_path / "photo.png", rng.integers(0, 255, (SIDE, SIDE, 3), np.uint8))
    with pytest.raises(MasksError, match="fill no block of 2 x 2 pixels: smooth edges.*or a photo"):
        masks(photo)
    scaled = Image.fromarray(IDS * 25).resize((40, 40), Image.Resampling.BICUBIC)
    path = save(tmp_path / "scaled.png", scaled.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    with pytest.raises(MasksError, match="resizing that interpolates"):
        masks(path)
    many = save(tmp_path / "many.png", np.arange(120**2, dtype=np.uint16).reshape(120, 120))
    with pytest.raises(MasksError, match="14399 different values; a photo or a map of depths"):
        read(many, "photo.jpg", 120, 120)


# ---- opacity ------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("colour", [0, 255])
def test_opacity_is_the_mask_where_the_colour_says_nothing(tmp_path, grey, colour):
    values = np.full((SIDE, SIDE, 2 if grey else 4), colour, np.uint8)
    values[..., -1] = (IDS > 0) * 255
    path = save(tmp_path / "m.png", values, "LA" if grey else "RGBA")
    np.testing.assert_array_equal(masks(path), [IDS > 0])
    assert read(path, "photo.jpg", SIDE, SIDE).sources == ("m.png opacity",)


def test_soft_opacity_is_cut_at_half(tmp_path):
    values = np.full((SIDE, SIDE, 4), 200, np.uint8)
    values[..., 3] = smooth()
    with pytest.warns(OvsegWarning, match="opacity, whose .* levels are cut at half"):
        np.testing.assert_array_equal(masks(save(tmp_path / "m.png", values)), [smooth() >= 128])


def test_a_cut_out_photo_is_a_mask(tmp_path):
    values = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 4), np.uint8)
    values[..., 3] = (IDS > 0) * 255
    np.testing.assert_array_equal(masks(save(tmp_path / "m.png", values)), [IDS > 0])


def test_colours_on_a_transparent_ground_are_ids(tmp_path):
    values = np.full((SIDE, SIDE, 4), 255, np.uint8)
    values[..., 3] = (IDS > 0) * 255
    values[IDS == 1, :3], values[IDS == 7, :3] = (200, 0, 0), (0, 200, 0)
    np.testing.assert_array_equal(masks(save(tmp_path / "m.png", values)), [IDS == 1, IDS == 7])


@pytest.mark.parametrize("alpha", [255, 128])
def test_even_opacity_says_nothing(tmp_path, alpha):
    values = np.zeros((SIDE, SIDE, 4), np.uint8)
    values[..., 0], values[..., 3] = IDS, alpha
    assert len(masks(save(tmp_path / "m.png", values))) == 2


def test_a_transparent_picture_is_refused(tmp_path):
    with pytest.raises(MasksError, match="every pixel is transparent"):
        masks(save(tmp_path / "m.png", np.zeros((SIDE, SIDE, 4), np.uint8)))


# ---- pictures that hold no masks ----------------------------------------------------------


def encoded(picture, kind):
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def bomb():
    """A PNG that states 60000 x 60000 pixels."""
    plain = bytearray(encoded(Image.fromarray(IDS), "PNG"))
    plain[16:24] = (60000).to_bytes(4, "big") * 2
    return bytes(plain)


FAULTS = {
    "jpeg": (lambda: encoded(Image.fromarray(IDS), "JPEG"), "stored as JPEG"),
    "webp": (lambda: encoded(Image.fromarray(IDS), "WEBP"), "stored as WEBP"),
    "another size": (lambda: encoded(Image.new("L", (9, 8)), "PNG"), "is 8 x 9 .*the image 64 x"),
    "cut off": (lambda: encoded(Image.fromarray(BORDER), "PNG")[:-60], "not a readable picture"),
    "no picture": (lambda: b"\x89PNG", r"not a readable picture \(no known kind\)"),
    "empty": (lambda: b"", "not a readable picture"),
    "a bomb": (bomb, "m.png: (not a readable picture|the picture is 60000)"),
    "CMYK": (lambda: encoded(Image.new("CMYK", (SIDE, SIDE)), "TIFF"), "pixels of type CMYK"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_pictures_that_hold_no_masks_are_refused(tmp_path, fault):
    make, message = FAULTS[fault]
    (tmp_path / "m.png").write_bytes(make())
    with pytest.raises(MasksError, match=message):
        masks(tmp_path / "m.png")


def test_a_palette_that_a_program_chose_holds_no_ids(tmp_path):
    colours = np.full((256, 3), 200)
    colours[7] = 0
    with pytest.raises(MasksError, match="index 7 is black, so the indices are no ids"):
        masks(save(tmp_path / "m.png", with_palette(IDS, colours)))


def test_colours_of_sixteen_bits_are_refused(tmp_path):
    """Pillow would drop half of each channel, and with it what tells ids apart."""
    rows = b"".join(b"\0" + bytes(6 * SIDE) for _ in range(SIDE))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(MasksError, match="RGB with 16 bits a channel"):
        masks(tmp_path / "m.png")


def test_several_pictures_in_one_file_are_refused(tmp_path):
    pages = [Image.fromarray(IDS), Image.fromarray(IDS)]
    pages[0].save(tmp_path / "m.tif", save_all=True, append_images=pages[1:])
    with pytest.raises(MasksError, match="holds 2 pictures; save one per file"):
        masks(tmp_path / "m.tif")


def test_a_picture_turned_on_its_side_is_named(tmp_path):
    path = save(tmp_path / "m.png", IDS[:40])
    with pytest.raises(MasksError, match="40 x 64.*turned on its side, the image 64 x 40"):
        read(path, "photo.jpg", 64, 40)


def test_a_grey_gif_holds_levels_whatever_numbers_its_palette_gives_them(tmp_path):
    with pytest.warns(OvsegWarning, match="255 beside the ids 1, 7 is read as border"):
        found = masks(save(tmp_path / "m.gif", BORDER))
    np.testing.assert_array_equal(found, [BORDER == 1, BORDER == 7])


def test_a_label_map_that_is_stored_turned_is_refused(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down, so that the size does not tell
    Image.fromarray(IDS).save(tmp_path / "m.png", exif=exif)
    with pytest.raises(MasksError, match="EXIF orientation 3"):
        masks(tmp_path / "m.png")

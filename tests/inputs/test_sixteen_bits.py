"""Files of more than eight bits, grey and colour, and what they say of their depth."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import OvsegWarning
from ovseg_jax.inputs.images import ImageError, read_image

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def save_png(path, values, *chunks, filter_type=0):
    """Writes a sixteen-bit PNG, which Pillow cannot do in colour."""
    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)
    rows = values.astype(">u2").reshape(height, -1).view(np.uint8)
    if filter_type == 2:  # each byte less the one above
        rows = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))
    rows = np.pad(rows, ((0, 0), (1, 0)), constant_values=filter_type)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in (
                (b"IHDR", header),
                *chunks,
                (b"IDAT", zlib.compress(rows.tobytes())),
                (b"IEND", b""),
            )
        )
    )
    return path


def save_tiff(path, values, order="<", *, packed=False, planar=False, tags=()):
    """Writes a sixteen-bit TIFF: header, strips, long values, directory."""
    height, width, channels = values.shape
    planes = [values[..., c] for c in range(channels)] if planar else [values]
    strips = [plane.astype(order + "u2").tobytes() for plane in planes]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    places = np.cumsum([8, *map(len, strips)]).tolist()
    entries = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [16] * channels),
        259: ("H", [8 if packed else 1]),
        262: ("H", [2 if channels >= 3 else 1]),
        273: ("I", places[:-1]),
        277: ("H", [channels]),
        278: ("I", [height]),
        279: ("I", [len(strip) for strip in strips]),
        284: ("H", [2 if planar else 1]),
        **({338: ("H", [2])} if channels == 4 else {}),
        **dict(tags),
    }
    directory, long_values = struct.pack(order + "H", len(entries)), b""
    for tag, (kind, numbers) in sorted(entries.items()):
        data = struct.pack(f"{order}{len(numbers)}{kind}", *numbers)
        directory += struct.pack(order + "HHI", tag, {"H": 3, "I": 4}[kind], len(numbers))
        if len(data) > 4:
            directory += struct.pack(order + "I", places[-1] + len(long_values))
            long_values += data
        else:
            directory += data.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(
        order + "HI", 42, places[-1] + len(long_values)
    )
    path.write_bytes(head + b"".join(strips) + long_values + directory + bytes(4))
    return path


def colours(channels, white=65535, seed=0):
    values = np.random.default_rng(seed).integers(0, white + 1, (20, 30, channels))
    values[0, 0] = white
    if channels in (2, 4):
        values[..., -1] = white
    return values.astype(np.uint16)


def eight(values, white):
    """The bytes that are expected, as RGB."""
    found = np.rint(values * (255 / white)).astype(np.uint8)
    found = found[..., :-1] if values.shape[-1] in (2, 4) else found
    return np.broadcast_to(found, (*values.shape[:2], 3))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("filter_type", [0, 2])
def test_png_in_full(tmp_path, channels, filter_type):
    values = colours(channels)
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        found = read_image(save_png(tmp_path / "a.png", values, filter_type=filter_type))
    np.testing.assert_array_equal(found.pixels, eight(values, 65535))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_ten_bits_in_a_png_are_seen_and_said(tmp_path, channels):
    values = colours(channels, 1023)
    with pytest.warns(OvsegWarning, match=r"a\.png: .* reach 1023 only; read as 10 bits"):
        found = read_image(save_png(tmp_path / "a.png", values))
    np.testing.assert_array_equal(found.pixels, eight(values, 1023))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_twelve_bits_in_a_tiff_are_seen_and_said(tmp_path, channels, order, packed):
    values = colours(channels, 4095)
    with pytest.warns(OvsegWarning, match="read as 12 bits"):
        found = read_image(save_tiff(tmp_path / "a.tif", values, order, packed=packed))
    np.testing.assert_array_equal(found.pixels, eight(values, 4095))


def test_the_file_says_its_depth(tmp_path):
    """A dark photo stays dark where the file says how much is white, and nothing is said."""
    values = colours(3, 700)
    sbit = (b"sBIT", bytes([12, 12, 12]))
    grey = values[..., :1]
    files = (
        save_png(tmp_path / "a.png", values, sbit),
        save_png(tmp_path / "b.png", grey, (b"sBIT", bytes([12]))),
        save_tiff(tmp_path / "c.tif", values, tags={281: ("H", [4095] * 3)}),
        save_tiff(tmp_path / "d.tif", grey, tags={281: ("H", [4095])}),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", OvsegWarning)
        for path, stored in zip(files, (values, grey, values, grey), strict=True):
            np.testing.assert_array_equal(read_image(path).pixels, eight(stored, 4095))


def test_bits_that_were_scaled_up_as_the_standard_says_are_sixteen(tmp_path):
    values = colours(3, 4095) << 4
    path = save_png(tmp_path / "a.png", values, (b"sBIT", bytes([12, 12, 12])))
    np.testing.assert_array_equal(read_image(path).pixels, eight(values, 65535))


@pytest.mark.parametrize("kind", ["P5", "P6"])
def test_a_portable_map_says_its_maximum(tmp_path, kind):
    values = colours(1 if kind == "P5" else 3, 300)
    header = f"{kind} 30 20 1023\n".encode()
    (tmp_path / "a.pnm").write_bytes(header + values.astype(">u2").tobytes())
    found = read_image(tmp_path / "a.pnm").pixels
    assert abs(found - eight(values, 1023).astype(int)).max() <= 1


def test_colours_that_pillow_only_gives_in_part_are_said(tmp_path):
    values = colours(3, 4095)
    (tmp_path / "a.ppm").write_bytes(b"P6 30 20 65535\n" + values.astype(">u2").tobytes())
    with pytest.warns(OvsegWarning, match="reach 16 of 255"):
        read_image(tmp_path / "a.ppm")
    with pytest.warns(OvsegWarning, match="only the high bytes can be read.* reach 15 of 255"):
        read_image(save_tiff(tmp_path / "a.tif", values, packed=True, planar=True))
    with pytest.raises(ImageError, match="separate planes cannot be read"):
        read_image(save_tiff(tmp_path / "b.tif", values, planar=True))


def test_deep_colours_are_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    values = colours(3)
    path = save_png(tmp_path / "a.png", values, (b"eXIf", exif.tobytes()[6:]))
    found = read_image(path)
    assert found.turned
    np.testing.assert_array_equal(found.pixels, np.rot90(eight(values, 65535), -1))


def test_deep_colours_of_a_picture_that_is_open_come_in_full(tmp_path):
    from ovseg_jax.inputs.photos import load_photo

    values = colours(3, 4095)
    with pytest.warns(OvsegWarning, match="12 bits"):
        found = load_photo(Image.open(save_png(tmp_path / "a.png", values)))
    np.testing.assert_array_equal(found.pixels, eight(values, 4095))


def test_fractions_in_a_file(tmp_path):
    values = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    Image.fromarray(values).save(tmp_path / "a.tif")
    found = read_image(tmp_path / "a.tif").pixels
    np.testing.assert_array_equal(found[..., 0], np.rint(values * 255))
    Image.fromarray(values * 3).save(tmp_path / "b.tif")
    with pytest.raises(ImageError, match=r"b\.tif: fractions up to 3 are neither"):
        read_image(tmp_path / "b.tif")

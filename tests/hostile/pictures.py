"""Pictures that are bombs, cut off, endless, or programs."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from tests.hostile.archives import ESCAPES


def png(width: int, height: int, data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Returns a grey PNG with further chunks before its data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


def tiff(entries: list[tuple[int, int, int, int]], following: int) -> bytes:
    """Returns a TIFF of one directory: tags with type, count and value; then the next one."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"II*\x00\x08\x00\x00\x00"
        + struct.pack("<H", len(entries))
        + body
        + struct.pack("<I", following)
    )


def encoded(kind: str, size: tuple[int, int] = (40, 30), **options) -> bytes:
    """Returns a picture as Pillow writes it."""
    buffer = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def pictures(trace: Path) -> dict[str, bytes]:
    """Returns hostile pictures by name."""
    rows = zlib.compress(bytes(31 * 30))
    text = zlib.compress(b"x" * 200_000_000)
    grey = [(256, 3, 1, 40), (257, 3, 1, 30), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    jpeg = encoded("JPEG")
    exif = b"Exif\x00\x00MM\x00*" + b"\xff" * 300
    frames = [Image.new("P", (40, 30), color) for color in range(200)]
    loop = io.BytesIO()
    frames[0].save(loop, "GIF", save_all=True, append_images=frames[1:], loop=0)
    program = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\n"
    program += f"({trace}) (w) file\n"
    return {
        "bomb.png": png(50_000, 50_000, zlib.compress(bytes(100_000_000))),
        "bomb_below_limit.png": png(13_000, 13_000, zlib.compress(bytes(13_001 * 13_000))),
        "strip.png": png(170_000_000, 1, zlib.compress(bytes(170_000_001))),
        "no_rows.png": png(0, 30, rows),
        "half.png": png(30, 30, rows)[:60],
        "text.png": png(30, 30, rows, (b"zTXt", b"a\x00\x00" + text)),
        "texts.png": png(30, 30, rows, *[(b"tEXt", b"a\x00" + bytes(65_000))] * 500),
        "profile.png": png(30, 30, rows, (b"iCCP", b"a\x00\x00" + text)),
        "escapes.png": png(30, 30, rows, (b"tEXt", b"a\x00" + ESCAPES.encode())),
        "half.jpg": jpeg[: len(jpeg) // 2],
        "exif.jpg": jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:],
        "size.jpg": jpeg.replace(b"\x00\x1e\x00\x28", b"\xff\xff\xff\xff"),
        "loop.gif": loop.getvalue(),
        "size.gif": b"GIF89a" + b"\xff\xff\xff\xff" + loop.getvalue()[10:],
        "loop.tif": tiff([*grey, (273, 4, 1, 8), (279, 4, 1, 1200)], 8),
        "count.tif": tiff([*grey, (273, 4, 2**31, 8), (279, 4, 2**31, 8)], 0),
        "wide.tif": tiff([(256, 4, 1, 2**31), (257, 4, 1, 2**31), *grey[2:]], 0),
        "size.bmp": encoded("BMP")[:18] + struct.pack("<ii", 2**30, 2**30) + encoded("BMP")[26:],
        "size.ppm": b"P6 99999999 99999999 255\n" + bytes(100),
        "digits.ppm": b"P6 " + b"9" * 100_000 + b" 1 255\n",
        "half.webp": encoded("WEBP")[:60],
        "program.png": program.encode(),
        "program.eps": program.encode(),
        "text.svg": b'<svg><image href="file:///etc/passwd"/></svg>',
        "pickle.png": b"\x80\x04cos\nsystem\n(X\x04\x00\x00\x00true" + b"tR.",
        "empty.jpg": b"",
        f"name_{ESCAPES}.png": png(30, 30, rows)[:70],
    }


def write_all(folder: Path, trace: Path) -> None:
    """Writes all of them."""
    for file, content in pictures(trace).items():
        (folder / file).write_bytes(content)

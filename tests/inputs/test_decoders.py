"""No picture starts a program, whatever it is called."""

import pytest
from PIL import Image

from ovseg_jax.inputs.decoders import open_picture
from ovseg_jax.inputs.images import ImageError, read_image

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 40 30\n%%EndComments\nshowpage\n"


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """A file that the Ghostscript on the path leaves behind when it is started."""
    program, trace = tmp_path / "bin" / "gs", tmp_path / "trace"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setattr("PIL.EpsImagePlugin.gs_binary", None)
    return trace


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg", "photo.eps"])
def test_postscript_is_not_handed_to_ghostscript(tmp_path, trace, name):
    (tmp_path / name).write_bytes(POSTSCRIPT)
    with pytest.raises(ImageError, match="not a picture that can be read"):
        read_image(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM"])
def test_other_formats_open_as_before(tmp_path, kind):
    Image.new("RGB", (4, 3), "red").save(tmp_path / "x", kind)
    with open_picture(tmp_path / "x") as picture:
        assert picture.format == kind and picture.size == (4, 3)

"""NumPy archives: masks with what is known of them, and headers that promise too much."""

import io
import zipfile

import numpy as np
import pytest

from ovseg_jax.foundation.errors import MasksError
from tests.masks.drawn import HEIGHT, MASKS, WIDTH, read


@pytest.mark.parametrize("factor", [1, 255])
@pytest.mark.parametrize("order", ["C", "F"])
def test_archives_hold_masks_and_what_is_known_of_them(tmp_path, factor, order):
    path = tmp_path / "m.npz"
    masks = np.asarray(MASKS.astype(np.uint8) * factor, order=order)
    np.savez_compressed(path, masks=masks, scores=np.ones(3), names=np.array(list("abc")))
    found = read(path)
    np.testing.assert_array_equal(found.masks, MASKS)
    assert found.names == ("a", "b", "c") and found.scores.tolist() == [1, 1, 1]
    assert found.sources == ("m.npz masks[0]", "m.npz masks[1]", "m.npz masks[2]")


@pytest.mark.parametrize("masks", [MASKS[:0], np.zeros(0)])
def test_archives_without_masks_are_photos_without_objects(tmp_path, masks):
    np.savez(tmp_path / "m.npz", masks=masks)
    assert read(tmp_path / "m.npz").masks.shape == (0, HEIGHT, WIDTH)


FAULTS = {
    "other arrays": (dict(scores=np.ones(3)), r"no array 'masks', only \['scores'\]"),
    "one mask without its axis": (dict(masks=MASKS[0]), "has shape"),
    "another size": (dict(masks=MASKS.transpose(0, 2, 1)), "'masks' is 9 x 6"),
    "fractions": (dict(masks=MASKS * 0.5), "other than 0 and 1"),
    "ids": (dict(masks=MASKS * np.array([1, 2, 3])[:, None, None]), "other than 0 and 1"),
    "text": (dict(masks=MASKS.astype("U5")), "is of type <U5, not bool"),
    "too few scores": (dict(masks=MASKS, scores=np.ones(2)), "'scores' has shape"),
    "words for scores": (dict(masks=MASKS, scores=np.array(list("abc"))), "'scores' is of type"),
    "objects": (dict(masks=np.array([None, 3], object)), "objects, not plain arrays"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_in_archives_are_named(tmp_path, fault):
    arrays, message = FAULTS[fault]
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(MasksError, match=message) as caught:
        read(tmp_path / "m.npz")
    assert str(caught.value).startswith(str(tmp_path / "m.npz"))


def with_header(path, shape, descr="|b1", content=b""):
    """Writes an archive whose only array states a shape and holds other bytes."""
    header = io.BytesIO()
    stated = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, stated)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("masks.npy", header.getvalue() + content)
    return path


@pytest.mark.parametrize(
    ("shape", "content", "message"),
    [
        ((10**12, HEIGHT, WIDTH), b"", "masks of 6 x 9 pixels take"),
        ((3, 10**9, 10**9), b"", "is 1000000000 x 1000000000"),
        ((3, HEIGHT, WIDTH), b"\1", "another number of bytes than it says"),
        ((3, HEIGHT, WIDTH), b"\1" * 999, "another number of bytes than it says"),
        ((-3, HEIGHT, WIDTH), b"\1", "m.npz"),
    ],
)
def test_headers_that_promise_too_much_take_no_memory(tmp_path, shape, content, message):
    with pytest.raises(MasksError, match=message):
        read(with_header(tmp_path / "m.npz", shape, content=content))


def test_members_that_are_no_arrays_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("masks.npy", b"import os")
    with pytest.raises(MasksError, match="not a readable .npz of plain arrays"):
        read(tmp_path / "m.npz")
    (tmp_path / "m.npz").write_bytes(b"PK")
    with pytest.raises(MasksError, match="not a readable .npz of plain arrays"):
        read(tmp_path / "m.npz")

"""Label Studio: its run lengths of bits, outlines in percent, tasks that are matched by name."""

import numpy as np
import pytest

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import HEIGHT, MASKS, WIDTH, read, store


def encode(mask, lengths=(3, 4, 8, 16)):
    """Packs a mask as Label Studio does: opacity in the last of four channels."""
    values = np.repeat(mask.reshape(-1, 1) * np.uint8(255), 4, 1).ravel()
    bits = f"{values.size:032b}{7:05b}" + "".join(f"{n - 1:04b}" for n in lengths)
    edges = np.flatnonzero(np.diff(values)) + 1
    for start, end in zip([0, *edges], [*edges, values.size], strict=True):
        rule = next(i for i, length in enumerate(lengths) if end - start <= 2**length)
        repeats = (end - start) % 8 != 0  # blocks of both kinds
        run = [values[start]] if repeats else values[start:end]
        bits += f"{int(repeats)}{rule:02b}{end - start - 1:0{lengths[rule]}b}"
        bits += "".join(f"{value:08b}" for value in run)
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def result(kind, **value):
    sides = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"type": kind, "value": value | {kind: ["cat"]}} | sides


def task(*results, image="/data/upload/4/photo.jpg", **fields):
    return {"id": 1, "data": {"image": image}, "annotations": [{"result": list(results)}]} | fields


def brush(mask):
    return result("brushlabels", format="rle", rle=encode(mask))


@pytest.mark.parametrize("number", range(3))
def test_brushes_are_masks(tmp_path, number):
    found = read(store(tmp_path / "ls.json", [task(brush(MASKS[number]))]))
    np.testing.assert_array_equal(found.masks, MASKS[[number]])
    assert found.names == ("cat",)


def test_random_brushes_come_back(tmp_path):
    rng = np.random.default_rng(0)
    masks = [rng.random((HEIGHT, WIDTH)) < share for share in (0.1, 0.5, 0.9)]
    found = read(store(tmp_path / "ls.json", [task(*map(brush, masks))]))
    np.testing.assert_array_equal(found.masks, masks)


def test_outlines_are_percent_of_the_sides(tmp_path):
    corners = [[x * 100 / WIDTH, y * 100 / HEIGHT] for x, y in ((2, 1), (7, 1), (7, 4), (2, 4))]
    polygon = result("polygonlabels", points=corners, closed=True)
    (x, y), (right, bottom) = corners[0], corners[2]
    box = result("rectanglelabels", x=x, y=y, width=right - x, height=bottom - y, rotation=0)
    with pytest.warns(OvsegWarning, match="there twice"):
        found = read(store(tmp_path / "ls.json", [task(polygon, box)]))
    np.testing.assert_array_equal(found.masks, MASKS[[0, 0]])


def test_the_short_layout_is_read(tmp_path):
    value = brush(MASKS[2])
    short = {"image": "/data/upload/4/photo.jpg", "id": 1, "tag": [value["value"] | value]}
    np.testing.assert_array_equal(read(store(tmp_path / "m.json", [short])).masks, MASKS[2:])


def test_tasks_are_matched_by_name(tmp_path):
    tasks = [task(brush(MASKS[0]), image="/data/upload/4/cb0618f6-photo.jpg"), task(image="b.jpg")]
    path = store(tmp_path / "ls.json", tasks)
    with pytest.warns(OvsegWarning, match="without Label Studio's digits"):
        assert len(read(path).masks) == 1
    assert len(read(path, "b.jpg").masks) == 0
    with pytest.raises(MasksError, match="no image 'c.jpg' among its 2"):
        read(path, "c.jpg")


def test_two_annotators_are_refused_and_cancelled_work_is_left_out(tmp_path):
    both = [{"result": [brush(mask)]} for mask in MASKS[:2]]
    with pytest.raises(MasksError, match="was annotated 2 times"):
        read(store(tmp_path / "two.json", [task(annotations=both)]))
    both[0]["was_cancelled"] = True
    found = read(store(tmp_path / "one.json", [task(annotations=both)]))
    np.testing.assert_array_equal(found.masks, MASKS[[1]])


GOOD = encode(MASKS[0])


@pytest.mark.parametrize(
    ("rle", "message"),
    [
        (3, "'rle' is not a list of bytes"),
        ([1, 2, 999], "'rle' is not a list of bytes"),
        ([], "ends in the middle"),
        (GOOD[:-4], "ends in the middle"),
        ([255, 255, 255, 255, *GOOD[4:]], r"holds 4294967295 values, not 6 x 9 x 4 = 216"),
        ([*GOOD[:4], 255, *GOOD[5:]], "values of 32 bits, not 8"),
        ([*GOOD[:7], *[255] * 600], "more than the 216 values|ends in the middle"),
    ],
)
def test_faulty_run_lengths_are_described(tmp_path, rle, message):
    path = store(tmp_path / "ls.json", [task(result("brushlabels", format="rle", rle=rle))])
    with pytest.raises(MasksError, match=message):
        read(path)


def test_skipped_tasks_are_said(tmp_path):
    skipped = task(annotations=[{"was_cancelled": True, "result": []}])
    with pytest.warns(OvsegWarning, match="was skipped by who annotated it"):
        assert not len(read(store(tmp_path / "ls.json", [skipped])).masks)


def test_photos_that_were_turned_in_the_editor_are_refused(tmp_path):
    turned = brush(MASKS[0]) | {"image_rotation": 90}
    with pytest.raises(MasksError, match="turned by 90 degrees .*image_rotation"):
        read(store(tmp_path / "ls.json", [task(turned)]))
    read(store(tmp_path / "straight.json", [task(brush(MASKS[0]) | {"image_rotation": 0})]))


def test_another_size_is_named(tmp_path):
    other = brush(MASKS[0]) | {"original_width": 50}
    with pytest.raises(MasksError, match="'original_height', 'original_width'.* is 6 x 50"):
        read(store(tmp_path / "ls.json", [task(other)]))

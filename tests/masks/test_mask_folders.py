"""Folders of masks: what belongs to a photo, and what could belong to several."""

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.foundation.errors import MasksError, OvsegWarning
from tests.masks.drawn import ENTRIES, HEIGHT, MASKS, WIDTH, instances, read, store

IDS = np.where(MASKS[0], 1, 0) + np.where(MASKS[2] & ~MASKS[0], 2, 0)


def draw(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path):
    """Two photos in a folder `p`."""
    colours = np.full((HEIGHT, WIDTH, 3), 99)
    return [draw(tmp_path / "p" / name, colours) for name in ("a.jpg", "b.jpg")]


def test_a_picture_with_the_photos_stem_is_its_label_map(tmp_path, photos):
    draw(tmp_path / "seg/a.png", IDS)
    draw(tmp_path / "seg/b.png", MASKS[1])
    first, second = (read(tmp_path / "seg", photo, photos=photos) for photo in photos)
    np.testing.assert_array_equal(first.masks, [IDS == 1, IDS == 2])
    np.testing.assert_array_equal(second.masks, MASKS[[1]])
    assert first.sources == ("a.png id 1", "a.png id 2")


@pytest.mark.parametrize(
    ("photo", "mask"),
    [
        ("a.jpg", "a_mask.png"),
        ("a.jpg", "a_labels.png"),
        ("a_leftImg8bit.png", "a_gtFine_labelIds.png"),
        ("1_sat.jpg", "1_mask.png"),
    ],
)
def test_customary_additions_to_the_stem_are_known(tmp_path, photo, mask):
    draw(tmp_path / mask, MASKS[0])
    np.testing.assert_array_equal(read(tmp_path, photo).masks, MASKS[:1])


def test_two_files_for_one_photo_are_refused(tmp_path):
    draw(tmp_path / "a_mask.png", IDS)
    draw(tmp_path / "a_seg.png", IDS)
    with pytest.raises(MasksError, match=r"'a.jpg' could mean any of a_mask.png, a_seg.png"):
        read(tmp_path, "a.jpg")
    draw(tmp_path / "a.png", IDS)
    assert len(read(tmp_path, "a.jpg").masks) == 2  # the very stem goes first
    draw(tmp_path / "a/0.png", IDS)
    with pytest.raises(MasksError, match=r"could mean any of a, a.png"):
        read(tmp_path, "a.jpg")


def test_subfolders_hold_a_picture_per_mask_in_natural_order(tmp_path):
    for number, mask in ((10, 2), (2, 1), (1, 0)):
        draw(tmp_path / f"photo/mask_{number}.png", MASKS[mask] * 255)
    (tmp_path / "photo/._mask_1.png").write_bytes(b"sidecar")
    (tmp_path / "photo/metadata.csv").write_text("id,area")
    found = read(tmp_path)
    np.testing.assert_array_equal(found.masks, MASKS)
    assert found.sources == tuple(f"photo/mask_{number}.png" for number in (1, 2, 10))


def test_names_with_dots_have_subfolders_too(tmp_path):
    draw(tmp_path / "scene.2024/0.png", MASKS[0])
    assert len(read(tmp_path, "scene.2024.jpg").masks) == 1


def test_a_picture_of_several_values_is_not_one_mask(tmp_path):
    draw(tmp_path / "photo/0.png", IDS)
    with pytest.raises(MasksError, match=r"0.png: holds the values 1, 2, where every picture is"):
        read(tmp_path)


def test_loose_pictures_are_masks_of_a_single_photo(tmp_path, photos):
    for index, mask in enumerate(MASKS):
        draw(tmp_path / f"loose/{index}.png", mask * 255)
    np.testing.assert_array_equal(read(tmp_path / "loose", photos[0]).masks, MASKS)
    with pytest.raises(MasksError, match="cannot be the masks of 2 photos each; a folder of masks"):
        read(tmp_path / "loose", photos[0], photos=photos)


def test_loose_pictures_that_bear_another_photos_name_are_refused(tmp_path, photos):
    draw(tmp_path / "seg/b.png", MASKS[0])
    with pytest.raises(MasksError, match="b.png bears the name of another photo, .*b.jpg"):
        read(tmp_path / "seg", photos[0])
    draw(tmp_path / "masks/b_mask.png", MASKS[0])
    with pytest.raises(MasksError, match="bears the name of another photo"):
        read(tmp_path / "masks", photos[0])


def test_a_photos_own_subfolder_may_be_given(tmp_path, photos):
    draw(tmp_path / "seg/a/b.png", MASKS[0])
    assert len(read(tmp_path / "seg/a", photos[0], photos=photos).masks) == 1


def test_photos_among_masks_are_not_masks(tmp_path):
    photo = draw(tmp_path / "a.png", np.full((HEIGHT, WIDTH, 3), 99))
    with pytest.raises(MasksError, match="its pictures lie among the photos"):
        read(tmp_path, photo)
    store(tmp_path / "a.json", ENTRIES)
    assert len(read(tmp_path, photo).masks) == 3


def test_one_file_does_not_serve_two_photos(tmp_path, photos):
    twin = draw(photos[0].with_suffix(".png"), np.full((HEIGHT, WIDTH), 99))
    draw(tmp_path / "seg/a.png", IDS)
    with pytest.raises(MasksError, match="could hold the masks of .*a.jpg or of .*a.png"):
        read(tmp_path / "seg", photos[0], photos=[photos[0], twin])


def test_folders_of_photos_are_followed(tmp_path):
    draw(tmp_path / "seg/val/a.png", MASKS[0])
    draw(tmp_path / "seg/train/a.png", MASKS[2])
    run = [tmp_path / "p/val/a.jpg", tmp_path / "p/train/a.jpg"]
    assert (read(tmp_path / "seg", run[0], photos=run).masks == MASKS[:1]).all()
    assert (read(tmp_path / "seg", run[1], photos=run).masks == MASKS[2:]).all()
    run.append(tmp_path / "p/test/a.jpg")
    with pytest.raises(MasksError, match="holds nothing for 'a.jpg'"):
        read(tmp_path / "seg", run[2], photos=run)


def test_a_compressed_label_map_is_refused(tmp_path):
    draw(tmp_path / "seg/a.jpg", IDS * 100)
    with pytest.raises(MasksError, match=r"a\.jpg: is stored as JPEG, .*save masks as PNG"):
        read(tmp_path / "seg", "p/a.jpg")


def test_an_empty_label_map_is_a_photo_without_objects(tmp_path):
    draw(tmp_path / "a.png", IDS * 0)
    with pytest.warns(OvsegWarning, match="every pixel is 0"):
        assert read(tmp_path, "a.jpg").masks.shape == (0, HEIGHT, WIDTH)


def test_nothing_for_a_photo_names_the_layouts(tmp_path):
    with pytest.raises(MasksError, match=r"nothing for 'photo.jpg'.*a.png for a.jpg.*a/0.png"):
        read(tmp_path)
    store(tmp_path / "instances.json", instances("photo.jpg"))
    with pytest.raises(MasksError, match="to use instances.json, give the file itself"):
        read(tmp_path)
    (tmp_path / "photo").mkdir()
    with pytest.raises(MasksError, match="photo: holds no picture"):
        read(tmp_path)


@pytest.mark.parametrize("name", ["bare.json", "ids.png", "masks.npz", "masks.txt"])
def test_masks_of_no_named_photo_do_not_serve_a_run(tmp_path, photos, name):
    path = tmp_path / name
    if name == "bare.json":
        store(path, ENTRIES)
    elif name == "ids.png":
        draw(path, IDS)
    elif name == "masks.npz":
        np.savez(path, masks=MASKS)
    else:
        path.write_text("0 0.1 0.1 0.9 0.1 0.9 0.9\n")
    assert len(read(path, photos[0]).masks)
    with pytest.raises(MasksError, match="does not say of which, and 2 photos are asked for"):
        read(path, photos[0], photos=photos)
    own = path.rename(path.with_stem("a"))
    assert len(read(own, photos[0], photos=photos).masks)


def test_a_file_that_lists_by_name_serves_a_run(tmp_path, photos):
    path = store(tmp_path / "m.json", instances("a.jpg", "b.jpg"))
    assert all(len(read(path, photo, photos=photos).masks) == 1 for photo in photos)


def test_a_stem_in_another_case_serves_where_none_is_written_alike(tmp_path, photos):
    draw(tmp_path / "seg/A.PNG", IDS)
    np.testing.assert_array_equal(read(tmp_path / "seg", photos[0]).masks, [IDS == 1, IDS == 2])
    draw(tmp_path / "seg/a.png", MASKS[1])
    np.testing.assert_array_equal(read(tmp_path / "seg", photos[0]).masks, MASKS[[1]])

"""`python -m tools.draw_scene` writes what the entrances of the package read."""

from PIL import Image

from ovseg_jax.inference.given_masks import load_masks
from ovseg_jax.inputs.photos import load_photo
from tools import draw_scene


def test_its_masks_are_read_with_its_photo(tmp_path):
    draw_scene.write(tmp_path)
    photo = load_photo(tmp_path / "photo.png")
    found = load_masks(tmp_path / "masks.json", photo)
    _, masks, names = draw_scene.draw(draw_scene.SEED)
    assert (found.masks == masks).all() and len(names) == len(masks)
    assert Image.open(tmp_path / "photo.png").size == (512, 512)
    assert len(list((tmp_path / "photos").iterdir())) == 5

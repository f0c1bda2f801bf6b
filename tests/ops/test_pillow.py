"""The numpy resize must be Pillow's to the bit; test sizes must be detectron2's."""

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.ops.images.pillow import resize_image
from ovseg_jax.ops.images.pillow import test_size as compute_test_size

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def draw(height, width, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def pillow_resize(image, size, method):
    """Width, then height: what one call did before Pillow 13 began to choose the order."""
    image = Image.fromarray(image)
    image = image.resize((size[1], image.height), FILTERS[method])
    return np.asarray(image.resize((size[1], size[0]), FILTERS[method]))


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
@pytest.mark.parametrize("shape", [(37, 53), (1, 9), (9, 1), (333, 257), (100, 100)])
@pytest.mark.parametrize("size", [(17, 23), (141, 300), (1, 1), (100, 31), (3, 202)])
def test_equals_pillow_to_the_bit_on_noise(shape, size, method):
    image = draw(*shape)
    expected = pillow_resize(image, size, method)
    np.testing.assert_array_equal(resize_image(image, size, method=method), expected)


@pytest.mark.parametrize("size", [(61, 80), (20, 19), (33, 200)])
def test_black_and_white_pixels_overshoot_as_in_pillow(size):
    image = np.where(draw(40, 50) > 127, 255, 0).astype(np.uint8)
    expected = pillow_resize(image, size, "bicubic")
    np.testing.assert_array_equal(resize_image(image, size, method="bicubic"), expected)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_flat_images_stay_flat(value, method):
    image = np.full((20, 30, 3), value, np.uint8)
    assert np.all(resize_image(image, (33, 7), method=method) == value)


@pytest.mark.parametrize("shape", [(120, 160), (160, 120), (427, 640), (99, 301)])
def test_one_call_of_any_pillow_is_within_one_grey_level_at_test_sizes(shape):
    size = compute_test_size(*shape, 224, 373)
    image = draw(*shape)
    expected = np.asarray(Image.fromarray(image).resize(size[::-1], FILTERS["bilinear"]))
    assert np.abs(resize_image(image, size).astype(int) - expected).max() <= 1


def test_same_size_returns_the_pixels_unchanged():
    image = draw(8, 9)
    np.testing.assert_array_equal(resize_image(image, (8, 9)), image)


@pytest.mark.parametrize(
    ("size", "method", "message"), [((0, 4), "bilinear", "0, 4"), ((4, 4), "box", "box")]
)
def test_impossible_requests_are_refused(size, method, message):
    with pytest.raises(ValueError, match=message):
        resize_image(draw(4, 4), size, method=method)


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (800, 1067)),  # 1066.67 rounds up
        (640, 480, (1067, 800)),
        (500, 500, (800, 800)),
        (400, 1200, (444, 1333)),  # the long side wins
        (1200, 400, (1333, 444)),
        (3000, 4000, (800, 1067)),
    ],
)
def test_the_test_size_is_that_of_detectron2(height, width, expected):
    assert compute_test_size(height, width, 800, 1333) == expected


def test_equal_short_and_long_side_means_longest_side():
    """Mask-Adapter's 896/896."""
    assert compute_test_size(480, 640, 896, 896) == (672, 896)
    assert compute_test_size(640, 480, 896, 896) == (896, 672)

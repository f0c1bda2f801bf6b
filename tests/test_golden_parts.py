"""What runners of golden cases share: frames of batches, the order of sums, thresholds."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_cases import NotSupported, thresholds
from golden_cases.frames import common_frame, each_image, numbered, padded_batch
from golden_cases.maskclippp_batches import with_slips
from golden_cases.maskclippp_settings import check_supported, picture_size
from golden_cases.tasks import RESIZED, tasks
from golden_cases.thresholds import decisively, undecided

from ovseg_jax.foundation.typing import Features, Memory
from ovseg_jax.inference.postprocess.geometry import Frame
from ovseg_jax.inference.postprocess.semantic import semantic_scores


@dataclasses.dataclass
class Stub:
    """As much of a case as the shared parts read."""

    inputs: dict = dataclasses.field(default_factory=dict)
    stored: tuple = ()
    config: dict = dataclasses.field(default_factory=dict)

    @property
    def info(self):
        return {"outputs": dict.fromkeys(self.stored)}


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["image", "image_native"], ["image"]),
        (["image1", "image0", "masks0"], ["image0", "image1"]),
    ],
)
def test_images_come_one_or_numbered_in_their_order(names, found):
    assert numbered(Stub(inputs={name: name for name in names}), "image") == found


def test_a_case_without_the_input_is_not_supported():
    with pytest.raises(NotSupported, match="no input image or image0"):
        numbered(Stub(inputs={"image1": 0}), "image")


@pytest.mark.parametrize(("multiple", "frame"), [(4, (8, 12)), (32, (32, 32)), (0, (8, 9))])
def test_a_batch_is_padded_to_its_largest_sides_and_then_to_the_multiple(multiple, frame):
    assert common_frame([(5, 9), (8, 3)], multiple) == frame


def test_images_lie_top_left_in_the_frame_of_their_batch():
    images = [np.full((5, 9, 3), 7, np.uint8), np.full((8, 3, 3), 9, np.uint8)]
    batch = padded_batch(images, 4)
    np.testing.assert_array_equal(batch.sizes, [[5, 9], [8, 3]])
    assert (np.asarray(batch.images[1, :8, :3]) == 9).all()
    assert np.asarray(batch.images).sum() == sum(int(image.sum()) for image in images)


def test_only_answers_of_several_images_are_numbered():
    assert each_image(1, lambda index: {"sem_seg": index}) == {"sem_seg": 0}
    both = each_image(2, lambda index: {"sem_seg": index})
    assert both == {"sem_seg0": 0, "sem_seg1": 1}


@pytest.mark.parametrize(
    ("stored", "order"),
    [
        (("sem_seg",), "scores_first"),
        (("sem_seg", "mask_pred_resized"), "masks_first"),
        (("sem_seg1", "sem_seg0", "pan_seg0"), "masks_first"),
        (("sem_seg", "inst_scores"), "masks_first"),
    ],
)
def test_masks_are_resized_before_the_sum_where_a_case_shows_it(stored, order):
    rng = np.random.default_rng(0)
    logs, masks = rng.normal(size=(3, 5)), 9 * rng.normal(size=(3, 4, 4))
    frame = Frame((16, 16), (13, 16), (9, 20))
    config = {"thing_classes": [0], "topk": 2, "object_mask_threshold": 0, "overlap_threshold": 0}
    found = tasks(Stub(stored=stored, config=config), logs, masks, frame)
    arrays = jnp.asarray(logs), jnp.asarray(masks, jnp.float32), frame
    right, wrong = (
        np.asarray(semantic_scores(*arrays, order=kind))
        for kind in sorted(["masks_first", "scores_first"], key=lambda kind: kind != order)
    )
    np.testing.assert_allclose(found["sem_seg"], right, atol=1e-6)
    assert np.abs(right - wrong).max() > 1e-3
    assert (RESIZED[0] in found) == (RESIZED[0] in stored)


# ---- thresholds ---------------------------------------------------------------------------


@pytest.mark.parametrize(("closest", "open_"), [(1e-3, False), (1e-5, True), (0.0, True)])
def test_a_side_is_undecided_within_rounding_of_the_threshold(closest, open_):
    assert undecided(np.array([-10.0, 4.0, closest])) is open_


class Doubler(nn.Module):
    dtype: jnp.dtype = jnp.float32

    def __call__(self, x):
        return (2 * x).astype(self.dtype)


@pytest.mark.parametrize(("value", "precise"), [(1.0, False), (1e-7, True)])
def test_only_what_is_undecided_is_computed_in_double_precision(value, precise, monkeypatch):
    monkeypatch.setattr(thresholds, "in_double", lambda method: method.clone(dtype=jnp.float64))
    x = jnp.array([value, -3.0], jnp.float32)
    found = decisively(Doubler(), lambda m, x: m(x), {}, x, guides=lambda result: [result])
    assert found.dtype == (np.float64 if precise else np.float32)
    np.testing.assert_allclose(found, 2 * x)


# ---- MaskCLIP++ ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "size"), [("none", (20, 30)), ("short", (8, 12)), ("square", (8, 8))]
)
def test_images_are_resized_as_the_case_says(kind, size):
    config = {"visual_encoder": {"TEST_RESIZE_TYPE": kind, "TEST_IMAGE_SIZE": 8}}
    assert picture_size(config, np.zeros((20, 30, 3))) == size


def test_settings_that_we_do_not_have_are_refused_by_name():
    with pytest.raises(NotSupported, match="'rel'"):
        picture_size({"resize": "rel", "test_image_size": 8}, np.zeros((20, 30, 3)))
    psm = {"NAME": "PseudoTextPSM", "NUM_HEADS": 4, "IN_FEATURES": ["p_embs"]}
    tower = {"NAME": "EVACLIPViT", "DOWN_MASK_THRESH": 0.3}
    with pytest.raises(NotSupported, match="fixed value; other heads"):
        check_supported({"psm": psm, "visual_encoder": tower})


def test_mask_tokens_of_later_images_start_from_tokens_of_the_first():
    tokens = jnp.arange(24.0).reshape(2, 4, 3)
    each = [
        Features(
            dense=x, cache=tuple(Memory(tokens=x, normed=x, keys=x, values=x) for _ in range(2))
        )
        for x in (tokens[:1], tokens[1:])
    ]
    first, second = with_slips(None, jnp.zeros((2, 8, 8, 3)), each, [5, 5])
    np.testing.assert_array_equal(first.cache[0].tokens, tokens[:1])
    np.testing.assert_array_equal(second.cache[0].tokens[0, 0], tokens[0, 1])
    np.testing.assert_array_equal(second.cache[0].tokens[0, 1:], tokens[1, 1:])
    np.testing.assert_array_equal(second.cache[1].tokens, tokens[1:])
    assert with_slips(None, None, each[:1], [5]) == each[:1]
    assert jax.tree.all(jax.tree.map(jnp.array_equal, second.dense, tokens[1:]))

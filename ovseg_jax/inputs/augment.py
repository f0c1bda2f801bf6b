"""Training-time geometry on one image and its id map: flip, large-scale jitter, crop, pad.

TensorFlow ops with stateless randomness, so an example's augmentation depends on its seed alone.
Matches `RandomFlip`, `ResizeScale` and `FixedSizeCrop` of detectron2 (docs/reference 8.4): the
crop's two offsets share one random factor, as they do there.
"""

from __future__ import annotations

from typing import Any

from ovseg_jax.config import DataConfig


def augment(example: dict[str, Any], seed: Any, data: DataConfig) -> dict[str, Any]:
    """Brings one example into the training frame.

    Args:
        example: "image" uint8 [H, W, 3] and "segment_ids" int32 [H, W].
        seed: int32 [2] tensor.
        data: The stream's settings; `image_size`, `scale`, `flip` and `pad_value` are read.

    Returns:
        The example with "image" and "segment_ids" in the frame, and "size" int32 [2]: the part
        of the frame that counts as picture. Padding of a fixed grey level counts as picture, as
        in detectron2; `pad_value` -1 leaves it out, so that it becomes the mean colour.
    """
    import tensorflow as tf

    draws = tf.random.stateless_uniform([3], seed)
    image, ids = example["image"], example["segment_ids"][..., None]
    if data.flip and draws[0] < 0.5:
        image, ids = image[:, ::-1], ids[:, ::-1]
    image, ids = _jitter(image, ids, draws[1], data)
    image, ids, size = _crop(image, ids, draws[2], data)
    return example | {"image": image, "segment_ids": ids[..., 0], "size": size}


def _jitter(image: Any, ids: Any, draw: Any, data: DataConfig) -> tuple[Any, Any]:
    """Fits the image into the frame times a random factor, keeping its aspect."""
    import tensorflow as tf

    low, high = data.scale
    frame = tf.cast(data.image_size, tf.float32) * (low + (high - low) * draw)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    size = tf.maximum(tf.cast(tf.round(shape * tf.reduce_min(frame / shape)), tf.int32), 1)
    image = tf.image.resize(image, size, antialias=True)
    image = tf.cast(tf.round(tf.clip_by_value(image, 0, 255)), tf.uint8)
    return image, tf.image.resize(ids, size, method="nearest")


def _crop(image: Any, ids: Any, draw: Any, data: DataConfig) -> tuple[Any, Any, Any]:
    """Cuts the frame out of a larger image and pads a smaller one right and below."""
    import tensorflow as tf

    height, width = data.image_size
    room = tf.maximum(tf.shape(image)[:2] - (height, width), 0)
    top_left = tf.cast(tf.round(tf.cast(room, tf.float32) * draw), tf.int32)
    image = image[top_left[0] :, top_left[1] :][:height, :width]
    ids = ids[top_left[0] :, top_left[1] :][:height, :width]
    inner = tf.shape(image)[:2]
    margins = [[0, height - inner[0]], [0, width - inner[1]], [0, 0]]
    image = tf.pad(image, margins, constant_values=tf.cast(max(data.pad_value, 0), tf.uint8))
    size = tf.constant(data.image_size) if data.pad_value >= 0 else inner
    image = tf.ensure_shape(image, [height, width, 3])
    return image, tf.ensure_shape(tf.pad(ids, margins), [height, width, 1]), size

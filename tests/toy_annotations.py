"""Scenes of the toy world as label tools export photos of one's own: pictures and a COCO file."""

import json

from PIL import Image

from data.toy_world import world
from ovseg_jax.inference.output.save import encode_rle


def write_coco(folder, scenes, ids, image_ids):
    """Writes photos and `instances.json` with the things of some names.

    Args:
        folder: An empty one.
        scenes: Of the toy world, with "image", "segment_ids" and "categories" as attributes.
        ids: Category id by name.
        image_ids: Image id of each scene.

    Returns:
        For each photo its id map, and the names of its annotated things by segment.
    """
    images, objects, drawn = [], [], {}
    for index, (scene, image_id) in enumerate(zip(scenes, image_ids, strict=True)):
        name, (height, width) = f"scene_{index:02d}.png", scene.segment_ids.shape
        Image.fromarray(scene.image).save(folder / name)
        images.append({"id": image_id, "file_name": name, "height": height, "width": width})
        words = {n: world.CLASS_NAMES[c] for n, c in enumerate(scene.categories, 1)}
        kept = {number: word for number, word in words.items() if word in ids}
        for number, word in kept.items():
            objects.append(
                {
                    "id": len(objects),
                    "image_id": image_id,
                    "category_id": ids[word],
                    "segmentation": encode_rle(scene.segment_ids == number),
                    "iscrowd": 0,
                }
            )
        drawn[name] = scene.segment_ids, kept
    content = {"images": images, "annotations": objects}
    content["categories"] = [{"id": ids[name], "name": name} for name in sorted(ids)]
    (folder / "instances.json").write_text(json.dumps(content))
    return drawn

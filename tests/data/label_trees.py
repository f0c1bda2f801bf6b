"""Trees of photos and label maps, drawn small as their publishers and detectron2 lay them out."""

import numpy as np
from PIL import Image

SIZE = (12, 16)


def draw_photo(path, grey=False):
    """Writes a photo of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = sum(map(ord, path.name))
    pixels = np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), np.uint8)
    Image.fromarray(pixels[..., 0] if grey else pixels).save(path)


def draw_map(path, labels, palette=False):
    """Writes labels [h, w] over the size of the photos: one block per number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.asarray(labels)
    block = np.ones((SIZE[0] // labels.shape[0], SIZE[1] // labels.shape[1]), labels.dtype)
    image = Image.fromarray(np.kron(labels, block))
    if palette:
        image = image.convert("P")
        image.putdata(np.kron(labels, block).ravel().tolist())
        image.putpalette([value for n in range(256) for value in (n, 255 - n, n // 2)])
    image.save(path)


def classes_of(example, names):
    """Class names at the corners of the blocks: a list per row."""
    ids = example["segment_ids"][:: SIZE[0] // 2, :: SIZE[1] // 2]
    table = ["", *[names[c] for c in example["categories"]]]
    return [[table[i] for i in row] for row in ids.tolist()]

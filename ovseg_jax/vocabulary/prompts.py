"""Prompt templates: the sentences around a class name, by the name of their set."""

from __future__ import annotations

from ovseg_jax.vocabulary.classes import VocabularyError

VILD14 = (
    "a photo of a {}.",
    "This is a photo of a {}",
    "There is a {} in the scene",
    "There is the {} in the scene",
    "a photo of a {} in the scene",
    *(f"a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"This is a photo of a {size} {{}}." for size in ("small", "medium", "large")),
    *(f"There is a {size} {{}} in the scene." for size in ("small", "medium", "large")),
)
"""ViLD's set as FC-CLIP, MAFT+, Mask-Adapter, OVSeg and MaskCLIP++ use it; four templates have no
final period, and the order is theirs (docs/reference 0.7)."""

IMAGENET80 = tuple(
    """\
a bad photo of a {}.
a photo of many {}.
a sculpture of a {}.
a photo of the hard to see {}.
a low resolution photo of the {}.
a rendering of a {}.
graffiti of a {}.
a bad photo of the {}.
a cropped photo of the {}.
a tattoo of a {}.
the embroidered {}.
a photo of a hard to see {}.
a bright photo of a {}.
a photo of a clean {}.
a photo of a dirty {}.
a dark photo of the {}.
a drawing of a {}.
a photo of my {}.
the plastic {}.
a photo of the cool {}.
a close-up photo of a {}.
a black and white photo of the {}.
a painting of the {}.
a painting of a {}.
a pixelated photo of the {}.
a sculpture of the {}.
a bright photo of the {}.
a cropped photo of a {}.
a plastic {}.
a photo of the dirty {}.
a jpeg corrupted photo of a {}.
a blurry photo of the {}.
a photo of the {}.
a good photo of the {}.
a rendering of the {}.
a {} in a video game.
a photo of one {}.
a doodle of a {}.
a close-up photo of the {}.
a photo of a {}.
the origami {}.
the {} in a video game.
a sketch of a {}.
a doodle of the {}.
a origami {}.
a low resolution photo of a {}.
the toy {}.
a rendition of the {}.
a photo of the clean {}.
a photo of a large {}.
a rendition of a {}.
a photo of a nice {}.
a photo of a weird {}.
a blurry photo of a {}.
a cartoon {}.
art of a {}.
a sketch of the {}.
a embroidered {}.
a pixelated photo of a {}.
itap of the {}.
a jpeg corrupted photo of the {}.
a good photo of a {}.
a plushie {}.
a photo of the nice {}.
a photo of the small {}.
a photo of the weird {}.
the cartoon {}.
art of the {}.
a drawing of the {}.
a photo of the large {}.
a black and white photo of a {}.
the plushie {}.
a dark photo of a {}.
itap of a {}.
graffiti of the {}.
a toy {}.
itap of my {}.
a photo of a cool {}.
a photo of a small {}.
a tattoo of the {}.
""".splitlines()
)
"""The 80 prompts that openai/CLIP publishes for ImageNet; MaskCLIP++ calls them "t80"."""

TEMPLATES: dict[str, tuple[str, ...]] = {
    "vild14": VILD14,
    "single": ("a photo of a {}.",),
    "imagenet80": IMAGENET80,
    "plain": ("{}",),
}
"""All sets by the name that `ModelConfig.templates` takes."""


def templates(name: str) -> tuple[str, ...]:
    """Returns a set of templates; `{}` stands for the class name.

    Raises:
        VocabularyError: There is no such set; the message lists all.
    """
    if name not in TEMPLATES:
        raise VocabularyError(f"no prompt templates {name!r}; known: {', '.join(TEMPLATES)}")
    return TEMPLATES[name]

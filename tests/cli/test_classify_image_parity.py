"""From a file that PyTorch wrote to named photos, against open_clip's own way."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from ovseg_jax.cli.main import main
from ovseg_jax.models.clip import variants
from ovseg_jax.models.clip.text import TextTower
from ovseg_jax.models.clip.vit import VisionTransformer
from ovseg_jax.vocabulary.prompts import templates

torch = pytest.importorskip("torch")
pytest.importorskip("parity")
open_clip = pytest.importorskip("open_clip")

NAMES = ["tabby cat", "Hündchen", "traffic light", "sky & clouds"]
VISION = {"image_size": 48, "patch_size": 8, "width": 64, "layers": 2, "head_width": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 2}


@pytest.fixture
def theirs():
    torch.manual_seed(0)
    model = open_clip.CLIP(embed_dim=32, vision_cfg=VISION, text_cfg=TEXT).eval()
    with torch.no_grad():  # spread out, so that the words and photos differ
        model.logit_scale.fill_(np.log(50))
        model.text_projection.mul_(3)
        model.token_embedding.weight.mul_(30)
    return model


@pytest.fixture
def small_variant(monkeypatch):
    sizes = {"width": 64, "heads": 2, "layers": 2, "embedding_dim": 32}
    row = dataclasses.replace(
        variants.VARIANTS["vit_b_16"],
        visual=VisionTransformer(image_size=48, patch=8, **sizes),
        text=TextTower(vocab_size=49408, context_length=77, **sizes),
        image_size=48,
    )
    monkeypatch.setitem(variants.VARIANTS, "small_vit", row)


def expected(model, photo):
    """Probabilities as open_clip's documentation computes them, words in the 14 templates."""
    transform = open_clip.image_transform(
        48, is_train=False, mean=open_clip.OPENAI_DATASET_MEAN, std=open_clip.OPENAI_DATASET_STD
    )
    words = []
    with torch.no_grad():
        image = model.encode_image(transform(photo)[None], normalize=True)
        for name in NAMES:
            prompts = [prompt.replace("{}", name) for prompt in templates("vild14")]
            rows = model.encode_text(open_clip.tokenize(prompts), normalize=True)
            words.append(torch.nn.functional.normalize(rows.mean(0), dim=0))
        logits = model.logit_scale.exp() * image @ torch.stack(words).T
        return logits.softmax(-1)[0].numpy()


def test_a_converted_tower_names_photos_as_open_clip_does(theirs, small_variant, tmp_path):
    torch.save(theirs.state_dict(), tmp_path / "model.pt")
    assert main(["convert", "open_clip", *map(str, (tmp_path / "model.pt", tmp_path / "w"))]) == 0
    rng = np.random.default_rng(0)
    photos = []
    for number, size in enumerate([(90, 64), (50, 130), (48, 48)]):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3)).astype(np.uint8))
        photos.append(coarse.resize(size, Image.Resampling.BICUBIC))
        photos[-1].save(tmp_path / f"{number}.png")
    command = ["classify-image", *(str(tmp_path / f"{n}.png") for n in range(3))]
    command += ["--vocab", ";".join(NAMES), "--model", str(tmp_path / "w")]
    assert main([*command, "--templates", "vild14", "--json", str(tmp_path / "out.json")]) == 0
    found = json.loads((tmp_path / "out.json").read_text())["photos"]
    for entry, photo in zip(found, photos, strict=True):
        wanted = expected(theirs, photo)
        assert wanted.max() < 0.99 and np.ptp(wanted) > 0.05  # the comparison says something
        np.testing.assert_allclose(entry["probabilities"], wanted, atol=1e-4)

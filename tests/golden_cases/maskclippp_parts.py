"""Golden cases of parts of MaskCLIP++: a tower with masks alone, a text tower alone."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from ovseg_jax.convert.methods.maskclippp import TEXT_TABLE
from ovseg_jax.convert.rules import apply
from ovseg_jax.convert.towers.clip import expected_clip
from ovseg_jax.models.clip.variants import build_clip, build_tokenizer

from . import Case, Outputs, runner
from .clip_towers import variant_name
from .frames import channels_first
from .maskclippp import Classifier


@runner("maskclippp", "maskclippp_clip_vit")
def run_clip_vit(case: Case) -> Outputs:
    """A transformer with mask tokens alone: no PSM."""
    model, image = Classifier(case), case.inputs["image"]
    masks, pixels = case.inputs["masks"].astype(np.float32), model.pixels([image])
    soft = model.masks(masks, image, pixels.shape[1:3])
    (features,) = model.features([image], [len(masks)])
    embeddings = model(lambda m, f, s: m.embed_soft(f, s), features, soft)

    def behind(method, pixels):
        tower = method.clip.visual
        tokens, memories = tower.run(pixels, remember=[2])
        grid = tuple(side // tower.patch for side in pixels.shape[1:3])
        return tower.cells(memories[2].tokens, grid), tower.cells(tokens, grid)

    second, last = model(behind, pixels)
    return {
        "m_embs": np.asarray(embeddings)[0],
        "areas": np.asarray(soft)[0].sum((1, 2)),
        "block2": channels_first(second),
        "last_block": channels_first(last),
    }


@runner("maskclippp", "maskclippp_eva_text")
def run_text(case: Case) -> Outputs:
    """A text tower that was tuned as well, as the file holds it."""
    name = variant_name(case.config["model"].replace("-CLIP", ""))
    shapes = expected_clip(name)
    expected = {"clip": {key: shapes[key] for key in ("text", "logit_scale")}}
    params, _ = apply(TEXT_TABLE, case.checkpoint(), expected, case.name)
    tokens = build_tokenizer(name)(list(case.inputs["prompts"]))
    text = jax.jit(functools.partial(build_clip(name).apply, method="encode_text"))
    embedded = text({"params": jax.tree.map(jnp.asarray, params["clip"])}, tokens)
    return {"tokens": np.asarray(tokens), "text_embedding": np.asarray(embedded)}

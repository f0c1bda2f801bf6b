"""CLIP towers: dense features, heads, image and text embeddings (ConvNeXt so far)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from golden_cases import Case, NotSupported, Outputs, runner
from ovseg_jax.convert.clip import convert_open_clip
from ovseg_jax.models.clip.variants import build_clip, build_tokenizer


@runner("clip_towers", "clip_fc", "clip_open_clip")
def run(case: Case) -> Outputs:
    """Runs one tower pair on one image, on pooled vectors and on prompts."""
    if "visual.trunk.stem.0.weight" not in case.keys:
        raise NotSupported(f"no such tower yet: {case.config['model']}")
    config, params, _ = convert_open_clip(case.checkpoint(), case.name)
    variables = {"params": jax.tree.map(jnp.asarray, params.pop("clip"))}
    clip = build_clip(config.clip.variant)
    tokens = build_tokenizer(config.clip.variant)(list(case.inputs["prompts"]))
    image = normalised(case, "image")

    @jax.jit
    def compute(variables, image, tokens):
        return {
            "maps": clip.apply(variables, image, method=lambda m, x: m.visual.trunk(x)),
            "projected": clip.apply(variables, image, method="features").projected,
            "image_embedding": clip.apply(variables, image, method="encode_image"),
            "text_embedding": clip.apply(variables, tokens, method="encode_text"),
        }

    results = jax.device_get(compute(variables, image, tokens))
    outputs = {name: channels_first(x) for name, x in results["maps"].items()}
    outputs["clip_vis_dense"] = outputs[max(n for n in outputs if n.startswith("res"))]
    outputs["dense_projected"] = channels_first(results["projected"])
    outputs["image_embedding"] = results["image_embedding"]
    outputs["text_embedding"] = results["text_embedding"]
    outputs["tokens"] = tokens
    if "pooled" in case.inputs:
        outputs["visual_head"] = np.asarray(
            clip.apply(variables, jnp.asarray(case.inputs["pooled"]), method="project")
        )
    return outputs


def normalised(case: Case, name: str) -> jax.Array:
    """Returns an input image as a normalised batch of one."""
    mean, std = (np.float32(case.config[key]) for key in ("pixel_mean", "pixel_std"))
    return jnp.asarray((case.inputs[name][None].astype(np.float32) - mean) / std)


def channels_first(x: np.ndarray) -> np.ndarray:
    """Returns maps as the reference code lays them out."""
    return np.moveaxis(x, -1, 1)

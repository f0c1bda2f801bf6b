"""Files that PyTorch wrote with the names of each family: the right result, or the right error.

One small model per family stands in `VARIANTS` for the published sizes, so that every step is the
real one: reading, identifying, converting, writing, loading, computing.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import open_clip_files as files
import pytest

from ovseg_jax.convert.conversion import convert_file, read_conversion
from ovseg_jax.convert.reading.checkpoint_file import ReadError
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.models.clip import variants
from ovseg_jax.models.clip.resnet import ResNetTower
from ovseg_jax.models.clip.vit import VisionTransformer

torch = pytest.importorskip("torch")

TEXT = variants.VARIANTS["vit_toy"].text.clone(embedding_dim=16)
QUICK_TEXT = TEXT.clone(quick=True)
VIT = VisionTransformer(image_size=32, patch=8, width=32, layers=2, heads=2, embedding_dim=16)
EVA = VIT.clone(
    mlp_width=40,
    patch_bias=True,
    pre_norm=False,
    head_bias=True,
    key_bias=False,
    gated=True,
    rotary_grid=4,
    eps=1e-6,
)
RESNET = ResNetTower(image_size=64, blocks=(1, 2, 1, 1), width=16, heads=8, embedding_dim=16)


def row(visual, text=TEXT):
    return dataclasses.replace(
        variants.VARIANTS["vit_toy"], visual=visual, text=text, image_size=visual.image_size
    )


SMALL = {
    "small_vit": row(VIT),
    "small_vit_quickgelu": row(VIT.clone(activation="quick_gelu"), QUICK_TEXT),
    "small_eva": row(EVA),
    "small_resnet": row(RESNET, QUICK_TEXT),
}


@pytest.fixture(autouse=True)
def small_variants(monkeypatch):
    for name, small in SMALL.items():
        monkeypatch.setitem(variants.VARIANTS, name, small)


def text_shapes(prefix=""):
    """The text tower's tensors, embedding into 16 channels."""
    kept = {n: s for n, s in files.toy_clip().items() if not n.startswith("visual.")}
    kept["text_projection"] = (96, 16)
    scale = kept.pop("logit_scale")
    return {f"{prefix}{name}": shape for name, shape in kept.items()} | {"logit_scale": scale}


def block(name, width=32, hidden=128):
    shapes = {f"{name}.attn.in_proj_weight": (96, 32), f"{name}.attn.in_proj_bias": (96,)}
    for part, (out, into) in (
        ("attn.out_proj", (width, width)),
        ("mlp.c_fc", (hidden, width)),
        ("mlp.c_proj", (width, hidden)),
    ):
        shapes |= {f"{name}.{part}.weight": (out, into), f"{name}.{part}.bias": (out,)}
    return shapes | {f"{name}.{n}.{p}": (width,) for n in ("ln_1", "ln_2") for p in PARTS}


PARTS = ("weight", "bias")


def vit_shapes():
    shapes = {
        "visual.conv1.weight": (32, 3, 8, 8),
        "visual.class_embedding": (32,),
        "visual.positional_embedding": (17, 32),
        "visual.proj": (32, 16),
    }
    shapes |= {f"visual.{n}.{p}": (32,) for n in ("ln_pre", "ln_post") for p in PARTS}
    for index in range(2):
        shapes |= block(f"visual.transformer.resblocks.{index}")
    return shapes | text_shapes()


def eva_shapes():
    shapes = {
        "visual.cls_token": (1, 1, 32),
        "visual.pos_embed": (1, 17, 32),
        "visual.patch_embed.proj.weight": (32, 3, 8, 8),
        "visual.patch_embed.proj.bias": (32,),
        "visual.head.weight": (16, 32),
        "visual.head.bias": (16,),
        "visual.rope.freqs_cos": (16, 16),
        "visual.rope.freqs_sin": (16, 16),
    }
    shapes |= {f"visual.norm.{p}": (32,) for p in PARTS}
    for index in range(2):
        name = f"visual.blocks.{index}"
        shapes |= {f"{name}.attn.{part}_proj.weight": (32, 32) for part in "qkv"}
        shapes |= {f"{name}.attn.{part}_bias": (32,) for part in "qv"}
        for part, (out, into) in (
            ("attn.proj", (32, 32)),
            ("mlp.w1", (40, 32)),
            ("mlp.w2", (40, 32)),
            ("mlp.w3", (32, 40)),
        ):
            shapes |= {f"{name}.{part}.weight": (out, into), f"{name}.{part}.bias": (out,)}
        for norm, width in (("norm1", 32), ("norm2", 32), ("attn.inner_attn_ln", 32)):
            shapes |= {f"{name}.{norm}.{p}": (width,) for p in PARTS}
        shapes |= {f"{name}.mlp.ffn_ln.{p}": (40,) for p in PARTS}
    return shapes | text_shapes("text.")


def resnet_shapes():
    def conv_norm(conv, norm, shape):
        kept = {f"{norm}.{p}": shape[:1] for p in (*PARTS, "running_mean", "running_var")}
        return {f"{conv}.weight": shape} | kept | {f"{norm}.num_batches_tracked": ()}

    shapes = {}
    for index, (out, into) in enumerate(((8, 3), (8, 8), (16, 8)), start=1):
        shapes |= conv_norm(f"visual.conv{index}", f"visual.bn{index}", (out, into, 3, 3))
    into = 16
    for stage, count in enumerate(RESNET.blocks):
        inner = 16 * 2**stage
        for index in range(count):
            name = f"visual.layer{stage + 1}.{index}"
            for number, shape in enumerate(
                ((inner, into, 1, 1), (inner, inner, 3, 3), (4 * inner, inner, 1, 1)), start=1
            ):
                shapes |= conv_norm(f"{name}.conv{number}", f"{name}.bn{number}", shape)
            if not index:
                parts = f"{name}.downsample.0", f"{name}.downsample.1"
                shapes |= conv_norm(*parts, (4 * inner, into, 1, 1))
            into = 4 * inner
    pool = "visual.attnpool"
    for part in "qkv":
        shapes |= {f"{pool}.{part}_proj.weight": (512, 512), f"{pool}.{part}_proj.bias": (512,)}
    shapes |= {f"{pool}.c_proj.weight": (16, 512), f"{pool}.c_proj.bias": (16,)}
    return shapes | {f"{pool}.positional_embedding": (5, 512)} | text_shapes()


FAMILIES = {
    "convnext": ("open_clip", "convnext_toy", files.toy_clip),
    "vit": ("open_clip", "small_vit", vit_shapes),
    "openai": ("openai", "small_vit_quickgelu", vit_shapes),
    "eva": ("eva_clip", "small_eva", eva_shapes),
    "resnet": ("openai", "small_resnet", resnet_shapes),
    "adapter": ("mask_adapter", "convnext_toy", files.toy_adapter),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    kind, variant, shapes = FAMILIES[request.param]
    tensors = {
        name: torch.from_numpy(1 + np.abs(value) if "running_var" in name else value / 20)
        if value.ndim
        else torch.tensor(float(value))
        for name, value in files.random(shapes()).items()
    }
    return kind, variant, tensors


def save(path, tensors):
    torch.save(tensors, path)
    return path


def test_a_file_of_pytorch_becomes_a_model_that_computes(tmp_path, family):
    kind, variant, tensors = family
    convert_file(kind, save(tmp_path / "x.pt", tensors), tmp_path / "weights")
    config, params = load_weights(tmp_path / "weights")
    assert config.clip.variant == variant
    clip = variants.build_clip(variant)
    size = variants.variant(variant).image_size
    image = jnp.asarray(np.random.default_rng(0).standard_normal((1, size, size, 3)), jnp.float32)
    weights = jax.tree.map(jnp.asarray, params["clip"])
    embedding = clip.apply({"params": weights}, image, method="encode_image")
    assert embedding.shape == (1, clip.embedding_dim) and np.isfinite(embedding).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_out_as_float32(tmp_path, family, dtype):
    kind, _, tensors = family
    half = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    found = read_conversion(kind, save(tmp_path / "half.pt", half))
    wide = {name: tensor.float() for name, tensor in half.items()}
    expected = read_conversion(kind, save(tmp_path / "wide.pt", wide))
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)
    assert found.origin["stored_dtypes"] == {str(dtype).removeprefix("torch."): len(tensors)}


@pytest.mark.parametrize("prefix", ["module.", "model.", "clip_model."])
def test_prefixes_come_off(tmp_path, family, prefix):
    kind, _, tensors = family
    named = {f"{prefix}{name}": tensor for name, tensor in tensors.items()}
    found = read_conversion(kind, save(tmp_path / "x.pt", {"state_dict": named}))
    assert len(found.report.used) + len(found.report.skipped) == len(tensors)
    assert found.origin["prefix"] == prefix


def test_missing_extra_and_misshapen_tensors_are_named(tmp_path, family):
    kind, _, tensors = family
    prefix = "backbone.clip_model." if kind == "mask_adapter" else ""
    text = "text." if kind == "eva_clip" else ""
    gone = tensors.pop(f"{prefix}{text}ln_final.weight")
    tensors["surplus.weight"] = gone
    tensors[f"{prefix}{text}ln_final.bias"] = torch.ones(7)
    with pytest.raises(ConversionError) as caught:
        read_conversion(kind, save(tmp_path / "x.pt", tensors))
    message = str(caught.value)
    assert "x.pt" in message and "no rule for the tensor surplus.weight" in message
    assert "no tensor fills the parameter clip/text/final_norm/scale (96,)" in message
    assert "clip/text/final_norm/bias comes out as (7,)" in message


def test_torchscript_gives_the_same_model(tmp_path, family):
    kind, _, tensors = family
    root = torch.nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        module = root
        for part in path:
            if not hasattr(module, part):
                module.add_module(part, torch.nn.Module())
            module = getattr(module, part)
        module.register_buffer(last, tensor)
    torch.jit.save(torch.jit.script(root), str(tmp_path / "script.pt"))
    found = read_conversion(kind, tmp_path / "script.pt")
    expected = read_conversion(kind, save(tmp_path / "plain.pt", tensors))
    jax.tree.map(np.testing.assert_array_equal, found.params, expected.params)


def test_a_payload_is_refused_and_not_run(tmp_path, family):
    kind, _, tensors = family
    trace = tmp_path / "trace"

    class Payload:
        def __reduce__(self):
            return open, (str(trace), "w")

    torch.save(tensors | {"extra": Payload()}, tmp_path / "evil.pt")
    with pytest.raises(ReadError, match="evil.pt.*asks for .*open.*nothing was executed"):
        read_conversion(kind, tmp_path / "evil.pt")
    assert not trace.exists()

"""Files of whole generators: every published layout, and what is wrong with some of them."""

import pickle

import jax
import numpy as np
import open_clip_files as files
import pytest
from slow_cases import quick_ones

from ovseg_jax.config import MaskAdapterOnMaftConfig, MaskPoolingConfig
from ovseg_jax.convert.conversion import convert_file, read_conversion
from ovseg_jax.convert.generators.sam import convert_sam
from ovseg_jax.convert.generators.whole import convert_closed_generator, convert_fcclip
from ovseg_jax.convert.methods.maft_plus import convert_maft_plus
from ovseg_jax.convert.methods.mask_adapter import convert_mask_adapter
from ovseg_jax.convert.methods.ovseg import convert_ovseg_generator
from ovseg_jax.convert.rules import ConversionError
from ovseg_jax.foundation import trees
from ovseg_jax.loading import build
from ovseg_jax.loading.parameters import parameter_shapes, sam_shapes, smallest_inputs
from ovseg_jax.loading.weights import load_weights
from ovseg_jax.models.sam.sam import SIZES, build_sam

SHAPES = {
    "mask2former": "mask2former/a1_swin_tiny",
    "mask2former resnet": "mask2former/a2_r50",
    "maskformer": "maskformer/a1_r101c_semantic",
    "maskformer encoder": "maskformer/a2_r50_panoptic",
}


def everything(config, params, report, tensors):
    """Every parameter is there, and every tensor is accounted for."""
    trees.compare(params, parameter_shapes(build.method(config)), "x")
    assert set(report.used) | set(report.skipped) == set(tensors)


@pytest.mark.parametrize("name", quick_ones(SHAPES, ("mask2former", "maskformer encoder")))
def test_published_generators_fill_every_parameter(name):
    tensors = files.hollow(files.golden_shapes(SHAPES[name]))
    config, params, report = convert_closed_generator(tensors, "x")
    everything(config, params, report, tensors)
    expected = {"mask2former": ("swin_tiny", 133), "mask2former resnet": ("resnet50", 133)}
    expected |= {"maskformer": ("resnet101c", 150), "maskformer encoder": ("resnet50", 133)}
    assert (config.generator.backbone, config.generator.num_classes) == expected[name]
    assert config.train_vocabulary == {133: "coco_panoptic133", 150: "ade150"}[expected[name][1]]
    assert config.clip.variant == "" and config.method.kind == "mask_generator"


def test_names_without_the_middle_level_and_of_old_files_mean_the_same():
    shapes = files.golden_shapes(SHAPES["mask2former"])
    old = {
        name.replace("sem_seg_head.pixel_decoder.", "sem_seg_head.").replace(
            "query_feat", "static_query"
        ): shape
        for name, shape in shapes.items()
    }
    assert old.keys() != shapes.keys()
    tensors = files.hollow(old)
    everything(*convert_closed_generator(tensors, "x"), tensors)


@pytest.mark.slow
def test_fcclip_maft_and_adapters_of_the_second_phase_hold_their_generator():
    tensors = files.hollow(files.golden_shapes("fcclip/a2_full_large"))
    config, params, report = convert_fcclip(tensors, "x")
    everything(config, params, report, tensors)
    assert config.method == MaskPoolingConfig(has_void=True)
    assert (config.generator.num_queries, config.generator.class_head) == (250, "text")
    tensors = files.hollow(files.golden_shapes("maft_plus/a3_full_base"))
    config, params, report = convert_maft_plus(tensors, "x")
    everything(config, params, report, tensors)
    assert config.inference.ensemble.alpha == config.inference.ensemble.beta == 1
    tensors = files.hollow(files.golden_shapes("mask_adapter/a11_full_fcclip_large"))
    config, params, report = convert_mask_adapter(tensors, "x")
    everything(config, params, report, tensors)
    assert config.generator.num_queries == 100
    tensors = files.hollow(files.golden_shapes("mask_adapter/a8_path_maft_base"))
    config, params, report = convert_mask_adapter(tensors, "x")
    everything(config, params, report, tensors)
    assert isinstance(config.method, MaskAdapterOnMaftConfig)
    assert config.method.panoptic and config.generator.kind == "none"  # a file of phase 1


@pytest.mark.slow
def test_fcclip_with_a_resnet_pools_by_attention_as_the_original_does():
    towers = files.golden_shapes("clip_towers/a3_rn50x16")
    shapes = {f"backbone.clip_model.{name}": shape for name, shape in towers.items()}
    channels = {"adapter_1.weight": 384, "input_proj.2.0.weight": 768}
    channels |= {"input_proj.1.0.weight": 1536, "input_proj.0.0.weight": 3072}
    for name, shape in files.golden_shapes("fcclip/a2_full_large").items():
        if not name.startswith("backbone."):
            found = channels.get(name.removeprefix("sem_seg_head.pixel_decoder."))
            shapes[name] = (shape[0], found, *shape[2:]) if found else shape
    tensors = files.hollow(shapes)
    config, params, report = convert_fcclip(tensors, "x")
    everything(config, params, report, tensors)
    assert config.clip.position_resize == "bilinear" and config.inference.ensemble.skip_empty
    assert build.method(config).clip.visual.position_resize == "bilinear"


def test_the_generator_of_an_ovseg_file_comes_with_its_clip():
    tensors = files.hollow(files.golden_shapes("ovseg/a4_full_swinb_vitl"))
    config, params, report = convert_ovseg_generator(tensors, "x")
    everything(config, params, report, tensors)
    assert config.clip.variant == "vit_l_14_quickgelu"
    assert (config.generator.backbone, config.generator.class_head) == ("swin_base", "embedding")
    assert [name for name in report.skipped if "mask_embedding" in name]


def test_a_detectron_pickle_converts_and_loads(tmp_path):
    shapes = files.golden_shapes(SHAPES["mask2former resnet"])
    tensors = files.random(shapes)
    file = tmp_path / "model_final_94dc52.pkl"
    file.write_bytes(
        pickle.dumps({"model": tensors, "__author__": "x", "matching_heuristics": True})
    )
    convert_file("mask2former", file, tmp_path / "weights", layout="safetensors")
    config, params = load_weights(tmp_path / "weights")
    kernel = params["generator"]["backbone"]["stage0_block0"]["layer2"]["convolution"]["kernel"]
    want = tensors["backbone.res2.0.conv2.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(kernel, want)
    key = params["generator"]["decoder"]["cross3"]["attention"]["key"]["kernel"]
    fused = "sem_seg_head.predictor.transformer_cross_attention_layers.3.multihead_attn"
    np.testing.assert_array_equal(key.T, tensors[f"{fused}.in_proj_weight"][256:512])
    assert config.generator.decoder_layers == 9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sem_seg_head.predictor.decoder_norm.bias": None}, "no tensor fills .*decoder/norm/bias"),
        ({"backbone.res9.x": np.zeros(2)}, "no rule for the tensor backbone.res9.x"),
        ({"sem_seg_head.predictor.query_embed.weight": None}, "holds no mask generator"),
        (
            {"sem_seg_head.pixel_decoder.layer_1.weight": np.zeros((2, 2, 3, 3))},
            "the model expects",
        ),
    ],
    ids=["missing", "extra", "no generator", "wrong shape"],
)
def test_what_does_not_fit_is_named(change, message):
    tensors = files.hollow(files.golden_shapes(SHAPES["mask2former resnet"])) | change
    tensors = {name: array for name, array in tensors.items() if array is not None}
    with pytest.raises(ConversionError, match=message):
        convert_closed_generator(tensors, "x")


def test_the_wrong_kind_says_which_is_right():
    tensors = files.hollow(files.golden_shapes("fcclip/a2_full_large"))
    with pytest.raises(ConversionError, match=r"holds no MAFT\+.*is it FC-CLIP"):
        convert_maft_plus(tensors, "x")
    with pytest.raises(ConversionError, match="holds no trunk of a mask generator"):
        convert_closed_generator(tensors, "x")


@pytest.mark.parametrize("name", SIZES)
def test_every_sam_is_known_by_its_shapes(name):
    shapes = trees.flatten(sam_shapes(build_sam(name)))
    width, depth = SIZES[name]["width"], SIZES[name]["depth"]
    assert shapes["encoder/positions"].shape == (1, 64, 64, width)
    tensors = {f"image_encoder.blocks.{i}.x": np.zeros(1) for i in range(depth)}
    tensors["image_encoder.pos_embed"] = np.zeros((1, 64, 64, width))
    with pytest.raises(ConversionError, match="no rule for the tensor") as caught:
        convert_sam(tensors, "x")
    assert "known are" not in str(caught.value)
    with pytest.raises(ConversionError, match="width 5 and depth 0; known are"):
        convert_sam({"image_encoder.pos_embed": np.zeros((1, 2, 2, 5))}, "x")
    with pytest.raises(ConversionError, match="x holds no SAM"):
        convert_sam({"y": np.zeros(1)}, "x")


def test_hugging_face_names_that_are_not_known_are_listed(tmp_path):
    from safetensors.numpy import save_file

    file = tmp_path / "model.safetensors"
    save_file({"model.pixel_level_module.encoder.resnet.x": np.zeros(1, np.float32)}, file)
    with pytest.raises(ConversionError, match="not Mask2Former's with a Swin trunk: .*resnet.x"):
        read_conversion("mask2former_hf", file)


def test_a_converted_generator_computes():
    tensors = files.random(files.golden_shapes(SHAPES["mask2former resnet"]))
    config, params, _ = convert_closed_generator(tensors, "x")
    method = build.method(config)
    shapes = jax.eval_shape(lambda p: method.apply({"params": p}, *smallest_inputs(method)), params)
    assert shapes.logits.shape == (1, 100, 134)

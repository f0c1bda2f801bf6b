"""A small segment-anything model with random weights, and its non-maximum suppression on a CPU."""

import numpy as np
import parity  # noqa: F401
import torch
from segment_anything import automatic_mask_generator
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)


def nms(boxes, scores, groups, iou_threshold):
    """What `torchvision.ops.batched_nms` gives for one group, pair by pair."""
    kept = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if all(overlap(boxes[index], boxes[other]) <= iou_threshold for other in kept):
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


def overlap(one, two):
    low, high = torch.maximum(one[:2], two[:2]), torch.minimum(one[2:], two[2:])
    shared = (high - low).clamp(min=0).prod()
    area = sum((box[2:] - box[:2]).prod() for box in (one, two)) - shared
    return float(shared / area) if area > 0 else 0.0


automatic_mask_generator.batched_nms = nms


def small_sam(width=32, depth=2, heads=2, side=128, window=3, seed=0):
    """The official modules at small sizes; the decoder keeps its width of 256."""
    torch.manual_seed(seed)
    encoder = ImageEncoderViT(
        img_size=side,
        embed_dim=width,
        depth=depth,
        num_heads=heads,
        norm_layer=lambda size: torch.nn.LayerNorm(size, eps=1e-6),
        use_rel_pos=True,
        window_size=window,
        global_attn_indexes=(depth - 1,),
    )
    cells = (side // 16, side // 16)
    model = Sam(
        image_encoder=encoder,
        prompt_encoder=PromptEncoder(256, cells, (side, side), 16),
        mask_decoder=MaskDecoder(
            transformer_dim=256,
            transformer=TwoWayTransformer(2, 256, 8, 2048),
        ),
    )
    return certain(shaken(model)).eval()


def certain(model, iou=1.0, contrast=30.0):
    """Raises what the model expects of its masks, and the size of their logits.

    Random models think nothing of their masks, and these change with every threshold.
    """
    with torch.no_grad():
        model.mask_decoder.iou_prediction_head.layers[-1].bias += iou
        for head in model.mask_decoder.output_hypernetworks_mlps:
            head.layers[-1].weight *= contrast
            head.layers[-1].bias *= contrast
    return model


def shaken(model, seed=1):
    """Adds noise to every parameter, so that no bias is zero and masks are not flat."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            fan_in = np.prod(parameter.shape[1:]) if parameter.ndim > 1 else 100
            parameter += noise * min(1.0, 0.7 * float(fan_in) ** -0.5)
    return model


def arrays(model):
    """The state dict as NumPy."""
    return {name: value.detach().numpy() for name, value in model.state_dict().items()}

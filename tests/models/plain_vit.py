"""A vision transformer written plainly: NumPy, float64, one image, every token in one sequence."""

import numpy as np
from scipy.special import erf


def norm(x, params, eps):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps)
    return scaled * params["scale"] + params["bias"]


def linear(x, params):
    return x @ np.asarray(params["kernel"], np.float64) + params.get("bias", 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    weights = np.exp(x - x.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


ACTIVATIONS = {
    "gelu": lambda x: x * (1 + erf(x / np.sqrt(2))) / 2,
    "quick_gelu": lambda x: x * sigmoid(1.702 * x),
}


class PlainViT:
    """Follows the parameters of a `VisionTransformer` at the grid that it was trained on."""

    def __init__(self, tower, params):
        self.tower, self.params = tower, params
        self.side = tower.image_size // tower.patch
        self.heads, self.depth = tower.heads, tower.width // tower.heads

    def cells(self, image):
        """[H, W, 3] to [cells, c]."""
        patch, kernel = self.tower.patch, self.params["patches"]["kernel"]
        tiles = np.float64(image).reshape(self.side, patch, self.side, patch, 3)
        cells = np.einsum("ipjqc,pqcd->ijd", tiles, kernel).reshape(-1, self.tower.width)
        return cells + self.params["patches"].get("bias", 0)

    def entering(self, cells):
        """The tokens that enter the first block."""
        tokens = np.concatenate([self.params["class_embedding"][None], cells])
        tokens = tokens + self.params["position_embedding"]
        return self.norm(tokens, self.params["input_norm"]) if self.tower.pre_norm else tokens

    def norm(self, x, params):
        return norm(x, params, self.tower.eps)

    def by_head(self, x):
        return x.reshape(len(x), self.heads, self.depth)

    def turned(self, x):
        """Turns tokens 1 to cells by their place; others have none."""
        if not self.tower.rotary_grid:
            return x
        pairs = x.reshape(*x.shape[:-1], -1, 2)
        pairs = np.array(pairs[..., 0] + 1j * pairs[..., 1])
        frequencies = 10_000.0 ** (-np.arange(self.depth // 4) / (self.depth // 4))
        for cell in range(self.side**2):
            place = np.array(divmod(cell, self.side)) / self.side * self.tower.rotary_grid
            pairs[1 + cell] *= np.exp(1j * np.outer(place, frequencies).reshape(-1))
        return np.stack([pairs.real, pairs.imag], -1).reshape(x.shape)

    def parts(self, index, tokens):
        """Queries, keys and values of a block."""
        attention = self.params[f"block{index}"]["attention"]
        normed = self.norm(tokens, self.params[f"block{index}"]["attention_norm"])
        parts = [self.by_head(linear(normed, attention[n])) for n in ("query", "key", "value")]
        return self.turned(parts[0]), self.turned(parts[1]), parts[2]

    def block(self, index, tokens, bias=0.0, queries=None):
        """Runs one block over a sequence.

        Args:
            index: From 0.
            tokens: [l, c].
            bias: Added to the logits [h, l, l].
            queries: Of the last tokens, in place of their own [q, h, d].
        """
        params = self.params[f"block{index}"]
        query, key, value = self.parts(index, tokens)
        if queries is not None:
            query = np.concatenate([query[: -len(queries)], queries])
        logits = np.einsum("lhd,shd->hls", query, key) / np.sqrt(self.depth) + bias
        joined = np.einsum("hls,shd->lhd", softmax(logits), value).reshape(tokens.shape)
        if self.tower.gated:
            joined = self.norm(joined, params["attention"]["norm"])
        tokens = tokens + linear(joined, params["attention"]["output"])
        return tokens + self.mlp(self.norm(tokens, params["mlp_norm"]), params["mlp"])

    def mlp(self, x, params):
        if not self.tower.gated:
            hidden = ACTIVATIONS[self.tower.activation](linear(x, params["expand"]))
            return linear(hidden, params["reduce"])
        gate = linear(x, params["gate"])
        hidden = gate * sigmoid(gate) * linear(x, params["expand"])
        return linear(self.norm(hidden, params["norm"]), params["reduce"])

    def head(self, tokens):
        normed = self.norm(tokens, self.params["final_norm"])
        return linear(normed, self.params["projection"])

"""Attention over all pixels whose cost grows linearly with their number."""

from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor

EPSILON = 1e-15  # added to the sum that divides


@register
class LinearAttention(keras.layers.Layer):
    """ReLU linear attention: `relu(q) (relu(k)^T v) / (relu(q) sum(relu(k)))` for each head.

    The layer computes in float32 under every dtype policy. It has no weights.

    Args:
        head_width: channels of q, of k and of v of a head.

    Input shape: `(batch, height, width, heads * 3 * head_width)`; the channels of a head are
        adjacent: q, then k, then v.

    Output shape: `(batch, height, width, heads * head_width)`.

    Raises:
        ValueError: the number of channels is not a multiple of three times `head_width`.

    Source: Cai et al. 2023, EfficientViT, arXiv 2205.14756, section 3.1.

    Example:

    >>> x = keras.ops.ones((1, 16, 32, 96))
    >>> keras.ops.shape(LinearAttention(head_width=16)(x))
    (1, 16, 32, 32)
    """

    def __init__(self, head_width: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.head_width = head_width

    def build(self, input_shape: Shape) -> None:
        self._heads(input_shape)

    def call(self, inputs: Tensor) -> Tensor:
        height, width = ops.shape(inputs)[1:3]
        heads, d = self._heads(inputs.shape), self.head_width
        x = ops.reshape(ops.cast(inputs, "float32"), (-1, height * width, heads, 3 * d))
        x = ops.transpose(x, (0, 2, 1, 3))  # (batch, heads, pixels, 3 d)
        q, k, v = ops.relu(x[..., :d]), ops.relu(x[..., d : 2 * d]), x[..., 2 * d :]
        v = ops.concatenate([v, ops.ones_like(v[..., :1])], axis=-1)
        context = ops.matmul(ops.transpose(k, (0, 1, 3, 2)), v)  # (batch, heads, d, d + 1)
        x = ops.matmul(q, context)  # (batch, heads, pixels, d + 1)
        x = x[..., :d] / (x[..., d:] + EPSILON)
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, height, width, heads * d))
        return ops.cast(x, self.compute_dtype)  # (batch, height, width, heads d)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self._heads(input_shape) * self.head_width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "head_width": self.head_width}

    def _heads(self, shape: Shape) -> int:
        heads, rest = divmod(shape[-1] or 0, 3 * self.head_width)
        if rest or not heads:
            raise ValueError(
                f"Expected a number of channels that is a multiple of {3 * self.head_width}. "
                f"Received: input_shape={tuple(shape)}"
            )
        return heads

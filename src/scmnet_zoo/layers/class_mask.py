"""The class of each pixel, as the last layer of a network that gives masks."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from scmnet_zoo.layers._register import register
from scmnet_zoo.layers._types import Shape, Tensor
from scmnet_zoo.layers.resize import resize

MOST_CLASSES = 256


@register
class ClassMask(keras.layers.Layer):
    """The index of the largest channel at each pixel, uint8.

    With a partner map the mask is resized to its height and width by nearest neighbour. The result
    equals that of resizing the scores first, and takes less work.

    Input shape: `(batch, h, w, classes)`, at most 256 classes, or a pair of it and a partner
    `(batch, height, width, anything)`.

    Output shape: `(batch, h, w)`, with a partner `(batch, height, width)`; uint8.

    Raises:
        ValueError: there are more than 256 classes, or the input is no map or pair of maps.

    Example:

    >>> scores, image = keras.ops.ones((1, 23, 30, 8)), keras.ops.ones((1, 45, 60, 3))
    >>> keras.ops.shape(ClassMask()([scores, image]))
    (1, 45, 60)
    """

    def build(self, input_shape: Shape | Sequence[Shape]) -> None:
        shapes = _as_shapes(input_shape)
        if len(shapes) > 2 or any(len(shape) != 4 for shape in shapes):
            raise ValueError(
                "Expected a map (batch, height, width, classes) or a pair of maps. "
                f"Received: shapes {input_shape}"
            )
        classes = shapes[0][-1]
        if classes is not None and classes > MOST_CLASSES:
            raise ValueError(
                f"Expected at most {MOST_CLASSES} classes, for uint8. Received: {classes}"
            )

    def call(self, inputs: Tensor | Sequence[Tensor]) -> Tensor:
        scores, *partner = inputs if isinstance(inputs, list | tuple) else [inputs]
        mask = ops.cast(ops.argmax(scores, axis=-1), "uint8")  # (batch, h, w)
        if not partner:
            return mask
        mask = resize(mask[..., None], ops.shape(partner[0])[1:3], "nearest")
        return mask[..., 0]  # (batch, height, width)

    def compute_output_shape(self, input_shape: Shape | Sequence[Shape]) -> Shape:
        shapes = _as_shapes(input_shape)
        return (shapes[0][0], *shapes[-1][1:3])

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        shape = keras.tree.map_structure(lambda x: tuple(x.shape), inputs)
        return keras.KerasTensor(self.compute_output_shape(shape), dtype="uint8")

    def get_config(self) -> dict[str, Any]:
        return dict(super().get_config())  # what Keras makes by itself lacks a policy as dtype


def _as_shapes(shape: Any) -> list[Shape]:
    """The shapes of the scores and, where there is one, of the partner."""
    return list(shape) if isinstance(shape[0], list | tuple) else [shape]

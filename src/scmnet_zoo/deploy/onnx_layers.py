"""Each layer of the inference form as nodes of an ONNX graph, channels first."""

from collections.abc import Callable

import keras
import numpy as np

from scmnet_zoo.deploy.onnx_attention import linear_attention
from scmnet_zoo.deploy.onnx_graph import Graph, Upsampling, Value
from scmnet_zoo.deploy.onnx_mask import class_mask
from scmnet_zoo.deploy.onnx_pooling import (
    adaptive_average,
    average_pooling,
    dilated_max_pooling,
    global_average,
    max_pooling,
)
from scmnet_zoo.deploy.onnx_resize import resize
from scmnet_zoo.deploy.onnx_site import Site, padding
from scmnet_zoo.layers import (
    AdaptiveAveragePooling2D,
    ClassMask,
    DilatedMaxPooling2D,
    FastConv2D,
    FastDepthwiseConv2D,
    ImageInput,
    LinearAttention,
    ResizeTo,
    ResizeToPartner,
)


def write_layer(site: Site) -> Value:
    """Add a layer's nodes to the graph.

    Raises:
        ValueError: a layer that the inference form does not have, or another setting of it.
    """
    emit = LAYERS.get(type(site.layer))
    if emit is None:
        raise ValueError(
            f"Expected a layer of the inference form (scmnet_zoo.deploy.fuse). Received: "
            f"{site.name} of type {type(site.layer).__name__}"
        )
    found = emit(site)
    return found if isinstance(found, Value) else Value(found)


def _image_input(site: Site) -> str:
    graph, name, x = site.graph, site.name, site.x
    if site.layer.mean is not None:
        mean = np.reshape(np.float32(site.layer.mean), (1, -1, 1, 1))
        x = graph.add("Sub", [x, graph.floats(mean, f"{name}_mean")], f"{name}_centred")
        std = np.reshape(np.float32(site.layer.std), (1, -1, 1, 1))
        if (std != 1).any():
            factor = graph.floats(1 / std, f"{name}_factor")
            x = graph.add("Mul", [x, factor], f"{name}_scaled")
    return x if graph.real is np.float32 else graph.cast(x, graph.real, f"{name}_half")


def _convolution(site: Site) -> str:
    layer = site.layer
    _linear(site)
    kernel = np.transpose(_array(layer.kernel), (3, 2, 0, 1))  # (out, in / groups, height, width)
    bias = _array(layer.bias) if layer.use_bias else np.zeros(len(kernel), np.float32)
    kernel = np.pad(kernel, ((0, site.wanted), (0, site.spare[0]), (0, 0), (0, 0)))
    return _convolve(site, kernel, np.pad(bias, (0, site.wanted)), layer.groups)


def _depthwise(site: Site) -> str:
    layer = site.layer
    _linear(site)
    kernel = np.transpose(_array(layer.kernel), (2, 3, 0, 1))  # (in, multiplier, height, width)
    kernel = np.reshape(kernel, (-1, 1, *kernel.shape[2:]))
    bias = _array(layer.bias) if layer.use_bias else np.zeros(len(kernel), np.float32)
    kernel = np.pad(kernel, ((0, site.wanted), (0, 0), (0, 0), (0, 0)))
    groups = site.shapes[0][-1] + site.spare[0]
    return _convolve(site, kernel, np.pad(bias, (0, site.wanted)), groups)


def _convolve(site: Site, kernel: np.ndarray, bias: np.ndarray, groups: int) -> str:
    graph, layer = site.graph, site.layer
    around = padding(site, layer.kernel_size, layer.strides, layer.dilation_rate)
    rows, columns = site.values[0].block
    if (rows, columns) != (1, 1):  # each tap becomes the average over a block
        kernel = np.repeat(np.repeat(kernel, rows, 2), columns, 3) / (rows * columns)
        around = {"pads": tuple(np.multiply(around["pads"], (rows, columns) * 2).tolist())}
    inputs = [site.x, graph.weights(kernel, f"{site.name}_kernel")]
    inputs.append(graph.weights(bias, f"{site.name}_bias"))
    return graph.add(
        "Conv",
        inputs,
        site.name,
        group=int(groups),
        kernel_shape=kernel.shape[2:],
        strides=(layer.strides[0] * rows, layer.strides[1] * columns),
        dilations=layer.dilation_rate,
        **around,
    )


def _activation(site: Site) -> str:
    graph, name, x = site.graph, site.name, site.x
    function = site.layer.activation
    if function is keras.activations.relu:
        return graph.add("Relu", [x], name)
    if function is keras.activations.relu6:
        limits = [graph.weights(np.array(limit), f"{name}_limit") for limit in (0, 6)]
        return graph.add("Clip", [x, *limits], name)
    if function is keras.activations.silu:
        return graph.add("Mul", [x, graph.add("Sigmoid", [x], f"{name}_sigmoid")], name)
    if function is keras.activations.hard_silu:
        gate = graph.add("HardSigmoid", [x], f"{name}_gate", alpha=1 / 6, beta=0.5)
        return graph.add("Mul", [x, gate], name)
    if function is keras.activations.softmax:
        if graph.real is not np.float32:
            x = graph.cast(x, np.float32, f"{name}_full")
        return _softmax(graph, x, name)
    if function is keras.activations.linear:
        return x
    raise ValueError(
        f"Expected an activation that the networks use. Received: {name} with "
        f"{getattr(function, '__name__', function)}"
    )


def _softmax(graph: Graph, x: str, name: str) -> str:
    """Over channels, in its parts: ONNX Runtime's Softmax takes ten times as long here."""
    largest = graph.add("ReduceMax", [x], f"{name}_largest", axes=(1,), keepdims=1)
    x = graph.add("Exp", [graph.add("Sub", [x, largest], f"{name}_below")], f"{name}_exp")
    total = graph.add("ReduceSum", [x, graph.scalars([1])], f"{name}_total", keepdims=1)
    return graph.add("Div", [x, total], name)


def _add(site: Site) -> str:
    """In pairs: ONNX Runtime takes longer for a Sum of three, and has no INT8 for it."""
    total, *others = [value.name for value in site.values]
    for i, other in enumerate(others, 1):
        name = site.name if i == len(others) else f"{site.name}_{i}"
        total = site.graph.add("Add", [total, other], name)
    return total


def _concatenate(site: Site) -> str:
    if site.layer.axis not in (-1, 3):
        raise ValueError(f"Expected axis=-1. Received: {site.name} with axis={site.layer.axis}")
    return site.graph.add("Concat", [value.name for value in site.values], site.name, axis=1)


def _zero_padding(site: Site) -> Value:
    (top, bottom), (left, right) = site.layer.padding
    given = site.values[0]
    edges = zip(given.pads, (top, left, bottom, right), strict=True)
    pads = tuple(int(before + edge) for before, edge in edges)
    return Value(given.name, pads)  # type: ignore[arg-type]


def padded(graph: Graph, value: Value) -> Value:
    """The map with the zeros that belong around it."""
    if not any(value.pads):
        return value
    top, left, bottom, right = value.pads
    pads = graph.scalars([0, 0, top, left, 0, 0, bottom, right])
    zero = graph.weights(np.array(0.0), "zero")
    return Value(graph.add("Pad", [value.name, pads, zero], f"{value.name}_padded"))


def _batch_norm(site: Site) -> str:
    graph, layer, channels = site.graph, site.layer, site.shapes[0][-1]
    ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
    parts = {
        "scale": _array(layer.gamma) if layer.scale else ones,
        "offset": _array(layer.beta) if layer.center else zeros,
        "mean": _array(layer.moving_mean),
        "variance": _array(layer.moving_variance),
    }
    names = [graph.weights(part, f"{site.name}_{key}") for key, part in parts.items()]
    epsilon = float(layer.epsilon)
    return graph.add("BatchNormalization", [site.x, *names], site.name, epsilon=epsilon)


def _resize_to_partner(site: Site) -> str | Value:
    x, partner = site.values
    sides, wanted = site.shapes[0][1:3], site.shapes[1][1:3]
    if site.merged:
        return Value(x.name, upsampling=Upsampling(sides[0], sides[1], site.layer.interpolation))
    return resize(
        site.graph, x.name, sides, wanted, site.layer.interpolation, site.name, partner.name
    )


def _resize_to(site: Site) -> str:
    layer, sides = site.layer, site.shapes[0][1:3]
    return resize(site.graph, site.x, sides, layer.size, layer.interpolation, site.name)


def _linear(site: Site) -> None:
    layer = site.layer
    if layer.activation not in (None, keras.activations.linear):
        raise ValueError(f"Expected no activation in {site.name}. Received: {layer.activation}")
    if layer.data_format != "channels_last":
        raise ValueError(f"Expected channels last in {site.name}. Received: {layer.data_format}")


def _array(variable) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable.value), np.float32)


LAYERS: dict[type, Callable[[Site], str | Value]] = {
    ImageInput: _image_input,
    FastConv2D: _convolution,
    keras.layers.Conv2D: _convolution,
    FastDepthwiseConv2D: _depthwise,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.Activation: _activation,
    keras.layers.Add: _add,
    keras.layers.Concatenate: _concatenate,
    keras.layers.MaxPooling2D: max_pooling,
    keras.layers.AveragePooling2D: average_pooling,
    keras.layers.GlobalAveragePooling2D: global_average,
    keras.layers.ZeroPadding2D: _zero_padding,
    keras.layers.BatchNormalization: _batch_norm,
    DilatedMaxPooling2D: dilated_max_pooling,
    LinearAttention: linear_attention,
    AdaptiveAveragePooling2D: adaptive_average,
    ResizeTo: _resize_to,
    ResizeToPartner: _resize_to_partner,
    ClassMask: class_mask,
}

# These take the zeros around their input themselves.
PADDING = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.ZeroPadding2D)

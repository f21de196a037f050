"""Fold layers into the weights of the convolutions beside them; the result stays equal."""

from keras import layers as keras_layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy._node import Node, bypass, readers

CONVOLUTIONS = (zoo.FastConv2D, zoo.FastDepthwiseConv2D)
SIZED_BY_PARTNER = (zoo.ResizeToPartner, zoo.ClassMask)  # they read their second input's size


def fold(output: Node) -> None:
    """Change the nodes before an output so that they do less and the output stays equal."""
    _batch_norms(output)
    _depthwise_biases(output)
    _pointwise_pairs(output)
    _normalisation(output)


def _scale_outputs(node, scale, shift):
    """Multiply what a convolution gives by a scale and add a shift, both one for each channel."""
    kernel, *bias = node.weights
    channels = kernel.shape[2:] if node.kind is zoo.FastDepthwiseConv2D else kernel.shape[3:]
    bias = bias[0] * scale + shift if bias else shift
    node.weights = [kernel * scale.reshape(channels), bias]


def _batch_norms(output):
    """A batch norm into the convolution before it, where nothing else reads that."""
    graph = readers(output)
    for node in list(graph):
        if node.kind is not keras_layers.BatchNormalization:
            continue
        (source,) = node.inputs
        if source.kind in CONVOLUTIONS and graph[source] == [node]:
            gamma, beta, mean, variance = node.weights
            scale = gamma / (variance + node.config["epsilon"]) ** 0.5
            _scale_outputs(source, scale, beta - mean * scale)
            bypass(node, graph)


def _is_pointwise(node):
    return (
        node.kind is zoo.FastConv2D
        and node.config["groups"] == 1
        and tuple(node.config["kernel_size"]) == (1, 1)
        and tuple(node.config["strides"]) == (1, 1)
    )


def _depthwise_biases(output):
    """A depthwise convolution's bias into that of the 1x1 convolution right behind it."""
    graph = readers(output)
    for node in graph:
        if not _is_pointwise(node):
            continue
        (source,) = node.inputs
        if source.kind is zoo.FastDepthwiseConv2D and graph[source] == [node]:
            _take_bias(node, source)


def _take_bias(node, source):
    """Move the bias of the convolution before a 1x1 convolution into the latter."""
    (kernel, *bias), (first, *moved) = node.weights, source.weights
    if moved:
        moved = moved[0] @ kernel[0, 0]
        node.weights = [kernel, bias[0] + moved if bias else moved]
        source.weights = [first]


def _pointwise_pairs(output):
    """Two 1x1 convolutions in a row into one, where that one multiplies less."""
    graph = readers(output)
    for node in list(graph):
        if not _is_pointwise(node):
            continue
        (source,) = node.inputs
        if not _is_pointwise(source) or graph[source] != [node]:
            continue
        (inner, between), (_, outer) = source.weights[0].shape[2:], node.weights[0].shape[2:]
        if inner * outer < between * (inner + outer):
            _take_bias(node, source)
            kernel = source.weights[0][0, 0] @ node.weights[0][0, 0]
            node.weights[0] = kernel[None, None]
            bypass(source, graph)


def _normalisation(output):
    """The image's division by its deviation into the convolutions that read it.

    The subtraction of the mean too where none of them pads with zeros. Averaging and resizing
    stand between as if they were not there: their weights sum up to one.
    """
    graph = readers(output)
    for node in graph:
        if node.kind is not zoo.ImageInput or node.config["mean"] is None:
            continue
        convolutions = _read_by_convolutions(node, graph)
        if convolutions is None:
            continue
        mean, std = node.config["mean"], node.config["std"]
        unpadded = all(conv.config["padding"] == "valid" for conv in convolutions)
        for conv in convolutions:
            kernel, *bias = conv.weights
            kernel = kernel / [[value] for value in std]
            conv.weights = [kernel, *bias]
            if unpadded:
                shift = -(kernel.sum((0, 1)).T @ mean)
                conv.weights = [kernel, bias[0] + shift if bias else shift]
        if unpadded:
            node.config = {"mean": None, "std": None}
        else:
            node.config = {"mean": mean, "std": [1.0] * len(std)}


def _read_by_convolutions(node, graph):
    """The convolutions that read a node's values, or None where other layers do too."""
    found = []
    for reader in dict.fromkeys(graph[node]):
        if reader.kind is zoo.FastConv2D:
            found.append(reader)
        elif reader.kind in SIZED_BY_PARTNER and reader.inputs[0] is not node:
            continue  # the partner, of which only the size is read
        elif reader.kind in (keras_layers.AveragePooling2D, zoo.ResizeToPartner):
            behind = _read_by_convolutions(reader, graph)
            if behind is None:
                return None
            found.extend(behind)
        else:
            return None
    return found

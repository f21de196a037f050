"""A network of the zoo as nodes of plain layers: one function for each composite layer.

A composite's nodes are named `<layer>_<sublayer>`, as `fusion_td2_F0_pointwise`. What only
training needs is left out.
"""

import keras
import numpy as np
from keras import layers as keras_layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy._node import Node
from scmnet_zoo.layers.feature_fusion import LEVELS, NODES

PAD = keras_layers.ZeroPadding2D
SYMMETRIC = "symmetric"  # a convolution's padding: alike before and after, where it strides
ACTIVATIONS = ("relu", "relu6", "silu", "hard_silu", "softmax")


def flatten(model: keras.Model) -> dict[int, Node]:
    """The nodes of a functional model, each under the `id` of the symbolic tensor it makes.

    Raises:
        ValueError: a layer that the networks of the zoo do not have.
    """
    made: dict[int, Node] = {}
    for layer in model.layers:
        rule = RULES.get(type(layer))
        if rule is None or len(layer._inbound_nodes) != 1:
            raise ValueError(
                "Expected a network of the zoo, each layer used once. "
                f"Received: layer {layer.name!r} of type {type(layer).__name__}"
            )
        tensors = keras.tree.flatten(layer.input)
        if isinstance(layer, keras_layers.InputLayer):
            inputs = []
        elif all(id(x) in made for x in tensors):
            inputs = [made[id(x)] for x in tensors]
        else:
            raise ValueError(
                "Expected a network of the zoo, of layers only. "
                f"Received: an operation before layer {layer.name!r}"
            )
        made[id(layer.output)] = rule(layer, inputs)
    return made


# Layers that stay what they are.


def _array(variable):
    return np.asarray(keras.ops.convert_to_numpy(variable), "float64")


def _keep(layer, inputs, *keys, name=None):
    """The same layer, with those of its arguments; it has no weights."""
    config = layer.get_config()
    config = {key: config[key] for key in keys}
    return Node(type(layer), name or layer.name, inputs, layer.dtype_policy, config)


def _input(layer, inputs):
    (shape,) = (tuple(x.shape) for x in keras.tree.flatten(layer.output))
    config = {"shape": shape[1:], "dtype": layer.dtype}
    return Node(keras_layers.InputLayer, layer.name, [], None, config)


def _conv(layer, x, prefix="", symmetric=False):
    """A convolution, standard or depthwise, with its activation behind it."""
    depthwise = isinstance(layer, keras_layers.DepthwiseConv2D)
    kind = zoo.DepthwiseConv2D if depthwise else zoo.Conv2D
    config = {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "dilation_rate": layer.dilation_rate,
        "padding": SYMMETRIC if symmetric else layer.padding,
    }
    key = "depth_multiplier" if depthwise else "filters"
    config[key] = getattr(layer, key)
    if not depthwise:
        config["groups"] = layer.groups
    name = prefix + layer.name
    node = Node(kind, name, [x], layer.dtype_policy, config, [_array(v) for v in layer.weights])
    return _activate(layer.activation, node, f"{name}_", layer.dtype_policy)


def _padded_conv(layer, x):
    """A convolution of the model itself, with the zeros that a layer before puts around the map."""
    if x.kind is PAD and layer.padding == "valid":
        windows = zip(layer.dilation_rate, layer.kernel_size, strict=True)
        edges = [rate * (taps - 1) // 2 for rate, taps in windows]
        if [tuple(sides) for sides in x.config["padding"]] == [(edge, edge) for edge in edges]:
            return _conv(layer, x.inputs[0], symmetric=True)
    return _conv(layer, x)


def _batch_norm(layer, x, prefix=""):
    if layer is None:
        return x
    mean, variance = (_array(v) for v in (layer.moving_mean, layer.moving_variance))
    gamma = np.ones_like(mean) if layer.gamma is None else _array(layer.gamma)
    beta = np.zeros_like(mean) if layer.beta is None else _array(layer.beta)
    return Node(
        keras_layers.BatchNormalization,
        prefix + layer.name,
        [x],
        layer.dtype_policy,
        {"epsilon": layer.epsilon},
        [gamma, beta, mean, variance],
    )


def _activate(function, x, prefix, dtype):
    """The activation, named by its kind; nothing where it is linear."""
    kind = keras.activations.serialize(function)
    if kind == "linear":
        return x
    if kind not in ACTIVATIONS:
        raise ValueError(
            f"Expected activations among {', '.join(ACTIVATIONS)}. Received: {kind!r} at {prefix}"
        )
    config = {"activation": kind}
    return Node(keras_layers.Activation, f"{prefix}{kind}", [x], dtype, config)


def _activation(layer, x):
    node = _activate(layer.activation, x, "", layer.dtype_policy)
    if node is not x:
        node.name = layer.name
    return node


# Composites. `p` is the prefix of the names.


def _conv_bn_relu(conv, bn, x, p, name):
    x = _batch_norm(bn, _conv(conv, x, p), p)
    return _activate(keras.activations.relu, x, f"{p}{name}_", conv.dtype_policy)


def _resize(x, partner, interpolation, name, dtype):
    config = {"interpolation": interpolation}
    return Node(zoo.ResizeToPartner, name, [x, partner], dtype, config)


def _global_average(x, name, dtype):
    return Node(keras_layers.GlobalAveragePooling2D, name, [x], dtype, {"keepdims": True})


def _concatenate(inputs, name, dtype):
    return Node(keras_layers.Concatenate, name, inputs, dtype, {"axis": -1})


def _strides_symmetrically(layer):
    return layer.padding == SYMMETRIC and layer.strides > 1


def _separable(layer, inputs, p=""):
    p, dtype = f"{p}{layer.name}_", layer.dtype_policy
    x = _conv(layer.depthwise, inputs[0], p, _strides_symmetrically(layer))
    if layer.depthwise_bn is not None:
        x = _batch_norm(layer.depthwise_bn, x, p)
        x = _activate(layer.depthwise_activation, x, f"{p}depthwise_", dtype)
    x = _batch_norm(layer.bn, _conv(layer.pointwise, x, p), p)
    return _activate(layer.activation, x, p, dtype)


def _inverted_residual(layer, inputs):
    x, p, dtype = inputs[0], f"{layer.name}_", layer.dtype_policy
    if layer.expand_conv is not None:
        x = _batch_norm(layer.expand_bn, _conv(layer.expand_conv, x, p), p)
        x = _activate(layer.activation, x, f"{p}expand_", dtype)
    x = _conv(layer.depthwise_conv, x, p, _strides_symmetrically(layer))
    x = _activate(layer.activation, _batch_norm(layer.depthwise_bn, x, p), f"{p}depthwise_", dtype)
    x = _batch_norm(layer.project_bn, _conv(layer.project_conv, x, p), p)
    if not layer.adds_input:
        return x
    return Node(keras_layers.Add, f"{p}add", [x, inputs[0]], dtype)


def _linear_attention(layer, inputs):
    (x,), p, dtype = inputs, f"{layer.name}_", layer.dtype_policy
    near = _conv(layer.qkv, x, p)
    wide = _conv(layer.aggregate_pointwise, _conv(layer.aggregate_depthwise, near, p), p)
    x = _concatenate([near, wide], f"{p}concat", dtype)
    config = {"head_width": layer.head_width}
    x = Node(zoo.LinearAttention, p + layer.attention.name, [x], dtype, config)
    return _batch_norm(layer.project_bn, _conv(layer.project_conv, x, p), p)


def _context_mining(layer, inputs):
    (x,), p, dtype = inputs, f"{layer.name}_", layer.dtype_policy
    point = _conv_bn_relu(layer.pointwise_conv, layer.pointwise_bn, x, p, "pointwise")
    atrous = _separable(layer.atrous, [x], p)
    whole = _global_average(x, f"{p}global_pool", dtype)
    whole = _conv_bn_relu(layer.global_pool_conv, layer.global_pool_bn, whole, p, "global_pool")
    whole = _resize(whole, x, "nearest", f"{p}global_pool_spread", dtype)
    local = _pool(layer.local_pool, [x], p + layer.local_pool.name)
    local = _conv_bn_relu(layer.local_pool_conv, layer.local_pool_bn, local, p, "local_pool")
    local = _resize(local, x, "bilinear", f"{p}local_pool_upsample", dtype)
    return _concatenate([point, atrous, whole, local], f"{p}concat", dtype)


def _feature_fusion(layer, inputs):
    p, dtype = f"{layer.name}_", layer.dtype_policy
    maps = {}
    for i, level in enumerate(LEVELS):
        lateral = _conv(layer.lateral_convs[i], inputs[i], p)
        maps[f"L{level[1]}"] = _batch_norm(layer.lateral_bns[i], lateral, p)
    for i, (node, move, moved, kept) in enumerate(NODES):
        others, name = [maps[other] for other in kept], f"{p}{node}_"
        if move == "down":
            x = _pool(layer.down, [maps[moved]], f"{name}down")
        else:
            x = _resize(maps[moved], others[0], "nearest", f"{name}up", dtype)
        x = Node(keras_layers.Add, f"{name}add", [x, *others], dtype)
        x = _activate(keras.activations.silu, x, name, dtype)
        x = _conv(layer.pointwise[i], _conv(layer.depthwise[i], x, p), p)
        maps[node] = _batch_norm(layer.bns[i], x, p)
    return maps["td2_F0"]


def _pyramid_pooling(layer, inputs):
    (x,), p, dtype = inputs, f"{layer.name}_", layer.dtype_policy
    branches = [x]
    for count, conv, bn in zip(layer.bins, layer.bin_convs, layer.bin_bns, strict=True):
        name, interpolation = f"bin{count}", "nearest" if count == 1 else "bilinear_align_corners"
        if count == 1:
            grid = _global_average(x, f"{p}{name}", dtype)
        else:
            grid = Node(zoo.AdaptiveAveragePooling2D, f"{p}{name}", [x], dtype, {"bins": count})
        grid = _conv_bn_relu(conv, bn, grid, p, name)
        branches.append(_resize(grid, x, interpolation, f"{p}{name}_upsample", dtype))
    joined = _concatenate(branches, f"{p}concat", dtype)
    return _conv_bn_relu(layer.project_conv, layer.project_bn, joined, p, "project")


def _atrous_pyramid(layer, inputs):
    (x,), p, dtype = inputs, f"{layer.name}_", layer.dtype_policy
    point = _conv_bn_relu(layer.point_conv, layer.point_bn, x, p, "aspp0")
    whole = _global_average(x, f"{p}image_pooling_average", dtype)
    whole = _conv_bn_relu(layer.image_conv, layer.image_bn, whole, p, "image_pooling")
    whole = _resize(whole, x, "nearest", f"{p}image_pooling_spread", dtype)
    ranges = [_separable(branch, [x], p) for branch in layer.atrous]
    joined = _concatenate([whole, point, *ranges], f"{p}concat", dtype)
    return _conv_bn_relu(layer.project_conv, layer.project_bn, joined, p, "concat_projection")


def _pool(layer, inputs, name=None):
    return _keep(layer, inputs, "pool_size", "strides", "padding", name=name)


# From a layer's class to what makes nodes of it and of the nodes that it reads.
RULES = {
    keras_layers.InputLayer: _input,
    zoo.ImageInput: lambda layer, inputs: _keep(layer, inputs, "mean", "std"),
    PAD: lambda layer, inputs: _keep(layer, inputs, "padding"),
    keras_layers.Conv2D: lambda layer, inputs: _padded_conv(layer, *inputs),
    zoo.Conv2D: lambda layer, inputs: _padded_conv(layer, *inputs),
    zoo.DepthwiseConv2D: lambda layer, inputs: _conv(layer, *inputs),
    keras_layers.BatchNormalization: lambda layer, inputs: _batch_norm(layer, *inputs),
    zoo.BatchNormalization: lambda layer, inputs: _batch_norm(layer, *inputs),
    keras_layers.Activation: lambda layer, inputs: _activation(layer, *inputs),
    keras_layers.Dropout: lambda layer, inputs: inputs[0],
    keras_layers.Add: lambda layer, inputs: _keep(layer, inputs),
    keras_layers.Concatenate: lambda layer, inputs: _keep(layer, inputs, "axis"),
    keras_layers.MaxPooling2D: _pool,
    keras_layers.AveragePooling2D: _pool,
    zoo.ResizeToPartner: lambda layer, inputs: _keep(layer, inputs, "interpolation"),
    zoo.DilatedMaxPooling2D: lambda layer, inputs: _keep(layer, inputs, "dilation_rate"),
    zoo.DepthwiseSeparableConv2D: _separable,
    zoo.InvertedResidual: _inverted_residual,
    zoo.LinearAttention: lambda layer, inputs: _keep(layer, inputs, "head_width"),
    zoo.MultiScaleLinearAttention: _linear_attention,
    zoo.ContextMiningModule: _context_mining,
    zoo.DeepShallowFeatureFusion: _feature_fusion,
    zoo.PyramidPooling: _pyramid_pooling,
    zoo.AtrousSpatialPyramidPooling: _atrous_pyramid,
}

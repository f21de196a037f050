"""A functional model as nodes of plain layers.

A composite layer of the zoo, or a model within the model, is taken apart: its own `call`, on
symbolic tensors, says which sublayers it calls and with what. Their nodes are named
`<layer>_<sublayer>`, as `fusion_td2_F0_pointwise`. Layers that act in training only are left out.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import layers as keras_layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy._node import Item, Node
from scmnet_zoo.deploy._walk import calls, fill
from scmnet_zoo.layers._register import is_composite

SYMMETRIC = "symmetric"  # a convolution's padding: as much before as after, where it strides

# Each kind of convolution, and the kind that the flat model has in its place.
CONVOLUTIONS: dict[Any, Any] = {
    keras_layers.Conv2D: zoo.FastConv2D,
    zoo.FastConv2D: zoo.FastConv2D,
    keras_layers.DepthwiseConv2D: zoo.FastDepthwiseConv2D,
    zoo.FastDepthwiseConv2D: zoo.FastDepthwiseConv2D,
}
BATCH_NORMS: tuple[Any, ...] = (keras_layers.BatchNormalization, zoo.OnePassBatchNormalization)
TRAINING_ONLY: tuple[Any, ...] = (
    keras_layers.Dropout,
    keras_layers.SpatialDropout2D,
    keras_layers.GaussianDropout,
    keras_layers.GaussianNoise,
    keras_layers.ActivityRegularization,
    keras_layers.Identity,
)


def flatten(model: keras.Model) -> dict[int, Node]:
    """The nodes of a functional model, each by the `id` of the symbolic tensor that it makes.

    Raises:
        ValueError: a layer that is called with `training=True`, or that cannot be copied.
    """
    made: dict[int, Node] = {}
    _add_nodes(model.outputs, made)
    return made


def _add_nodes(outputs: Sequence[Any], made: dict[int, Node], prefix: str = "") -> None:
    """Add the nodes of the calls that lead to symbolic tensors, named with a prefix."""
    for call in calls(outputs):
        layer = call.operation
        inputs = [made[id(tensor)] for tensor in call.input_tensors]
        if isinstance(layer, keras_layers.InputLayer):
            nodes = [_input(layer, call.outputs[0])]
        elif is_composite(layer) or _is_functional(layer):
            nodes = _take_apart(layer, call, inputs, prefix)
        elif not isinstance(layer, keras.layers.Layer):
            name, arguments = prefix + layer.name, (call.arguments.args, call.arguments.kwargs)
            node = Node(type(layer), name, inputs, arguments=arguments, operation=layer)
            nodes = _items(node, len(call.outputs))
        else:
            nodes = _items(_node(layer, call, inputs, prefix), len(call.outputs))
        for tensor, node in zip(call.outputs, nodes, strict=True):
            made[id(tensor)] = node


def _is_functional(layer: Any) -> bool:
    return isinstance(layer, keras.Model) and bool(getattr(layer, "inputs", None))


def _take_apart(layer: Any, call: Any, inputs: list[Node], prefix: str) -> list[Node]:
    """The nodes of the outputs of a layer that is made of sublayers."""
    made: dict[int, Node] = {}
    waiting = iter(inputs)

    def symbolic(tensor: Any) -> keras.KerasTensor:
        replaced = keras.KerasTensor(tensor.shape, dtype=tensor.dtype)
        made[id(replaced)] = next(waiting)
        return replaced

    args, kwargs = fill(call.arguments.args, call.arguments.kwargs, symbolic)
    kwargs["training"] = _in_training(call)
    with _without_traces(layer):
        outputs = keras.tree.flatten(layer.call(*args, **kwargs))
        _add_nodes(outputs, made, f"{prefix}{layer.name}_")
        return [made[id(tensor)] for tensor in outputs]


@contextlib.contextmanager
def _without_traces(layer: Any) -> Iterator[None]:
    """Afterwards let Keras forget the calls of sublayers that were made within."""
    called = [*layer._flatten_layers(), *getattr(layer, "operations", ())]
    before = [(each, len(each._inbound_nodes), len(each._outbound_nodes)) for each in called]
    try:
        yield
    finally:
        for each, inbound, outbound in before:
            del each._inbound_nodes[inbound:]
            del each._outbound_nodes[outbound:]


def _in_training(call: Any) -> bool:
    return call.arguments.kwargs.get("training") is True


def _items(node: Node, count: int) -> list[Node]:
    """A node for each output of a call."""
    if count == 1:
        return [node]
    items = range(count)
    return [Node(Item, f"{node.name}_{i}", [node], config={"index": i}) for i in items]


def _node(layer: Any, call: Any, inputs: list[Node], prefix: str) -> Node:
    """The node of a layer with one output, or the last node of several."""
    kind, name = type(layer), prefix + layer.name
    if isinstance(layer, (*BATCH_NORMS, *TRAINING_ONLY)) and _in_training(call):
        raise ValueError(
            "Expected layers that infer. Received: "
            f"layer {name!r} of type {kind.__name__}, called with training=True"
        )
    if kind in TRAINING_ONLY:
        return inputs[0]
    if kind in CONVOLUTIONS and _is_plain(layer):
        return _convolution(layer, inputs[0], prefix)
    if kind in BATCH_NORMS and layer.axis in (-1, len(call.input_tensors[0].shape) - 1):
        return _batch_norm(layer, inputs[0], prefix)
    function = _function(layer)
    if function is not None:
        return _activate(function, inputs[0], name, layer.dtype_policy)
    return _kept(layer, call, inputs, prefix)


def _array(variable: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(variable), "float64")


def _input(layer: Any, tensor: Any) -> Node:
    config = {"shape": tuple(tensor.shape)[1:], "dtype": layer.dtype}
    return Node(keras_layers.InputLayer, layer.name, [], None, config)


def _is_plain(layer: Any) -> bool:
    """Whether a convolution has its channels last, and a kernel and perhaps a bias only."""
    return layer.data_format == "channels_last" and len(layer.weights) == 1 + layer.use_bias


def _convolution(layer: Any, x: Node, prefix: str) -> Node:
    """A convolution, standard or depthwise, with its activation after it.

    It takes the zeros that a layer before it adds around the map as its own padding.
    """
    padding = layer.padding
    if padding == "valid" and x.kind is keras_layers.ZeroPadding2D:
        windows = zip(layer.dilation_rate, layer.kernel_size, strict=True)
        edges = [rate * (taps - 1) // 2 for rate, taps in windows]
        if [tuple(sides) for sides in x.config["padding"]] == [(edge, edge) for edge in edges]:
            x, padding = x.inputs[0], SYMMETRIC
    kind = CONVOLUTIONS[type(layer)]
    config = {
        "kernel_size": layer.kernel_size,
        "strides": layer.strides,
        "dilation_rate": layer.dilation_rate,
        "padding": padding,
        "data_format": layer.data_format,
    }
    if kind is zoo.FastDepthwiseConv2D:
        config["depth_multiplier"] = layer.depth_multiplier
    else:
        config.update(filters=layer.filters, groups=layer.groups)
    name, weights = prefix + layer.name, [_array(variable) for variable in layer.weights]
    node = Node(kind, name, [x], layer.dtype_policy, config, weights)
    function = layer.activation
    return _activate(function, node, f"{name}_{_serialized(function)}", layer.dtype_policy)


def _batch_norm(layer: Any, x: Node, prefix: str) -> Node:
    mean, variance = (_array(v) for v in (layer.moving_mean, layer.moving_variance))
    gamma = np.ones_like(mean) if layer.gamma is None else _array(layer.gamma)
    beta = np.zeros_like(mean) if layer.beta is None else _array(layer.beta)
    weights, config = [gamma, beta, mean, variance], {"epsilon": layer.epsilon}
    kind = keras_layers.BatchNormalization
    return Node(kind, prefix + layer.name, [x], layer.dtype_policy, config, weights)


def _function(layer: Any) -> Any:
    """The activation function of a layer that only applies it, else None."""
    kind = type(layer)
    if kind is keras_layers.Activation:
        return layer.activation
    if kind is keras_layers.ReLU and layer.negative_slope == layer.threshold == 0:
        functions = {None: keras.activations.relu, 6: keras.activations.relu6}
        return functions.get(layer.max_value)
    if kind is keras_layers.Softmax and layer.axis == -1:
        return keras.activations.softmax
    return None


def _serialized(function: Any) -> str:
    kind = keras.activations.serialize(function)
    return kind if isinstance(kind, str) else "activation"


def _activate(function: Any, x: Node, name: str, dtype: Any) -> Node:
    """The node of an activation; that before it where the activation is linear."""
    kind = keras.activations.serialize(function)
    if function is None or kind == "linear":
        return x
    config = {"activation": kind if isinstance(kind, str) else function}
    return Node(keras_layers.Activation, name, [x], dtype, config)


def _kept(layer: Any, call: Any, inputs: list[Node], prefix: str) -> Node:
    """The node of a copy of the layer."""
    name = prefix + layer.name
    try:
        config = dict(layer.get_config())
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            "Expected layers that can be copied, with a get_config() that from_config() takes. "
            f"Received: layer {name!r} of type {type(layer).__name__}"
        ) from error
    for key in ("name", "dtype", "trainable"):
        config.pop(key, None)
    arguments = (call.arguments.args, call.arguments.kwargs)
    weights = layer.get_weights()
    return Node(type(layer), name, inputs, layer.dtype_policy, config, weights, arguments)

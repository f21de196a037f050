"""The inference form of a network: an equal model of fewer, plain layers."""

from collections import Counter
from dataclasses import replace
from typing import Any

import keras
from keras import layers as keras_layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy._node import Item, Node, Outputs, ordered
from scmnet_zoo.deploy._walk import fill
from scmnet_zoo.deploy.flatten import SYMMETRIC, flatten
from scmnet_zoo.deploy.fold import CONVOLUTIONS, fold
from scmnet_zoo.deploy.sizes import check_sizes
from scmnet_zoo.losses.with_auxiliary import MAIN

OUTPUTS = ("probabilities", "logits", "mask")

# All that a fused network of the zoo is made of; `docs/deploy.md` says how each is used.
FUSED_LAYERS: tuple[Any, ...] = (
    keras_layers.InputLayer,
    zoo.ImageInput,
    zoo.FastConv2D,
    zoo.FastDepthwiseConv2D,
    keras_layers.BatchNormalization,
    keras_layers.Activation,
    keras_layers.Add,
    keras_layers.Concatenate,
    keras_layers.ZeroPadding2D,
    keras_layers.MaxPooling2D,
    keras_layers.AveragePooling2D,
    keras_layers.GlobalAveragePooling2D,
    zoo.AdaptiveAveragePooling2D,
    zoo.DilatedMaxPooling2D,
    zoo.LinearAttention,
    zoo.ResizeToPartner,
    zoo.ClassMask,
)


def fuse(
    model: keras.Model, output: str = "probabilities", size: tuple[int, int] | None = None
) -> keras.Model:
    """Make an equal model for inference that is flat and does less.

    Batch norms are folded into the convolutions; dropout and auxiliary heads are left out; the
    zoo's composite layers and models within the model become their sublayers. A network of the zoo
    then consists of the layers in `FUSED_LAYERS`. Other layers and operations of a model are kept
    as they are, layers as copies. A layer that the model calls twice becomes two. Weights are
    copied; those of convolutions and batch norms are float32. The layers compute in the precision
    of the model's; in float32 the result agrees to 1e-4.

    Args:
        model: a functional or sequential model, as a factory, `keras.Model(inputs, outputs)` or
            `keras.saving.load_model` gives it. Of a dict of outputs with `"main"` only that is
            kept.
        output: `"probabilities"` for what the model gives (logits, if it gives these), `"logits"`
            for what is before the softmax, `"mask"` for the class of each pixel, uint8. Defaults to
            `"probabilities"`.
        size: (height, width) to fix; by default those of the model's input. With a fixed size all
            shapes inside are constants.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to
        `(batch, height, width, classes)`, or with `output="mask"` to `(batch, height, width)`;
        of a model with several outputs to all of them in their structure.

    Raises:
        ValueError: another `output`, a size that is none, too small or not for one image, a model
            that is not functional, a layer called with `training=True` or that cannot be copied,
            logits of a model that has none.

    Example:

    >>> from scmnet_zoo import SCMNet
    >>> model = fuse(SCMNet(num_classes=11), output="mask", size=(360, 480))
    >>> model.output_shape
    (None, 360, 480)
    """
    if output not in OUTPUTS:
        raise ValueError(f"Expected output to be one of {OUTPUTS}. Received: output={output!r}")
    check_sizes(size, None)
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        raise ValueError(
            "Expected a functional model, as the factories of the zoo make. "
            f"Received: {getattr(model, 'name', model)!r} of type {type(model).__name__}"
        )
    if size is not None and [len(image.shape) for image in model.inputs] != [4]:
        raise ValueError(
            "Expected no size for a model whose input is not one image. Received: inputs of shapes "
            f"{[tuple(each.shape) for each in model.inputs]}"
        )
    made = flatten(model)
    given = model.outputs[0] if isinstance(model, keras.Sequential) else model.output
    given = given[MAIN] if isinstance(given, dict) and MAIN in given else given
    ends = [_ending(made[id(tensor)], output) for tensor in keras.tree.flatten(given)]
    root = Node(Outputs, "outputs", ends)
    fold(root)
    built = _build(root, size)
    images = [made[id(tensor)] for tensor in model.inputs if id(tensor) in made]
    inputs = [built[node] for node in images if node in built]
    outputs = keras.tree.pack_sequence_as(given, [built[end] for end in root.inputs])
    inputs = inputs[0] if len(inputs) == 1 else inputs
    return keras.Model(inputs, outputs, name=f"{model.name}_fused")


def _is_softmax(node: Node) -> bool:
    return node.kind is keras_layers.Activation and node.config["activation"] == "softmax"


def _ending(main: Node, output: str) -> Node:
    """The node of the output asked for, from that of an output of the model.

    A network of the zoo ends in a classifier, softmax and upsampling, the latter two in either
    order. The softmax may be left out, as may the upsampling.

    Raises:
        ValueError: logits of a model whose scores no softmax follows directly.
    """
    if output == "probabilities":
        return main
    scores, resize, softmax = main, None, False
    while True:
        if scores.kind is zoo.ResizeToPartner and resize is None:
            resize = scores
        elif _is_softmax(scores) and not softmax:
            softmax = True
        else:
            break
        scores = scores.inputs[0]
    mixes = resize is not None and resize.config["interpolation"] != "nearest"
    if mixes and softmax and not _is_softmax(main):  # mixes probabilities: no logits give these
        scores, resize = main, None
    if output == "logits":
        if scores.kind is keras_layers.Activation or (scores is main and softmax):
            raise ValueError(
                "Expected logits at the end, or a softmax after them. Received: "
                f"layer {scores.name!r} of type {scores.kind.__name__} at the end"
            )
        return scores if resize is None else _resized(resize, scores)
    if resize is not None and not mixes:  # the class of a pixel is that of its nearest neighbour
        return Node(zoo.ClassMask, "head_mask", [scores, resize.inputs[1]], resize.dtype)
    if resize is not None:
        scores = _resized(resize, scores)
    return Node(zoo.ClassMask, "head_mask", [scores], scores.dtype)


def _resized(resize: Node, scores: Node) -> Node:
    """The node of a resizing that reads other scores."""
    return replace(resize, inputs=[scores, resize.inputs[1]])


def _build(root: Node, size: tuple[int, int] | None) -> dict[Node, Any]:
    """The symbolic tensors that the nodes before the root make, those of nodes of one name apart.

    A node whose call has several outputs makes a list.
    """
    made: dict[Node, Any] = {}
    names: Counter[str] = Counter()
    for node in ordered(root):
        if node is root:
            continue
        count, names[node.name] = names[node.name], names[node.name] + 1
        name = f"{node.name}_{count}" if count else node.name
        if node.kind is keras_layers.InputLayer:
            shape = node.config["shape"]
            shape = shape if size is None else (*size, shape[-1])
            made[node] = keras.Input(shape, dtype=node.config["dtype"], name=name)
        elif node.kind is Item:
            made[node] = keras.tree.flatten(made[node.inputs[0]])[node.config["index"]]
        else:
            made[node] = _call(node, name, [made[each] for each in node.inputs])
    return made


def _call(node: Node, name: str, inputs: list[Any]) -> Any:
    """What the node's layer, with its weights, makes of symbolic inputs."""
    if node.operation is not None:
        return _on(_again(node.operation), node, inputs)
    kind, config = node.kind, dict(node.config)
    if kind in CONVOLUTIONS:
        config["use_bias"] = len(node.weights) > 1
        if config["padding"] == SYMMETRIC:
            inputs, config["padding"] = _pad(node, name, inputs[0])
    elif kind is zoo.AdaptiveAveragePooling2D:
        bins, sides = config["bins"], inputs[0].shape[1:3]
        if all(side is not None and side % bins == 0 for side in sides):
            kind = keras_layers.AveragePooling2D
            config = {"pool_size": tuple(side // bins for side in sides)}
            config["data_format"] = "channels_last"
    try:
        layer = kind.from_config({**config, "name": name, "dtype": node.dtype})
    except (NotImplementedError, TypeError) as error:
        raise ValueError(
            "Expected layers that can be copied, with a get_config() that from_config() takes. "
            f"Received: layer {node.name!r} of type {kind.__name__}"
        ) from error
    outputs = _on(layer, node, inputs)
    if node.weights:
        layer.set_weights(
            [w.astype("float32") if w.dtype == "float64" else w for w in node.weights]
        )
    return outputs


def _on(layer: Any, node: Node, inputs: list[Any]) -> Any:
    """What a layer or an operation gives for symbolic inputs, called as the node says."""
    if node.arguments is None:
        return layer(inputs if len(inputs) > 1 else inputs[0])
    waiting = iter(inputs)
    args, kwargs = fill(*node.arguments, lambda tensor: next(waiting))
    return layer(*args, **kwargs)


def _again(operation: keras.Operation) -> keras.Operation:
    """The same operation without the calls that Keras has recorded of it."""
    copy = object.__new__(type(operation))
    vars(copy).update(vars(operation), _inbound_nodes=[], _outbound_nodes=[])
    return copy


def _pad(node: Node, name: str, x: Any) -> tuple[list[Any], str]:
    """The input of a convolution that pads as much before as after, and its `padding`.

    Where Keras's "same" is known to do just that, nothing is added.
    """
    edges, alike = [], True
    for side, taps, stride, dilation in zip(
        x.shape[1:3],
        *(node.config[key] for key in ("kernel_size", "strides", "dilation_rate")),
        strict=True,
    ):
        reach = dilation * (taps - 1)
        edges.append(reach // 2)
        alike = alike and side is not None and (side - 1) % stride == 0
    if alike:
        return [x], "same"
    padded = keras_layers.ZeroPadding2D(
        edges, "channels_last", name=f"{name}_pad", dtype=node.dtype
    )
    return [padded(x)], "valid"

"""The inference form of a network: an equal model of few, plain layers."""

import keras
from keras import layers as keras_layers

from scmnet_zoo import layers as zoo
from scmnet_zoo.deploy._node import Node, ordered
from scmnet_zoo.deploy.flatten import SYMMETRIC, flatten
from scmnet_zoo.deploy.fold import CONVOLUTIONS, fold
from scmnet_zoo.deploy.sizes import check_sizes
from scmnet_zoo.losses.with_auxiliary import MAIN

OUTPUTS = ("probabilities", "logits", "mask")

# All that a fused model is made of; `docs/deploy.md` says how each is used.
FUSED_LAYERS = (
    keras_layers.InputLayer,
    zoo.ImageInput,
    zoo.Conv2D,
    zoo.DepthwiseConv2D,
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

# Those of them that would take their order of axes from Keras's global setting.
SPATIAL = (
    *CONVOLUTIONS,
    keras_layers.MaxPooling2D,
    keras_layers.AveragePooling2D,
    keras_layers.GlobalAveragePooling2D,
)


def fuse(
    model: keras.Model, output: str = "probabilities", size: tuple[int, int] | None = None
) -> keras.Model:
    """An equal model for inference, flat and with less to do.

    Batch norms are folded into the convolutions, dropout and auxiliary heads are gone, composite
    layers are taken apart into those of `FUSED_LAYERS`. Weights are copied, float32. The layers
    compute in the precision of the model's; in float32 the result agrees to 1e-4.

    Args:
        model: a network of the zoo, as a factory or `keras.saving.load_model` gives it.
        output: `"probabilities"` for what the model gives (logits, if it gives these), `"logits"`
            for what is before the softmax, `"mask"` for the class of each pixel, uint8.
        size: (height, width) to fix; by default those of the model's input. With a fixed size
            nothing is left to compute about shapes.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to
        `(batch, height, width, classes)`, or with `output="mask"` to `(batch, height, width)`.

    Raises:
        ValueError: another `output`, a size that is none or too small, or a model with layers
            that the networks of the zoo do not have.

    Example:

    >>> from scmnet_zoo import SCMNet
    >>> model = fuse(SCMNet(num_classes=11), output="mask", size=(360, 480))
    >>> model.output_shape
    (None, 360, 480)
    """
    if output not in OUTPUTS:
        raise ValueError(f"Expected output to be one of {OUTPUTS}. Received: output={output!r}")
    check_sizes(size, None)
    last = _ending(_main_output(model), output)
    fold(last)
    return _build(last, size, f"{model.name}_fused")


def _main_output(model):
    """The node of a network's main output.

    Raises:
        ValueError: not a functional model of one input with such an output.
    """
    functional = isinstance(model, keras.Model) and hasattr(model, "inputs")
    made = flatten(model) if functional else {}
    main = getattr(model, "output", None) if functional else None
    main = main.get(MAIN) if isinstance(main, dict) else main
    if id(main) not in made or len(model.inputs) != 1:
        raise ValueError(
            "Expected a network of the zoo, a functional model from images to one map or a dict "
            f"with {MAIN!r}. Received: {getattr(model, 'name', model)!r} of type "
            f"{type(model).__name__}"
        )
    return made[id(main)]


def _ending(main, output):
    """The node of the output asked for, from that of the network's output.

    A network ends in a classifier, softmax and upsampling, the latter two in either order, the
    softmax also left out.

    Raises:
        ValueError: the network ends in something else.
    """
    node, upsample = main, None
    while node.kind is not zoo.Conv2D:
        if node.kind is zoo.ResizeToPartner:
            upsample = node
        elif node.config.get("activation") != "softmax":
            raise ValueError(
                "Expected a network of the zoo, ending in a classifier, softmax and upsampling. "
                f"Received: layer {node.name!r} of type {node.kind.__name__} at its end"
            )
        node = node.inputs[0]
    if output == "probabilities":
        return main
    scores, partner, dtype = node, [], node.dtype
    if upsample is not None:
        dtype, upsample.inputs = upsample.dtype, [node, upsample.inputs[1]]
        if output == "logits" or upsample.config["interpolation"] != "nearest":
            scores = upsample
        else:
            partner = [upsample.inputs[1]]
    if output == "logits":
        return scores
    return Node(zoo.ClassMask, "head_mask", [scores, *partner], dtype)


def _build(last, size, name):
    """The model of the nodes that the last one needs."""
    made = {}
    for node in ordered(last):
        if node.kind is keras_layers.InputLayer:
            height, width, channels = node.config["shape"]
            shape = (*(size or (height, width)), channels)
            image = made[node] = keras.Input(shape, dtype=node.config["dtype"], name=node.name)
        else:
            made[node] = _build_layer(node, [made[each] for each in node.inputs])
    return keras.Model(image, made[last], name=name)


def _build_layer(node, inputs):
    """What the node's layer, with its weights, makes of symbolic inputs."""
    kind, config, weights = node.kind, dict(node.config), node.weights
    sides = inputs[0].shape[1:3]
    if kind in CONVOLUTIONS:
        config["use_bias"] = len(weights) > 1
        if config["padding"] == SYMMETRIC:
            inputs, config["padding"] = _pad(node, inputs[0])
    elif kind is zoo.AdaptiveAveragePooling2D:
        bins = config["bins"]
        if all(side is not None and side % bins == 0 for side in sides):
            kind = keras_layers.AveragePooling2D
            config = {"pool_size": tuple(side // bins for side in sides)}
    if kind in SPATIAL:
        config["data_format"] = "channels_last"
    layer = kind(name=node.name, dtype=node.dtype, **config)
    outputs = layer(inputs if len(inputs) > 1 else inputs[0])
    layer.set_weights([w.astype("float32") for w in weights])
    return outputs


def _pad(node, x):
    """The input of a convolution that pads alike before and after, and Keras's padding for it.

    Where Keras's "same" is known to do just that there is nothing to pad.
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
        edges, "channels_last", name=f"{node.name}_pad", dtype=node.dtype
    )
    return [padded(x)], "valid"

"""From the image as a camera gives it to what is wanted of it, in one model."""

import keras

from scmnet_zoo.deploy._walk import call_again, replay, walk
from scmnet_zoo.deploy.description import takes_bytes
from scmnet_zoo.deploy.formats import OpenSize, Size
from scmnet_zoo.deploy.fuse import fuse
from scmnet_zoo.layers import ClassMask, ImageInput, ResizeTo, ResizeToPartner


def pipeline(
    model: keras.Model,
    output: str = "probabilities",
    size: Size | None = None,
    original_size: OpenSize | None = None,
) -> keras.Model:
    """The inference form of a network, from uint8 images, of other sizes on request.

    Args:
        model: a network of the zoo.
        output: `"probabilities"`, `"logits"` or `"mask"`.
        size: (height, width) the network sees; None where it varies.
        original_size: (height, width) of the images, None for a side that varies: they are resized
            bilinearly to `size` inside, and the scores back before a mask is made of them. None
            as a whole where images have the size that the network sees.

    Returns:
        A flat model of the layers in `FUSED_LAYERS`, and `ResizeTo` where images are resized.

    Raises:
        ValueError: an `original_size` without a `size` or with logits, probabilities of a network
            that gives logits, or what `fuse` refuses.
    """
    if original_size is None:
        fused = fuse(model, output, size)
        _check_softmax(fused, output, "logits or mask")
        image = _input(model, size or (None, None))
        return keras.Model(image, replay(fused, image), name=fused.name)
    _check(size, output)
    fused = fuse(model, "probabilities", size)
    _check_softmax(fused, output, "mask")
    image = _input(model, original_size)
    return _resized(image, size, output, lambda small: replay(fused, small), fused.name)


def in_float32(model: keras.Model) -> keras.Model:
    """The same network computing in float32; itself if it does so."""
    if all(layer.compute_dtype == "float32" for layer in model.layers):
        return model

    def copy(layer):
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    plain = keras.Model(model.input, model.output, name=model.name)  # not compiled
    made = keras.models.clone_model(plain, clone_function=copy)
    made.set_weights(plain.get_weights())
    return made


def in_bfloat16(model: keras.Model) -> keras.Model:
    """The same model computing in bfloat16; normalisation and softmax stay in float32."""
    made = {}
    for step in walk(model):
        layer, _, output = step
        if isinstance(layer, keras.layers.InputLayer):
            made[id(output)] = image = _like(output)
            continue
        config = layer.get_config()
        whole = isinstance(layer, ImageInput) or config.get("activation") == "softmax"
        config["dtype"] = "float32" if whole else "mixed_bfloat16"
        copy = type(layer).from_config(config)
        made[id(output)] = call_again(step, made, copy)
        copy.set_weights(layer.get_weights())
    last = made[id(model.outputs[0])]
    if last.dtype == "bfloat16":
        last = keras.layers.Activation("linear", dtype="float32", name="in_float32")(last)
    return keras.Model(image, last, name=model.name)


def _like(tensor):
    return keras.Input(tensor.shape[1:], dtype=tensor.dtype, name="image")


def reference(
    model: keras.Model,
    output: str = "probabilities",
    size: Size | None = None,
    original_size: OpenSize | None = None,
) -> keras.Model:
    """What `pipeline` has to equal: the network itself; for logits too it gives probabilities."""
    image = _input(model, original_size or size or (None, None))
    if original_size is None:
        scores = _scores(model, ImageInput(name="reference_image")(image))
        if output == "mask":
            scores = ClassMask(dtype="float32", name="reference_mask")(scores)
        return keras.Model(image, scores)
    return _resized(image, size, output, lambda small: _scores(model, small), "reference")


def _resized(image, size, output, network, name):
    """The model around a network that sees images at another size, in float32."""
    kind = "float32"
    full = ImageInput(name="original")(image)  # a cast
    scores = network(ResizeTo(size, dtype=kind, name="original_resized")(full))
    scores = ResizeToPartner("bilinear", dtype=kind, name="scores_resized")([scores, full])
    if output == "mask":
        scores = ClassMask(dtype=kind, name="original_mask")(scores)
    return keras.Model(image, scores, name=name)


def _input(model, size):
    dtype = "uint8" if takes_bytes(model) else "float32"
    return keras.Input((*size, model.inputs[0].shape[-1]), dtype=dtype, name="image")


def _scores(model, image):
    scores = model(image, training=False)
    return scores["main"] if isinstance(scores, dict) else scores


def _is_softmax(layer):
    plain = isinstance(layer, keras.layers.Activation)
    return plain and layer.activation is keras.activations.softmax


def _check_softmax(fused, output, instead):
    softmax = any(_is_softmax(step.layer) for step in walk(fused))
    if output == "probabilities" and not softmax:
        raise ValueError(
            f"Expected the output {instead} of a network without a softmax. Received: probabilities"
        )


def _check(size, output):
    if size is None:
        raise ValueError(
            "Expected a size for the network where images are resized inside. Received: none"
        )
    if output == "logits":
        raise ValueError(
            "Expected probabilities or mask where images are resized inside. Received: logits"
        )

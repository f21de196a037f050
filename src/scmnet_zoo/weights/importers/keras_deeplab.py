"""Names of the widely used Keras port of DeepLabV3+, bonlime/keras-deeplab-v3-plus."""

import re

CLASSIFIERS = ("logits_semantic", "custom_logits_semantic")
ASPP = re.compile(r"(image_pooling|concat_projection|aspp\d+)(_|$)")


def variable_path(name: str) -> str:
    """The variable of `DeepLabV3Plus` that a weight of the port goes to.

    Args:
        name: the port's layer and the weight's kind, e.g. `aspp1_depthwise_BN/gamma`; a depthwise
            kernel is a `kernel` or a `depthwise_kernel`.

    Returns:
        The variable's path, e.g. `aspp/aspp1/depthwise_bn/gamma`.

    Raises:
        ValueError: the name is not of the form layer/kind.

    Example:

    >>> variable_path("expanded_conv_1_expand/kernel")
    'expanded_conv_1/expand_conv/kernel'
    """
    layer, separator, leaf = name.rpartition("/")
    if not separator or "/" in layer:
        raise ValueError(f"Expected a name of the form layer/kind. Received: name={name!r}")
    leaf = "kernel" if leaf == "depthwise_kernel" else leaf
    if layer in CLASSIFIERS:
        return f"head_classifier/{leaf}"
    if layer in ("Conv", "Conv_BN"):  # MobileNetV2's first
        return f"{layer.lower()}/{leaf}"
    layer = re.sub(r"_BN$", "_bn", layer)
    block = re.fullmatch(r"(expanded_conv(?:_\d+)?)_(expand|depthwise|project)(_bn)?", layer)
    if block:  # MobileNetV2's inverted residuals
        return f"{block[1]}/{block[2]}{block[3] or '_conv'}/{leaf}"
    layer = re.sub(r"_(depthwise|pointwise)(_bn)?$", r"/\1\2", layer)  # separable convolutions
    prefix = "aspp/" if ASPP.match(layer.replace("/", "_")) else ""
    return f"{prefix}{layer}/{leaf}"

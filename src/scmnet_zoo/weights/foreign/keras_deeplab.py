"""Names of the widely used Keras port of DeepLabV3+, bonlime/keras-deeplab-v3-plus."""

import re
from typing import Any

CLASSIFIERS = ("logits_semantic", "custom_logits_semantic")
ARGUMENTS: dict[str, dict[str, Any]] = {  # by how the backbone's layers start
    "entry_flow_": {},
    "expanded_conv": {
        "backbone": "mobilenet_v2",
        "output_stride": 8,
        "aspp_rates": (),
        "decoder": False,
    },
}
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


def port_name(path: str) -> str:
    """The port's name of a weight of `DeepLabV3Plus`, as its files name it.

    Example:

    >>> port_name("aspp/aspp1/depthwise/kernel")
    'aspp1_depthwise/depthwise_kernel'
    """
    layer, _, leaf = path.removeprefix("aspp/").rpartition("/")
    if layer == "head_classifier":
        return f"{CLASSIFIERS[1]}/{leaf}"
    if layer in ("conv", "conv_bn"):
        return f"{'Conv' if layer == 'conv' else 'Conv_BN'}/{leaf}"
    layer = layer.replace("/", "_")
    if layer.startswith("expanded_conv"):
        layer = re.sub(r"_(expand|depthwise|project)_conv$", r"_\1", layer)
    if layer.endswith("_depthwise") and leaf == "kernel":
        leaf = "depthwise_kernel"
    return f"{re.sub('_bn$', '_BN', layer)}/{leaf}"


def recognise(names: list[str]) -> dict[str, Any] | None:
    """The arguments of `DeepLabV3Plus` for a file with weights of these names; None for none."""
    for prefix, arguments in ARGUMENTS.items():
        if any(name.startswith(prefix) for name in names):
            return dict(arguments)
    return None


def source_names(names: list[str]) -> dict[str, str]:
    """The file's names by our variable paths; a name that is none of the port's is left out.

    Both names of the classifier are the port's (`logits_semantic` with 21 classes), and both
    `kernel` and `depthwise_kernel` for a depthwise kernel.
    """
    found: dict[str, str] = {}
    for name in names:
        if "/" in name.rpartition("/")[0]:
            continue
        path = variable_path(name)
        if variable_path(port_name(path)) == path and _same(name, port_name(path)):
            found.setdefault(path, name)
    return found


def _same(name: str, other: str) -> bool:
    def plain(text: str) -> str:
        return text.removeprefix("custom_").replace("/depthwise_kernel", "/kernel")

    return plain(name) == plain(other)

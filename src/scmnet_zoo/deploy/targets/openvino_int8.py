"""OpenVINO models in int8, by NNCF."""

import logging
from collections.abc import Sequence

import nncf
import numpy as np
import openvino

CONVOLUTIONS = ("Convolution", "GroupConvolution")


def quantise(model: openvino.Model, images: Sequence[np.ndarray]) -> openvino.Model:
    """A model with activations and weights in int8.

    The convolutions that read the image, and the one that makes the scores with all behind it,
    stay in float.

    Args:
        model: in float32.
        images: of the calibration, `(1, height, width, 3)`.
    """
    nncf.set_log_level(logging.ERROR)
    kind = np.uint8 if model.inputs[0].element_type == openvino.Type.u8 else np.float32
    return nncf.quantize(
        model,
        nncf.Dataset(images, lambda one: one.astype(kind, copy=False)),
        subset_size=len(images),
        preset=nncf.QuantizationPreset.MIXED,
        ignored_scope=nncf.IgnoredScope(names=sensitive(model), validate=False),
    )


def sensitive(model: openvino.Model) -> list[str]:
    """What stays in float: up to the first convolutions, and from the last one on."""
    found: dict[str, None] = {}
    for nodes, neighbours in (
        (model.get_parameters(), _behind),
        (model.get_results(), _before),
    ):
        ahead, seen = list(nodes), set()
        while ahead:
            node = ahead.pop()
            name = node.get_friendly_name()
            if name not in seen:
                seen.add(name)
                if node.get_type_name() not in CONVOLUTIONS:
                    ahead += neighbours(node)
        found |= dict.fromkeys(seen)
    return list(found)


def _behind(node: openvino.Node) -> list[openvino.Node]:
    """What reads the node's values, not only their shape."""
    inputs = [one for output in node.outputs() for one in output.get_target_inputs()]
    return [one.get_node() for one in inputs if one.get_node().get_type_name() != "ShapeOf"]


def _before(node: openvino.Node) -> list[openvino.Node]:
    return [one.get_source_output().get_node() for one in node.inputs()]

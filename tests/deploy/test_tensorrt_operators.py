"""Exported graphs hold only what TensorRT's list of ONNX operators has."""

import functools

import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper  # noqa: E402

from scmnet_zoo import DeepLabV3Plus  # noqa: E402
from scmnet_zoo.catalogue import NETWORK_CARDS  # noqa: E402
from scmnet_zoo.deploy.onnx_writer import to_onnx  # noqa: E402
from scmnet_zoo.deploy.pipeline import pipeline  # noqa: E402
from scmnet_zoo.deploy.tensorrt_operators import refusals  # noqa: E402

NETWORKS = {
    key: functools.partial(card.load(), num_classes=5, **card.small)
    for key, card in NETWORK_CARDS.items()
}
NETWORKS["xception_8"] = functools.partial(
    DeepLabV3Plus, num_classes=5, backbone="xception", output_stride=8
)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network(name):
    """At fixed and open sizes, in both precisions; of SCMNet all there is."""
    model = NETWORKS[name]()
    cases = [("mask", None, None, False), ("probabilities", (98, 130), None, True)]
    if name == "scmnet":
        cases += [("mask", (98, 130), None, False), ("mask", (96, 128), (None, None), False)]
    if name == "efficientvit":  # cubic resizing by unknown factors is not on the list
        cases[0] = ("mask", (96, 128), None, False)
    for output, size, original, half in cases:
        written = to_onnx(pipeline(model, output, size, original), output, half)
        assert refusals(written) == []


def _model(*nodes, kind=TensorProto.FLOAT, constants=()):
    inputs = [helper.make_tensor_value_info("x", kind, (1, 4, 8, 8))]
    outputs = [helper.make_tensor_value_info("y", kind, None)]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, initializer=constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def _node(kind, inputs=("x",), **attributes):
    return helper.make_node(kind, inputs, ["y"], name="one", **attributes)


SCALES = helper.make_tensor("scales", TensorProto.FLOAT, (4,), (1.0, 1.0, 2.0, 2.0))


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        (_model(_node("Hardmax")), ["one: Hardmax"]),
        (
            _model(_node("MaxPool", kernel_shape=(3, 3), dilations=(2, 2))),
            ["one: dilated MaxPool"],
        ),
        (
            _model(_node("Transpose", perm=(0, 2, 3, 1)), kind=TensorProto.UINT8),
            ["one: Transpose of UINT8"],
        ),
        (
            _model(_node("Resize", ("x", "", "scales"), mode="cubic"), constants=[SCALES]),
            ["one: Resize with mode=cubic"],
        ),
        (
            _model(
                _node("Resize", ("x", "", "scales")), kind=TensorProto.INT32, constants=[SCALES]
            ),
            ["one: Resize of INT32"],
        ),
    ],
    ids=["operator", "dilated", "uint8", "cubic", "resize_int"],
)
def test_what_is_not_on_the_list(model, refused):
    assert refusals(model) == refused

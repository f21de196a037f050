"""Profiles: stages of a network, their times by differences, and what runtimes tell."""

import json

import keras
import numpy as np
import pytest

from lab.latency.floor import floor
from lab.latency.kernels import origins, part_of, step_parts
from lab.latency.preset import Cell
from lab.latency.profiles import splitter
from lab.latency.stages import stage_floors, stage_of, stages
from scmnet_zoo import SCMNet
from scmnet_zoo.deploy import fuse


def test_names_of_stages():
    assert stage_of("deep_stage2_0_expand_conv") == "deep_stage2"
    assert stage_of("cmm1_global_pool_conv") == "cmm1"
    assert stage_of("head_mask") == "head"


@pytest.fixture(scope="module")
def scmnet():
    return fuse(SCMNet(input_shape=(64, 64, 3), classifier_activation=None), output="mask")


def test_stages_are_all_layers_in_an_order_in_which_they_run(scmnet):
    found = stages(scmnet)
    names = [stage.name for stage in found]
    assert len(set(names)) == len(names)
    # As the table of models/scmnet.py has them; sums and pools are done in what reads them.
    assert set(names) == {
        *("deep_stem", "shallow_stem", "fusion", "head", "cmm1", "cmm2", "cmm3"),
        *(f"deep_stage{number}" for number in range(1, 7)),
        *(f"shallow_ds{number}" for number in range(1, 5)),
    }
    assert names[-2:] == ["fusion", "head"]
    layers = [layer for stage in found for layer in stage.layers]
    assert sorted(layers) == sorted(layer.name for layer in scmnet.layers[1:])
    assert [tensor is scmnet.outputs[0] for tensor in found[-1].kept] == [True]
    # After the first meeting: the map, and what the fusion reads of the shallow branch.
    kept = {tensor.shape[1:] for tensor in found[names.index("cmm1")].kept}
    assert kept >= {(8, 8, 48), (32, 32, 24), (16, 16, 32)}
    for stage in found:
        keras.Model(scmnet.inputs[0], list(stage.kept))  # can be computed of the image


def test_floors_of_the_stages_make_up_the_networks(scmnet):
    parts, whole = stage_floors(scmnet, "f32"), floor(scmnet, "f32")
    assert set(parts) == {stage.name for stage in stages(scmnet)}
    assert sum(macs for macs, _ in parts.values()) == whole.macs
    assert sum(moved for _, moved in parts.values()) == whole.bytes


def test_differences_sum_up_to_the_whole():
    pytest.importorskip("jax")
    from lab.latency.profile_jax import differences

    parts = differences("abc", [0.1, 0.35, 0.3], {"b": (5, 7)})
    assert [part.seconds for part in parts] == pytest.approx([0.1, 0.25, -0.05])
    assert sum(part.seconds for part in parts) == pytest.approx(0.3)
    assert [(part.macs, part.bytes) for part in parts] == [(None, None), (5, 7), (None, None)]


def test_a_toy_file_in_onnx_runtime(tmp_path):
    """Of a product and a sum the product of large matrices takes longer."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    kinds, size = onnx.TensorProto, [1, 256, 256, 3]
    nodes = [
        onnx.helper.make_node("Cast", ["image"], ["x"], "cast", to=kinds.FLOAT),
        onnx.helper.make_node("Reshape", ["x", "shape"], ["flat"], "flat"),
        onnx.helper.make_node("MatMul", ["flat", "flat"], ["product"], "product"),
        onnx.helper.make_node("Neg", ["product"], ["y"], "minus"),
    ]
    shape = onnx.numpy_helper.from_array(np.array([1, 3, 256, 256]), "shape")
    image = onnx.helper.make_tensor_value_info("image", kinds.UINT8, size)
    y = onnx.helper.make_tensor_value_info("y", kinds.FLOAT, [1, 3, 256, 256])
    graph = onnx.helper.make_graph(nodes, "toy", [image], [y], [shape])
    opset = [onnx.helper.make_opsetid("", 18)]
    path = tmp_path / "toy.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    parts = splitter(Cell("toy", "onnxruntime", "export", "f32", (256, 256), "mask"), path, 1)()
    seconds = {part.name: part.seconds for part in parts if part.by == "kind"}
    assert max(seconds, key=seconds.get) == "MatMul"
    assert "Neg" in seconds
    (rest,) = [part for part in parts if part.by == "call"]
    assert rest.seconds > 0
    assert list(tmp_path.iterdir()) == [path]  # what the runtime wrote is gone


def test_events_of_onnx_runtime():
    """The run of the median time speaks, the first does not count."""
    from lab.latency.profile_files import _of_events

    events = [{"cat": "Session", "name": "session_initialization", "dur": 9}]
    for whole, node in ((900, 800), (30, 1), (10, 2), (20, 3)):
        name, args = "head_ds1_depthwise_nchwc_kernel_time", {"op_name": "Conv"}
        events += [{"cat": "Node", "name": name, "dur": node, "args": args}]
        events += [{"cat": "Session", "name": "model_run", "dur": whole}]
    nodes, seconds = _of_events(json.loads(json.dumps(events)))
    assert nodes == [("head_ds1_depthwise_nchwc", "Conv, depthwise", pytest.approx(3e-6))]
    assert seconds == pytest.approx(20e-6)


def test_profiles_that_there_are_not():
    for one in (("scmnet", "jax", "fused", "f32", (64, 64), "jpeg"),):
        with pytest.raises(ValueError, match="Expected scope mask, network or train"):
            splitter(Cell(*one), None, 1)
    with pytest.raises(ValueError, match="a runtime that has one"):
        splitter(Cell("scmnet", "tensorflow", "fused", "f32", (64, 64), "mask"), None, 1)


# Lines as XLA's text of a compiled program has them: an instruction, and where it comes from.
PROGRAM = """
%fused (a: f32[2]) -> f32[2] {
  ROOT %add.7 = f32[2] add(%a, %a), metadata={op_name="jit(step)/jvp(net)/stem/add"}
}
ENTRY %main (p: f32[2]) -> f32[2] {
  %gather.1 = f32[2] fusion(%p), metadata={op_name="jit(step)/jvp(augment)/take/gather"}
  %loop-add_fusion.2 = f32[2] fusion(%p), metadata={op_name="jit(step)/jvp(net)/stem/add"}
  %input_reduce_fusion = f32[] fusion(%p), metadata={op_name="jit(step)/jvp(with_auxiliary)/ce/sum"}
  %wide = f32[2] fusion(%p), metadata={op_name="jit(step)/transpose(jvp(with_auxiliary))/ce/mul"}
  %input_scatter_fusion = f32[2] fusion(%p), metadata={op_name="jit(step)/transpose(jvp(net))/x/y"}
  %sub.9 = f32[2] fusion(%p), metadata={op_name="jit(step)/adam_w/sub"}
  ROOT %mul.3 = f32[2] fusion(%p), metadata={op_name="jit(step)/mul"}
}
"""


def test_kernels_of_a_training_step():
    kernels = [
        ("gather_1", 1e-3),
        ("loop_add_fusion_2", 2e-3),
        ("depthwise_4", 3e-3),  # a kernel of our own, which the program calls by another name
        ("input_reduce_fusion", 4e-3),
        ("wide", 5e-3),
        ("nvjet_sm90_tst_64x160", 6e-3),
        ("input_scatter_fusion", 7e-3),
        ("cudnn_convolve_kernel", 8e-3),
        ("sub_9", 9e-3),
        ("mul_3", 10e-3),
        ("Memcpy DtoD (Device -> Device)", 11e-3),
        ("depthwise_gradients_1", 12e-3),  # between updates
    ]
    parts = step_parts(kernels, origins(PROGRAM), "net", "adam_w", runs=2)
    found = {(part.by, part.name): 1e3 * part.seconds for part in parts}
    assert found == pytest.approx(
        {
            ("step", "augmentation"): 0.5,
            ("step", "forward"): 2.5,
            ("step", "loss"): 7.5,  # with the product behind it, whose name says nothing
            ("step", "backward"): 13.5,
            ("step", "clipping, optimiser, averages"): 15,
            ("kind", "depthwise convolutions"): 7.5,
            ("kind", "convolutions by cuDNN"): 4,
            ("kind", "products of matrices"): 3,
            ("kind", "copies"): 5.5,
            ("kind", "scatters, of pooling and gathers"): 3.5,
            ("kind", "sums, of batch norms, biases and loss"): 2,
            ("kind", "pixel by pixel"): 13.5,
        }
    )


@pytest.mark.parametrize(
    "origin",
    ["", "jit(step)/mul", "jit(step)/other/mul", "step/jvp(net)/a/b"],
)
def test_origins_that_say_nothing(origin):
    assert part_of(origin, "net", "adam_w") is None

"""Networks as files for the runtimes that read them."""

import os
from pathlib import Path
from typing import Any

from scmnet_zoo.benchmark.latency.preset import Cell

ONNX = "onnx"
SUFFIXES = {"onnxruntime": ONNX, "openvino": ONNX, "litert": "tflite"}  # OpenVINO reads ONNX
OPSET = 18


def maker_of(cell: Cell) -> str:
    """The Keras backend of the process that can export the cell's network."""
    return "torch" if cell.form == "export" else "tensorflow"


def export_name(cell: Cell) -> str:
    """Name of the file; cells with the same one share it."""
    end = "network" if cell.scope == "network" else "mask"
    # bfloat16 is a matter of the runtime; INT8 of the file.
    precision = f"int8_{cell.runtime}" if cell.precision == "int8" else "f32"
    size = "x".join(map(str, cell.size))
    return f"{cell.network}_{cell.form}_{precision}_{size}_{end}.{SUFFIXES[cell.runtime]}"


def export_cell(cell: Cell, path: Path, photos: tuple[Path, ...]) -> None:
    """Write a cell's network to a file, with a batch of one and a fixed size.

    Args:
        cell: which; its precision is f32 but for `"int8"`.
        path: where to.
        photos: to calibrate INT8 with.

    Raises:
        ValueError: there is no way.
        ImportError: what exports is not installed.
    """
    plain = Cell(cell.network, cell.runtime, cell.form, "f32", cell.size, cell.scope)
    part = path.with_name(f"part_{path.name}")
    if cell.form == "export":
        _from_torch(plain, part)
    elif cell.precision == "int8":
        raise ValueError("Expected f32 or bf16. Received: int8, which is not exported yet")
    elif path.suffix == f".{ONNX}" and cell.form == "fused":
        _our_onnx(plain, part)
    elif path.suffix == f".{ONNX}":
        _keras_onnx(plain, part)
    else:
        _litert(plain, part)
    os.replace(part, path)


def _our_onnx(cell: Cell, path: Path) -> None:
    """The inference form through the zoo's own writer."""
    import onnx

    from scmnet_zoo.benchmark.latency.networks import keras_network
    from scmnet_zoo.deploy.onnx_writer import to_onnx

    name = "logits" if cell.scope == "network" else "mask"
    onnx.save(to_onnx(keras_network(cell), name), str(path))


def _keras_onnx(cell: Cell, path: Path) -> None:
    """As Keras exports it, through tf2onnx."""
    from scmnet_zoo.benchmark.latency.networks import keras_network

    model = keras_network(cell)
    model.export(
        str(path), format="onnx", verbose=False, input_signature=[_input(cell)], opset_version=OPSET
    )


def _litert(cell: Cell, path: Path) -> None:
    """Through TensorFlow's converter."""
    import tensorflow as tf

    from scmnet_zoo.benchmark.latency.networks import keras_network

    model = keras_network(cell)
    kind = tf.float32 if cell.scope == "network" else tf.uint8
    function = tf.function(
        lambda image: model(image, training=False),
        input_signature=[tf.TensorSpec((1, *cell.size, 3), kind)],
    ).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    path.write_bytes(converter.convert())


def _from_torch(cell: Cell, path: Path) -> None:
    """A peer through PyTorch's exporter."""
    import torch

    from scmnet_zoo.benchmark.latency.peers import torch_peer

    kind = torch.float32 if cell.scope == "network" else torch.uint8
    image = torch.zeros((1, *cell.size, 3), dtype=kind)
    torch.onnx.export(
        torch_peer(cell),
        (image,),
        str(path),
        input_names=["image"],
        output_names=["output"],
        opset_version=OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _input(cell: Cell) -> Any:
    import keras

    kind = "float32" if cell.scope == "network" else "uint8"
    return keras.InputSpec(shape=(1, *cell.size, 3), dtype=kind, name="image")

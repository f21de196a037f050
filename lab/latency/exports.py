"""Networks as files for the runtimes that read them."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from lab.latency.frames import frames
from lab.latency.preset import Cell

ONNX = "onnx"
SUFFIXES = {"onnxruntime": ONNX, "openvino": ONNX, "litert": "tflite"}  # OpenVINO reads ONNX, too
FORMATS = {ONNX: "onnx", "xml": "openvino", "tflite": "litert"}  # those of scmnet_zoo.deploy
OPSET = 18
CALIBRATION = 8  # images


def maker_of(cell: Cell) -> str:
    """The Keras backend of the process that can export the cell's network."""
    return "torch" if cell.form == "export" else "tensorflow"


def export_name(cell: Cell) -> str:
    """Name of the file; cells with the same one share it."""
    end = "network" if cell.scope == "network" else "mask"
    int8 = cell.precision == "int8"  # bfloat16 is a matter of the runtime, INT8 of the file
    precision = f"int8_{cell.runtime}" if int8 else "f32"
    own = cell.form == "fused" and cell.runtime == "openvino"
    suffix = "xml" if own else SUFFIXES[cell.runtime]
    size = "x".join(map(str, cell.size))
    return f"{cell.network}_{cell.form}_{precision}_{size}_{end}.{suffix}"


def export_cell(cell: Cell, path: Path) -> None:
    """Write a cell's network to a file, with a batch of one and a fixed size.

    Args:
        cell: which; its precision is f32 but for `"int8"`.
        path: where to; files that belong to it are written beside it.

    Raises:
        ValueError: there is no way.
        ImportError: what exports is not installed.
    """
    if cell.precision == "int8" and cell.form != "fused":
        raise ValueError(f"Expected the form fused in int8. Received: {cell.form}")
    cell = cell if cell.precision == "int8" else replace(cell, precision="f32")
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder, path.name)
        if cell.form == "export":
            _from_torch(cell, part)
        elif cell.form == "fused":
            _deployed(cell, part)
        elif path.suffix == f".{ONNX}":
            _keras_onnx(cell, part)
        else:
            _litert(cell, part)
        for file in Path(folder).iterdir():
            os.replace(file, path.with_name(file.name))


def _deployed(cell: Cell, path: Path) -> None:
    """The inference form as `scmnet_zoo.deploy.export` writes it.

    Not by that function: weights that are random would not stand its comparison in int8.
    """
    from lab.latency.networks import zoo_network
    from scmnet_zoo.catalogue import FORMAT_CARDS
    from scmnet_zoo.deploy.job import Job
    from scmnet_zoo.deploy.pipeline import pipeline

    writer = FORMAT_CARDS[FORMATS[path.suffix.removeprefix(".")]].load()
    output = "logits" if cell.scope == "network" else "mask"
    model = pipeline(zoo_network(cell), output, cell.size)
    images = frames(cell.size, CALIBRATION) if cell.precision == "int8" else []
    writer.write(Job(model, path.name, output, cell.precision, cell.size, {}, images), path.parent)


def _keras_onnx(cell: Cell, path: Path) -> None:
    """As Keras exports it, through tf2onnx."""
    from lab.latency.networks import keras_network

    model = keras_network(cell)
    model.export(
        str(path), format="onnx", verbose=False, input_signature=[_input(cell)], opset_version=OPSET
    )


def _litert(cell: Cell, path: Path) -> None:
    """As TensorFlow converts it."""
    import tensorflow as tf

    from lab.latency.networks import keras_network

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

    from lab.latency.peers import torch_peer

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

"""LiteRT (TensorFlow Lite) files."""

import io
import json
import zipfile
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from scmnet_zoo.deploy._walk import Step, call_again, walk
from scmnet_zoo.deploy.description import KEY
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import Runner
from scmnet_zoo.layers import ClassMask, ResizeToPartner

MEMBER = f"{KEY}.json"


def write(job: Job, folder: Path) -> None:
    """Write `job.name` into the folder."""
    image = job.model.inputs[0]
    shape = (1, *image.shape[1:])

    @tf.function(input_signature=[tf.TensorSpec(shape, image.dtype, "image")])
    def serve(image):
        return {job.output: _run(walk(job.model), image)}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()])
    if job.precision != "f32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if job.precision == "f16":
        converter.target_spec.supported_types = [tf.float16]
    if job.precision == "int8":
        kind = np.dtype(image.dtype)
        converter.representative_dataset = lambda: (
            [one.astype(kind, copy=False)] for one in job.calibration
        )
    content = converter.convert()
    (folder / job.name).write_bytes(content + _zipped(job.metadata))


def _run(steps: list[Step], image: tf.Tensor) -> tf.Tensor:
    """The model's layers on an image; resizing and argmax by operators that LiteRT has."""
    made: dict[int, tf.Tensor] = {}
    for step in steps:
        layer, inputs, output = step
        given = [made[id(tensor)] for tensor in inputs]
        if isinstance(layer, keras.layers.InputLayer):
            made[id(output)] = image
        elif isinstance(layer, ClassMask):
            made[id(output)] = _mask(*given)
        elif isinstance(layer, ResizeToPartner) and layer.interpolation == "nearest":
            made[id(output)] = _nearest(*given)
        else:
            made[id(output)] = call_again(step, made)
    return made[id(steps[-1].output)]


def _mask(scores: tf.Tensor, partner: tf.Tensor | None = None) -> tf.Tensor:
    """By way of floats: LiteRT does not resize uint8."""
    mask = tf.expand_dims(tf.cast(tf.argmax(scores, -1, tf.int32), tf.float32), 3)
    if partner is not None:
        mask = _nearest(mask, partner)
    return tf.cast(tf.squeeze(mask, 3), tf.uint8)


def _nearest(x: tf.Tensor, partner: tf.Tensor) -> tf.Tensor:
    """By whole factors with LiteRT's own operator, which would round differently at others."""
    old, new = x.shape[1:3], partner.shape[1:3]
    known = None not in (*old, *new)
    if known and not any(b % a for a, b in zip(old, new, strict=True)):
        return tf.image.resize(x, new, "nearest")
    for axis in (1, 2):
        before, after = tf.shape(x)[axis], tf.shape(partner)[axis]
        x = tf.gather(x, (2 * tf.range(after) + 1) * before // (2 * after), axis=axis)
    return x


def _zipped(metadata: dict[str, str]) -> bytes:
    """The metadata as a zip archive: what stands behind the model is where LiteRT keeps files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        entry = zipfile.ZipInfo(MEMBER, (1980, 1, 1, 0, 0, 0))
        archive.writestr(entry, json.dumps(metadata, indent=1))
    return buffer.getvalue()


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The file in LiteRT on the CPU, and its metadata."""
    interpreter = Interpreter(str(path), num_threads=threads)
    image = interpreter.get_input_details()[0]
    shape = tuple(image["shape_signature"])
    seen: list[tuple[int, ...]] = []

    def run(images: np.ndarray) -> np.ndarray:
        if images.shape not in seen[-1:]:
            if -1 in shape:
                interpreter.resize_tensor_input(image["index"], images.shape)
            interpreter.allocate_tensors()
            seen.append(images.shape)
        interpreter.set_tensor(image["index"], images.astype(image["dtype"], copy=False))
        try:
            interpreter.invoke()
        except RuntimeError as error:
            raise ValueError(
                f"{path.name}: expected a file that LiteRT computes. Received: an operator that "
                f"fails: {error}; export in float32 or to another format"
            ) from error
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])

    try:
        with zipfile.ZipFile(path) as archive:
            return run, json.loads(archive.read(MEMBER))
    except (zipfile.BadZipFile, KeyError):
        return run, {}

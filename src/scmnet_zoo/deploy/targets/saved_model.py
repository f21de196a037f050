"""TensorFlow's SavedModel, a folder."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from scmnet_zoo.deploy.description import KEY
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import Runner

EXTRA = Path("assets.extra", f"{KEY}.json")  # the place TensorFlow leaves for files of others


def write(job: Job, folder: Path) -> None:
    """Write the folder `job.name` into the folder."""
    image = job.model.inputs[0]
    spec = tf.TensorSpec((1 if job.size else None, *image.shape[1:]), image.dtype, "image")
    network = tf.function(lambda image: job.model(image, training=False), [spec])
    # Weights as constants: there is nothing to restore, and no gradient to keep.
    frozen = convert_variables_to_constants_v2(network.get_concrete_function())
    module = tf.Module()
    module.serve = tf.function(lambda image: {job.output: frozen(image)[0]}, [spec])
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(folder / job.name), module.serve, options)
    extra = folder / job.name / EXTRA
    extra.parent.mkdir(exist_ok=True)
    extra.write_text(json.dumps(job.metadata, indent=1), encoding="utf-8")


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The folder in TensorFlow, and its metadata; `threads` are TensorFlow's own."""
    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    (image,) = serve.structured_input_signature[1].values()

    def run(images: np.ndarray) -> np.ndarray:
        (found,) = serve(**{image.name: tf.constant(images, image.dtype)}).values()
        return found.numpy()

    extra = path / EXTRA
    return run, json.loads(extra.read_text(encoding="utf-8")) if extra.is_file() else {}

"""TensorFlow's SavedModel, a folder."""

import json
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from scmnet_zoo.deploy.description import KEY
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import Runner

EXTRA = Path("assets.extra", f"{KEY}.json")  # the place TensorFlow leaves for files of others


def write(job: Job, folder: Path) -> None:
    """Write the folder `job.name` into the folder."""
    image = job.model.inputs[0]
    shape = (1 if job.size else None, *image.shape[1:])
    archive = keras.export.ExportArchive()
    archive.track(job.model)
    archive.add_endpoint(
        "serve",
        lambda image: {job.output: job.model(image, training=False)},
        [tf.TensorSpec(shape, image.dtype, "image")],
    )
    archive.write_out(folder / job.name, verbose=False)
    extra = folder / job.name / EXTRA
    extra.parent.mkdir()
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

"""JAX's exported programs: StableHLO with the weights, in a zip archive with the metadata."""

import json
import zipfile
from pathlib import Path

import jax
import keras
import numpy as np
from jax import export as jax_export

from scmnet_zoo.deploy.description import KEY
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import Runner
from scmnet_zoo.deploy.pipeline import in_bfloat16
from scmnet_zoo.layers import FastDepthwiseConv2D

PROGRAM = "program.jax"
PLATFORMS = ("cpu", "cuda", "tpu")


def write(job: Job, folder: Path) -> None:
    """Write `job.name` into the folder."""
    model = in_bfloat16(job.model) if job.precision == "bf16" else job.model
    for layer in model.layers:
        if isinstance(layer, FastDepthwiseConv2D):
            layer.form = "shifted"  # on a GPU it would be made for this one alone
    image = model.inputs[0]
    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def serve(images):
        outputs, _ = model.stateless_call(trainable, fixed, images, training=False)
        return outputs

    shape = (1, *image.shape[1:])
    exported = jax_export.export(jax.jit(serve), platforms=PLATFORMS)(
        jax.ShapeDtypeStruct(shape, keras.backend.standardize_dtype(image.dtype))
    )
    with zipfile.ZipFile(folder / job.name, "w") as archive:
        archive.writestr(PROGRAM, bytes(exported.serialize()))
        archive.writestr(f"{KEY}.json", json.dumps(job.metadata, indent=1))


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The program in JAX, on its default device, and its metadata; `threads` are JAX's own."""
    with zipfile.ZipFile(path) as archive:
        exported = jax_export.deserialize(bytearray(archive.read(PROGRAM)))
        metadata = json.loads(archive.read(f"{KEY}.json"))
    call = jax.jit(exported.call)

    def run(images: np.ndarray) -> np.ndarray:
        return np.asarray(call(images.astype(exported.in_avals[0].dtype)))

    return run, metadata

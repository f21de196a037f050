"""ONNX files, run by ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.onnx_writer import to_onnx
from scmnet_zoo.deploy.parity import Runner
from scmnet_zoo.deploy.targets import onnx_int8


def write(job: Job, folder: Path) -> None:
    """Write `job.name` into the folder."""
    model = to_onnx(job.model, job.output, job.precision == "f16", job.metadata)
    if job.precision == "int8":
        model = onnx_int8.quantise(model, job.calibration)
    onnx.save(model, folder / job.name)


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The file in ONNX Runtime on the CPU, and its metadata."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0]
    kind = np.uint8 if image.type == "tensor(uint8)" else np.float32

    def run(images: np.ndarray) -> np.ndarray:
        (found,) = session.run(None, {image.name: images.astype(kind, copy=False)})
        return channels_last(found)

    return run, dict(session.get_modelmeta().custom_metadata_map)


def channels_last(found: np.ndarray) -> np.ndarray:
    """Scores as Keras has them; masks as they are."""
    return np.moveaxis(found, 1, -1) if found.ndim == 4 else found

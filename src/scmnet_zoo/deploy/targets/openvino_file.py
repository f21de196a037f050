"""OpenVINO's files, an `.xml` with a `.bin` beside it."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import openvino

from scmnet_zoo.deploy.description import KEY
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.onnx_writer import to_onnx
from scmnet_zoo.deploy.parity import Runner

# What OpenVINO is told to compute in; untold it takes bfloat16 where the CPU has units for it.
HINTS = {"f32": "f32", "f16": "f32", "bf16": "bf16", "int8": "f32"}


def write(job: Job, folder: Path) -> None:
    """Write `job.name` and the weights beside it into the folder."""
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "model.onnx")
        onnx.save(to_onnx(job.model, job.output, for_openvino=True), source)
        model = openvino.convert_model(source)
    if job.precision == "int8":
        from scmnet_zoo.deploy.targets import openvino_int8

        model = openvino_int8.quantise(model, job.calibration)
    for key, value in {**job.metadata, "inference_precision": HINTS[job.precision]}.items():
        model.set_rt_info(value, [KEY, key])
    openvino.save_model(model, folder / job.name, compress_to_fp16=job.precision == "f16")


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The file in OpenVINO on the CPU, and its metadata."""
    core = openvino.Core()
    model = core.read_model(path)
    metadata = {}
    if model.has_rt_info([KEY]):
        stored = model.get_rt_info([KEY]).astype(dict)
        metadata = {key: str(value.value) for key, value in stored.items()}
    settings = {"INFERENCE_PRECISION_HINT": metadata.get("inference_precision", "f32")}
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = str(threads)
    request = core.compile_model(model, "CPU", settings).create_infer_request()
    kind = np.uint8 if model.inputs[0].element_type == openvino.Type.u8 else np.float32

    def run(images: np.ndarray) -> np.ndarray:
        request.infer([np.ascontiguousarray(images, kind)])
        found = np.array(request.get_output_tensor().data)
        return np.moveaxis(found, 1, -1) if found.ndim == 4 else found

    return run, metadata

"""TensorRT engines, built for the GPU they are built on. Not run by the zoo's own tests."""

import json
from pathlib import Path

import numpy as np
import tensorrt as trt

from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.onnx_writer import to_onnx
from scmnet_zoo.deploy.parity import Runner
from scmnet_zoo.deploy.tensorrt_operators import refusals


def write(job: Job, folder: Path) -> None:
    """Write `job.name` into the folder, and its metadata beside it."""
    model = to_onnx(job.model, job.output, job.precision == "f16", job.metadata)
    refused = refusals(model)
    if refused:
        raise ValueError(f"Expected operators that TensorRT takes. Received: {refused[0]}")
    log = trt.Logger(trt.Logger.ERROR)
    builder = trt.Builder(log)
    # Strongly typed: the precision is the file's own.
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log)
    if not parser.parse(model.SerializeToString()):
        raise ValueError(f"Expected a graph that TensorRT takes. Received: {parser.get_error(0)}")
    engine = builder.build_serialized_network(network, builder.create_builder_config())
    if engine is None:
        raise ValueError("Expected TensorRT to build an engine. Received: none; see its log")
    (folder / job.name).write_bytes(bytes(engine))
    _beside(folder / job.name).write_text(json.dumps(job.metadata, indent=1), encoding="utf-8")


def load(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, str]]:
    """The engine on the GPU, by way of PyTorch's memory, and its metadata."""
    import torch

    runtime = trt.Runtime(trt.Logger(trt.Logger.ERROR))
    engine = runtime.deserialize_cuda_engine(path.read_bytes())
    context = engine.create_execution_context()
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    kinds = {name: trt.nptype(engine.get_tensor_dtype(name)) for name in names}
    image, result = sorted(names, key=lambda name: name != "image")

    def run(images: np.ndarray) -> np.ndarray:
        given = torch.from_numpy(images.astype(kinds[image], copy=False)).cuda().contiguous()
        empty = np.empty(tuple(engine.get_tensor_shape(result)), kinds[result])
        found = torch.from_numpy(empty).cuda()
        context.set_tensor_address(image, given.data_ptr())
        context.set_tensor_address(result, found.data_ptr())
        stream = torch.cuda.current_stream()
        context.execute_async_v3(stream.cuda_stream)
        stream.synchronize()
        scores = found.cpu().numpy()
        return np.moveaxis(scores, 1, -1) if scores.ndim == 4 else scores

    beside = _beside(path)
    return run, json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")

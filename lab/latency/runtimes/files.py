"""Exported files in ONNX Runtime, OpenVINO and LiteRT, on the CPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lab.latency.preset import Cell
from lab.latency.program import Program


def file_program(cell: Cell, path: Path, threads: int) -> Program:
    """An exported network, ready to run.

    Args:
        cell: what it is.
        path: the file.
        threads: how many may compute.

    Raises:
        ImportError: the runtime is not installed.
        ValueError: the runtime does not have the precision.
    """
    return RUNTIMES[cell.runtime](path, cell.precision, threads)


def session_options(threads: int) -> Any:
    """The options of ONNX Runtime's sessions."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def openvino_settings(core: Any, precision: str, threads: int) -> dict[str, Any]:
    """The settings with which OpenVINO compiles.

    Raises:
        ValueError: the CPU does not have the precision.
    """
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ValueError("Expected a CPU with bfloat16. Received: one without")
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # INT8 files are computed in float32 where they are not quantised.
        "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
    }


def _onnxruntime(path: Path, precision: str, threads: int) -> Program:
    import onnxruntime

    if precision == "bf16":
        raise ValueError("Expected f32 or int8 in ONNX Runtime on a CPU. Received: bf16")
    options = session_options(threads)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def call(image: np.ndarray) -> np.ndarray:
        return session.run(None, {name: image})[0]

    return Program(call, place=_as(session.get_inputs()[0].type))


def _openvino(path: Path, precision: str, threads: int) -> Program:
    import openvino

    core = openvino.Core()
    settings = openvino_settings(core, precision, threads)
    compiled = core.compile_model(core.read_model(str(path)), "CPU", settings)
    request = compiled.create_infer_request()
    kind = compiled.inputs[0].get_element_type().to_string()

    def call(image: np.ndarray) -> np.ndarray:
        return request.infer([image], share_inputs=True, share_outputs=True)[0]

    return Program(call, place=_as(kind), fetch=np.array)


def _litert(path: Path, precision: str, threads: int) -> Program:
    from ai_edge_litert.interpreter import Interpreter

    if precision == "bf16":
        raise ValueError("Expected f32 or int8 in LiteRT. Received: bf16")
    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    given, made = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def call(image: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        return interpreter.get_tensor(made["index"])

    return Program(call, place=_as(np.dtype(given["dtype"]).name))


RUNTIMES: dict[str, Callable[[Path, str, int], Program]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
    "litert": _litert,
}


def _as(kind: str) -> Callable[[np.ndarray], np.ndarray]:
    """To an array of the type that a runtime calls so; the conversion is part of the time."""
    dtype = np.uint8 if "uint8" in kind or kind == "u8" else np.float32
    return lambda image: np.ascontiguousarray(image, dtype)

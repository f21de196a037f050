"""Where ONNX Runtime and OpenVINO say that their time goes."""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.latency.frames import frames
from lab.latency.preset import Cell
from lab.latency.rows import Part
from lab.latency.runtimes.files import openvino_settings, session_options

RUNS = 11  # after one that does not count

Node = tuple[str, str, float]  # name, kind, seconds
Run = tuple[list[Node], float]  # and the seconds of the whole


def file_splitter(cell: Cell, path: Path, threads: int) -> Callable[[], list[Part]]:
    """A function that sums the runtime's own times of its nodes by kind and, of the zoo's
    inference forms, by stage.

    Raises:
        ValueError: the runtime has no such times.
        ImportError: the runtime is not installed.
    """
    if cell.runtime not in PROFILERS:
        raise ValueError(f"Expected one of {', '.join(PROFILERS)}. Received: {cell.runtime}")
    image = frames(cell.size, 1)[0]
    if cell.scope == "network":
        image = image.astype(np.float32)
    nodes = PROFILERS[cell.runtime](path, cell.precision, threads, image)
    places, floors = _stages(cell) if cell.form == "fused" else ({}, {})

    def split() -> list[Part]:
        found, whole = nodes()
        parts = _sums("kind", ((kind, seconds) for _, kind, seconds in found), {})
        if places:
            named = ((_place(name, places), seconds) for name, _, seconds in found)
            parts += _sums("stage", named, floors)
        rest = whole - sum(seconds for _, _, seconds in found)
        return [*parts, Part("call", "between the nodes", rest)]

    return split


def _sums(
    by: str, pairs: Iterable[tuple[str, float]], floors: dict[str, tuple[int, int]]
) -> list[Part]:
    """The largest first."""
    sums: dict[str, float] = {}
    for name, seconds in pairs:
        sums[name] = sums.get(name, 0.0) + seconds
    order = sorted(sums.items(), key=lambda one: -one[1])
    return [Part(by, name, seconds, *floors.get(name, (None, None))) for name, seconds in order]


def _stages(cell: Cell) -> tuple[dict[str, str], dict[str, tuple[int, int]]]:
    """Stage by layer, and floors by stage, of a network of the zoo."""
    from lab.latency.networks import keras_network
    from lab.latency.stages import stage_floors, stages

    model = keras_network(replace(cell, precision="f32"))
    places = {layer: stage.name for stage in stages(model) for layer in stage.layers}
    return places, stage_floors(model, cell.precision)


def _place(node: str, places: dict[str, str]) -> str:
    """The stage of a node, named after the layer that it, or the first part of it, was."""
    words = node.partition("/")[0].split("_")
    for count in range(len(words), 0, -1):
        layer = "_".join(words[:count])
        if layer in places:
            return places[layer]
    return "other"


def _onnxruntime(path: Path, precision: str, threads: int, image: np.ndarray) -> Callable[[], Run]:
    import onnxruntime

    options = session_options(threads)
    options.enable_profiling = True
    options.profile_file_prefix = str(path.with_suffix(""))
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: image}
    session.run(None, feed)

    def nodes() -> Run:
        for _ in range(RUNS):
            session.run(None, feed)
        file = Path(session.end_profiling())
        events = json.loads(file.read_text())
        file.unlink()
        return _of_events(events)

    return nodes


def _of_events(events: list[dict[str, Any]]) -> Run:
    """The nodes of the run that took the median time, and that time; the first does not count."""
    runs: list[Run] = []
    nodes: list[Node] = []
    for event in events:
        if event.get("name") == "model_run":
            runs.append((nodes, event["dur"] / 1e6))
            nodes = []
        elif event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            name = event["name"].removesuffix("_kernel_time")
            kind = event.get("args", {}).get("op_name", "")
            nodes.append((name, _kind(name, kind), event["dur"] / 1e6))
    return _median(runs[1:])


def _kind(name: str, kind: str) -> str:
    """What ONNX calls by one name takes its time in two ways."""
    return "Conv, depthwise" if kind == "Conv" and "_depthwise" in name else kind


def _median(runs: list[Run]) -> Run:
    return sorted(runs, key=lambda run: run[1])[len(runs) // 2]


def _openvino(path: Path, precision: str, threads: int, image: np.ndarray) -> Callable[[], Run]:
    import openvino

    core = openvino.Core()
    settings = {**openvino_settings(core, precision, threads), "PERF_COUNT": True}
    request = core.compile_model(core.read_model(str(path)), "CPU", settings).create_infer_request()
    request.infer([image])

    def nodes() -> Run:
        runs = []
        for _ in range(RUNS):
            start = time.perf_counter()
            request.infer([image], share_inputs=True, share_outputs=True)
            seconds = time.perf_counter() - start
            found = [
                (one.node_name, one.node_type, one.real_time.total_seconds())
                for one in request.profiling_info
            ]
            runs.append(([node for node in found if node[2]], seconds))
        return _median(runs)

    return nodes


PROFILERS: dict[str, Callable[..., Callable[[], Run]]] = {
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}

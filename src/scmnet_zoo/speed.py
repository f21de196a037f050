"""Time a network, or an exported file, in one engine at one size on this machine."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from scmnet_zoo.catalogue.formats import FORMAT_CARDS
from scmnet_zoo.deploy import load
from scmnet_zoo.deploy.formats import FORMATS, check_installed, format_of
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.pipeline import in_bfloat16, pipeline
from scmnet_zoo.deploy.sizes import check_sizes, filled, fitted
from scmnet_zoo.environment import device_memory, forget_peak, processor, resident_peak, session
from scmnet_zoo.images import example_photo, read_image
from scmnet_zoo.loading import load as load_network
from scmnet_zoo.models import factory_of
from scmnet_zoo.weights.checkpoint import Weights
from scmnet_zoo.weights.registry import DEFAULT_NETWORK

KERAS = "keras"
# Engine -> format, for formats with an engine.
FORMAT_OF = {card.engine: key for key, card in FORMAT_CARDS.items() if card.engine}
ENGINES = (KERAS, *FORMAT_OF)
USUAL_SIZE = (512, 1024)  # image size if neither caller nor weights state one
WARM_UP = 3  # number of runs before timing
LEAST_RUNS = 5  # smallest number of timed runs

Size = tuple[int, int]


@dataclass(frozen=True)
class Speed:
    """Time from an RGB image in host memory to the class of each pixel in host memory.

    Attributes:
        network: key of the network, or name of the file.
        weights: name or file of the weights; None for random weights.
        engine: engine that ran the network.
        device: name of the processor or accelerator.
        precision: precision of the computation, e.g. `"f32"`.
        size: (height, width) of the image in pixels.
        runs: number of timed runs.
        median, p99: median and 99th percentile in seconds per image. Percentiles are interpolated
            linearly.
        memory: peak memory in bytes. On an accelerator: memory of the backend. On a CPU: resident
            memory of this process, with Python and the framework. None if unknown.
    """

    network: str
    weights: str | None
    engine: str
    device: str
    precision: str
    size: Size
    runs: int
    median: float
    p99: float
    memory: int | None

    @property
    def frames_per_second(self) -> float:
        """Images per second at batch size 1, from the median."""
        return 1 / self.median

    def as_json(self) -> dict[str, Any]:
        """Return all attributes and the frames per second, with units in the names."""
        found = asdict(self)
        for name in ("median", "p99"):
            found[f"{name}_ms"] = 1000 * found.pop(name)
        found["memory_bytes"] = found.pop("memory")
        return {**found, "frames_per_second": self.frames_per_second}


def time_network(
    network: str | None,
    weights: Weights | None = None,
    *,
    engine: str = KERAS,
    size: Size | None = None,
    precision: str = "f32",
    threads: int | None = None,
    runs: int = 100,
    seconds: float = 10.0,
) -> Speed:
    """Time a network of the zoo in inference.

    Args:
        network: key of the network; None for the one that the weights state, else `"scmnet"`.
        weights: what `scmnet_zoo.load` takes; None for random weights, which take as long.
            Defaults to None.
        engine: `"keras"`, on the current backend, or `"onnxruntime"`, `"openvino"`, `"litert"` on
            the CPU. Defaults to `"keras"`.
        size: (height, width) of the image. Defaults to the weights' training size, else 512 x 1024.
        precision: `"f32"` or `"bf16"` for Keras; for other engines `"f32"`, `"f16"` or `"bf16"`, if
            the engine's format supports it. Defaults to `"f32"`.
        threads: number of CPU threads of the engine. Defaults to the engine's choice.
        runs: largest number of timed runs. Defaults to 100.
        seconds: time limit; after five runs, no run starts later. Defaults to 10.

    Raises:
        ValueError: an unknown network, engine or precision, `threads` for Keras, a size that is
            too small, or an engine that is not installed.
        OSError: the weights cannot be read or downloaded.

    Example:

    >>> time_network("scmnet", "camvid", engine="onnxruntime", size=(360, 480)).median
    """
    _check(engine, precision, threads)
    check_sizes(size, None)
    if weights is None:
        network, name = network or DEFAULT_NETWORK, None
        model, metadata = factory_of(network)(), None
    else:
        loaded = load_network(weights, network)
        network, name = loaded.source.network, loaded.source.title
        model, metadata = loaded.model, loaded.metadata
    size = size or (metadata and metadata.training_size) or USUAL_SIZE
    made = pipeline(model, "mask", size)
    batches = _photographs(size)
    if engine == KERAS:
        if precision == "bf16":
            made = in_bfloat16(made)
        made.compile(jit_compile=keras.backend.backend() == "jax")
        timed = _timed(made.predict_on_batch, batches, runs, seconds, device_memory)
        place = session()
        return Speed(
            network, name, f"keras {place['backend']}", place["devices"], precision, size, *timed
        )
    found = FORMATS[FORMAT_OF[engine]]
    target = found.load()
    with tempfile.TemporaryDirectory(prefix="scmnet-zoo-") as folder:
        path = Path(folder, f"{network}{found.suffix}")
        target.write(Job(made, path.name, "mask", precision, size, {}), path.parent)
        run, _ = target.load(path, threads)
        timed = _timed(run, batches, runs, seconds)
    return Speed(network, name, engine, processor(), precision, size, *timed)


def time_file(
    path: str | os.PathLike[str],
    *,
    size: Size | None = None,
    threads: int | None = None,
    runs: int = 100,
    seconds: float = 10.0,
) -> Speed:
    """Time a file that `scmnet-zoo export` wrote, in the runtime of its format.

    Args:
        path: path of the file, or of the folder of a SavedModel.
        size: (height, width) of the image. Defaults to the file's size, else 512 x 1024.
        threads: number of CPU threads of the runtime. Defaults to the runtime's choice.
        runs: largest number of timed runs. Defaults to 100.
        seconds: time limit; after five runs, no run starts later. Defaults to 10.

    Raises:
        ValueError: another kind of file, a size that the file does not accept, or a runtime that is
            not installed.
        OSError: the file cannot be read.
    """
    path = Path(path)
    check_sizes(size, None)
    exported = load(path, threads)
    taken = json.loads(exported.metadata.get("input", "{}"))
    size = size or filled(tuple(taken.get("image_size") or (None, None)), USUAL_SIZE)
    batches = [batch.astype(taken.get("type", "uint8")) for batch in _photographs(size)]
    format = format_of(path)
    engine = next((key for key, value in FORMAT_OF.items() if value == format), format)
    on_cpu = engine in FORMAT_OF
    timed = _timed(exported.run, batches, runs, seconds, None if on_cpu else device_memory)
    device = processor() if on_cpu else session()["devices"]
    precision = exported.metadata.get("precision", "")
    weights = exported.metadata.get("weights") or None
    return Speed(path.name, weights, engine, device, precision, size, *timed)


def _check(engine: str, precision: str, threads: int | None) -> None:
    if engine not in ENGINES:
        raise ValueError(f"Expected engine to be one of {', '.join(ENGINES)}. Received: {engine!r}")
    taken: tuple[str, ...] = ("f32", "bf16")
    if engine != KERAS:
        check_installed(FORMAT_OF[engine])
        taken = tuple(one for one in FORMATS[FORMAT_OF[engine]].precisions if one != "int8")
    if precision not in taken:
        hint = "; for int8 export a file with --calibrate and time that" * (precision == "int8")
        raise ValueError(
            f"Expected precision to be one of {', '.join(taken)} for {engine}{hint}. "
            f"Received: {precision!r}"
        )
    if engine == KERAS and threads is not None:
        raise ValueError(
            "Expected no threads for keras, whose backends take them from the environment "
            f"(OMP_NUM_THREADS). Received: threads={threads}"
        )


def _photographs(size: Size) -> list[np.ndarray]:
    """Return the example photograph and its mirror image, each `(1, height, width, 3)`."""
    photo = fitted(read_image(example_photo()), size)
    return [photo, np.ascontiguousarray(photo[:, :, ::-1])]


def _timed(
    run: Callable[[np.ndarray], Any],
    batches: list[np.ndarray],
    runs: int,
    seconds: float,
    on_device: Callable[[], int | None] | None = None,
) -> tuple[int, float, float, int | None]:
    """Return the number of timed runs, median and 99th percentile in seconds, and peak memory."""
    for number in range(WARM_UP):
        run(batches[number % len(batches)])
    forget_peak()
    times: list[float] = []
    begin = time.perf_counter()
    while len(times) < runs:
        start = time.perf_counter()
        if len(times) >= LEAST_RUNS and start - begin > seconds:
            break
        run(batches[len(times) % len(batches)])
        times.append(time.perf_counter() - start)
    memory = on_device() if on_device is not None else None
    if memory is None:
        memory = resident_peak()
    return len(times), float(np.median(times)), float(np.percentile(times, 99)), memory

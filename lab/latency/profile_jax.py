"""The stages of a network on JAX, by timing the network cut off behind each of them.

Works where no profiler does.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import keras
import numpy as np

from lab.latency.frames import frames
from lab.latency.networks import keras_network
from lab.latency.preset import Cell
from lab.latency.program import MEAN, STD
from lab.latency.rows import Part
from lab.latency.stages import stage_floors, stages

ROUNDS = 5  # of which the median counts
TURN = 0.1  # seconds
LEAST, MOST = 3, 100  # calls in a turn
AT_ONCE = 4  # programs that are compiled at the same time

Call = Callable[[], Any]


def jax_splitter(cell: Cell, threads: int) -> Callable[[], list[Part]]:
    """A function that gives each stage's time: of the network up to and with it, less of that
    up to the stage before.

    Raises:
        ValueError: the cell is not of form `"fused"`.
    """
    if cell.form != "fused":
        raise ValueError(f"Expected the form fused. Received: {cell.form}")
    keras.utils.set_random_seed(0)
    model = keras_network(cell)
    order = stages(model)
    floors = stage_floors(model, cell.precision)
    image = frames(cell.size, 1)[0]
    if cell.scope == "network":
        image = (image.astype(np.float32) - MEAN) / STD
    placed = jax.device_put(image)
    cuts = [keras.Model(model.inputs[0], list(stage.kept)) for stage in order]
    programs = compiled([_lowered(cut, image) for cut in cuts], threads)
    calls = [lambda program=program: program(placed) for program in programs]
    for call in calls:
        jax.block_until_ready(call())

    def split() -> list[Part]:
        whole = queued_times(calls)
        names = [stage.name for stage in order]
        parts = differences(names, whole, floors)
        alone = one_by_one(calls[-1])
        return [*parts, Part("call", "one call, waited for, beyond the above", alone - whole[-1])]

    return split


def differences(
    names: Sequence[str],
    whole: Sequence[float],
    floors: dict[str, tuple[int, int]] | None = None,
) -> list[Part]:
    """Parts from the times of ever more of a thing; they sum up to the last of these."""
    before = [0.0, *whole[:-1]]
    return [
        Part("stage", name, more - less, *(floors or {}).get(name, (None, None)))
        for name, more, less in zip(names, whole, before, strict=True)
    ]


def queued_times(calls: Sequence[Call]) -> list[float]:
    """Seconds a call of each, where the next is handed over before the last has ended.

    The median of several rounds, in which all take turns.
    """
    many = [min(MOST, max(LEAST, round(TURN / max(one_by_one(call, 2), 1e-9)))) for call in calls]
    rounds = [
        [_queued(call, count) for call, count in zip(calls, many, strict=True)]
        for _ in range(ROUNDS)
    ]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def one_by_one(call: Call, count: int = 30) -> float:
    """Seconds of a call that is waited for, the median of several."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _queued(call: Call, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        result = call()
    jax.block_until_ready(result)
    return (time.perf_counter() - start) / count


def compiled(programs: Sequence[Any], threads: int) -> list[Any]:
    """JAX's lowered programs, compiled several at a time."""
    with ThreadPoolExecutor(min(AT_ONCE, threads)) as pool:
        return list(pool.map(lambda program: program.compile(), programs))


def _lowered(model: keras.Model, image: np.ndarray) -> Any:
    """With the weights as constants, as the form fused is timed."""
    trainable = [variable.value for variable in model.trainable_variables]
    fixed = [variable.value for variable in model.non_trainable_variables]

    def run(image):
        return model.stateless_call(trainable, fixed, image, training=False)[0]

    return jax.jit(run).lower(jax.ShapeDtypeStruct(image.shape, image.dtype))

"""How long a training step takes: frames, augmentation, network, loss and optimiser."""

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from scmnet_zoo.data.dataset import Dataset, Pair, Sample
from scmnet_zoo.data.frames import Frames
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.data.loader import OnDevice
from scmnet_zoo.environment import session
from scmnet_zoo.training import fit, shipped_recipe, training_network

ROUNDS = 3  # of which the median counts; one more before them compiles
FRAMES = 8  # different ones
RUNNING = 4  # when this step's batch is taken the first has been compiled and run


@dataclass(frozen=True)
class StepTime:
    """A training step's time.

    Attributes:
        seconds: of a step, the median of the rounds.
        rounds: of a step in each round, in seconds.
        first: of the whole round before them, with compilation, in seconds.
        where: backend and devices.
    """

    seconds: float
    rounds: tuple[float, ...]
    first: float
    where: str


def step_time(
    network: str,
    size: tuple[int, int],
    batch_size: int,
    precision: str,
    steps: int,
    compiled: Callable[[], None] = lambda: None,
) -> StepTime:
    """Measure the steps of the network's CamVid recipe at another size, batch and precision.

    Args:
        network: key of the network.
        size: (height, width) of frames and of what the network sees, in pixels.
        batch_size: frames in a step.
        precision: a Keras dtype policy.
        steps: in a round.
        compiled: called once, in the first round, after a step; the run waits until it returns.

    Raises:
        ValueError: an unknown network, precision or size.
    """
    recipe = shipped_recipe(network, "camvid")
    recipe = dataclasses.replace(
        recipe,
        size=size,
        batch_size=batch_size,
        precision=precision,
        epochs=ROUNDS + 1,
        validations=1,
        augmentation=dataclasses.replace(recipe.augmentation, crop=size),
    )
    keras.utils.set_random_seed(0)
    model = training_network(network, recipe, CAMVID.classes)
    source = made_up_source(size, batch_size, steps)
    rows = fit(model, source, recipe, progress=_once_compiled(compiled, steps))
    rounds = tuple(row["seconds"] / steps for row in rows[1:])
    machine = session()
    return StepTime(
        seconds=statistics.median(rounds),
        rounds=rounds,
        first=rows[0]["seconds"],
        where=f"{machine['backend']} on {machine['devices']}",
    )


def made_up_source(size: tuple[int, int], batch_size: int, steps: int) -> OnDevice:
    """Frames on the device, as many as a step takes, that stand for those of several steps."""
    return _Again(_made_up(size, batch_size * steps), size, batch_size)


class _Again(OnDevice):
    """As many frames as a step takes, on the device, given out again and again.

    Args:
        dataset: the frames that it stands for.
        size: (height, width) they are brought to.
        held: how many are on the device.
    """

    def __init__(self, dataset: Dataset, size: tuple[int, int], held: int):
        super().__init__(Frames(dataclasses.replace(dataset, samples=dataset.samples[:held]), size))
        self.dataset, self.held = dataset, held

    def get(self, numbers: np.ndarray) -> np.ndarray:
        return numbers % self.held


def _once_compiled(compiled: Callable[[], None], steps: int) -> Callable[[int, int], None]:
    """What `fit` calls when it takes a batch, one or two ahead of the step that it runs."""
    waiting = [compiled]

    def begun(step: int, total: int) -> None:
        if step >= min(RUNNING, steps) and waiting:
            waiting.pop()()

    return begun


def _made_up(size: tuple[int, int], count: int) -> Dataset:
    """Frames of blocks of noise whose labels are all classes, a few frames again and again."""
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(FRAMES):
        image = rng.integers(0, 256, (*size, 3), np.uint8)
        blocks = rng.integers(0, len(CAMVID.labels), (8, 8), np.uint8)
        label = Image.fromarray(blocks).resize(size[::-1], Image.Resampling.NEAREST)
        pairs.append((image, np.asarray(label)))

    def read(sample: Sample) -> Pair:
        return pairs[int(sample.name) % FRAMES]

    samples = tuple(Sample(str(n), Path(f"{n}.png"), Path(f"{n}.png")) for n in range(count))
    return Dataset("camvid", "train", CAMVID, samples, read)

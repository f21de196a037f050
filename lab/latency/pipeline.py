"""How fast frames of Cityscapes' size are read, and where the time goes."""

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from scmnet_zoo.data.cityscapes import cityscapes
from scmnet_zoo.data.dataset import Dataset
from scmnet_zoo.data.frames import read_frame
from scmnet_zoo.data.labels import CITYSCAPES
from scmnet_zoo.data.loader import FromFiles
from scmnet_zoo.data.masks import label_ids
from scmnet_zoo.images import open_image, read_image

SHAPES = (8, 16)  # soft ones, down and across, and
GRAIN = 0.7  # noise of this standard deviation: at 1024x2048 PNGs of Cityscapes' own 2.2 MB


@dataclass(frozen=True)
class PipelineTime:
    """What reading costs.

    Attributes:
        stages: seconds a frame by stage, on one thread.
        seconds: of a whole frame on one thread.
        rate: frames a second with all threads.
        threads: how many.
        image_bytes, label_bytes: mean sizes of the files.
    """

    stages: dict[str, float]
    seconds: float
    rate: float
    threads: int
    image_bytes: float
    label_bytes: float


def pipeline_time(
    frame_size: tuple[int, int], size: tuple[int, int], frames: int, threads: int | None = None
) -> PipelineTime:
    """Write made-up frames in Cityscapes' layout into a temporary folder and time their reading.

    Args:
        frame_size: (height, width) of the files.
        size: (height, width) they are brought to.
        frames: how many files.
        threads: how many read at once, by default one a core.
    """
    threads = threads or os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        write_frames(Path(folder), frame_size, frames)
        dataset = cityscapes(folder, "train")
        samples = dataset.samples
        image_bytes = float(np.mean([sample.image.stat().st_size for sample in samples]))
        label_bytes = float(np.mean([sample.label.stat().st_size for sample in samples]))
        whole = _mean_time(lambda n: read_frame(dataset, samples[n], size), frames)
        stages = _stages(dataset, size)
        source = FromFiles(dataset, size, threads)
        numbers = np.arange(frames, dtype=np.int32)
        source.get(numbers[:threads])  # starts the threads
        start = time.perf_counter()
        source.get(numbers)
        rate = frames / (time.perf_counter() - start)
    return PipelineTime(stages, whole, rate, threads, image_bytes, label_bytes)


def write_frames(folder: Path, size: tuple[int, int], count: int) -> None:
    """Frames in Cityscapes' layout: soft shapes under a camera's noise, labels of blocks."""
    rng = np.random.default_rng(0)
    images = folder / "leftImg8bit" / "train" / "made"
    labels = folder / "gtFine" / "train" / "made"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    ids = np.array([*CITYSCAPES.ids, *CITYSCAPES.void_ids], np.uint8)
    for number in range(count):
        soft = Image.fromarray(rng.integers(0, 256, (*SHAPES, 3), np.uint8))
        pixels = np.asarray(soft.resize(size[::-1], Image.Resampling.BICUBIC), np.float32)
        pixels = pixels + GRAIN * rng.standard_normal(pixels.shape, np.float32)
        name = f"made_{number:06d}_000019"
        image = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
        image.save(images / f"{name}_leftImg8bit.png")
        blocks = Image.fromarray(ids[rng.integers(0, len(ids), (24, 48))])
        label = blocks.rotate(3).resize(size[::-1], Image.Resampling.NEAREST)
        label.save(labels / f"{name}_gtFine_labelIds.png")


def _stages(dataset: Dataset, size: tuple[int, int]) -> dict[str, float]:
    """The parts of reading a frame, each by itself."""
    samples = dataset.samples
    count = len(samples)
    images = [Image.fromarray(read_image(sample.image)) for sample in samples[:4]]
    labels = [open_image(sample.label) for sample in samples[:4]]
    masks = label_ids(CITYSCAPES)
    stages: dict[str, Callable[[int], object]] = {
        "decode image": lambda n: read_image(samples[n].image),
        "decode label": lambda n: np.asarray(open_image(samples[n].label)),
        "ids to training ids": lambda n: masks.decode(labels[n % 4], samples[n].label),
    }
    if images[0].size != size[::-1]:
        kind = Image.Resampling.BILINEAR
        stages["resize image"] = lambda n: np.asarray(images[n % 4].resize(size[::-1], kind))
    return {name: _mean_time(stage, count) for name, stage in stages.items()}


def _mean_time(stage: Callable[[int], object], count: int) -> float:
    stage(0)
    start = time.perf_counter()
    for number in range(count):
        stage(number)
    return (time.perf_counter() - start) / count

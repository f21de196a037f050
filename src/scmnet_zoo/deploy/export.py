"""A network as a file for another runtime, compared with the network before it gets its name."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from scmnet_zoo.deploy.description import Description, file_metadata, takes_bytes
from scmnet_zoo.deploy.formats import (
    FORMATS,
    MINIMUM_FRAMES,
    OUTPUTS,
    OpenSize,
    Size,
    check_format,
    check_installed,
    format_of,
    instead,
)
from scmnet_zoo.deploy.inputs import check_images, checker, fitted_images
from scmnet_zoo.deploy.job import Job
from scmnet_zoo.deploy.parity import LIMITS, Comparison, Runner, check, compare
from scmnet_zoo.deploy.pipeline import in_float32, pipeline, reference
from scmnet_zoo.deploy.quality import Labelled, Quality, check_quality, measure
from scmnet_zoo.deploy.sizes import check_sizes, filled, known, network_size
from scmnet_zoo.deploy.staging import staged
from scmnet_zoo.images import example_photo, read_image
from scmnet_zoo.layers.image_input import MINIMUM_SIDE

USUAL_SIZE = (360, 480)  # at which files of any size are compared, if nothing else is known


@dataclass(frozen=True)
class Report:
    """What was written, and how it compares with the network.

    Attributes:
        path: the file or folder.
        size: of it in bytes, with what lies beside it.
        comparison: with the network.
        quality: mIoU of network and file, of int8 also time and size of the float file; None
            without labelled frames and a calibration.
    """

    path: Path
    size: int
    comparison: Comparison
    quality: Quality | None


@dataclass(frozen=True)
class Exported:
    """A file in its runtime, on the CPU.

    Attributes:
        run: from images `(batch, height, width, channels)`, RGB in uint8 unless the metadata says
            else, to scores `(batch, height, width, classes)` or a mask `(batch, height, width)`;
            another type or shape than the file takes is a ValueError.
        metadata: what the file says of itself, see `docs/deploy.md`.
    """

    run: Runner
    metadata: dict[str, str]


def export(
    model: keras.Model,
    path: str | os.PathLike[str],
    format: str,
    *,
    size: Size | None = None,
    precision: str = "f32",
    output: str = "probabilities",
    original_size: OpenSize | None = None,
    description: Description | None = None,
    calibration: Sequence[np.ndarray] = (),
    images: Sequence[np.ndarray] = (),
    labelled: Labelled | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> Report:
    """Write a network as a file for another runtime, and compare it with the network.

    Normalisation is inside: the file takes RGB images as they are, uint8, channels last; of a
    network made with `include_preprocessing=False` it takes float32. It is loaded in its runtime
    and compared with the network on real images before it gets its name; if it is too far off, or
    anything else goes wrong, nothing is left and what was there stays. A network under a mixed
    precision policy is first made anew in float32.

    Args:
        model: a network of the zoo.
        path: of the file; of a folder for `"saved_model"`.
        format: one of `FORMATS`, e.g. `"onnx"`.
        size: (height, width) the network sees; None for that of its input, where this varies for
            any.
        precision: `"f32"`, `"f16"`, `"bf16"` or `"int8"`; not every format has all.
        output: `"probabilities"`, `"logits"` or `"mask"`, the class of each pixel.
        original_size: (height, width) of the images, None for a side that varies, where they are
            to be resized inside, and the result back; None as a whole where they have `size`.
        description: of the weights, for the file's metadata; see `describe`.
        calibration: images for `"int8"`, 8 or more, uint8 RGB of any size; for a network made with
            `include_preprocessing=False` float32, normalised and of the size the file takes.
        images: to compare with, likewise; by default some of the calibration, else the photograph
            that ships with the package, which is no image for a network that takes float32.
        labelled: frames with labels, to compare mIoU with; not for a network that takes float32.
        report: told, in a line, what is being done.

    Returns:
        What was written.

    Raises:
        ValueError: something that the format does not have, a runtime that is not installed, a
            size that is none or not the network's, probabilities of a network that gives logits,
            images that it does not take, or a file that differs too much.
        OSError: it cannot be written.

    Example:

    >>> model = SCMNet(weights="camvid")
    >>> export(model, "scmnet.onnx", "onnx", size=(720, 960), output="mask")
    """
    path = Path(path)
    check_sizes(size, original_size)
    size = network_size(model, size)
    image_size: OpenSize = original_size or size or (None, None)
    fixed = known(image_size)
    found = check_format(format, path, precision, fixed is None, bool(len(calibration)))
    _check_arguments(output, precision, calibration)
    check_images("images", images, model, image_size)
    check_images("calibration", calibration[:1], model, image_size)
    pictures = images if len(images) else calibration[:4]
    if not takes_bytes(model):
        _check_floats(pictures, labelled)
    _check_backend(found.backend, format)
    description = description or Description()
    model = in_float32(model)
    sizes = _sizes(image_size, description.training_size) if takes_bytes(model) else [image_size]
    job = Job(
        pipeline(model, output, size, original_size),
        path.name,
        output,
        precision,
        fixed,
        file_metadata(
            model,
            description,
            output=output,
            layout="NHW" if output == "mask" else found.layout,
            precision=precision,
            size=size,
            original_size=original_size,
        ),
        tuple(fitted_images("calibration", calibration, model, image_size, sizes[0])),
    )
    network = reference(model, output, size, original_size)
    pictures = pictures if len(pictures) else [read_image(example_photo())]
    target, hint = found.load(), instead(format, precision)
    with staged(path) as folder:
        report(f"writing {path.name}")
        target.write(job, folder)
        run, _ = target.load(folder / path.name)
        report("comparing with the network")
        comparison = compare(run, network, pictures, sizes, output)
        check(comparison, LIMITS[precision], output, f"the {format} file in {precision}", hint)
        quality = None
        if labelled is not None or precision == "int8":
            float_job = job if precision != "int8" else _in_float(job)
            quality = measure(job, float_job, folder, target, network, labelled, pictures, report)
            check_quality(quality, LIMITS[precision], precision, f"the {format} file", hint)
        taken = _bytes(folder)
    return Report(path, taken, comparison, quality)


def load(path: str | os.PathLike[str], threads: int | None = None) -> Exported:
    """Load an exported file in its runtime, on the CPU.

    Args:
        path: of the file or folder; its suffix says its format.
        threads: how many the runtime may use, by default as it likes.

    Raises:
        ValueError: another suffix, a damaged file, or the runtime is not installed.
        OSError: it is not there.

    Example:

    >>> exported = load("scmnet.onnx")
    >>> exported.run(images).shape
    (1, 720, 960)
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: expected an exported file. Received: no such file")
    format = format_of(path)
    check_installed(format)
    target = FORMATS[format].load()
    try:
        run, metadata = target.load(path, threads)
        refuse = checker(metadata, FORMATS[format].batches)
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # each runtime has its own
        raise ValueError(
            f"{path}: expected a file that scmnet-zoo exported as {format}. "
            f"Received: another or a damaged one ({_reason(error)})"
        ) from error

    def checked(images: np.ndarray) -> np.ndarray:
        refuse(images)
        return run(images)

    return Exported(checked, metadata)


def _reason(error: Exception) -> str:
    """The first line that says something; OpenVINO's first are places in its source."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if line and not line.startswith("Exception from ")]
    return said[0] if said else type(error).__name__


def _check_arguments(output, precision, calibration):
    if output not in OUTPUTS:
        raise ValueError(f"Expected output to be one of {', '.join(OUTPUTS)}. Received: {output!r}")
    if precision == "int8" and len(calibration) < MINIMUM_FRAMES:
        raise ValueError(
            f"Expected {MINIMUM_FRAMES} images or more for the calibration. "
            f"Received: {len(calibration)}"
        )


def _check_floats(images, labelled):
    if not len(images):
        raise ValueError(
            "Expected images to compare with, normalised, for a network that takes float32. "
            "Received: none"
        )
    if labelled is not None:
        raise ValueError(
            "Expected no labelled frames, which are uint8, for a network that takes float32. "
            f"Received: {len(labelled.dataset.samples)}"
        )


def _check_backend(backend, format):
    used = keras.backend.backend()
    if backend not in (None, used):
        raise ValueError(
            f"Expected the Keras backend {backend} (KERAS_BACKEND={backend}) for {format}. "
            f"Received: {used}"
        )


def _sizes(image_size: OpenSize, training_size: Size | None) -> list[OpenSize]:
    """Where a side varies: the usual one, and an odd one."""
    height, width = training_size or USUAL_SIZE
    odd = max(MINIMUM_SIDE, height * 3 // 4) | 1, max(MINIMUM_SIDE, width * 3 // 4) | 1
    return [*dict.fromkeys(filled(image_size, one) for one in ((height, width), odd))]


def _in_float(job: Job) -> Job:
    return Job(job.model, f"float_{job.name}", job.output, "f32", job.size, {**job.metadata}, ())


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


__all__ = ["FORMATS", "Exported", "Report", "export", "load"]

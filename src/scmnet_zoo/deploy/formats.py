"""The formats there are, and what each of them has; nothing of theirs is imported here."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

PRECISIONS = ("f32", "f16", "bf16", "int8")
OUTPUTS = ("probabilities", "logits", "mask")
MINIMUM_FRAMES = 8  # of a calibration

Size = tuple[int, int]
OpenSize = tuple[int | None, int | None]


@dataclass(frozen=True)
class Format:
    """What a format has.

    Attributes:
        suffix: how its files end; empty for a folder.
        modules: what must be installed to write and to load it.
        extra: the package's extra that installs these.
        precisions: those it has.
        any_size: whether it takes images of a size that varies.
        layout: of scores.
        backend: the Keras backend it is made with, None for any.
        batches: whether it takes several images at once, where their size varies.
    """

    suffix: str
    modules: tuple[str, ...]
    extra: str
    precisions: tuple[str, ...]
    any_size: bool
    layout: str
    backend: str | None = None
    batches: bool = True


FORMATS = {
    "onnx": Format(
        ".onnx", ("onnx", "onnxruntime"), "export", ("f32", "f16", "int8"), True, "NCHW"
    ),
    "openvino": Format(".xml", ("onnx", "openvino"), "openvino", PRECISIONS, True, "NCHW"),
    "litert": Format(
        ".tflite",
        ("ai_edge_litert",),
        "litert",
        ("f32", "f16", "int8"),
        True,
        "NHWC",
        "tensorflow",
        batches=False,
    ),
    "tensorrt": Format(".engine", ("onnx", "tensorrt"), "", ("f32", "f16"), False, "NCHW"),
    "saved_model": Format("", ("tensorflow",), "", ("f32",), True, "NHWC", "tensorflow"),
    "jax": Format(".zip", ("jax",), "jax", ("f32", "bf16"), False, "NHWC", "jax"),
}

# What a precision needs beside the format.
QUANTISERS = {"openvino": "nncf"}

TRTEXEC = (
    "export with --format onnx, then run: trtexec --onnx=FILE.onnx --saveEngine=FILE.engine "
    "where TensorRT is installed"
)


def check_format(
    format: str,
    path: Path,
    precision: str,
    varies: bool,
    calibrated: bool,
) -> Format:
    """The format, if it can be written as asked.

    Args:
        format: its name.
        path: of the file or folder.
        precision: of the computation.
        varies: whether the size of the images does.
        calibrated: whether there are images for the calibration.

    Raises:
        ValueError: it cannot.
        ModuleNotFoundError: what it needs is not installed.
        OSError: the path is a folder, or in none.
    """
    if format not in FORMATS:
        raise ValueError(f"Expected format to be one of {', '.join(FORMATS)}. Received: {format!r}")
    found = FORMATS[format]
    if precision not in PRECISIONS:
        raise ValueError(
            f"Expected precision to be one of {', '.join(PRECISIONS)}. Received: {precision!r}"
        )
    if precision not in found.precisions:
        raise ValueError(
            f"Expected precision to be one of {', '.join(found.precisions)} for {format}. "
            f"Received: {precision!r}"
        )
    if varies and (not found.any_size or (format, precision) == ("litert", "int8")):
        raise ValueError(
            f"Expected a size, e.g. 720x960, for {format} in {precision}: it has no dynamic one. "
            "Received: dynamic"
        )
    if precision == "int8" and not calibrated:
        raise ValueError(
            "Expected images for the calibration (--calibrate DIR) with int8. Received: none"
        )
    check_path(path, found, format)
    check_installed(format, precision)
    return found


def check_installed(format: str, precision: str = "f32") -> None:
    """That a format's runtime is there.

    Raises:
        ValueError: it is not; the message says what installs it.
    """
    needed = list(FORMATS[format].modules)
    if precision == "int8" and format in QUANTISERS:
        needed.append(QUANTISERS[format])
    for module in needed:
        if importlib.util.find_spec(module) is None:
            extra = FORMATS[format].extra
            how = f"pip install 'scmnet-zoo[{extra}]'" if extra else f"pip install {module}"
            if module == "tensorrt":
                how = TRTEXEC
            raise ValueError(
                f"Expected {module} to be installed for {format} in {precision}; {how}. "
                "Received: no such module"
            )


def instead(format: str, precision: str) -> str:
    """What to do where a file in a precision is too far from the network, or gains no time."""
    if precision == "f32":
        return ""
    if precision != "int8":
        return "--precision f32 is exact"
    own = "--calibrate with some hundred images like those that the file is to see"
    if format == "litert":
        return (
            f"LiteRT quantises the scores too; instead --precision f16, --format openvino or onnx, "
            f"which keep them in float, or {own}"
        )
    other = "" if format == "openvino" else ", --format openvino"
    return f"{own}, or instead --precision f16{other}"


def check_path(path: Path, found: Format, format: str) -> None:
    """That a file, or for a format without suffix a folder, can be at a path.

    Raises:
        ValueError: another suffix.
        OSError: something is in the way.
    """
    if found.suffix and path.suffix != found.suffix:
        raise ValueError(
            f"Expected an output that ends in {found.suffix} for {format}. Received: {path}"
        )
    if found.suffix and path.is_dir():
        raise IsADirectoryError(f"{path}: expected a file to write. Received: a folder")
    if not found.suffix and path.exists():
        raise FileExistsError(
            f"{path}: expected a folder that is not there yet, for {format}. "
            f"Received: {'a folder' if path.is_dir() else 'a file'}"
        )
    if path.parent.exists() and not path.parent.is_dir():
        raise NotADirectoryError(f"{path.parent}: expected a folder. Received: a file")


def format_of(path: Path) -> str:
    """The format of an exported file or folder.

    Raises:
        ValueError: its name ends like none of them.
    """
    if path.is_dir():
        return "saved_model"
    for name, found in FORMATS.items():
        if found.suffix and path.suffix == found.suffix:
            return name
    suffixes = ", ".join(found.suffix for found in FORMATS.values() if found.suffix)
    raise ValueError(f"Expected a folder, or a file that ends in {suffixes}. Received: {path}")

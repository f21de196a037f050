"""Checks of an export before it is made, by the cards of the formats; imports no runtime."""

import importlib.util
from pathlib import Path

from scmnet_zoo.catalogue.formats import FORMAT_CARDS, FormatCard

PRECISIONS = ("f32", "f16", "bf16", "int8")
OUTPUTS = ("probabilities", "logits", "mask")
MINIMUM_FRAMES = 8  # of a calibration

Size = tuple[int, int]
OpenSize = tuple[int | None, int | None]

FORMATS = FORMAT_CARDS  # by their names


def check_format(
    format: str,
    path: Path,
    precision: str,
    varies: bool,
    calibrated: bool,
) -> FormatCard:
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
    if varies and precision not in found.any_size:
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
    found = FORMATS[format]
    quantiser = (found.quantiser,) if precision == "int8" and found.quantiser else ()
    for module in (*found.modules, *quantiser):
        if importlib.util.find_spec(module) is None:
            package = f"'scmnet-zoo[{found.extra}]'" if found.extra else module
            how = found.install or f"pip install {package}"
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
    return f"{own}, or instead {FORMATS[format].instead}"


def check_path(path: Path, found: FormatCard, format: str) -> None:
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
    for name, found in FORMATS.items():
        if path.is_dir() if not found.suffix else found.suffix == path.suffix:
            return name
    suffixes = ", ".join(found.suffix for found in FORMATS.values() if found.suffix)
    raise ValueError(f"Expected a folder, or a file that ends in {suffixes}. Received: {path}")

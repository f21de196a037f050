"""The cases: from a seed to an input, what the product makes of it, and what is wrong with it."""

import importlib.util
import logging
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mutations import mutated
from pictures import BOMBS, HEIGHT, KINDS, MASKS, ORDINARY, WIDTH, encoded
from PIL import Image
from tables import Table, drawn, whole
from trees import ODD_LINES, draw

import scmnet_zoo
from scmnet_zoo.data import VOID, Dataset, Sample, open_dataset, write_pack
from scmnet_zoo.data.check import check
from scmnet_zoo.data.dataset import FileReader
from scmnet_zoo.data.folder import class_table
from scmnet_zoo.data.occurrence import Tally, check_learned, check_measured, counts_of
from scmnet_zoo.data.report import Report
from scmnet_zoo.images import read_image

LONGEST = 1000  # characters of a message, beside the names of files
MAXIMUM_PIXELS = 200_000_000  # of an image, by SECURITY.md
NAMES = ("photo", "my photo", "ü-道路", "a.b", "50%", "{x}")


class FaultError(Exception):
    """The product did what it must not do."""


@dataclass(frozen=True)
class Fault:
    """What is wrong with a case.

    Attributes:
        seed: gives the case again.
        case: what it was, in words.
        what: the fault, without what differs between cases of one kind.
        detail: more of it.
    """

    seed: int
    case: str
    what: str
    detail: str


def run(seed: int, folder: Path) -> Fault | None:
    """Run a case in an empty folder; None where all is as it should be."""
    rng = random.Random(seed)
    case = case_of(rng)
    said = [case.__name__]
    try:
        case(rng, folder, said)
    except FaultError as error:
        return Fault(seed, " ".join(said), str(error.args[0]), " ".join(map(str, error.args[1:])))
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        what = f"{type(error).__name__} in {place}"
        if isinstance(error, MemoryError):
            what = "more memory than the limit"
        return Fault(seed, " ".join(said), what, "".join(traceback.format_exception(error)))
    return None


def case_of(rng: random.Random) -> Callable[[random.Random, Path, list[str]], None]:
    """What a case is of."""
    return rng.choices((image, mask, table, tree), (6, 3, 4, 7))[0]


def image(rng: random.Random, folder: Path, said: list[str]) -> None:
    """A photograph: intact, or with damage."""
    name = rng.choice(tuple(BOMBS)) if rng.random() < 0.002 else rng.choice(ORDINARY)
    kind, data = KINDS[name], encoded(name)
    intact = name in BOMBS or rng.random() < 0.1
    said.append(name)
    if not intact:
        data, changes = mutated(rng, data)
        said.append(changes)
    suffix = kind.suffix if rng.random() < 0.8 else rng.choice(tuple(KINDS.values())).suffix
    path = folder / f"{rng.choice(NAMES)}{suffix}"
    path.write_bytes(data)
    try:
        pixels = read_image(path)
    except (ValueError, OSError) as error:
        _check_message(error, path.name, path)
        if intact and kind.read and not name.startswith("bomb-"):
            raise FaultError("an intact file is refused", name, error) from error
        return
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise FaultError("no RGB image", pixels.dtype, pixels.shape)
    if pixels.shape[0] * pixels.shape[1] > MAXIMUM_PIXELS:
        raise FaultError("larger than the limit", pixels.shape)
    if intact and not kind.read:
        raise FaultError("a file is read that should be refused", name)
    if intact and name not in BOMBS:
        turned = name in ("jpeg-turn-5", "jpeg-turn-6", "jpeg-turn-7", "jpeg-turn-8")
        if pixels.shape[:2] != ((WIDTH, HEIGHT) if turned else (HEIGHT, WIDTH)):
            raise FaultError("another size than the file has", name, pixels.shape)


def mask(rng: random.Random, folder: Path, said: list[str]) -> None:
    """A label file of a frame, read through a dataset's reader and looked through by `check`."""
    name = rng.choice(MASKS) if rng.random() < 0.8 else rng.choice(ORDINARY)
    data = encoded(name)
    said.append(name)
    if rng.random() < 0.8:
        data, changes = mutated(rng, data)
        said.append(changes)
    known = whole(rng)
    (folder / "classes.toml").write_text(known.text, encoding="utf-8")
    for part in ("images", "masks"):
        (folder / part / "train").mkdir(parents=True)
    (folder / "images" / "train" / "0.png").write_bytes(encoded("png-2-8"))
    (folder / "masks" / "train" / "0.png").write_bytes(data)
    _whole_dataset(rng, "folder", folder, known, ("train",))


def table(rng: random.Random, folder: Path, said: list[str]) -> None:
    """A table of classes."""
    path = folder / "classes.toml"
    path.write_bytes(drawn(rng))
    try:
        space, _ = class_table(path)
    except (ValueError, OSError) as error:
        _check_message(error, path.name, path)
        return
    count = len(space.labels)
    if not 1 <= count <= VOID:
        raise FaultError("a table of no or too many classes", count)
    if len(set(space.classes)) != count:
        raise FaultError("a table with a name twice", space.classes)
    if not all(0 <= value <= 255 for value in (*space.ids, *space.void_ids)):
        raise FaultError("a table with an index that no mask holds", space.ids)


def tree(rng: random.Random, folder: Path, said: list[str]) -> None:
    """A folder of a dataset, most often in disorder."""
    root = folder / "data"
    name, known = draw(rng, root)
    said.append(name)
    if rng.random() < 0.05:  # another reader than the folder is for
        name, known = rng.choice(("folder", "camvid", "cityscapes", "bdd100k")), None
    odd = ("", "..", "a/b", "\0", "x" * 300, "é")
    splits = ("train", "val", "a", rng.choice(odd))
    _whole_dataset(rng, name, root, known, splits)


def _whole_dataset(
    rng: random.Random, name: str, root: Path, known: Table | None, splits: tuple[str, ...]
) -> None:
    """Open splits and read their frames, then have `check` and, at times, `write_pack` do it."""
    read: dict[str, list[np.ndarray]] = {}
    opened: list[Dataset] = []
    with _Warnings() as warned:
        for split in splits:
            try:
                dataset = open_dataset(name, root, split)
            except (ValueError, OSError) as error:
                _check_message(error, "", root)
                continue
            opened.append(dataset)
            labels = [_read(dataset, sample) for sample in dataset.samples]
            if all(label is not None for label in labels):
                read[split] = [label for label in labels if label is not None]
    report = None
    try:
        with _Warnings():
            report = check(name, root, workers=1)
    except (ValueError, OSError) as error:
        _check_message(error, "", root)
        if read:
            raise FaultError("check raises where frames can be read", error) from error
    if report is not None:
        for problem in report.problems:
            _check_text(problem.message, root)
        list(report.lines(5))
        for dataset in opened:
            if dataset.split in read and known is not None:
                _check_score(dataset, read[dataset.split], known, report, warned.lines)
    if opened and rng.random() < 0.05:
        path = root / "frames.h5"
        try:
            write_pack(opened[:1], (8, 8), path, workers=1)
        except (ValueError, OSError) as error:
            _check_message(error, "", root)
            if path.exists():
                raise FaultError("a pack is there that could not be written", error) from error
        else:
            pack = open_dataset(name, path, opened[0].split)
            for sample in pack.samples:
                pack.read(sample)


def _read(dataset: Dataset, sample: Sample) -> np.ndarray | None:
    """The label of a frame; None where the frame is refused as it should be."""
    try:
        pixels, label = dataset.read(sample)
    except (ValueError, OSError) as error:
        text = str(error)
        if sample.image.name not in text and sample.label.name not in text:
            raise FaultError("a message without the file's name", text) from error
        _check_text(text, sample.image.parent, sample.label.parent)
        return None
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise FaultError("no RGB image", pixels.dtype, pixels.shape)
    count = len(dataset.space.labels)
    if label.dtype != np.uint8 or label.ndim != 2 or ((label >= count) & (label != VOID)).any():
        raise FaultError("no label of training ids", label.dtype, label.shape)
    return label


def _check_score(
    dataset: Dataset, labels: list[np.ndarray], known: Table, report: Report, warned: list[str]
) -> None:
    """That a split on which a network that sees nothing has mIoU 1 is not passed in silence.

    The score is that of a network which takes every pixel for one class. `check`, training and
    evaluation all have to refuse such a split or to warn of it, each by its own function.

    Raises:
        FaultError: they do not, or a value in its masks is void though the table does not say so.
    """
    matrix = confusion.ConfusionMatrix(len(dataset.space.labels))
    tally = Tally(dataset)
    classes = np.unique(np.concatenate([label.ravel() for label in labels]))
    for sample, label in zip(dataset.samples, labels, strict=True):
        matrix.update(label, np.full_like(label, classes[0]))
        tally.add(sample, counts_of(label))
    told = [problem.message for problem in report.problems if problem.level != "note"]
    with _Warnings() as while_training:
        try:
            check_learned(tally, tally)
        except ValueError as error:
            while_training.lines.append(str(error))
    try:
        while_evaluating = check_measured(tally)
    except ValueError as error:
        while_evaluating = (str(error),)
    if matrix.mean_iou() == 1.0:
        for who, lines in (
            ("check", told),
            ("training", while_training.lines),
            ("evaluation", while_evaluating),
        ):
            if not lines:
                raise FaultError(f"a silent mIoU of 1 in {who}", dataset.split, classes.tolist())
    if not known.by_index or not isinstance(dataset.read, FileReader):
        return
    told = [problem.message for problem in report.problems] + warned
    for sample in dataset.samples:
        strange = _indices(sample.label) - {*known.indices, *known.void, VOID}
        if strange and not any(str(value) in text for value in strange for text in told):
            raise FaultError("values outside the table, in silence", sample.label.name, strange)


def _indices(path: Path) -> set[int]:
    """The values of a grey or palette PNG of 8 bits; none of other files."""
    try:
        with Image.open(path, formats=("PNG",)) as mask:
            depth = path.read_bytes()[24]  # Pillow scales 2 and 4 bits up to 8
            if mask.mode in ("L", "P") and depth == 8 and mask.getexif().get(274, 1) == 1:
                return set(np.unique(np.asarray(mask)).tolist())
    except Exception:  # of Pillow, on a file that the product mends or reads otherwise
        return set()
    return set()


def _check_message(error: Exception, name: str, path: Path) -> None:
    """That an error names the file, or something in the folder, in one line."""
    text = str(error)
    inside = path.is_dir() and any(part in text for part in ("split", str(path)))
    if not (inside or (name and name in text)):
        raise FaultError(f"a {type(error).__name__} without the file's name", text) from error
    _check_text(text, path)


def _check_text(text: str, *folders: Path) -> None:
    """That a message is one short line, but for the names of files in it."""
    for name in ODD_LINES + tuple(sorted(map(str, folders), key=len, reverse=True)):
        text = text.replace(name, "")
    if len(text.splitlines()) > 1:
        raise FaultError("a message of several lines", text)
    if len(text) > LONGEST:
        raise FaultError("a message without end", f"{len(text)} characters: {text[:200]}")


class _Warnings(logging.Handler):
    """Takes what the package logs, as lines."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> "_Warnings":
        logging.getLogger("scmnet_zoo").addHandler(self)
        return self

    def __exit__(self, *error) -> None:
        logging.getLogger("scmnet_zoo").removeHandler(self)


def _without_keras(name: str):
    """A module of the package by its file: by its name Keras would be loaded, for ten seconds."""
    path = Path(scmnet_zoo.__file__).parent.joinpath(*name.split(".")).with_suffix(".py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


confusion = _without_keras("metrics.confusion")

"""`scmnet-zoo weights import`: convert files of other implementations to the zoo's format."""

from pathlib import Path
from typing import Annotated

import typer

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import say

_NAMED = ", ".join(key for key, card in DATASET_CARDS.items() if card.space is not None)


def command(
    file: Annotated[
        Path, typer.Argument(help="File: .h5, .npz, .pth or .pt; see docs/weights.md.")
    ],
    name: Annotated[str, typer.Option("--as", help="Name of the new file, without a suffix.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new file.")] = Path(),
    classes: Annotated[
        str,
        typer.Option(help=f"Classes: {_NAMED}, or a text file with one class name per line."),
    ] = "cityscapes",
) -> None:
    """Convert a file of another implementation to NAME.safetensors, which `weights=` takes."""
    if not name or not name.isprintable() or Path(name).name != name or name.startswith("."):
        raise typer.BadParameter(f"expected a name without folders. Received: {name!r}")
    if name.endswith(".safetensors"):
        raise typer.BadParameter(f"expected a name without a suffix. Received: {name!r}")
    path = output / f"{name}.safetensors"
    if path.exists():
        raise ValueError(f"Expected a new file. Received: {path}, which exists")
    names = _class_names(classes)
    start_keras()
    from scmnet_zoo.importers import import_checkpoint, write_imported
    from scmnet_zoo.predict import make_directory

    checkpoint = import_checkpoint(file, names)
    make_directory(output)
    write_imported(path, checkpoint)
    network = checkpoint.metadata.network if checkpoint.metadata else ""
    say(f"{path}: {network} for {len(names)} classes")


def _class_names(text: str) -> tuple[str, ...]:
    """Return the classes of a dataset, or those in a text file.

    Raises:
        ValueError: `text` is neither a dataset nor a readable list of classes.
    """
    from scmnet_zoo.data.labels import LABEL_SPACES, composed

    if text in LABEL_SPACES:
        return LABEL_SPACES[text].classes
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"Expected --classes to be one of {', '.join(LABEL_SPACES)}, or a text file. "
            f"Received: {text}: {getattr(error, 'strerror', None) or error}"
        ) from error
    names = tuple(composed(line.strip()) for line in lines if line.strip())
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{text}: expected one class name per line, each once")
    return names

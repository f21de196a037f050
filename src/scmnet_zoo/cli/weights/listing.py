"""`scmnet-zoo weights list` and `show`."""

from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.entry import Entry, File, Https, Hub
from scmnet_zoo.weights.inventory import state_of, stored_path

Key = Annotated[str, typer.Argument(metavar="NETWORK/NAME", help="Weights, as in `weights list`.")]


def command() -> None:
    """List the weights: state, number of classes, mIoU by protocol."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("weights", no_wrap=True)
    for title in ("state", "classes", "mIoU"):
        table.add_column(title)
    for entry in manifest.entries():
        results = "\n".join(f"{r.miou:.2f}, {r.protocol}" for r in entry.results)
        state, classes = state_of(entry), str(len(entry.classes) or "-")
        table.add_row(Text(entry.key), state.value, classes, Text(results or "-"))
    console = Console()
    console.print(table)
    for entry in manifest.entries():
        if entry.learned_from is not None:
            short = entry.learned_from.partition(";")[0]
            console.print(Text(f"{entry.key}: {short}"), soft_wrap=True)
    console.print("Details: `scmnet-zoo weights show NETWORK/NAME`.", highlight=False)


def show(key: Key) -> None:
    """Show classes, sizes, licences, sources and results of a set of weights."""
    entry = manifest.find_key(key)
    path = stored_path(entry)
    facts = {
        "state": f"{state_of(entry).value}{f', {path}' if path else ''}",
        "arguments": ", ".join(f"{k}={v!r}" for k, v in entry.arguments.items()) or "none",
        "classes": ", ".join(entry.classes) or "none: a backbone",
        "dataset": entry.dataset,
        "learned from": entry.learned_from or f"{entry.dataset} itself",
        "asked for by": _asked_for_by(entry),
        "training size": "{} x {} pixels, height x width".format(*entry.training_size),
        "normalisation": "mean {mean}, std {std}".format(**entry.normalisation),
        "parameters": f"{entry.parameters:,}",
        "licence": entry.licence,
        "data licence": entry.data_licence,
        "recipe": entry.recipe or "not the zoo's",
        "training command": entry.training_command or "not the zoo's",
    }
    if entry.file is not None:
        facts |= _file_facts(entry.file)
    if entry.made is not None:
        facts |= {
            "made here": f"{entry.made.size / 1e6:.1f} MB, not published",
            "hash": f"sha256 {entry.made.sha256}",
        }
    table = Table(title=entry.key, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")  # a hash is shown whole
    for name, value in facts.items():
        table.add_row(name, Text(value))
    console = Console()
    console.print(table)
    if entry.results:
        console.print(_results(entry))


def _asked_for_by(entry: Entry) -> str:
    """The `weights=` that find an entry: its name, and a shorter one with arguments."""
    found = [f"weights={entry.name!r}"]
    for name in manifest.names(entry.network, published_only=False):
        if name == entry.name or not entry.name.startswith(f"{name}_"):
            continue
        if manifest.find(entry.network, name, entry.arguments) == entry:
            base = manifest.find(entry.network, name).arguments
            differ = {k: v for k, v in entry.arguments.items() if k in base and base[k] != v}
            arguments = "".join(f", {key}={value!r}" for key, value in differ.items())
            found.append(f"weights={name!r}{arguments}")
    return "; ".join(found)


def _file_facts(file: File) -> dict[str, str]:
    places = []
    for source in file.sources:
        if isinstance(source, Hub):
            places.append(f"Hugging Face {source.repository} at {source.revision}")
        else:
            places.append(source.url if isinstance(source, Https) else "the package")
    stated = f"{file.hash.algorithm} {file.hash.value}" if file.hash else "none published"
    if file.sha256_start:
        stated = f"sha256 {file.sha256_start}..., the rest as the Hub states it"
    return {
        "file": f"{file.name}, {_size(file)}",
        "hash": stated,
        "sources": "\n".join(places),
    }


def _results(entry: Entry) -> Table:
    """Return a table of IoU in percent, with a column for each measurement."""
    table = Table(title="IoU %")
    table.add_column("class")
    for result in entry.results:
        stated = "" if result.command else "\nas its author states"
        title = f"{result.dataset} {result.split}\nprotocol {result.protocol}{stated}"
        table.add_column(Text(title), justify="right")
    for name in entry.classes:
        values = [result.iou[name] if result.iou else None for result in entry.results]
        table.add_row(Text(name), *("-" if value is None else f"{value:.2f}" for value in values))
    table.add_section()
    table.add_row("mean", *(f"{result.miou:.2f}" for result in entry.results))
    return table


def _size(file: File | None) -> str:
    if file is None:
        return "-"
    return f"{file.size / 1e6:.1f} MB" if file.size else "size not stated"

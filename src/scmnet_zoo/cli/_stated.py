"""`scmnet-zoo evaluate --stated`: measure weights again and compare with the manifest."""

from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from scmnet_zoo.cli._backend import start_keras
from scmnet_zoo.cli._errors import fail


def compare_stated(data: Path, dataset: str, keys: list[str]) -> None:
    """Print the stated and the measured mIoU of weights, and fail if they differ.

    Args:
        data: folder of the dataset.
        dataset: name of the dataset. Results on other datasets are left out.
        keys: `network/name` of each set of weights. Empty: all weights on this machine.
    """
    from scmnet_zoo.weights import manifest
    from scmnet_zoo.weights.inventory import stated_path

    entries = tuple(manifest.find_key(key) for key in keys)
    silent = [e.key for e in entries if dataset not in {r.dataset for r in e.results}]
    if silent:
        fail(f"the manifest has no result on {dataset} for {', '.join(silent)}")
    if not keys:
        entries = tuple(entry for entry in manifest.entries() if stated_path(entry))
    start_keras()
    from scmnet_zoo.evaluation.stated import TOLERANCE, compare

    table = Table(title=Text(f"mIoU % on {dataset}"))
    for title in ("weights", "split", "protocol", "stated", "measured", "class that differs most"):
        table.add_column(title, overflow="fold")  # names stay whole
    shown, wrong = Console(stderr=True), []
    try:
        with Progress(console=shown, transient=True, disable=not shown.is_terminal) as bar:
            tasks: dict[str, int] = {}

            def show(title: str, done: int, total: int) -> None:
                if title not in tasks:
                    tasks[title] = bar.add_task(title, total=total)
                bar.update(tasks[title], completed=done)  # type: ignore[arg-type]

            for one in compare(entries, dataset, data, show):
                stated, worst = one.result, one.worst_class()
                table.add_row(
                    Text(one.entry.key),
                    stated.split,
                    stated.protocol,
                    f"{stated.miou:.2f}",
                    f"{one.miou:.2f}",
                    "-" if worst is None else f"{worst[0]} {worst[1]:+.2f}",
                )
                if not one.agrees:
                    wrong.append(f"{one.entry.key} {stated.protocol} by {one.difference:+.2f}")
    finally:  # results measured before an error are printed
        if table.row_count:
            Console().print(table)
    if not table.row_count:
        fail(f"the manifest has no result on {dataset} for the weights on this machine")
    if wrong:
        fail(f"mIoU differs by more than {TOLERANCE} from the manifest: {', '.join(wrong)}")

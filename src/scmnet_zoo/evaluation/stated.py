"""Whether weights are as good as the manifest says."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scmnet_zoo.evaluation import NoFramesError, evaluate, load
from scmnet_zoo.loading import load as load_network
from scmnet_zoo.weights.entry import Entry, Result

TOLERANCE = 0.1  # percent points of mIoU


@dataclass(frozen=True)
class Comparison:
    """A number of the manifest, measured again; scores in percent.

    Attributes:
        entry: the weights.
        result: what the manifest states.
        miou: what was found.
        iou: by class; None where a class does not occur.
    """

    entry: Entry
    result: Result
    miou: float
    iou: dict[str, float | None]

    @property
    def difference(self) -> float:
        """Found less stated mIoU, in percent points."""
        return self.miou - self.result.miou

    @property
    def agrees(self) -> bool:
        """Whether the two are the same to 0.1."""
        return abs(self.difference) <= TOLERANCE

    def worst_class(self) -> tuple[str, float] | None:
        """The class that differs most, and by how much; None where the manifest states none."""
        found = {}
        for name, stated in (self.result.iou or {}).items():
            value = self.iou[name]
            if stated is not None and value is not None:
                found[name] = value - stated
        return max(found.items(), key=lambda item: abs(item[1])) if found else None


def compare(
    entries: tuple[Entry, ...],
    dataset: str,
    data: str | os.PathLike[str],
    progress: Callable[[str, int, int], None] = lambda title, done, total: None,
) -> Iterator[Comparison]:
    """Measure again what the manifest states of weights on a dataset.

    Args:
        entries: the weights.
        dataset: name of the dataset; what is stated on others is left out.
        data: its folder.
        progress: called with what is measured, the frames done and those there are.

    Raises:
        ValueError: the dataset cannot be read, or the weights are not to be had; after the last
            one, what could not be measured as the dataset has no frame of its protocol.
        OSError: the weights cannot be downloaded.
    """
    left = []
    for entry in entries:
        results = [result for result in entry.results if result.dataset == dataset]
        loaded = load_network(entry.name, entry.network) if results else None
        for result in results:
            assert loaded is not None
            title = f"{entry.key} {result.split} {result.protocol}"
            task = load(None, loaded, dataset, data, result.split, result.protocol)

            def frames(done: int, total: int, title: str = title) -> None:
                progress(title, done, total)

            try:
                scores = evaluate(*task, progress=frames)
            except NoFramesError:
                left.append(title)
                continue
            iou = {
                name: None if value != value else 100 * value  # NaN where it does not occur
                for name, value in scores.iou().items()
            }
            yield Comparison(entry, result, 100 * scores.mean_iou(), iou)
    if left:
        raise NoFramesError(
            f"Expected frames of every protocol in {data}. Received: none for {', '.join(left)}"
        )

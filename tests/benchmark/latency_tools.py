"""Presets and workers for the tests of the latency benchmark."""

from scmnet_zoo.benchmark.latency.preset import Block, Cell, Preset
from scmnet_zoo.benchmark.latency.process import WorkerError
from scmnet_zoo.benchmark.latency.worker import Prepared


def cell(network="fastscnn", runtime="tensorflow", form="stock", size=(64, 64), scope="mask"):
    return Cell(network, runtime, form, "f32", size, scope)


def preset(*cells, rounds=3, targets=()):
    return Preset("toy", rounds, 4, 0.2, 60.0, 1, (Block("toys", cells),), targets)


class ToyWorker:
    """Stands in for a process: tells what it was asked, and fails as it is told to.

    Attributes:
        asked: all requests to all workers, in order.
        faults: errors by request and network, each raised once.
    """

    asked: list = []  # noqa: RUF012
    faults: dict = {}  # noqa: RUF012

    def __init__(self, backend, threads):
        self.backend, self.running, self.held = backend, False, {}

    def ask(self, request, *arguments, timeout=None):
        self.running = True
        network = self._network(request, arguments)
        ToyWorker.asked.append((request, network))
        fault = ToyWorker.faults.pop((request, network), None)
        if fault is not None:
            if fault.ended:
                self.end()
            raise fault
        if request == "prepare":
            self.held[arguments[0]] = arguments[1].network
            return Prepared(1.0, 5_000_000)
        if request == "turn":
            return [0.01, 0.02, 0.03]
        if request == "train":
            return [0.2, 0.1, 0.3], 7
        return {"keras": "0"} if request == "session" else None

    def _network(self, request, arguments):
        if request in ("turn", "release"):
            if arguments[0] not in self.held:
                raise WorkerError(f"{arguments[0]} is not prepared")
            return self.held[arguments[0]]
        cells = [one for one in arguments if isinstance(one, Cell)]
        return cells[0].network if cells else None

    def end(self):
        self.running, self.held = False, {}

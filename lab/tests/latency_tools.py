"""Presets and workers for the tests of the latency benchmark."""

from lab.latency.preset import Block, Cell, Preset
from lab.latency.process import WorkerError
from lab.latency.rows import Part
from lab.latency.worker import Prepared


def cell(
    network="fastscnn", runtime="tensorflow", form="stock", size=(64, 64), scope="mask", batch=1
):
    return Cell(network, runtime, form, "f32", size, scope, batch)


def preset(*cells, rounds=3, targets=(), **more):
    blocks = more.pop("blocks", (Block("toys", cells),))
    return Preset("toy", rounds, 4, 0.2, 60.0, 1, blocks, targets, **more)


class ToyWorker:
    """Stands in for a process: tells what it was asked, and fails as it is told to.

    Attributes:
        asked: all requests to all workers, and their ends, in order.
        faults: errors by request and network, each raised once.
        met: where it is set, waited for by each that prepares, for so many seconds.
        many: how many there are.
    """

    asked: list = []  # noqa: RUF012
    faults: dict = {}  # noqa: RUF012
    met = None
    many = 0
    patience = 20.0

    def __init__(self, backend, threads, environment):
        self.backend, self.running, self.held, self.own = backend, False, {}, None
        ToyWorker.many += 1

    def ask(self, request, *arguments, timeout=None):
        self.running = True
        network = self._network(request, arguments)
        ToyWorker.asked.append((request, network))
        if request == "prepare" and ToyWorker.met is not None:
            ToyWorker.met.wait(timeout=ToyWorker.patience)
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
        if request in ("prepare_train", "prepare_profile"):
            self.own = network
            return 2.0
        if request == "train":
            return [0.2, 0.1, 0.3], 7
        if request == "split":
            return [Part("stage", "stem", 0.01, 1_000_000, 1_000), Part("stage", "head", 0.03)]
        return {"keras": "0"} if request == "session" else None

    def _network(self, request, arguments):
        if request in ("turn", "release"):
            if arguments[0] not in self.held:
                raise WorkerError(f"{arguments[0]} is not prepared")
            return self.held[arguments[0]]
        if request in ("train", "split"):
            return self.own
        cells = [one for one in arguments if isinstance(one, Cell)]
        return cells[0].network if cells else None

    def stop(self):
        self.running = False

    def end(self):
        if self.running:
            ToyWorker.asked.append(("end", self.backend))
        self.running, self.held = False, {}

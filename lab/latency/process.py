"""Workers: processes that hold a runtime each, wait, and compute when asked."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # of the repository, where `lab` is imported from
GRACE = 5.0  # seconds that a worker has to end

# Of all runtimes; each reads its own.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)
QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "ABSL_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "1",
    # What JAX reserves beforehand it would not share with PyTorch.
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
}


def caches(folder: Path, threads: int) -> dict[str, str]:
    """Variables that tell compilers where to keep what they make, and how many threads they have.

    A network is then compiled once, whichever process wants it next.
    """
    return {
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TORCHINDUCTOR_FX_GRAPH_CACHE": "1",
        "TORCHINDUCTOR_COMPILE_THREADS": str(max(1, threads)),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        "JAX_COMPILATION_CACHE_DIR": str(folder / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }


class WorkerError(Exception):
    """A request failed; the message is one line.

    Attributes:
        ended: whether the process is gone.
    """

    def __init__(self, message: str, ended: bool = False):
        super().__init__(message)
        self.ended = ended


class Worker:
    """A process of `worker.py`.

    Several threads may ask; they are answered one after another.

    Args:
        backend: Keras's backend in it.
        threads: how many threads, and cores.
        environment: variables that are set in it besides.
    """

    def __init__(self, backend: str, threads: int, environment: dict[str, str] | None = None):
        self.backend = backend
        self.threads = threads
        self._environment = environment or {}
        self._asking = threading.Lock()
        self._starting = threading.Lock()
        self._stopped = False
        self._process: subprocess.Popen | None = None
        self._pipe: Connection | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115

    @property
    def running(self) -> bool:
        """Whether its process has been started and not ended."""
        return self._process is not None and self._process.poll() is None

    def ask(self, request: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Have something done, and wait for the answer.

        Args:
            request: name of a function in `worker.REQUESTS`.
            arguments: its arguments.
            timeout: seconds after which the process is ended.

        Raises:
            WorkerError: it failed, took too long, or the process ended, now or since it was last
                asked.
        """
        with self._asking:
            return self._ask(request, arguments, timeout)

    def _ask(self, request: str, arguments: tuple[Any, ...], timeout: float | None) -> Any:
        with self._starting:
            if self._stopped:
                raise WorkerError("it was stopped", ended=True)
            if self._process is None:
                self._start()
            elif not self.running:  # all that it held is gone
                raise WorkerError(self._why_it_ended(), ended=True)
        assert self._pipe is not None
        try:
            self._pipe.send((request, arguments))
            if not self._pipe.poll(timeout):
                self._kill()
                self.end()
                raise WorkerError(f"{request} took longer than {timeout:.0f} s", ended=True)
            done, answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(self._why_it_ended(), ended=True) from error
        if not done:
            raise WorkerError(answer)
        return answer

    def stop(self) -> None:
        """End the process at once, for good, while another thread may be waiting for it."""
        with self._starting:
            self._stopped = True
            self._kill()

    def end(self) -> None:
        """End the process, if there is one; no other thread asks."""
        if self._pipe is not None:
            self._pipe.close()  # it ends by itself when it next waits
            self._pipe = None
        if self._process is not None:
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._kill()
            self._process = None

    def _kill(self) -> None:
        """With the compilers that it has started."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _start(self) -> None:
        self.end()
        ours, theirs = Pipe()
        environment = {
            **os.environ,
            **QUIET,
            **{name: str(self.threads) for name in THREAD_VARIABLES},
            "KERAS_BACKEND": self.backend,
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            **self._environment,
        }
        # Not `-m`: what it sends is to be of the module's own name.
        code = "from lab.latency.worker import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, str(theirs.fileno()), str(self.threads)],
            env=environment,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        theirs.close()
        self._pipe = ours

    def _why_it_ended(self) -> str:
        assert self._process is not None
        status = self._process.wait()
        self.end()
        if status < 0:
            return f"its process was ended by signal {-status}"
        self._log.seek(0)
        lines = self._log.read().decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return f"its process ended with status {status} ({last[:120]})"

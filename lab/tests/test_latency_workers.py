"""The processes of the latency benchmark."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lab.latency.process import ROOT, Worker, WorkerError


def test_a_worker_that_hangs_or_dies():
    worker = Worker("tensorflow", 1, {"SCMNET_ZOO_TOLD": "so"})
    try:
        assert worker.ask("session", timeout=60)["python"]
        environment = Path(f"/proc/{worker._process.pid}/environ").read_bytes()
        assert b"SCMNET_ZOO_TOLD=so" in environment.split(bytes(1))
        with pytest.raises(WorkerError, match="KeyError") as error:
            worker.ask("turn", 7, 1, 1.0, timeout=60)
        assert not error.value.ended
        os.kill(worker._process.pid, signal.SIGSTOP)
        with pytest.raises(WorkerError, match="session took longer than 0 s") as error:
            worker.ask("session", timeout=0.2)
        assert error.value.ended
        assert not worker.running
        assert worker.ask("session", timeout=60)["python"]  # a new process
        # Stopped it cannot answer, and it dies while it is asked, not before.
        os.kill(worker._process.pid, signal.SIGSTOP)
        killing = threading.Timer(0.5, os.kill, (worker._process.pid, signal.SIGKILL))
        killing.start()
        with pytest.raises(WorkerError, match="ended by signal 9") as error:
            worker.ask("session", timeout=60)
        killing.join()
        assert error.value.ended
        # Between two requests it takes along what it held: whoever asks next must know.
        worker.ask("session", timeout=60)
        os.kill(worker._process.pid, signal.SIGKILL)
        worker._process.wait()
        with pytest.raises(WorkerError, match="ended by signal 9") as error:
            worker.ask("session", timeout=60)
        assert error.value.ended
        assert worker.ask("session", timeout=60)["python"]
    finally:
        worker.end()


def test_a_worker_that_is_stopped_while_another_thread_asks():
    worker = Worker("tensorflow", 1)
    try:
        worker.ask("session", timeout=60)
        os.kill(worker._process.pid, signal.SIGSTOP)
        stopping = threading.Timer(0.3, worker.stop)
        stopping.start()
        with pytest.raises(WorkerError, match="ended by signal 9"):
            worker.ask("session", timeout=60)
        stopping.join()
        with pytest.raises(WorkerError, match="it was stopped"):
            worker.ask("session", timeout=60)
        assert not worker.running
    finally:
        worker.end()


def test_a_worker_takes_what_it_has_started_along(tmp_path):
    """Compilers, which would go on beside what is timed next."""
    lines = (
        "import subprocess",
        "from pathlib import Path",
        "child = subprocess.Popen(['sleep', '60'])",
        f"Path({str(tmp_path / 'child')!r}).write_text(str(child.pid))",
    )
    (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    worker = Worker("tensorflow", 1, {"PYTHONPATH": path})
    try:
        worker.ask("session", timeout=60)
        child = Path("/proc", (tmp_path / "child").read_text(), "stat")
        assert child.exists()
        worker.stop()
        deadline = time.monotonic() + 5
        while child.exists() and child.read_text().split()[2] != "Z":
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        worker.end()


def test_sigterm_ends_the_workers_and_leaves_files(tmp_path):
    """While the second of two blocks is prepared: the first is there, and nothing else is left."""
    text = "rounds = 1\nturn_runs = 2\nturn_seconds = 0.1\nprepare_seconds = 60\n"
    for title, network in (("first", "fastscnn"), ("second", "scmnet")):
        text += f'[[blocks]]\ntitle = "{title}"\n[[blocks.cells]]\nnetworks = ["{network}"]\n'
        text += 'runtimes = ["tensorflow"]\nforms = ["model"]\nprecisions = ["f32"]\n'
        text += 'sizes = [[64, 64]]\nscopes = ["mask"]\n'
    (tmp_path / "own.toml").write_text(text)
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp"), "PYTHONPATH": str(ROOT)}
    arguments = ["run", "--preset", "own.toml", "--output", "out"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.latency", *arguments],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if re.search("preparing scmnet", line):
            break
    time.sleep(0.3)
    (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.terminate()
    assert "Broken off. Written so far: " in process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert not Path(f"/proc/{worker}").exists()
    assert list((tmp_path / "tmp").glob("scmnet-zoo-*")) == []
    assert "had not come to: second" in (tmp_path / "out" / "latency.md").read_text()


def test_the_asking_process_needs_no_keras():
    """On a machine with one backend it would ask for another."""
    code = "import sys, lab.latency, scmnet_zoo.cli.speed;"
    code += "from lab.latency import floors, worker;"
    subprocess.run([sys.executable, "-c", code + "assert 'keras' not in sys.modules"], check=True)

"""The readers of images, tables and datasets under what they do not expect; see `tests/fuzz`."""

import importlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

FUZZ = Path(__file__).parent / "fuzz"


@pytest.mark.long
def test_no_case_of_a_minute_ends_in_a_fault():
    words = [sys.executable, str(FUZZ), "--cases", "20000", "--seed", "0", "--seconds", "60"]
    run = subprocess.run(words, capture_output=True, text=True, errors="replace")
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture
def fuzz(monkeypatch):
    """Imports a module of the folder `fuzz`."""
    monkeypatch.syspath_prepend(FUZZ)
    return importlib.import_module


def _raises(error):
    def read(path):
        raise error

    return read


@pytest.mark.parametrize(
    ("read", "what"),
    [
        (_raises(KeyError("x")), "KeyError in"),
        (_raises(ValueError("damaged")), "a ValueError without the file's name"),
        (lambda path: _raises(OSError(f"{path}: one\ntwo"))(path), "a message of several lines"),
        (lambda path: _raises(OSError(f"{path}: {'x' * 2000}"))(path), "a message without end"),
        (lambda path: np.zeros((4, 4), np.uint8), "no RGB image"),
        (lambda path: np.zeros((15_000, 15_000, 3), np.uint8), "larger than the limit"),
    ],
)
def test_a_reader_that_errs_is_found(fuzz, monkeypatch, tmp_path, read, what):
    cases = fuzz("cases")
    monkeypatch.setattr(cases, "read_image", read)
    seed = next(
        seed for seed in range(100) if cases.case_of(cases.random.Random(seed)) is cases.image
    )
    assert cases.run(seed, tmp_path).what.startswith(what)


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("time.sleep(60)", "longer than 1 s"),
        ("os.abort()", "the process ends with status -6"),
        ("sys.exit(3)", "the process ends with status 3"),
    ],
)
def test_a_worker_that_hangs_or_crashes_is_found_and_the_next_seeds_are_run(
    fuzz, monkeypatch, tmp_path, fault, what
):
    supervisor = fuzz("supervisor")
    monkeypatch.setattr(supervisor, "SLOW", 1.0)
    script = tmp_path / "worker.py"
    script.write_text(
        "import os, sys, time\n"
        "for seed in range(int(sys.argv[1]), int(sys.argv[2])):\n"
        "    print('{\"seed\": %d}' % seed, flush=True)\n"
        f"    if seed == 5: {fault}\n"
    )
    events = list(supervisor.events(4, 8, time.time() + 60, script))
    again = [5] if what.startswith("longer") else []  # a hang is run once more
    assert [event["seed"] for event in events if "seed" in event] == [4, 5, *again, 6, 7]
    (found,) = (event["fault"] for event in events if "fault" in event)
    assert (found["seed"], found["what"]) == (5, what)


def test_a_case_that_is_held_up_once_is_no_fault(fuzz, monkeypatch, tmp_path):
    supervisor = fuzz("supervisor")
    monkeypatch.setattr(supervisor, "SLOW", 1.0)
    script, marker = tmp_path / "worker.py", tmp_path / "been"
    script.write_text(
        "import pathlib, sys, time\n"
        f"been = pathlib.Path({str(marker)!r})\n"
        "for seed in range(int(sys.argv[1]), int(sys.argv[2])):\n"
        "    print('{\"seed\": %d}' % seed, flush=True)\n"
        "    if seed == 5 and not been.exists():\n"
        "        been.touch()\n"
        "        time.sleep(60)\n"
    )
    events = list(supervisor.events(4, 7, time.time() + 60, script))
    assert [event.get("seed") for event in events] == [4, 5, 5, 6]


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("subprocess.run(['x'])", "a process started"),
        ("np.ones(2**33, np.uint8)", "more memory than the limit"),
    ],
)
def test_a_process_or_much_memory_is_found(tmp_path, fault, what):
    script = tmp_path / "run.py"
    script.write_text(
        f"import subprocess, sys, time\nsys.path.insert(0, {str(FUZZ)!r})\n"
        "import numpy as np, cases, worker\n"
        f"def case(rng, folder, said):\n    try: {fault}\n    except OSError: pass\n"
        "cases.case_of = lambda rng: case\nworker.work(0, 1, time.time() + 60)\n"
    )
    run = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert what in run.stdout, run.stderr

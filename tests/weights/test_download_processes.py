"""Several processes that download one file, and those that are killed while they do."""

import contextlib
import dataclasses
import errno
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import pytest
from download_tools import BODY, HALF, QUICK, file, held, parts
from tls_server import PATIENCE, send, stall

from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import fetch

pytestmark = pytest.mark.network

START = """
import signal, sys
import filelock
from download_tools import *
signal.signal(signal.SIGINT, signal.default_int_handler)
wanted = file(sys.argv[1])
"""
FETCH = """
print("ready", flush=True)
sys.stdin.readline()
assert fetch(wanted, QUICK) == BODY
print("done")
"""
WITHOUT_LOCK = """
def refuse(*_, **__):
    raise OSError("no locks here")
filelock.FileLock.acquire = refuse
"""
# Processes that are forked once all is imported, and begin at once.
FORKS = """
import os, traceback
print("ready", flush=True)
sys.stdin.readline()
started = []
for _ in range(int(sys.argv[2])):
    if pid := os.fork():
        started.append(pid)
        continue
    try:
        os._exit(0 if fetch(wanted, QUICK) == BODY else 1)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
print("done" if not any([os.waitpid(pid, 0)[1] for pid in started]) else "failed")
"""
HOLD = """
path = cache.cached_path(wanted)
path.parent.mkdir(parents=True, exist_ok=True)
lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
lock.acquire()
print("ready", flush=True)
sys.stdin.readline()
"""
HALFWAY = send(BODY[:HALF], headers={"Content-Length": str(len(BODY))}, then=stall)


@contextlib.contextmanager
def _child(url, code, *arguments):
    """A process that has imported all it needs, and waits for a line."""
    child = subprocess.Popen(
        [sys.executable, "-c", START + code, url, *arguments],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
        yield child
    finally:
        child.kill()
        child.communicate()


def _go(child):
    child.stdin.write("\n")
    child.stdin.flush()


def _succeed(child):
    out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (0, "done\n"), err


def _until(true):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def _written():
    return sum(part.stat().st_size for part in parts())


def _one_good_file(wanted):
    assert held() == [cache.cached_path(wanted).name]
    assert cache.cached_path(wanted).read_bytes() == BODY


# Killed


def test_after_a_kill_the_file_arrives_and_the_part_goes(server):
    url = server.give("/w", HALFWAY, send(BODY))
    with _child(url, FETCH) as child:
        _go(child)
        _until(lambda: _written() == HALF)
        child.kill()
        child.wait()
    assert len(parts()) == 1
    wanted = file(url)
    assert not cache.cached_path(wanted).exists()
    assert fetch(wanted, QUICK) == BODY
    assert parts() == []
    _one_good_file(wanted)


def test_ctrl_c_leaves_no_part(server):
    with _child(server.give("/w", HALFWAY), FETCH) as child:
        _go(child)
        _until(lambda: _written() == HALF)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == -signal.SIGINT
    assert err.splitlines()[-1] == "KeyboardInterrupt"
    assert out == ""
    assert held() == []


def test_ctrl_c_in_a_wait_between_attempts_leaves_no_part(server, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    wanted = file(server.give("/w", send(status=503)))
    with monkeypatch.context() as patched:
        patched.setattr("scmnet_zoo.weights.fetch.download.time.sleep", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fetch(wanted, QUICK)
    assert parts() == []


# At once


@pytest.mark.parametrize("number", [2, 8])
def test_processes_with_the_lock_download_once(server, number):
    def unhurried(handler):
        time.sleep(0.2)  # the others come to the lock meanwhile
        send(BODY)(handler)

    url = server.give("/w", unhurried)
    with _child(url, FORKS, str(number)) as child:
        _go(child)
        _succeed(child)
    _one_good_file(file(url))
    assert len(server.requests) == 1


@pytest.mark.parametrize("number", [2, 8])
def test_processes_without_the_lock_do_not_disturb_each_other(server, number):
    together = threading.Barrier(number, timeout=PATIENCE)

    def in_step(handler):
        together.wait()
        handler.begin(200, {"Content-Length": str(len(BODY))})
        handler.wfile.write(BODY[:HALF])
        together.wait()
        handler.wfile.write(BODY[HALF:])

    url = server.give("/w", in_step)
    with _child(url, WITHOUT_LOCK + FORKS, str(number)) as child:
        _go(child)
        _succeed(child)
    _one_good_file(file(url))
    assert len(server.requests) == number


@contextlib.contextmanager
def _half_written(server):
    """Another process that goes on once the event that this gives is set."""
    further = threading.Event()

    def answer(handler):
        handler.begin(200, {"Content-Length": str(len(BODY))})
        handler.wfile.write(BODY[:HALF])
        further.wait(PATIENCE)
        handler.wfile.write(BODY[HALF:])

    with _child(server.give("/first", answer), FETCH) as child:
        _go(child)
        _until(lambda: _written() == HALF)
        yield further
        _succeed(child)


def test_a_part_that_is_written_to_is_not_taken_for_a_dead_one(server):
    with _half_written(server) as further:
        (part,) = parts()
        dead = part.with_name(part.name.replace(".part", "0.part"))
        dead.write_bytes(b"dead")
        wanted = file(server.give("/second", send(BODY)))
        assert fetch(wanted, dataclasses.replace(QUICK, lock=0.05)) == BODY
        assert parts() == [part]
        further.set()
    _one_good_file(wanted)


def test_without_locks_of_files_nothing_is_taken_for_dead(server, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with _half_written(server) as further, monkeypatch.context() as patched:
        (part,) = parts()
        patched.setattr(fcntl, "flock", no_locks)
        wanted = file(server.give("/second", send(BODY)))
        assert fetch(wanted, dataclasses.replace(QUICK, lock=0.05)) == BODY
        assert parts() == [part]
        further.set()
    _one_good_file(wanted)


def test_a_part_that_was_taken_for_a_dead_one_is_begun_under_another_name(server, monkeypatch):
    hold, taken = cache._hold, []

    def late(descriptor):
        """Another process holds the first part, and has not deleted it yet."""
        if not taken:
            taken.extend(parts())
            return False
        return hold(descriptor)

    wanted = file(server.give("/w", send(BODY)))
    monkeypatch.setattr(cache, "_hold", late)
    assert fetch(wanted, QUICK) == BODY
    (first,) = taken
    assert parts() == [first]
    first.unlink()


def test_a_part_that_was_deleted_before_it_was_held_is_begun_again(server, monkeypatch):
    hold, deleted = cache._hold, []

    def late(descriptor):
        if not deleted:
            deleted.extend(parts())
            deleted[0].unlink()
        return hold(descriptor)

    wanted = file(server.give("/w", send(BODY)))
    monkeypatch.setattr(cache, "_hold", late)
    assert fetch(wanted, QUICK) == BODY
    assert len(deleted) == 1
    _one_good_file(wanted)


# Locks


def test_the_lock_of_a_process_that_was_killed_holds_up_nobody(server, caplog):
    url = server.give("/w", send(BODY))
    with _child(url, HOLD) as child:
        with pytest.raises(filelock.Timeout):
            _lock(file(url)).acquire(timeout=0)
        child.kill()
        child.wait()
    caplog.set_level("INFO")
    assert fetch(file(url), QUICK) == BODY
    assert "without the lock" not in caplog.text


def _lock(wanted):
    path = cache.cached_path(wanted)
    return filelock.FileLock(path.with_name(f".{path.name}.lock"))


def test_a_lock_that_is_never_let_go_is_waited_for_and_passed_by(server, caplog):
    wanted = file(server.give("/w", send(BODY)))
    caplog.set_level("INFO")
    cache.home().mkdir()
    with _lock(wanted):
        assert fetch(wanted, dataclasses.replace(QUICK, lock=0.1)) == BODY
    assert "without the lock" in caplog.text
    _one_good_file(wanted)


@pytest.mark.parametrize("error", [OSError("no locks here"), NotImplementedError("no locks here")])
def test_a_file_system_without_locks(server, monkeypatch, error):
    def refuse(*_, **__):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    wanted = file(server.give("/w", send(BODY)))
    assert fetch(wanted, QUICK) == BODY
    assert held() == [cache.cached_path(wanted).name]


def test_a_folder_in_the_place_of_the_lock(server):
    wanted = file(server.give("/w", send(BODY)))
    Path(_lock(wanted).lock_file).mkdir(parents=True)
    assert fetch(wanted, dataclasses.replace(QUICK, lock=0.1)) == BODY


def test_who_waits_for_the_lock_takes_what_came_meanwhile(server):
    wanted = file(server.give("/w", send(BODY)))
    cache.home().mkdir()
    got = []
    with _lock(wanted) as lock:
        waiting = threading.Thread(target=lambda: got.append(fetch(wanted, QUICK)))
        waiting.start()
        cache.cached_path(wanted).write_bytes(BODY)
        lock.release()
    waiting.join(PATIENCE)
    assert got == [BODY]
    assert server.requests == []

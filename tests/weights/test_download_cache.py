"""What may lie in the file's place, and what may go wrong when a file is written there."""

import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from download_tools import (
    BODY,
    HALF,
    OTHER,
    QUICK,
    file,
    held,
    parts,
    put,
    refusal,
    unhashed,
    write_error,
)
from tls_server import send

from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import fetch

pytestmark = pytest.mark.network


@pytest.fixture
def wanted(server):
    """A file that one source has."""
    return file(server.give("/w", send(BODY)))


# What is in the file's place

DAMAGES = {
    "other bytes": OTHER,
    "truncated": BODY[:HALF],
    "empty": b"",
    "longer": BODY + b"x",
}


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_is_downloaded_again(server, wanted, content):
    path = put(wanted, content)
    assert fetch(wanted, QUICK) == BODY
    assert path.read_bytes() == BODY
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_that_nobody_has_is_told_of(server, content):
    wanted = file(server.give("/no"))
    path = put(wanted, content)
    assert f"{path}: expected" in refusal(wanted)


@pytest.mark.parametrize("content", [BODY, b"precious", None])
def test_a_link_is_replaced_and_its_target_left_alone(wanted, tmp_path, content):
    target = tmp_path / "elsewhere"
    if content is not None:
        target.write_bytes(content)
    path = put(wanted)
    path.unlink()
    path.symlink_to(target)
    assert fetch(wanted, QUICK) == BODY
    assert path.is_file()
    assert not path.is_symlink()
    assert (target.read_bytes() if target.exists() else None) == content


def test_a_folder_in_the_place_is_left_alone(wanted):
    path = put(wanted)
    path.unlink()
    path.mkdir()
    (path / "precious").write_bytes(b"precious")
    assert f"{path}: cannot be written: Is a directory" in write_error(wanted)
    assert (path / "precious").read_bytes() == b"precious"


def test_a_pipe_in_the_place_holds_up_nobody(wanted):
    path = put(wanted)
    path.unlink()
    os.mkfifo(path)
    assert fetch(wanted, QUICK) == BODY
    assert path.read_bytes() == BODY


def test_a_device_in_the_place_is_not_read(home, monkeypatch):
    monkeypatch.setattr(cache, "home", lambda: Path("/dev"))
    with pytest.raises(cache.DamagedError, match="Received: something else"):
        cache.read_checked(Path("/dev/zero"), file())


def test_the_bytes_that_were_checked_are_the_bytes_that_are_used(wanted, monkeypatch):
    path = put(wanted)
    read = cache._read_safely

    def then_replaced(place, limit):
        content = read(place, limit)
        place.unlink()
        place.write_bytes(OTHER)
        return content

    monkeypatch.setattr(cache, "_read_safely", then_replaced)
    assert fetch(wanted, QUICK) == BODY
    assert path.read_bytes() == OTHER


def test_a_file_that_goes_between_the_look_and_the_reading_is_downloaded(
    server, wanted, monkeypatch
):
    path = put(wanted)
    opening = os.open

    def gone(place, *arguments, **named):
        if place == path:
            path.unlink(missing_ok=True)
        return opening(place, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", gone)
        assert fetch(wanted, QUICK) == BODY
    assert len(server.requests) == 1


def test_a_removed_file_is_downloaded_again(server, wanted):
    fetch(wanted, QUICK)
    assert cache.remove(wanted) == cache.cached_path(wanted)
    assert held() == []
    assert cache.remove(wanted) is None
    assert fetch(wanted, QUICK) == BODY
    assert len(server.requests) == 2


# Odd folders


@pytest.mark.parametrize(
    "name", ["with spaces", "ünïcode 文件 🚗", "[*?]", "a/b/c", "slash/", "n" * 200, "-", "%s{}"]
)
def test_folders_of_odd_names(wanted, tmp_path, monkeypatch, name):
    monkeypatch.setenv("SCMNET_ZOO_HOME", f"{tmp_path}/{name}")
    _left_behind(wanted)
    assert fetch(wanted, QUICK) == BODY
    assert (tmp_path / name / cache.cached_path(wanted).name).read_bytes() == BODY
    assert parts() == []


def _left_behind(wanted):
    """The part of a download that was killed."""
    path = cache.cached_path(wanted)
    path.parent.mkdir(parents=True)
    path.with_name(f".{path.name}.0123.part").write_bytes(b"part")


def test_a_folder_in_the_users_home(wanted, tmp_path, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", "~/weights")
    fetch(wanted, QUICK)
    assert os.listdir(tmp_path / "weights")


def test_the_home_of_a_user_who_is_not_there(wanted, monkeypatch):
    monkeypatch.setenv("SCMNET_ZOO_HOME", "~nobody-of-that-name/weights")
    with pytest.raises(OSError, match="SCMNET_ZOO_HOME=~nobody-of-that-name/weights: "):
        fetch(wanted, QUICK)


def test_a_relative_folder(wanted, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCMNET_ZOO_HOME", "weights/here")
    fetch(wanted, QUICK)
    assert os.listdir(tmp_path / "weights" / "here")


def test_a_linked_folder(wanted, tmp_path, home):
    (tmp_path / "real").mkdir()
    home.symlink_to(tmp_path / "real")
    assert fetch(wanted, QUICK) == BODY
    assert (tmp_path / "real" / cache.cached_path(wanted).name).is_file()


@pytest.mark.parametrize("inside", ["", "/below"])
def test_a_file_in_the_place_of_the_folder(server, wanted, tmp_path, monkeypatch, inside):
    there = tmp_path / "there"
    there.write_bytes(b"precious")
    monkeypatch.setenv("SCMNET_ZOO_HOME", f"{there}{inside}")
    message = write_error(wanted)
    assert f"{there}{inside}: cannot be made: " in message
    assert "set SCMNET_ZOO_HOME to another folder" in message
    assert there.read_bytes() == b"precious"
    assert server.requests == []


@pytest.mark.parametrize("name", ["n" * 300, "n/" * 3000])
def test_a_folder_whose_name_is_too_long(server, wanted, tmp_path, monkeypatch, name):
    monkeypatch.setenv("SCMNET_ZOO_HOME", f"{tmp_path}/{name}")
    assert "cannot be made: File name too long" in write_error(wanted)
    assert server.requests == []


# Disks


def _full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "ftruncate"])
def test_a_disk_that_is_full_is_told_of_in_a_line(server, wanted, monkeypatch, call):
    there = put(file(body=OTHER), OTHER)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, _full)
        message = write_error(wanted)
    path = cache.cached_path(wanted)
    assert message == f"{path}: cannot be written: No space left on device"
    assert parts() == []
    assert held() == [there.name]
    assert there.read_bytes() == OTHER
    assert fetch(wanted, QUICK) == BODY


def test_short_writes_are_continued(wanted, monkeypatch):
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:1000]))
        assert fetch(wanted, QUICK) == BODY


def test_a_full_file_system(wanted, home):
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(home)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        message = write_error(wanted)
        assert message.endswith(": cannot be written: No space left on device")
        assert parts() == []
        assert held() == []
    finally:
        subprocess.run(["umount", str(home)], check=True)


# A process in which all is imported before it gives up its rights.
CHILD = """
import os, resource, sys
from download_tools import *
folder, good, other = sys.argv[2:5]
os.environ["SCMNET_ZOO_HOME"] = folder + "-warm"
fetch(file(other), QUICK)
os.environ["SCMNET_ZOO_HOME"] = folder
{give_up}
try:
    print(fetch(file(good), QUICK) == BODY)
except OSError as error:
    print(error)
"""
UNPRIVILEGED = """
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
    assert not os.access(folder, os.W_OK)
"""
SMALL_FILES = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"


def _child(server, folder, give_up):
    """What a process says that fetches the file within its rights."""
    server.give("/warm", send(BODY))
    arguments = [str(folder), server.url("/w"), server.url("/warm")]
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(give_up=give_up), "child", *arguments],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    return line


def test_a_limit_of_the_size_of_files(server, wanted, home):
    line = _child(server, home, SMALL_FILES)
    assert line == f"{cache.cached_path(wanted)}: cannot be written: File too large"
    assert parts() == []
    assert held() == []


@pytest.fixture
def public(authority, monkeypatch):
    """A folder that everybody may read, as those of pytest are not, with the authority in it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        bundle = folder / "ca.pem"
        bundle.write_bytes(authority.bundle.read_bytes())
        bundle.chmod(0o644)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        monkeypatch.setenv("SCMNET_ZOO_HOME", str(folder / "cache"))
        (folder / "cache").mkdir()
        yield folder / "cache"
        (folder / "cache").chmod(0o755)


def test_a_folder_that_cannot_be_written_to(server, wanted, public):
    public.chmod(0o555)
    line = _child(server, public, UNPRIVILEGED)
    assert line == f"{cache.cached_path(wanted)}: cannot be written: Permission denied"
    assert os.listdir(public) == []
    assert server.asked("/w") == []


def test_a_file_in_a_folder_that_cannot_be_written_to(server, wanted, public):
    put(wanted)
    public.chmod(0o555)
    assert _child(server, public, UNPRIVILEGED) == "True"
    assert server.asked("/w") == []


def test_a_file_that_cannot_be_read(server, wanted, public):
    path = put(wanted)
    path.chmod(0)
    public.chmod(0o777)
    server.give("/w")
    # who may not write there finds the folder writable by all
    line = _child(server, public, UNPRIVILEGED.replace("assert not", "assert"))
    assert f"{path}: Permission denied; " in line
    assert "answered 404" in line
    assert stat.S_IMODE(path.stat().st_mode) == 0


# Files without a hash


@pytest.fixture
def bare(server):
    return unhashed(server.give("/w", send(BODY), send(OTHER)))


def _note():
    path = cache.cached_path(unhashed())
    return path.with_name(f"{path.name}.sha256")


def test_the_hash_of_what_came_at_first_is_noted(server, bare):
    assert fetch(bare, QUICK) == BODY
    assert held() == ["w.safetensors", "w.safetensors.sha256"]
    assert _note().read_text() == f"{file().hash.value}\n"
    assert fetch(bare, QUICK) == BODY
    assert len(server.requests) == 1


@pytest.mark.parametrize("content", DAMAGES.values(), ids=DAMAGES)
def test_a_later_damage_is_noticed(server, bare, content):
    fetch(bare, QUICK)
    server.give("/w", send(BODY))
    put(bare, content)
    assert fetch(bare, QUICK) == BODY
    assert len(server.requests) == 2
    assert cache.cached_path(bare).read_bytes() == BODY


@pytest.mark.parametrize("note", [None, b"", b"\xff\xfe", b"0" * 64, "folder"])
def test_without_its_note_a_file_is_downloaded_again(server, bare, note):
    fetch(bare, QUICK)
    server.give("/w", send(BODY))
    _note().unlink()
    if note == "folder":
        _note().mkdir()
        assert "cannot be written: Is a directory" in write_error(bare)
        return
    if note is not None:
        _note().write_bytes(note)
    assert fetch(bare, QUICK) == BODY
    assert len(server.requests) == 2
    assert _note().read_text() == f"{file().hash.value}\n"


def test_without_its_note_and_its_source_a_file_is_not_used(bare, server):
    put(bare)
    server.give("/w")
    assert f"expected its hash in {_note().name}" in refusal(bare)
    assert held() == ["w.safetensors"]


def test_a_note_that_cannot_be_written(bare, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", _full)
        assert "cannot be written: No space left" in write_error(bare)
    assert held() == []

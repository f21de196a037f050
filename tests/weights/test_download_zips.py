"""Files that come in a zip archive."""

import dataclasses
import io
import struct
import zipfile

import pytest
from download_tools import BODY, HALF, OTHER, QUICK, file, held, refusal, unhashed
from tls_server import pour, ranged, send

from scmnet_zoo.weights.entry import Https
from scmnet_zoo.weights.fetch import cache, download
from scmnet_zoo.weights.fetch.download import fetch

pytestmark = pytest.mark.network


def _zip(members, compression=zipfile.ZIP_DEFLATED):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return written.getvalue()


GOOD = _zip({"README": b"hello", "w.safetensors": BODY})


def _wanted(server, answer, make=file, **changes):
    return make(Https(server.give("/w.zip", answer), unzip=True), **changes)


def _refused(server, archive, make=file, **changes):
    wanted = _wanted(server, send(archive), make, **changes)
    message = refusal(wanted)
    assert len(server.requests) == 1
    assert held() == []
    good = dataclasses.replace(
        wanted, sources=(*wanted.sources, Https(server.give("/w", send(BODY))))
    )
    assert fetch(good, QUICK) == BODY
    return message


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_file_comes_out_of_an_archive(server, compression):
    archive = _zip({"w.safetensors": BODY, "w.safetensors/..": b""}, compression)
    wanted = _wanted(server, send(archive))
    assert fetch(wanted, QUICK) == BODY
    assert held() == [cache.cached_path(wanted).name]
    assert fetch(wanted, QUICK) == BODY
    assert len(server.requests) == 1


def test_a_truncated_archive_is_continued(server):
    wanted = _wanted(server, ranged(GOOD, cut=HALF))
    server.give("/w.zip", ranged(GOOD, cut=HALF), ranged(GOOD))
    assert fetch(wanted, QUICK) == BODY
    assert len(server.requests) == 2


def test_a_file_without_a_hash_comes_out_of_an_archive(server):
    wanted = _wanted(server, send(GOOD), unhashed)
    assert fetch(wanted, QUICK) == BODY
    assert held() == ["w.safetensors", "w.safetensors.sha256"]


@pytest.mark.parametrize("name", ["other", "folder/w.safetensors", "../w.safetensors"])
def test_an_archive_without_the_file(server, name):
    assert "no archive that holds w.safetensors" in _refused(server, _zip({name: BODY}))


@pytest.mark.parametrize(
    "content", [BODY, b"", GOOD[:-100], GOOD[:22]], ids=["file", "empty", "cut", "start"]
)
def test_what_is_no_archive(server, content):
    answer = send(content, headers={"Content-Length": None})
    assert "no archive" in refusal(_wanted(server, answer, unhashed))
    assert held() == []


def test_a_member_that_grows_is_left_while_it_comes(server, monkeypatch):
    written = []
    write = cache.Part.write
    monkeypatch.setattr(
        cache.Part, "write", lambda part, chunk: (write(part, chunk), written.append(part.size))
    )
    bomb = _zip({"w.safetensors": bytes(50_000_000)})
    assert len(bomb) < 100_000
    assert "holds more than 300000 bytes" in _refused(server, bomb)
    assert max(written) <= len(BODY)


def test_other_bytes_in_an_archive(server):
    assert "expected sha256" in _refused(server, _zip({"w.safetensors": OTHER}))


def test_fewer_bytes_in_an_archive(server):
    assert "expected 300000 bytes. Received: 150000" in _refused(
        server, _zip({"w.safetensors": BODY[:HALF]})
    )


@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
@pytest.mark.parametrize("position", [0, 43, HALF, -64, -33])
def test_a_damaged_archive(server, compression, position):
    archive = bytearray(_zip({"w.safetensors": BODY}, compression))
    archive[position : position + 32] = b"\xff" * 32
    assert "no archive that holds w.safetensors" in _refused(server, bytes(archive))


def _flagged(flags=None, method=None):
    """An archive whose member says of itself that it is encrypted, or compressed in some way."""
    archive = bytearray(_zip({"w.safetensors": BODY}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = archive.index(signature) + offset
        if flags is not None:
            struct.pack_into("<H", archive, place, flags)
        if method is not None:
            struct.pack_into("<H", archive, place + 2, method)
    return bytes(archive)


@pytest.mark.parametrize(
    "archive",
    [_flagged(flags=1), _flagged(flags=0x20), _flagged(flags=0x40), _flagged(method=99)],
    ids=["encrypted", "patched", "strongly-encrypted", "unknown-method"],
)
def test_an_archive_of_a_kind_that_is_not_read(server, archive):
    assert "no archive that holds w.safetensors" in _refused(server, archive)


def test_an_archive_larger_than_its_file_can_need(server):
    most = len(BODY) + download.ZIP_OVERHEAD
    wanted = _wanted(server, send(BODY, headers={"Content-Length": None}, then=pour))
    assert f"sent more than {most} bytes" in refusal(wanted)
    assert held() == []

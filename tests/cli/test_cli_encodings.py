"""Terminals that cannot show a name: what is done is done, and its status is 0."""

import io
import os
import sys
from pathlib import Path

import pytest
import scenes
from photo_tools import pixels, segmenter
from PIL import Image

from scmnet_zoo import cli
from scmnet_zoo.cli._errors import escape_what_cannot_be_shown
from scmnet_zoo.data.folder import TABLE

NAMES = ("道路", "небо", "Straße", "car🚗")
ENCODINGS = ("ascii", "latin-1", "cp1252", "utf-8")


@pytest.fixture
def run(monkeypatch):
    """Runs the command line with a terminal of an encoding: status, stdout, stderr as bytes."""

    def invoke(encoding, *arguments):
        streams = {}
        for name in ("stdout", "stderr"):
            streams[name] = io.TextIOWrapper(io.BytesIO(), encoding, write_through=True)
            monkeypatch.setattr(sys, name, streams[name])
        monkeypatch.setattr(sys, "argv", ["scmnet-zoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code or 0, *(stream.buffer.getvalue() for stream in streams.values())

    return invoke


@pytest.fixture
def own(tmp_path):
    root = scenes.draw_folder(tmp_path / "own")
    table = (root / TABLE).read_text()
    for (name, *_), other in zip(scenes.OWN_CLASSES, NAMES, strict=True):
        table = table.replace(f'name = "{name}"', f'name = "{other}"')
    (root / TABLE).write_text(table, encoding="utf-8")
    return root


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_data_check(run, own, encoding):
    status, stdout, stderr = run(encoding, "data", "check", own, "--dataset", "folder")
    assert (status, stderr) == (0, b"")
    for name in NAMES:
        assert name.encode(encoding, "backslashreplace") in stdout
    assert b"errors" in stdout or b"error" in stdout  # the summary


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("stem", ["улица", "街道", "ru\u0308ckseite"])
def test_segment(run, tmp_path, monkeypatch, encoding, stem):
    monkeypatch.setattr("scmnet_zoo.predict.Segmenter", lambda *arguments: segmenter())
    Image.fromarray(pixels(97, 131)).save(tmp_path / f"{stem}.png")
    photo, output = tmp_path / f"{stem}.png", tmp_path / "\u9053"
    status, stdout, _ = run(encoding, "segment", photo, "--output", output)
    assert status == 0
    assert b"Written to" in stdout
    assert len(list(output.iterdir())) == 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_errors(run, tmp_path, encoding):
    status, stdout, stderr = run(encoding, "segment", tmp_path / "街道.png")
    assert (status, stdout) == (1, b"")
    assert "街道.png".encode(encoding, "backslashreplace") in stderr.replace(b"\n", b"")
    assert b"Traceback" not in stderr


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["weights"], ["segment", "--help"]])
def test_other_commands(run, encoding, arguments):
    status, stdout, _ = run(encoding, *arguments)
    assert status == 0
    assert len(stdout) > 100


def test_bytes_of_file_names_go_through_where_letters_do():
    for encoding, errors, expected in (
        ("utf-8", "surrogateescape", b"\xff"),
        ("utf-8", "strict", b"\\udcff"),
        ("ascii", "surrogateescape", b"\\udcff"),
        ("UTF-16-LE", "strict", "\\udcff".encode("utf-16-le")),
    ):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, errors, write_through=True)
        escape_what_cannot_be_shown(stream)
        stream.write(os.fsdecode(b"\xff"))
        assert stream.buffer.getvalue() == expected
    for other in (None, io.StringIO(), Path):
        escape_what_cannot_be_shown(other)  # is left alone

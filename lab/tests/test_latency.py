"""The harness of the latency benchmark; the last test runs real networks."""

import csv
import threading

import numpy as np
import pytest
from latency_tools import ToyWorker, cell, preset

from lab.latency import bench, measure, write_report
from lab.latency.frames import frames, read_photos, read_video, write_files
from lab.latency.preset import Block
from lab.latency.process import WorkerError
from lab.latency.program import LEAST_RUNS, timed
from lab.latency.rows import NOT_YET
from lab.latency.statistics import summarise


def test_statistics():
    rounds = [[0.010] * 33 + [0.030], [0.011] * 33, [0.012] * 32 + [0.500]]
    found = summarise(rounds)
    assert found.runs == 100
    assert found.median == pytest.approx(0.011)
    assert found.fastest == pytest.approx(0.010)
    # Of 100 values sorted the one at position 98.01.
    assert found.p99 == pytest.approx(0.030 + 0.01 * (0.500 - 0.030))
    assert found.spread == pytest.approx(0.002 / 0.011)
    with pytest.raises(ValueError, match="at least one run"):
        summarise([])


def test_a_turn_has_a_run_that_does_not_count():
    done = []
    assert len(timed(lambda: done.append(1), runs=5, seconds=100)) == 5
    assert len(done) == 6
    assert len(timed(lambda: done.append(1), runs=50, seconds=0.0)) == LEAST_RUNS


@pytest.fixture
def toys(monkeypatch):
    """Workers that only say that they run."""
    monkeypatch.setattr(bench, "Worker", ToyWorker)
    monkeypatch.setattr(ToyWorker, "asked", [])
    monkeypatch.setattr(ToyWorker, "faults", {})
    monkeypatch.setattr(ToyWorker, "met", None)
    monkeypatch.setattr(ToyWorker, "many", 0)
    return ToyWorker


def turns_of(toys):
    return [network for request, network in toys.asked if request == "turn"]


def test_cells_take_turns(toys):
    cells = [cell("a"), cell("b", runtime="jax"), cell("c")]
    found = measure(preset(*cells), floors=False)
    assert turns_of(toys) == ["a", "b", "c"] * 3
    assert [row.cell for row in found.rows] == cells
    assert all(row.times.runs == 9 and row.times.median == 0.02 for row in found.rows)
    assert [row.memory for row in found.rows] == [5_000_000] * 3
    assert sorted(one for one in toys.asked if one[0] == "prepare") == [
        ("prepare", name) for name in "abc"
    ]
    first = toys.asked.index(("turn", "a"))
    assert not [one for one in toys.asked[first:] if one[0] == "prepare"]
    assert [one for one in toys.asked if one[0] == "release"] == [
        ("release", name) for name in "abc"
    ]


def test_a_cell_that_cannot_be_prepared_is_a_row_that_says_so(toys):
    toys.faults["prepare", "b"] = WorkerError("b is not installed")
    rows = measure(preset(cell("a"), cell("b"), cell("c")), floors=False).rows
    assert [row.note for row in rows] == ["", "b is not installed", ""]
    assert rows[1].times is None
    assert turns_of(toys) == ["a", "c"] * 3


def test_a_process_that_ends_takes_only_its_cell_along(toys):
    """What else it held is prepared again, and has all its turns."""
    toys.faults["prepare", "b"] = WorkerError("ended by signal 9", ended=True)
    toys.faults["turn", "c"] = WorkerError("took longer than 60 s", ended=True)
    rows = measure(preset(cell("a"), cell("b"), cell("c"), cell("d")), floors=False).rows
    assert [row.note for row in rows] == ["", "ended by signal 9", "took longer than 60 s", ""]
    assert [row.times and row.times.runs for row in rows] == [9, None, None, 9]
    assert toys.asked.count(("prepare", "a")) == 3


def test_a_process_that_ends_again_while_its_cells_are_prepared_again(toys, monkeypatch):
    """The first cell is lost twice, and prepared three times."""
    ask, prepared = ToyWorker.ask, []

    def ends_with_b_again(self, request, *arguments, timeout=None):
        if request == "prepare":
            prepared.append(arguments[1].network)
            if prepared.count("b") == 2:
                toys.faults["prepare", "b"] = WorkerError("took longer than 60 s", ended=True)
        return ask(self, request, *arguments, timeout=timeout)

    monkeypatch.setattr(ToyWorker, "ask", ends_with_b_again)
    toys.faults["prepare", "c"] = WorkerError("ended by signal 9", ended=True)
    rows = measure(preset(cell("a"), cell("b"), cell("c"), cell("d")), floors=False).rows
    assert [row.note for row in rows] == ["", "took longer than 60 s", "ended by signal 9", ""]
    assert [row.times and row.times.runs for row in rows] == [9, None, None, 9]
    assert prepared.count("a") == 3


def test_an_export_that_fails_is_tried_once(toys):
    toys.faults["export", "a"] = WorkerError("no such operator")
    cells = [cell("a", runtime) for runtime in ("onnxruntime", "openvino", "tensorflow")]
    rows = measure(preset(*cells), floors=False).rows
    assert [row.note for row in rows] == ["not exported: no such operator"] * 2 + [""]
    assert toys.asked.count(("export", "a")) == 1


def test_training_steps_are_timed_by_themselves(toys):
    """In a process of their own: what others hold stays."""
    cells = [cell("b"), cell("a", scope="train"), cell("c", "jax", scope="train")]
    rows = measure(preset(*cells), floors=False).rows
    assert [row.note for row in rows] == [""] * 3
    assert (rows[1].times.median, rows[1].memory) == (0.2, 7)
    assert turns_of(toys) == ["b"] * 3


def test_processes_that_a_block_does_not_need_are_ended_before_it(toys):
    """On a GPU what they keep of its memory may be what training lacks."""
    blocks = (
        Block("first", (cell("a", "jax"), cell("b", "torch"))),
        Block("second", (cell("c", "jax"), cell("d", "jax", scope="train"))),
        Block("third", (cell("e", "jax", scope="train"),)),
    )
    measure(preset(blocks=blocks), floors=False)
    order = [one for one in toys.asked if one[0] in ("end", "prepare", "prepare_train")]
    assert sorted(order[:2]) == [("prepare", "a"), ("prepare", "b")]
    assert order[2] == ("end", "torch")
    assert sorted(order[3:5]) == [("prepare", "c"), ("prepare_train", "d")]
    assert order[5:7] == [("end", "jax")] * 2  # of d, and of a and c
    assert order[7:] == [("prepare_train", "e"), ("end", "jax")]


def test_nothing_that_runs(toys):
    toys.faults["prepare", "a"] = WorkerError("a is not installed")
    with pytest.raises(ValueError, match=r"one of 1 cells to run\. Received: a is not"):
        measure(preset(cell("a")), floors=False)


def test_progress_reaches_its_end(toys):
    seen = []
    measure(preset(cell("a"), cell("b")), lambda *one: seen.append(one), floors=False)
    assert [one[1:] for one in seen if not one[0].startswith("prepared")] == [
        (n, 4) for n in range(4)
    ]
    assert len([one for one in seen if one[0].endswith("mask: in 1 s")]) == 2


def test_runtimes_prepare_at_the_same_time(toys):
    """Each waits until the other prepares, too."""
    toys.met = threading.Barrier(2)
    rows = measure(preset(cell("a"), cell("b", "jax")), floors=False).rows
    assert [row.note for row in rows] == [""] * 2


def test_one_process_after_another(toys, monkeypatch):
    monkeypatch.setattr(toys, "patience", 0.2)
    toys.met = threading.Barrier(2)
    cells = cell("a"), cell("b", "jax")
    with pytest.raises(threading.BrokenBarrierError):
        measure(preset(*cells, prepare_at_once=1), floors=False)


def test_a_runtime_has_several_processes(toys):
    """Programs take them in turns; images from files go through the program of images."""
    toys.met = threading.Barrier(2)
    cells = [cell("a", "torch"), cell("b", "torch"), cell("a", "torch", scope="network")]
    cells.append(cell("b", "torch", scope="jpeg"))
    rows = measure(preset(*cells, processes={"torch": 2}), floors=False).rows
    assert [row.note for row in rows] == [""] * 4
    assert toys.many == 2
    assert turns_of(toys) == ["a", "b", "a", "b"] * 3


def test_a_run_that_is_broken_off_leaves_what_is_done(toys, tmp_path):
    toys.faults["turn", "b"] = KeyboardInterrupt()
    toys.faults["turn", "b"].ended = False
    blocks = (Block("first", (cell("a"),)), Block("second", (cell("b"),)))
    seen = []

    def save(found):
        seen.append(found)
        write_report(found, tmp_path)

    with pytest.raises(KeyboardInterrupt):
        measure(preset(blocks=blocks), save=save)
    assert [found.missing for found in seen] == [("second", "peaks and floors")]
    page = (tmp_path / "latency.md").read_text()
    assert "The run had not come to: second; peaks and floors." in page
    first, second = list(csv.DictReader((tmp_path / "latency.csv").open()))
    assert (first["network"], first["median_ms"], first["note"]) == ("a", "20.000", "")
    assert (second["median_ms"], second["note"]) == ("", NOT_YET)


def test_profiles_are_prepared_with_the_last_block(toys):
    toys.faults["prepare_profile", "q"] = WorkerError("no such profile")
    asked = preset(cell("a"), profiles=(cell("p"), cell("q")))
    found = measure(asked, floors=False)
    assert [part.name for part in found.profiles[0].parts] == ["stem", "head"]
    assert (found.profiles[1].parts, found.profiles[1].note) == ((), "no such profile")
    order = [one for one in toys.asked if one[0] in ("prepare_profile", "turn", "split")]
    assert sorted(order[:2]) == [("prepare_profile", "p"), ("prepare_profile", "q")]
    assert order[2:] == [("turn", "a")] * 3 + [("split", "p")]


def test_floors_are_told_of_the_zoos_networks(toys, monkeypatch):
    """The least is that of the slower of both, with the best that any backend reached."""
    answers = {
        ("peaks", "tensorflow"): ({"f32": 1e12}, 1e9),
        ("peaks", "jax"): ({"f32": 2e12}, 5e8),
        "floors": [(1_000_000_000, 5_000_000)],  # multiply-adds, bytes
    }
    ask = ToyWorker.ask

    def answer(self, request, *arguments, timeout=None):
        found = answers.get((request, self.backend), answers.get(request))
        return found or ask(self, request, *arguments, timeout=timeout)

    monkeypatch.setattr(ToyWorker, "ask", answer)
    cells = [cell("scmnet"), cell("scmnet", "jax"), cell("a", form="eager")]
    found = measure(preset(*cells))
    # 5 MB at 1 GB/s take 5 ms, 1 GMAC at 2 TMAC/s half a millisecond; measured are 20 ms.
    assert [row.over_floor for row in found.rows] == [pytest.approx(4), pytest.approx(4), None]
    assert found.peaks == {"tensorflow": ({"f32": 1e12}, 1e9), "jax": ({"f32": 2e12}, 5e8)}


def test_images_are_different_and_like_photographs():
    images = frames((64, 128))
    assert [image.shape for image in images] == [(1, 64, 128, 3)] * 4
    assert all(image.dtype == np.uint8 and image.std() > 20 for image in images)
    assert len({image.tobytes() for image in images}) == 4


def test_images_from_files(tmp_path):
    files = write_files(tmp_path, (64, 128))
    photos = read_photos(files.photos)
    read = [next(photos) for _ in range(5)]
    for image, one in zip(frames((64, 128)), read, strict=False):
        assert np.abs(image.astype(int) - one).mean() < 20
    np.testing.assert_array_equal(read[0], read[4])  # from the start again
    if files.video is None:
        pytest.skip("OpenCV is not installed")
    video = read_video(files.video)
    read = [next(video) for _ in range(33)]
    assert np.abs(frames((64, 128))[0].astype(int) - read[0]).mean() < 25  # RGB as written
    np.testing.assert_array_equal(read[0], read[32])


def test_networks_in_runtimes(tmp_path):
    """Two networks, one of them exported where that is installed, and one that there is not."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    cells = (
        cell("fastscnn", "tensorflow", "model"),
        cell("contextnet", "onnxruntime", "fused"),
        cell("contextnet", "onnxruntime", "fused", scope="jpeg"),
        cell("no_such_network", "tensorflow", "model"),
    )
    rows = measure(preset(*cells, rounds=2), floors=False).rows
    assert [row.note for row in rows[:3]] == [""] * 3
    assert "Received: 'no_such_network'" in rows[3].note
    assert rows[3].times is None
    assert all(row.times.runs >= 4 and row.times.median > 0 for row in rows[:3])

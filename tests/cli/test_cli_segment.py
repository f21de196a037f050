"""`scmnet-zoo segment`: in this process with one network for all, and for real."""

import errno
import os
import re
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
from photo_tools import checkpoint_file, pixels, segmenter
from PIL import Image
from typer.testing import CliRunner

from scmnet_zoo import cli
from scmnet_zoo.cli.segment import find_photos, unique_stems, without_results

runner = CliRunner()


@pytest.fixture
def network(monkeypatch):
    """The network that is there already, for commands that need not load one."""
    made = []

    def make(*arguments):
        made.append(arguments)
        return segmenter()

    monkeypatch.setattr("scmnet_zoo.predict.Segmenter", make)
    return made


def _draw(path, seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(97, 131, seed)).save(path)
    return path


def _segment(*arguments):
    return runner.invoke(cli.app, ["segment", *map(str, arguments)])


def _assert_one_line(result, status=1):
    """One line on stderr, no traceback; returns it without its prefix."""
    assert result.exit_code == status
    assert isinstance(result.exception, SystemExit)
    (line,) = result.stderr.splitlines()
    assert line.startswith("scmnet-zoo: error: ")
    return line.removeprefix("scmnet-zoo: error: ")


def _files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_photograph(tmp_path, network):
    result = _segment(_draw(tmp_path / "street.png"), "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert _files(tmp_path / "out") == ["street_mask.png", "street_overlay.png"]
    expected = segmenter()(tmp_path / "street.png")
    mask = np.asarray(Image.open(tmp_path / "out" / "street_mask.png"))
    np.testing.assert_array_equal(mask, expected.mask)
    for name, share in expected.shares.items():
        assert re.search(rf"{name} +│ +{share:.1%}", result.stdout)
    assert re.search(r"\d\.\d\d s in the network", result.stdout)


def test_options_reach_the_network(tmp_path, network):
    photo = _draw(tmp_path / "street.png")
    options = ("--network", "fastscnn", "--weights", "w.safetensors", "--size", "64x96")
    assert _segment(photo, *options, "--output", tmp_path / "out").exit_code == 0
    assert network == [("fastscnn", "w.safetensors", (64, 96))]


def test_the_network_need_not_be_named(tmp_path, network):
    """`Segmenter` reads it from the file of weights."""
    photo = _draw(tmp_path / "street.png")
    assert _segment(photo, "--weights", "w.safetensors", "--output", tmp_path).exit_code == 0
    assert network == [(None, "w.safetensors", None)]


def test_the_example(tmp_path, network):
    result = _segment("--example", "--output", tmp_path)
    assert result.exit_code == 0
    assert Image.open(tmp_path / "street_mask.png").size == (1280, 720)


@pytest.mark.parametrize("count", [2, 7])
def test_photographs_and_masks_are_not_kept(tmp_path, monkeypatch, count):
    """At most the last one is alive while the next is segmented, however many there are."""
    alive, most = weakref.WeakSet(), []

    class Arrays:
        """Hashable by identity, as a Result is not."""

    def make(*arguments):
        def segment(photo):
            result = segmenter()(photo)
            held = Arrays()
            object.__setattr__(result, "held", held)
            alive.add(held)
            most.append(len(alive))
            return result

        return segment

    monkeypatch.setattr("scmnet_zoo.predict.Segmenter", make)
    for number in range(count):
        _draw(tmp_path / "in" / f"{number}.png", number)
    result = _segment(tmp_path / "in", "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert len(_files(tmp_path / "out")) == 2 * count
    assert max(most) <= 2
    assert not alive
    for number in range(count):
        share = next(iter(segmenter()(tmp_path / "in" / f"{number}.png").shares.values()))
        assert re.search(rf"{number}\.png +│ +\S+ {share:.1%}", result.stdout)


@pytest.mark.parametrize("good", [True, False])
def test_no_bar_stays_of_a_single_photograph(tmp_path, network, good):
    photo = _draw(tmp_path / "street.png")
    if not good:
        photo.write_text("no photograph")
    options = ["segment", str(photo), "--output", str(tmp_path / "out")]
    result = runner.invoke(cli.app, options, env={"FORCE_COLOR": "1"})  # as on a terminal
    assert "Segmenting" not in result.stderr
    assert len(result.stderr.splitlines()) == (0 if good else 1)


def test_a_folder_goes_on_past_a_bad_file(tmp_path, network):
    for name in ("a.png", "c.png"):
        _draw(tmp_path / "in" / name)
    (tmp_path / "in" / "b.jpg").write_text("no photograph")
    (tmp_path / "in" / "notes.txt").write_text("not looked at")
    result = _segment(tmp_path / "in", "--output", tmp_path / "out")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    bad, total = result.stderr.splitlines()
    assert bad.startswith(f"{tmp_path / 'in' / 'b.jpg'}: expected an image")
    assert total == "scmnet-zoo: error: 1 of 3 files could not be segmented"
    assert [name for name in _files(tmp_path / "out") if "mask" in name] == [
        "a_mask.png",
        "c_mask.png",
    ]
    assert "a.png" in result.stdout
    assert "c.png" in result.stdout
    assert len(network) == 1


def test_a_folder_goes_on_past_a_name_that_is_too_long(tmp_path, network):
    """Of 250 letters, to which `_overlay.png` cannot be added."""
    for name in ("a", "b" * 250, "c"):
        _draw(tmp_path / "photos" / f"{name}.png")
    output = tmp_path / "out"
    result = runner.invoke(cli.app, ["segment", str(tmp_path / "photos"), "--output", str(output)])
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert "cannot be written: File name too long" in lines[-2]
    assert lines[-1] == "scmnet-zoo: error: 1 of 3 files could not be segmented"
    made = ["a_mask.png", "a_overlay.png", "c_mask.png", "c_overlay.png"]
    assert sorted(path.name for path in output.iterdir()) == made


def test_a_name_that_is_just_short_enough(tmp_path, network):
    """What the file is called before it is whole is no longer than its name."""
    name = "b" * (255 - len("_overlay.png"))
    _draw(tmp_path / "photos" / f"{name}.png")
    result = _segment(tmp_path / "photos", "--output", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert _files(tmp_path / "out") == [f"{name}_mask.png", f"{name}_overlay.png"]


MEMORY = (  # as JAX, TensorFlow and PyTorch say it
    RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 92160002944 bytes."),
    type("ResourceExhaustedError", (Exception,), {})("OOM when allocating tensor"),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB."),
)


@pytest.mark.parametrize("error", MEMORY)
def test_a_backend_without_memory_is_a_line(tmp_path, monkeypatch, error):
    def full(*_arguments, **_options):
        raise error

    monkeypatch.setattr("scmnet_zoo.predict.Segmenter", full)
    result = _segment(_draw(tmp_path / "a.png"), "--output", tmp_path / "out")
    assert _assert_one_line(result) == "not enough memory"


def test_another_error_is_not_taken_for_it(tmp_path, monkeypatch):
    def broken(*_arguments, **_options):
        raise RuntimeError("a defect")

    monkeypatch.setattr("scmnet_zoo.predict.Segmenter", broken)
    result = _segment(_draw(tmp_path / "a.png"), "--output", tmp_path / "out")
    assert isinstance(result.exception, RuntimeError)


def test_a_size_without_end(tmp_path):
    photo = _draw(tmp_path / "a.png")
    result = _segment(photo, "--size", "40x100000000000000000000", "--output", tmp_path / "out")
    assert "each of 32 to 65536 pixels" in _assert_one_line(result)


def test_files_of_one_name_do_not_overwrite_one_another(tmp_path, network):
    photos = [
        _draw(tmp_path / name, seed)
        for seed, name in enumerate(("a/x.jpg", "b/x.png", "c/x-2.png", "c/X.png"))
    ]
    result = _segment(*photos, "--output", tmp_path / "out")
    assert result.exit_code == 0
    masks = sorted((tmp_path / "out").glob("*_mask.png"))
    assert len(masks) == 4
    expected = [segmenter()(photo).mask.tobytes() for photo in photos]
    assert {np.asarray(Image.open(path)).tobytes() for path in masks} == set(expected)


def test_results_do_not_overwrite_photographs(tmp_path):
    photos = [tmp_path / "a.jpg", tmp_path / "a_mask.png"]
    assert unique_stems(photos, tmp_path) == ["a-2", "a_mask"]
    assert unique_stems(photos, tmp_path / "out") == ["a", "a_mask"]


def test_a_file_given_twice_is_segmented_once(tmp_path):
    photo = _draw(tmp_path / "a.png")
    assert find_photos([photo, tmp_path, photo]) == [photo]


@pytest.mark.parametrize("given", ["folder", "files"])
def test_results_beside_the_photographs_are_no_photographs(tmp_path, network, given):
    """Else three runs give 3, 9 and 27 files."""
    for name in ("a.png", "b.jpg", "c_mask.png"):
        _draw(tmp_path / name)
    expected = {"a.png", "b.jpg", "c_mask.png"} | {
        f"{name}_{kind}.png" for name in ("a", "b", "c_mask") for kind in ("mask", "overlay")
    }
    for run in range(3):
        arguments = [tmp_path] if given == "folder" else sorted(tmp_path.iterdir())
        result = _segment(*arguments, "--output", tmp_path)
        assert result.exit_code == 0
        assert set(_files(tmp_path)) == expected
        assert ("passed over: 6 files that `segment` wrote, such as" in result.stderr) == bool(run)


def test_results_of_photographs_of_one_name(tmp_path, network):
    _draw(tmp_path / "a.png")
    _draw(tmp_path / "a.jpg")
    for _ in range(3):
        assert _segment(tmp_path, "--output", tmp_path).exit_code == 0
        assert len(_files(tmp_path)) == 6


def test_a_result_may_be_given_alone(tmp_path):
    both = [_draw(tmp_path / "a_mask.png"), _draw(tmp_path / "a_overlay.png")]
    assert without_results(both) == ([], both)
    assert without_results(both[:1]) == (both[:1], [])
    assert without_results(both[1:]) == (both[1:], [])
    elsewhere = [both[0], tmp_path / "b/a_overlay.png", tmp_path / "a_overlay.jpg"]
    assert without_results(elsewhere) == (elsewhere, [])


@pytest.mark.parametrize("left", ["mask", "overlay"])
def test_a_result_without_the_other_is_no_photograph(tmp_path, network, left):
    """The file says what it is, unless another program has saved it since."""
    photo, out = _draw(tmp_path / "a.png"), tmp_path / "out"
    assert _segment(photo, "--output", out).exit_code == 0
    result = out / f"a_{left}.png"
    assert without_results([photo, result]) == ([photo], [result])
    Image.open(result).save(result)
    assert without_results([photo, result]) == ([photo, result], [])


def test_a_folder_of_results_alone(tmp_path):
    _draw(tmp_path / "a_mask.png")
    _draw(tmp_path / "a_overlay.png")
    result = _segment(tmp_path)
    assert result.exit_code == 1
    assert "passed over: 2 files" in result.stderr
    assert "expected photographs. Received: only files that `segment` wrote" in result.stderr


def test_a_link_to_a_folder_above(tmp_path, network):
    """It neither hangs nor makes more of the photographs."""
    photo = _draw(tmp_path / "in" / "a.png")
    (tmp_path / "in/loop").symlink_to("..")
    (tmp_path / "in/self.png").symlink_to("self.png")
    assert find_photos([tmp_path / "in", tmp_path / "in/loop/in", photo]) == [photo]
    assert unique_stems([tmp_path / "in/self.png"], tmp_path) == ["self"]
    assert _segment(tmp_path / "in", "--output", tmp_path / "in/loop/out").exit_code == 0
    assert _files(tmp_path / "out") == ["a_mask.png", "a_overlay.png"]


def test_a_link_to_itself(tmp_path):
    (tmp_path / "self.png").symlink_to("self.png")
    assert "no such file" in _assert_one_line(_segment(tmp_path / "self.png"))


def test_what_a_folder_leaves_out_is_said(tmp_path, network, caplog):
    for name in ("a.jpg", "b.JPE", "c.jfif"):
        Image.fromarray(pixels(97, 131)).save(tmp_path / name, "JPEG")
    for name in ("1.mov", "2.MOV", "notes.txt"):
        (tmp_path / name).touch()
    result = _segment(tmp_path, "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert len(list((tmp_path / "out").glob("*_mask.png"))) == 3
    assert f"{tmp_path}: left out, as no images by their names: 2 .mov, 1 .txt" in caplog.text


def test_heic_is_the_same_whether_named_or_found(tmp_path, network):
    folder = tmp_path / "photos"
    photo, heic = _draw(folder / "a.png"), folder / "IMG_1.HEIC"
    heic.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    for arguments in ((folder,), (photo, heic)):
        result = _segment(*arguments, "--output", tmp_path / "out")
        assert result.exit_code == 1
        assert "IMG_1.HEIC" in result.stderr
        assert "Convert it to JPEG" in result.stderr
        assert "1 of 2 files could not be segmented" in result.stderr


def test_strict_refuses_a_jpeg_without_its_end_marker(tmp_path, network, caplog):
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels(97, 131)).save(path)
    path.write_bytes(path.read_bytes()[:-2])
    assert _segment(path, "--output", tmp_path / "out").exit_code == 0
    assert "end marker" in caplog.text
    line = _assert_one_line(_segment(path, "--output", tmp_path / "out", "--strict"))
    assert "without its end marker" in line


def test_an_empty_folder(tmp_path):
    assert "expected a folder with images" in _assert_one_line(_segment(tmp_path))


@pytest.mark.parametrize("arguments", [(), ("--size", "720")])
def test_usage(tmp_path, arguments):
    photo = [_draw(tmp_path / "a.png")] if arguments else []
    result = _segment(*photo, *arguments)
    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_a_missing_file(tmp_path):
    line = _assert_one_line(_segment(tmp_path / "none.jpg"))
    assert line == (
        f"{tmp_path / 'none.jpg'}: expected an image (JPEG, PNG, WebP, ...). Received: no such file"
    )


def test_a_text_file_named_jpg(tmp_path):
    (tmp_path / "text.jpg").write_text("no photograph\n" * 50)
    assert "expected an image" in _assert_one_line(_segment(tmp_path / "text.jpg"))


def test_a_truncated_jpeg(tmp_path):
    path = _draw(tmp_path / "photo.jpg")
    path.write_bytes(path.read_bytes()[:-500])
    line = _assert_one_line(_segment(path, "--output", tmp_path / "out"))
    assert "truncated or damaged JPEG" in line
    assert not (tmp_path / "out").exists()


def test_unknown_weights(tmp_path):
    photo = _draw(tmp_path / "a.png")
    result = _segment(photo, "--weights", "nonsense", "--output", tmp_path / "out")
    assert "Received: weights='nonsense'" in _assert_one_line(result)
    assert not (tmp_path / "out").exists()


def test_unknown_weights_leave_a_folder_that_was_there(tmp_path):
    photo = _draw(tmp_path / "a.png")
    (tmp_path / "out").mkdir()
    _assert_one_line(_segment(photo, "--weights", "nonsense", "--output", tmp_path / "out"))
    assert (tmp_path / "out").is_dir()


def test_weights_of_another_network(tmp_path):
    photo = _draw(tmp_path / "a.png")
    options = ("--network", "contextnet", "--weights", checkpoint_file())
    line = _assert_one_line(_segment(photo, *options, "--output", tmp_path / "out"))
    assert "Expected weights of the network 'contextnet'" in line


def test_an_unknown_network(tmp_path):
    photo = _draw(tmp_path / "a.png")
    result = _segment(photo, "--network", "segnet", "--output", tmp_path / "out")
    assert "Expected network to be one of scmnet" in _assert_one_line(result)


def test_an_output_that_is_a_file(tmp_path, network):
    photo = _draw(tmp_path / "a.png")
    line = _assert_one_line(_segment(photo, "--output", photo))
    assert line == f"{photo}: expected a folder for results. Received: a file"
    assert network == []


def test_a_full_disk_ends_the_run(tmp_path, network, monkeypatch):
    photos = [_draw(tmp_path / name) for name in ("a.png", "b.png")]

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    line = _assert_one_line(_segment(*photos, "--output", tmp_path / "out"))
    assert line == f"{tmp_path / 'out' / 'a_mask.png'}: cannot be written: No space left on device"
    assert _files(tmp_path / "out") == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_an_interruption_leaves_nothing_half_written(
    tmp_path, network, monkeypatch, number, status
):
    def interrupted(image, path, *_arguments, **_options):
        path.write_bytes(b"half a picture")
        signal.raise_signal(number)

    photo = _draw(tmp_path / "a.png")
    monkeypatch.setattr(Image.Image, "save", interrupted)
    result = _segment(photo, "--output", tmp_path / "out")
    assert result.exit_code == status
    assert result.stderr == ("scmnet-zoo: error: interrupted\n" if status == 130 else "")
    assert _files(tmp_path / "out") == []


def test_a_file_name_that_is_no_text(tmp_path, network):
    photo = _draw(tmp_path / "street.png")
    odd = tmp_path / os.fsdecode(b"\xff[bold]\n.png")
    photo.rename(odd)
    result = _segment(odd, "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "?[bold]" in result.stdout
    assert len(_files(tmp_path / "out")) == 2


# For real: a process of its own.


def _run(*arguments, **environment):
    # As in a shell: the import of a backend here has set what it logs.
    inherited = {key: value for key, value in os.environ.items() if not key.endswith("_LOG_LEVEL")}
    return subprocess.run(
        [Path(sys.executable).with_name("scmnet-zoo"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**inherited, **environment},
        timeout=600,
    )


def test_a_process_prints_only_its_result(tmp_path):
    photo = _draw(tmp_path / "street.png")
    done = _run("segment", photo, "--weights", checkpoint_file(), "--output", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr == ""
    mask = np.asarray(Image.open(tmp_path / "out" / "street_mask.png"))
    assert (mask == segmenter()(photo).mask).mean() > 0.999


def test_a_process_fails_in_one_line(tmp_path):
    done = _run("segment", _draw(tmp_path / "a.png"), "--weights", "nonsense")
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("scmnet-zoo: error: Expected weights")


def test_a_missing_backend_is_one_line(tmp_path):
    missing = "raise ModuleNotFoundError(\"No module named 'jax'\", name='jax')\n"
    (tmp_path / "jax.py").write_text(missing)
    done = _run("segment", "--example", KERAS_BACKEND="jax", PYTHONPATH=str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("scmnet-zoo: error: No module named 'jax'; the backend is 'jax', by ")


MEASURED = """
import resource, sys
from scmnet_zoo import cli
try:
    cli.main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


# Of ninety megapixels one, more than Pillow opens untold; the other kinds only take more bytes a
# pixel before they are read.
LARGE = {"photo.jpg": (7500, 12000), "photo16.png": (2250, 4000), "alpha.png": (2250, 4000)}


def _large_photograph(path, height, width):
    photo = np.tile(pixels(750, 1000), (height // 750, width // 1000, 1))
    if path.name == "alpha.png":
        image = Image.fromarray(photo)
        image.putalpha(200)
    elif path.name == "photo16.png":
        image = Image.fromarray(photo[..., 0].astype("uint16") * 257)
    else:
        image = Image.fromarray(photo)
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if path.name == "photo.jpg" else {"compress_level": 1}
    image.save(path, **options)


@pytest.mark.long
def test_large_photographs_stay_within_memory(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, sides in LARGE.items():
        _large_photograph(folder / name, *sides)
    done = subprocess.run(
        [
            *(sys.executable, "-c", MEASURED, "segment", folder),
            *("--weights", checkpoint_file(), "--output", tmp_path / "out"),
        ],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0
    peak = int(re.fullmatch(r"peak (\d+)\n", done.stderr)[1]) * 1024  # Linux counts in KiB
    assert peak < 4 * 2**30
    Image.MAX_IMAGE_PIXELS, limit = None, Image.MAX_IMAGE_PIXELS
    try:
        for name, (height, width) in LARGE.items():
            mask = Image.open(tmp_path / "out" / f"{Path(name).stem}_mask.png")
            assert mask.size == ((height, width) if name == "photo.jpg" else (width, height))
    finally:
        Image.MAX_IMAGE_PIXELS = limit

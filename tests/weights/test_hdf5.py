"""HDF5 and `.keras` files that no weights look like are refused, and no array of theirs is read."""

import contextlib
import io
import itertools
import os
import resource
import zipfile

import h5py
import numpy as np
import pytest
from testing_tools import toy

from scmnet_zoo.weights.hdf5 import check_hdf5, check_keras


@contextlib.contextmanager
def hdf5(path):
    """A file of one plain array, open for more."""
    with h5py.File(path, "w") as file:
        file["layer/kernel"] = np.zeros((4, 4), "float32")
        file.attrs["layer_names"] = ["layer"]
        yield file


def refusal(path):
    """The message, one line that names the file, from a path and from an opened file alike."""
    with pytest.raises(ValueError, match="a source") as caught:
        check_hdf5(path, "a source")
    with path.open("rb") as file, pytest.raises(ValueError, match="a source"):
        check_hdf5(file, "a source")
    assert "\n" not in str(caught.value)
    return str(caught.value)


# What is as it should be


@pytest.mark.parametrize("where", ["path", "text", "file", "memory"])
def test_weights_of_keras_3(where, tmp_path):
    path = tmp_path / "toy.weights.h5"
    toy().save_weights(path)
    with path.open("rb") as opened:
        memory = io.BytesIO(path.read_bytes())
        check_hdf5({"path": path, "text": str(path), "file": opened, "memory": memory}[where], "x")


@pytest.mark.needs_shared
@pytest.mark.parametrize("name", ["released_scmnet", "deeplab_mobilenetv2"])
def test_weights_of_keras_2(name, shared):
    check_hdf5(shared / "golden" / f"{name}_keras2_seed0.h5", "x")


def test_filters_that_come_with_hdf5(tmp_path):
    with hdf5(tmp_path / "x.h5") as file:
        data = np.arange(1000, dtype="float32")
        options = {"compression": "gzip", "shuffle": True, "fletcher32": True}
        file.create_dataset("compressed", data=data, **options)
        file.attrs.update({"text": "a", "bytes": np.array([b"a", b"bc"]), "number": 3})
        file["layer/again"] = file["layer/kernel"]
    check_hdf5(tmp_path / "x.h5", "x")


@pytest.mark.parametrize("compiled", [False, True])
def test_keras_file(compiled, tmp_path):
    model = toy()
    if compiled:
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "toy.keras")
    check_keras(tmp_path / "toy.keras")


# Attacks


def soft_link(file):
    file["layer/link"] = h5py.SoftLink("/layer/kernel")


def external_link(file):
    file["layer/link"] = h5py.ExternalLink("other.h5", "/kernel")


def circle(file):
    file["layer/circle"] = file["/"]


def external_storage(file):
    file.create_dataset("x", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", (4,))
    file.create_virtual_dataset("x", layout)


def objects(file):
    file.create_dataset("x", data=np.array(["a", "b"], dtype=h5py.string_dtype()))


def references(file):
    file.create_dataset("x", data=np.array([file["layer"].ref], dtype=h5py.ref_dtype))


def ragged(file):
    file.create_dataset("x", (3,), h5py.vlen_dtype("int32"))


def compound(file):
    file["x"] = np.zeros(3, [("a", "float32"), ("b", "int32")])


def text(file):
    file["x"] = np.array([b"abc"])


def stored_type(file):
    file["x"] = np.dtype("float32")


def another_filter(file):
    file.create_dataset("x", data=np.zeros(64, "float32"), compression="lzf")


def reference_attribute(file):
    file.attrs["x"] = file["layer"].ref


def large_dataset(file):
    file.create_dataset("x", (10**10 // 4,), "float32", chunks=(1024,), compression="gzip")


def very_large_dataset(file):
    file.create_dataset("x", (2**40, 2**40), "float32", chunks=(1, 1024))


def large_chunk(file):
    file.create_dataset("x", (1,), "float32", chunks=(2**29,), maxshape=(None,))


def linked_often(file):
    file.create_dataset("x", data=np.zeros(1 << 16, "float32"))
    for i in range(30):
        file[f"link{i}"] = file["x"]


def long_texts(file):
    """Each of 12,000 names can be as long as the longest text in the file."""
    file.attrs["x"] = "x" * 50_000
    for part in range(3):
        names = np.array([f"{i}" for i in range(4000)], dtype=h5py.string_dtype())
        file.attrs[f"names{part}"] = names


def doubled_groups(file):
    """Two links from each group to the next: 2**40 ways to the last."""
    groups = [file.create_group(f"group{i}") for i in range(40)]
    for group, following in itertools.pairwise(groups):
        group["a"] = group["b"] = following


@pytest.mark.parametrize(
    ("attack", "message"),
    [
        (soft_link, "'/layer/link' is a soft link"),
        (external_link, "'/layer/link' is an external link"),
        (circle, "'/layer/circle' is a link back"),
        (external_storage, "'/x' keeps its data in another file"),
        (virtual, "'/x' is a virtual dataset"),
        (objects, "'/x' holds object"),
        (references, "'/x' holds object"),
        (ragged, "'/x' holds object"),
        (compound, "'/x' holds [('a'"),
        (text, "'/x' holds |S3"),
        (stored_type, "'/x' is a stored data type"),
        (another_filter, "'/x' needs the filter 32000"),
        (reference_attribute, "'/@x' holds object"),
        (large_dataset, "(in its datasets), which declares 10000000064"),
        (very_large_dataset, "(in its datasets), which declares"),
        (large_chunk, "(in its datasets), which declares"),
        (linked_often, "(in its datasets), which declares"),
        (long_texts, "its attributes may take"),
        (doubled_groups, "over 10000 objects"),
    ],
)
def test_attack(attack, message, tmp_path):
    path = tmp_path / "x.h5"
    with hdf5(path) as file:
        attack(file)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert message in refusal(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 100_000  # kB


@pytest.mark.parametrize("content", [b"", b"not HDF5", b"\x89HDF\r\n\x1a\n", None])
def test_no_whole_hdf5_file(content, tmp_path):
    path = tmp_path / "x.h5"
    if content is None:
        with hdf5(path):
            pass
        os.truncate(path, path.stat().st_size // 2)
    else:
        path.write_bytes(content)
    assert "is not a whole HDF5 file" in refusal(path)


@pytest.mark.parametrize("size", [0, 1 << 40])
def test_heap_that_hdf5_would_read_for_ever(size, tmp_path):
    """Its free space has the size 0: the reader would not get on."""
    path = tmp_path / "x.h5"
    with hdf5(path) as file:
        file.attrs["names"] = ["a"]
    content = bytearray(path.read_bytes())
    place = content.index(b"GCOL") + 16
    while content[place]:  # an entry; its number is 0 in free space
        place += 16 + (content[place + 8] + 7) // 8 * 8
    content[place + 8 : place + 16] = size.to_bytes(8, "little")
    path.write_bytes(content)
    assert "a heap of texts is damaged" in refusal(path)


def test_no_such_file(tmp_path):
    with pytest.raises(ValueError, match=r"x is not a whole HDF5 file: .*No such file"):
        check_hdf5(tmp_path / "missing.h5", "x")


# .keras


def weights_of(attack):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        attack(file)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("../evil", b"", "'../evil' lies outside"),
        ("/evil", b"", "'/evil' lies outside"),
        ("a/../../evil", b"", "'a/../../evil' lies outside"),
        ("C:evil", b"", "'C:evil' lies outside"),
        ("a\\evil", b"", "lies outside"),
        ("assets/zeros", bytes(1 << 24), "declares 16777"),
        ("model.weights.h5", weights_of(large_dataset), "model.weights.h5 in .*m.keras .*declares"),
        ("model.weights.h5", weights_of(compound), "'/x' holds"),
        ("model.weights.h5", b"x", "model.weights.h5 in .*m.keras is not a whole HDF5"),
    ],
)
def test_keras_file_of_an_attacker(member, content, message, tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", "{}")
        archive.writestr(member, content)
    with pytest.raises(ValueError, match=message) as caught:
        check_keras(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_keras_file_of_another_compression(method, tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w", method) as archive:
        archive.writestr("model.weights.h5", b"x" * 100)
    with pytest.raises(ValueError, match=f"'model.weights.h5' is compressed by method {method}"):
        check_keras(tmp_path / "m.keras")


def test_keras_file_cut_off(tmp_path):
    path = tmp_path / "m.keras"
    toy().save(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(ValueError, match="is not a whole zip file"):
        check_keras(path)


def test_keras_file_with_a_flipped_byte(tmp_path):
    path = tmp_path / "m.keras"
    toy().save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"\x89HDF") + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model.weights.h5.*CRC"):
        check_keras(path)


def test_keras_file_without_weights(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"Expected .* model.weights.h5. Received: .*m.keras"):
        check_keras(tmp_path / "m.keras")

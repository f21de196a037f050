"""NumPy archives, and what is none."""

import io
import zipfile

import numpy as np
import pytest

from scmnet_zoo.weights.foreign.npz_file import read_npz


def npy(array=None, header=None):
    buffer = io.BytesIO()
    if header is None:
        np.save(buffer, array)
    else:
        np.lib.format.write_array_header_1_0(buffer, header)
        buffer.write(bytes(64))
    return buffer.getvalue()


HUGE = {"descr": "<f4", "fortran_order": False, "shape": (10**6, 10**6)}
EMPTY = {"descr": "<f4", "fortran_order": False, "shape": (0, 2**62)}


@pytest.mark.parametrize(
    ("member", "content", "message"),
    [
        ("x.npy", npy(header=HUGE), "declares float32 of shape"),
        ("x.npy", npy(header=EMPTY), "declares float32 of shape"),
        ("x.npy", bytes(1 << 26), "declares 67108864"),
        ("x.npy", npy(np.array(["text"])), "holds <U4"),
        ("x.npy", npy(np.zeros(2, "complex64")), "holds complex64"),
        ("x.npy", npy(np.array([{}], dtype=object)), "holds object"),
        ("x.npy", npy(np.zeros(4))[:-1], "declares float64"),
        ("x.npy", npy(np.zeros(4))[:20], "is not a NumPy array"),
        ("x.npy", b"text", "is not a NumPy array"),
        ("x.txt", b"text", "with 'x.txt'"),
        ("../x.npy", npy(np.zeros(4)), "lies outside"),
    ],
)
def test_damaged_npz(member, content, message, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    with pytest.raises(ValueError, match=message) as caught:
        read_npz(tmp_path / "x.npz", "a source")
    assert "a source" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_npz(tmp_path):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    expected = {"b/W": x, "a": np.asfortranarray(x), "N": np.array(3), "half": x.astype("float16")}
    np.savez_compressed(tmp_path / "x.npz", **expected)
    found = read_npz(tmp_path / "x.npz", "x")
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array.astype("int64" if name == "N" else "f4"))

"""PyTorch state dicts are read as PyTorch would, and nothing in them is ever called."""

import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest

from scmnet_zoo.weights.foreign.torch_file import read_torch

FORMATS = {"zip": True, "legacy": False}
each_format = pytest.mark.parametrize("layout", FORMATS)


@pytest.fixture
def torch():
    return pytest.importorskip("torch", reason="writes the files of these tests")


def saved(torch, state, layout, path):
    torch.save(state, path, _use_new_zipfile_serialization=FORMATS[layout])
    return path


def refusal(file, match):
    """The message, in one line."""
    with pytest.raises(ValueError, match=match) as caught:
        read_torch(file, "a source")
    assert "a source" in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def state(torch):
    torch.manual_seed(0)
    x = torch.randn(4, 6, 3, 3)
    return {
        "plain": x,
        "transposed": x.permute(2, 3, 1, 0),
        "part": x[1:, ::2, 1],
        "expanded": torch.randn(1, 3).expand(4, 3),
        "scalar": torch.tensor(3),
        "single": torch.randn(5)[2],
        "double": torch.randn(3, dtype=torch.float64),
        "half": torch.randn(3).half(),
        "bfloat16": torch.randn(3).bfloat16(),
        "int": torch.arange(3, dtype=torch.int32),
        "byte": torch.arange(3, dtype=torch.uint8),
        "bool": torch.tensor([True, False]),
    }


@each_format
@pytest.mark.parametrize("as_file", [False, True])
def test_reads_what_torch_reads(layout, as_file, torch, tmp_path):
    expected = state(torch)
    path = saved(torch, expected, layout, tmp_path / "x")
    found = read_torch(io.BytesIO(path.read_bytes()) if as_file else path, "x")
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        tensor = tensor.float() if tensor.is_floating_point() else tensor
        assert found[name].dtype == tensor.numpy().dtype, name
        np.testing.assert_array_equal(found[name], tensor.numpy(), err_msg=name)


@each_format
def test_state_dict_of_a_module(layout, torch, tmp_path):
    """It brings a table of its layers' versions along."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    found = read_torch(saved(torch, module.state_dict(), layout, tmp_path / "x"), "x")
    assert list(found) == list(module.state_dict())
    np.testing.assert_array_equal(found["0.weight"], module.state_dict()["0.weight"].numpy())
    assert found["1.num_batches_tracked"].shape == ()


# Refused


class Attack:
    """Runs a command where it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


@pytest.mark.parametrize("layout", ["zip", "legacy", "plain"])
def test_os_system_is_refused_and_not_called(layout, tmp_path):
    attack = Attack(f"touch {tmp_path / 'called'}")
    content = pickle.dumps({"weight": attack}, protocol=2)
    path = tmp_path / "x"
    if layout == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", content)
    else:
        header = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        pickles = [pickle.dumps(item, protocol=2) for item in header] if layout == "legacy" else []
        path.write_bytes(b"".join(pickles) + content)
    refusal(path, f"asks for {os.system.__module__}.system")
    assert not (tmp_path / "called").exists()
    pickle.loads(content)  # the attack is one
    assert (tmp_path / "called").exists()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (collections.Counter(), "asks for collections.Counter"),
        (np.float32(1), "asks for numpy"),
        (print, "asks for __builtin__.print"),
        (Attack, "asks for .*Attack"),
        ({1, 2}, "asks for __builtin__.set"),
        (3, "'weight' is a int"),
        ("text", "'weight' is a str"),
        ({"weight": 3}, "'weight' is a dict"),
        ({3: 3}, "int in the place of str"),
    ],
)
def test_other_values(value, message, tmp_path):
    path = tmp_path / "x"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": value}, protocol=2))
    refusal(path, message)


def test_another_protocol(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": 3}, protocol=4))
    refusal(tmp_path / "x", "uses the opcode MEMOIZE")


@each_format
def test_module_and_parameter(layout, torch, tmp_path):
    module = torch.nn.Conv2d(1, 1, 1)
    refusal(saved(torch, module, layout, tmp_path / "x"), r"asks for torch\.nn\.modules\.conv")
    kept = module.state_dict(keep_vars=True)
    refusal(saved(torch, kept, layout, tmp_path / "x"), "_rebuild_parameter")


def edited(path, change):
    """The zip file with its pickle changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, change(content) if name.endswith("data.pkl") else content)
    return path


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x02K\x03\x86", b"K\x02K\xff\x86"),  # shape (2, 3) to (2, 255)
        (b"K\x03K\x01\x86", b"K\xffK\x01\x86"),  # strides
        (b"QK\x00", b"QK\x05"),  # offset
    ],
)
def test_tensor_beyond_its_storage(old, new, torch, tmp_path):
    path = saved(torch, {"w": torch.zeros(2, 3)}, "zip", tmp_path / "x")
    refusal(edited(path, lambda c: _replaced(c, old, new)), "'w' has shape .* in a storage of 6")


def test_huge_shape_without_strides(torch, tmp_path):
    """A terabyte of the same number."""
    state = {"w": torch.zeros(1).expand(2**19, 2**19)}
    refusal(saved(torch, state, "zip", tmp_path / "x"), "declares 1099511627776")


def test_impossible_numbers(torch, tmp_path):
    path = saved(torch, {"w": torch.zeros(2, 3)}, "zip", tmp_path / "x")
    negative = (b"QK\x00", b"QJ\xff\xff\xff\xff")
    refusal(edited(path, lambda c: _replaced(c, *negative)), "an impossible shape")


def _replaced(content, old, new):
    assert old in content
    return content.replace(old, new, 1)


@each_format
def test_cut_off_anywhere(layout, torch, tmp_path):
    content = saved(torch, {"w": torch.randn(5, 5)}, layout, tmp_path / "x").read_bytes()
    for size in range(0, len(content) - 1, 7):
        refusal(io.BytesIO(content[:size]), "a source")


def test_any_byte_damaged(torch, tmp_path):
    """A file either says that it is damaged or gives tensors; the zip's checksums find the rest."""
    content = saved(torch, {"w": torch.randn(5, 5)}, "legacy", tmp_path / "x").read_bytes()
    rng = np.random.default_rng(0)
    messages = []
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] = rng.integers(256)
        try:
            read_torch(io.BytesIO(damaged), "a source")
        except ValueError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all("a source" in message and "\n" not in message for message in messages)


def test_flipped_byte_of_a_zip_file(torch, tmp_path):
    tensor = torch.full((64,), 1.5)
    content = bytearray(saved(torch, {"w": tensor}, "zip", tmp_path / "x").read_bytes())
    content[content.index(tensor.numpy().tobytes()) + 9] ^= 1
    refusal(io.BytesIO(content), "CRC")


def test_big_endian(torch, tmp_path):
    path = saved(torch, {"w": torch.zeros(2)}, "zip", tmp_path / "x")
    content = path.read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"big" if name.endswith("byteorder") else old.read(name))
    refusal(path, "little-endian")


@pytest.mark.parametrize(
    "content", [b"", b"text", b"\x80\x02.", b"PK\x03\x04", b"\x80\x02]q\x00a."]
)
def test_no_torch_file(content):
    refusal(io.BytesIO(content), "a source")

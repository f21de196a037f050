"""The mean of weight files: of what, into what, and what is refused."""

import numpy as np
import pytest
import safetensors.numpy
from testing_tools import toy

from scmnet_zoo.weights import (
    Metadata,
    Normalisation,
    average_checkpoints,
    read_checkpoint,
    write_checkpoint,
)
from scmnet_zoo.weights.checkpoint import write_tensors

NAMES = ("road", "sky", "car")
STATISTICS = Normalisation((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
METADATA = Metadata("scmnet", {"residual": True}, NAMES, STATISTICS, (64, 96))


def written(path, value, metadata=METADATA, **more):
    """A file whose tensors hold one number."""
    tensors = {
        "head_classifier/kernel": np.full((1, 1, 4, 3), value, "float32"),
        "head_classifier/bias": np.full(3, value, "float32"),
    }
    write_tensors(path, tensors | more, metadata)
    return path


@pytest.fixture
def pair(tmp_path):
    return [written(tmp_path / f"{value}.safetensors", value) for value in (1.0, 2.5)]


def test_the_mean_of_all_tensors(tmp_path, pair):
    three = [*pair, written(tmp_path / "third.safetensors", 7.0)]
    assert average_checkpoints(three, tmp_path / "mean.safetensors") == METADATA
    found = read_checkpoint(tmp_path / "mean.safetensors", "scmnet")
    assert found.metadata == METADATA
    assert {name: set(array.ravel()) for name, array in found.tensors.items()} == {
        "head_classifier/kernel": {3.5},
        "head_classifier/bias": {3.5},
    }


def test_a_model_and_itself(tmp_path):
    model = toy(num_classes=3)
    write_checkpoint(tmp_path / "a.safetensors", model, METADATA)
    average_checkpoints([tmp_path / "a.safetensors"] * 2, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_half_keeps_kernels_in_16_bits(tmp_path, pair):
    average_checkpoints(pair, tmp_path / "mean.safetensors", half=True)
    stored = safetensors.numpy.load_file(tmp_path / "mean.safetensors")
    kinds = {name.split("/")[1]: array.dtype.name for name, array in stored.items()}
    assert kinds == {"kernel": "float16", "bias": "float32"}


def test_a_kernel_too_large_for_16_bits(tmp_path):
    files = [written(tmp_path / f"{n}.safetensors", 1e5) for n in range(2)]
    with pytest.raises(ValueError, match=r"16 bits can hold\. .*mean.safetensors, head_class"):
        average_checkpoints(files, tmp_path / "mean.safetensors", half=True)
    assert not (tmp_path / "mean.safetensors").exists()
    average_checkpoints(files, tmp_path / "mean.safetensors")


OTHERS = {
    "network": (Metadata("fastscnn", {}, NAMES, STATISTICS), "same network as .*: scmnet"),
    "arguments": (Metadata("scmnet", {}, NAMES, STATISTICS), "same arguments as "),
    "classes": (
        Metadata("scmnet", {"residual": True}, ("a", "b", "c"), STATISTICS),
        r"same classes as .*Received: .*other.safetensors, \('a', 'b', 'c'\)",
    ),
    "normalisation": (
        Metadata("scmnet", {"residual": True}, NAMES, Normalisation(None, None)),
        "same normalisation as ",
    ),
}


@pytest.mark.parametrize(("metadata", "message"), OTHERS.values(), ids=OTHERS)
def test_files_of_different_kinds(tmp_path, pair, metadata, message):
    other = written(tmp_path / "other.safetensors", 0.0, metadata)
    with pytest.raises(ValueError, match=message):
        average_checkpoints([*pair, other], tmp_path / "mean.safetensors")
    assert not (tmp_path / "mean.safetensors").exists()


@pytest.mark.parametrize("more", [{"stem/bias": np.zeros(2, "float32")}])
def test_files_of_different_tensors(tmp_path, pair, more):
    other = written(tmp_path / "other.safetensors", 0.0, **more)
    message = "Expected the tensors of .*1.0.safetensors.*other.safetensors, .* in stem/bias"
    with pytest.raises(ValueError, match=message):
        average_checkpoints([*pair, other], tmp_path / "mean.safetensors")


def test_values_that_are_not_finite(tmp_path, pair):
    other = written(tmp_path / "other.safetensors", np.nan)
    with pytest.raises(ValueError, match=r"other.safetensors: head_classifier/\w+ holds values"):
        average_checkpoints([*pair, other], tmp_path / "mean.safetensors")


def test_files_that_are_none(tmp_path, pair):
    bare = tmp_path / "bare.safetensors"
    bare.write_bytes(safetensors.numpy.save({"a": np.zeros(1, "float32")}))
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(pair[0].read_bytes()[:-5])
    for path, message in (
        (bare, "written by the zoo. Received: .*bare"),
        (damaged, "damaged.safetensors is not a whole safetensors file"),
        (tmp_path / "none.safetensors", "existing weight file. Received: .*none"),
    ):
        with pytest.raises(ValueError, match=message):
            average_checkpoints([*pair, path], tmp_path / "mean.safetensors")


def test_outputs_that_cannot_be(tmp_path, pair):
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    for output, message in (
        ("there.safetensors", "a new file. Received: .*, which is there"),
        ("mean.h5", r"ends in \.safetensors. Received: .*mean.h5"),
        ("none/mean.safetensors", "in a folder that is there. Received: .*none"),
    ):
        with pytest.raises(ValueError, match=message):
            average_checkpoints(pair, tmp_path / output)
    assert (tmp_path / "there.safetensors").read_bytes() == b"mine"
    with pytest.raises(ValueError, match=r"two or more weight files\. Received: 1"):
        average_checkpoints(pair[:1], tmp_path / "mean.safetensors")

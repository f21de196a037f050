"""What a `.safetensors` file says of itself, and what it must not say."""

import json

import numpy as np
import pytest
import safetensors.numpy
from testing_tools import toy

from scmnet_zoo.data.labels import CAMVID, palette_for
from scmnet_zoo.weights import Metadata, Normalisation, read_checkpoint, write_checkpoint

NAMES = ("road", "sky", "car")
STATISTICS = Normalisation((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def _metadata(**changes):
    return Metadata("scmnet", {}, **{"classes": NAMES, "normalisation": STATISTICS} | changes)


@pytest.mark.parametrize("statistics", [STATISTICS, Normalisation(None, None)])
@pytest.mark.parametrize("size", [None, (64, 96)])
def test_it_is_read_as_it_was_written(tmp_path, statistics, size):
    metadata = _metadata(normalisation=statistics, training_size=size)
    write_checkpoint(tmp_path / "a.safetensors", toy(num_classes=3), metadata)
    assert read_checkpoint(tmp_path / "a.safetensors", "scmnet").metadata == metadata


def test_colours_and_categories(tmp_path):
    colours = ((1, 2, 3), (0, 0, 0), (255, 255, 255))
    metadata = _metadata(palette=colours, categories=("flat", "sky", "vehicle"))
    write_checkpoint(tmp_path / "a.safetensors", toy(num_classes=3), metadata)
    found = read_checkpoint(tmp_path / "a.safetensors", "scmnet").metadata
    assert found == metadata
    assert found.colours == colours


@pytest.mark.parametrize("classes", [NAMES, CAMVID.classes])
def test_files_from_before_there_were_colours(tmp_path, classes):
    text = {"scmnet_zoo": _metadata(classes=classes).to_json()}
    assert "palette" not in text["scmnet_zoo"]
    assert "categories" not in text["scmnet_zoo"]
    path = tmp_path / "a.safetensors"
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(1)}, text))
    found = read_checkpoint(path, "scmnet").metadata
    assert (found.palette, found.categories) == (None, None)
    assert found.colours == palette_for(classes)


def test_names_are_composed(tmp_path):
    names = ("e\u0301", "sky", "car")
    path = tmp_path / "a.safetensors"
    write_checkpoint(path, toy(num_classes=3), _metadata(classes=names))
    assert read_checkpoint(path, "scmnet").metadata.classes == ("\u00e9", "sky", "car")
    names = ("e\u0301", "\u00e9", "car")
    text = {"scmnet_zoo": _metadata(classes=names).to_json()}
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(1)}, text))
    with pytest.raises(ValueError, match="a name of its own for each class"):
        read_checkpoint(path, "scmnet")


WRONG = {
    "more names": ((*NAMES, "void"), r"classifier's 3 classes\. Received: 4"),
    "fewer names": (NAMES[:2], r"classifier's 3 classes\. Received: 2"),
    "a name twice": (("road", "sky", "road"), "a name of its own for each class"),
}


@pytest.mark.parametrize(("names", "message"), WRONG.values(), ids=WRONG)
def test_names_that_are_not_those_of_the_classifier(tmp_path, names, message):
    """Such a file would give a network whose classifier is random."""
    path = tmp_path / "a.safetensors"
    with pytest.raises(ValueError, match=message):
        write_checkpoint(path, toy(num_classes=3), _metadata(classes=names))
    assert not path.exists()
    tensors = {"head_classifier/bias": np.zeros(3, "float32")}
    text = _metadata(classes=names).to_json()
    path.write_bytes(safetensors.numpy.save(tensors, {"scmnet_zoo": text}))
    with pytest.raises(ValueError, match=message):
        read_checkpoint(path, "scmnet")


ODD = {
    "training_size": ([], [64], ["a", "b"], [0, 64], [64.0, 96.0], 64, [True, True]),
    "classes": ([["a"], ["b"]], [1, 2], None),
    "normalisation": ({"mean": [1, 2], "std": None}, {"mean": ["a"] * 3, "std": None}, {}, 3),
    "palette": (3, [1], [[1, 2]], [[1, 2, 256]], [[-1, 2, 3]], [[1.0, 2, 3]], "red", [[0, 0, 0]]),
    "categories": (3, [1, 2, 3], ["a"]),
    "network": (None, ["scmnet"]),
    "arguments": (3, "residual"),
}


@pytest.mark.parametrize(("key", "value"), [(k, v) for k, values in ODD.items() for v in values])
def test_odd_values_are_a_line(tmp_path, key, value):
    content = json.loads(_metadata().to_json()) | {key: value}
    path = tmp_path / "a.safetensors"
    text = json.dumps(content)
    path.write_bytes(safetensors.numpy.save({"x": np.zeros(1)}, {"scmnet_zoo": text}))
    with pytest.raises(
        ValueError, match=r"scmnet_zoo metadata cannot be read: |for each of 3 c"
    ) as raised:
        read_checkpoint(path, "scmnet")
    assert "\n" not in str(raised.value)


def test_bfloat16_is_named(tmp_path):
    header = json.dumps({"x": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    with pytest.raises(ValueError, match=r"float32 or float16\. Received: BF16"):
        read_checkpoint(path, "scmnet")

"""`benchmarks/camvid_between.py`, which is not in the package."""

import numpy as np
import pytest
from scripts import load_script
from testing_tools import arrays

from scmnet_zoo import FastSCNN
from scmnet_zoo.data import CAMVID
from scmnet_zoo.weights import write_checkpoint
from scmnet_zoo.weights.manifest import find
from scmnet_zoo.weights.registry import metadata_of

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def script():
    return load_script("camvid_between")


def test_from_the_first_to_the_last(script, tmp_path):
    paths = [tmp_path / "first.safetensors", tmp_path / "last.safetensors"]
    ends = [FastSCNN(num_classes=11) for _ in paths]
    for path, network in zip(paths, ends, strict=True):
        write_checkpoint(path, network, metadata_of(find("fastscnn", "camvid")))
    first, last = map(arrays, ends)
    for share in (0, 1, 4):
        found = arrays(script.between(*paths, share, tmp_path))
        for path, value in found.items():
            mean = first[path] + share / 4 * (last[path] - first[path])
            np.testing.assert_allclose(value, mean, atol=1e-6, err_msg=path)


@pytest.mark.needs_shared
def test_no_frame_of_validation_or_test(script, shared):
    """It chose the share of two runs of SCMNet, so it must see neither."""
    samples = script.held_out_frames(shared / "camvid").samples
    names = {split: (shared / "camvid" / f"{split}.txt").read_text().split() for split in SPLITS}
    read = {path.stem for sample in samples for path in (sample.image, sample.label)}
    assert read == {name for name in names["train"] if name.startswith("0006R0")}
    assert read.isdisjoint(names["val"] + names["test"])


def test_what_is_seen_is_the_share_of_each_street(script):
    """A network that takes all for road but what is bright, as the overcast sky is."""
    sky, road = CAMVID.classes.index("sky"), CAMVID.classes.index("road")

    def model(images):
        bright = np.asarray(images).min(axis=-1) > 150
        return np.eye(11)[np.where(bright, sky, road)]

    roads, skies = script.seen(model)
    assert roads.shape == skies.shape == (3,)
    assert roads.min() > 0.99
    assert skies[0] > 0.99
    assert skies[2] < 0.01

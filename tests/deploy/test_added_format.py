"""An export format from outside the package is written, compared and loaded like the others."""

import keras
import numpy as np
import pytest
from testing_tools import toy

from scmnet_zoo.catalogue import FORMAT_CARDS, FormatCard
from scmnet_zoo.deploy import export, load


class Writer:
    """Files of Keras, with the metadata beside them."""

    @staticmethod
    def write(job, folder):
        job.model.save(folder / f"{job.name}.keras")
        np.savez(folder / job.name, **job.metadata)
        (folder / f"{job.name}.npz").rename(folder / job.name)

    @staticmethod
    def load(path, threads=None):
        model = keras.models.load_model(f"{path}.keras")
        metadata = {key: str(value) for key, value in np.load(path).items()}
        return lambda images: np.asarray(model.predict(images, verbose=0)), metadata


CARD = FormatCard(
    key="toyfile",
    writer=Writer,
    suffix=".toy",
    modules=("keras",),
    precisions=("f32",),
    layout="NHWC",
)


@pytest.fixture(autouse=True)
def card():
    with FORMAT_CARDS.temporarily(CARD):
        yield


def test_it_is_exported(tmp_path):
    report = export(toy(), tmp_path / "a.toy", "toyfile", size=(48, 64))
    assert report.comparison.equal == 1.0
    exported = load(tmp_path / "a.toy")
    assert exported.run(np.zeros((1, 48, 64, 3), "uint8")).shape == (1, 48, 64, 11)


def test_what_it_has_not_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of f32 for toyfile\. Received: 'f16'"):
        export(toy(), tmp_path / "a.toy", "toyfile", size=(48, 64), precision="f16")
    with pytest.raises(ValueError, match=r"Expected a size, .* for toyfile in f32"):
        export(toy(), tmp_path / "a.toy", "toyfile")

import numpy as np
import pytest
from testing_tools import randomise, run
from training_tools import changed, logits, long_on_jax

from scmnet_zoo.data.labels import CAMVID, VOID
from scmnet_zoo.losses import CrossEntropy
from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.training.validation import Validation


@pytest.fixture(scope="module")
def network():
    """Of which the predictions differ from pixel to pixel."""
    model = randomise(logits())
    kernel = model.get_layer("head_classifier").kernel
    kernel.assign(1000 * kernel.value)
    return model


def _validation(network, source, batch_size):
    """Of 32x32 pixels each; a frame has 36x48."""
    return Validation(network, source, changed(batch_size=batch_size), CrossEntropy())


@long_on_jax
@pytest.mark.parametrize(("batch_size", "frames"), [(1, 1), (7, 4), (90, 6)])
def test_scores_are_those_of_the_predictions(network, train_frames, batch_size, frames):
    """In batches of four frames, two of the last batch are padding, which does not count."""
    validation = _validation(network, train_frames, batch_size)
    assert validation.batch_size == frames
    scores = validation()

    numbers = np.arange(6, dtype="int32")
    images, labels = (np.array(x) for x in train_frames.layer(numbers))
    predictions = run(network, images.astype("float32")).argmax(-1)
    assert len(np.unique(predictions)) > 3
    expected = ConfusionMatrix(len(CAMVID.labels))
    expected.update(labels, predictions)
    np.testing.assert_array_equal(validation.matrix.counts, expected.counts)
    assert validation.matrix.counts.sum() == (labels != VOID).sum()
    assert scores["val_miou"] == pytest.approx(expected.mean_iou())
    assert scores["val_pixel_accuracy"] == pytest.approx(expected.pixel_accuracy())
    for name, iou in zip(CAMVID.classes, expected.iou(), strict=True):
        found = [value for key, value in scores.items() if key.endswith(name)]
        assert any(value == pytest.approx(float(iou), nan_ok=True) for value in found), name
    np.testing.assert_array_equal(validation.shown(), predictions[:frames])


@long_on_jax
def test_each_call_counts_anew(network, train_frames):
    validation = _validation(network, train_frames, 7)
    first = validation()
    matrix = validation.matrix.counts
    assert validation() == first
    np.testing.assert_array_equal(validation.matrix.counts, matrix)

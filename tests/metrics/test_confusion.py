"""The confusion matrix against a loop over pixels."""

import math
import warnings

import numpy as np
import pytest

from scmnet_zoo.metrics import ConfusionMatrix

CLASSES = 4


def _frame(seed=0, shape=(9, 11)):
    rng = np.random.default_rng(seed)
    labels = rng.choice([*range(CLASSES), 255], shape).astype(np.uint8)
    return labels, rng.integers(0, CLASSES, shape).astype(np.int64)


def _filled(*frames):
    matrix = ConfusionMatrix(CLASSES)
    for frame in frames:
        matrix.update(*frame)
    return matrix


def test_no_class_has_the_id_of_void():
    assert ConfusionMatrix(255).counts.shape == (255, 255)
    with pytest.raises(ValueError, match=r"^Expected at most 255 classes.* classes=256$"):
        ConfusionMatrix(256)


def test_counts_equal_a_loop():
    frames = [_frame(seed) for seed in range(3)]
    expected = np.zeros((CLASSES, CLASSES), int)
    for labels, predictions in frames:
        for label, prediction in zip(labels.ravel(), predictions.ravel(), strict=True):
            if label != 255:
                expected[label, prediction] += 1
    np.testing.assert_array_equal(_filled(*frames).counts, expected)


def test_scores_equal_a_loop():
    labels, predictions = _frame()
    matrix = _filled((labels, predictions))
    valid = labels != 255
    expected = []
    for index in range(CLASSES):
        ours, theirs = (labels == index) & valid, (predictions == index) & valid
        expected.append((ours & theirs).sum() / (ours | theirs).sum())
    np.testing.assert_allclose(matrix.iou(), expected)
    assert matrix.mean_iou() == pytest.approx(np.mean(expected))
    accuracy = (labels == predictions)[valid].mean()
    assert matrix.pixel_accuracy() == pytest.approx(accuracy)


def test_one_matrix_is_not_a_mean_over_frames():
    large = (np.zeros((10, 10), int), np.zeros((10, 10), int))
    small = (np.zeros((1, 2), int), np.ones((1, 2), int))
    assert _filled(large, small).iou()[0] == pytest.approx(100 / 102)


def test_void_counts_nowhere_whatever_is_predicted():
    labels, predictions = _frame()
    other = np.where(labels == 255, (predictions + 1) % CLASSES, predictions)
    np.testing.assert_array_equal(
        _filled((labels, predictions)).counts, _filled((labels, other)).counts
    )
    beyond = np.where(labels == 255, 200, predictions)
    np.testing.assert_array_equal(
        _filled((labels, predictions)).counts, _filled((labels, beyond)).counts
    )


def test_a_prediction_of_void_is_a_miss():
    labels, predictions = np.array([[0, 0, 1, 255]]), np.array([[0, 255, 1, 255]])
    matrix = _filled((labels, predictions))
    assert matrix.counts.sum() == 2
    assert matrix.missed.tolist() == [1, 0, 0, 0]
    assert matrix.iou()[:2].tolist() == [0.5, 1.0]
    assert matrix.pixel_accuracy() == pytest.approx(2 / 3)
    assert matrix.category_iou(["a", "a", "b", "c"])["a"] == pytest.approx(2 / 3)


def test_categories_equal_a_loop():
    categories = ["x", "y", "x", "z"]
    labels, predictions = _frame(4)
    valid = labels != 255
    names = np.array([*categories, "void"])
    ours, theirs = names[np.minimum(labels, 4)], names[predictions]
    expected = {
        name: ((ours == name) & (theirs == name)).sum()
        / (valid & ((ours == name) | (theirs == name))).sum()
        for name in "xyz"
    }
    matrix = _filled((labels, predictions))
    assert matrix.category_iou(categories) == pytest.approx(expected)
    assert list(matrix.category_iou(categories)) == ["x", "y", "z"]
    with pytest.raises(ValueError, match=r"for each of 4 classes\. Received: 1"):
        matrix.category_iou(["x"])


def test_nothing_counted():
    matrix = ConfusionMatrix(CLASSES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(matrix.mean_iou())
        assert math.isnan(matrix.pixel_accuracy())
        assert math.isnan(matrix.category_iou("aabb")["a"])


def test_a_frame_that_is_all_void():
    void = np.full((3, 3), 255, np.uint8)
    assert _filled((void, np.zeros((3, 3), int))).counts.sum() == 0


def test_narrow_integers_do_not_wrap():
    """17 classes * 16 + 16 is more than a uint8 holds."""
    matrix = ConfusionMatrix(17)
    ids = np.full((2, 3), 16, np.uint8)
    matrix.update(ids, ids)
    assert matrix.counts[16, 16] == 6


def test_a_class_that_never_occurs_is_left_out_of_the_mean():
    labels = np.array([[0, 1]])
    matrix = _filled((labels, labels))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        iou = matrix.iou()
        assert matrix.mean_iou() == 1.0
    assert iou[:2].tolist() == [1.0, 1.0]
    assert all(math.isnan(value) for value in iou[2:])


def test_a_class_predicted_but_never_right_is_zero():
    matrix = _filled((np.array([[0, 0]]), np.array([[0, 3]])))
    assert matrix.iou()[3] == 0.0
    assert matrix.mean_iou() == pytest.approx(0.25)  # of classes 0 (1/2) and 3


def test_counts_beyond_int32():
    matrix = _filled((np.array([[0]]), np.array([[0]])))
    assert matrix.counts.dtype == np.int64
    matrix.counts[0, 0] = 2**31 - 1
    for _ in range(3):
        matrix.update(np.zeros((1, 5), np.uint8), np.zeros((1, 5), np.uint8))
    assert matrix.counts[0, 0] == 2**31 + 14
    matrix.counts[1, 0] = 2**40
    assert matrix.iou()[0] == pytest.approx((2**31 + 14) / (2**31 + 14 + 2**40))
    assert matrix.pixel_accuracy() == pytest.approx((2**31 + 14) / (2**31 + 14 + 2**40))


def test_other_shapes():
    with pytest.raises(ValueError, match=r"same shape. Received: \(2, 3\) and \(3, 2\)"):
        _filled((np.zeros((2, 3), int), np.zeros((3, 2), int)))


@pytest.mark.parametrize(
    ("label", "prediction", "message"),
    [
        (CLASSES, 0, "labels in 0..3 or 255. Received: values from 0 to 4"),
        (-1, 0, "labels in 0..3 or 255. Received: values from -1 to 0"),
        (254, 0, "labels in 0..3 or 255. Received: values from 0 to 254"),
        (0, CLASSES, "predictions in 0..3 or 255. Received: values from 0 to 4"),
        (0, -2, "predictions in 0..3 or 255. Received: values from -2 to 0"),
        (0, 254, "predictions in 0..3 or 255. Received: values from 0 to 254"),
    ],
)
def test_unknown_ids(label, prediction, message):
    matrix = ConfusionMatrix(CLASSES)
    with pytest.raises(ValueError, match=message):
        matrix.update(np.array([[0, label]]), np.array([[0, prediction]]))
    assert matrix.counts.sum() == 0

"""Weights of instances, and their hits in NumPy; test_official.py has the scores."""

import numpy as np
import pytest

from scmnet_zoo.data import BDD100K, CITYSCAPES
from scmnet_zoo.metrics import ConfusionMatrix, InstanceHits, instance_weights
from scmnet_zoo.metrics.instances import instance_categories

CAR, PERSON = (CITYSCAPES.classes.index(name) for name in ("car", "person"))
INSTANCES = np.array(
    [
        [26000, 26000, 26001, 26],  # two cars and a row of cars
        [24012, 0, 29000, 7],  # a person, unlabelled, a caravan (not evaluated), road
    ],
    np.uint16,
)
CAR_SIZE, PERSON_SIZE = 12794.0202738185, 3462.4756337644


def test_weights():
    weights = instance_weights(INSTANCES, CITYSCAPES)
    assert weights.dtype == np.float32
    expected = [[CAR_SIZE / 2, CAR_SIZE / 2, CAR_SIZE, 0], [PERSON_SIZE, 0, 0, 0]]
    np.testing.assert_allclose(weights, expected, rtol=1e-7)


def test_a_label_space_without_instances():
    assert not instance_weights(INSTANCES, BDD100K).any()
    assert instance_categories(BDD100K) == ()
    assert instance_categories(CITYSCAPES) == ("human", "vehicle")


def test_hits():
    hits = InstanceHits(CITYSCAPES)
    bus = CITYSCAPES.classes.index("bus")
    predictions = np.array([[CAR, bus, 255, 0], [PERSON, 0, 0, 0]], np.uint8)
    hits.update(INSTANCES, predictions)
    assert hits.totals[CAR] == pytest.approx(2 * CAR_SIZE)
    assert hits.hits[CAR] == pytest.approx(CAR_SIZE / 2)
    assert hits.related[CAR] == pytest.approx(CAR_SIZE)
    assert hits.hits[PERSON] == hits.totals[PERSON] == pytest.approx(PERSON_SIZE)
    assert hits.totals.sum() == pytest.approx(2 * CAR_SIZE + PERSON_SIZE)


def test_false_positives_are_not_weighted():
    hits, matrix = InstanceHits(CITYSCAPES), ConfusionMatrix(19)
    predictions = np.full(INSTANCES.shape, CAR, np.uint8)
    hits.update(INSTANCES, predictions)
    labels = np.array([[CAR, CAR, CAR, CAR], [PERSON, 255, 255, 0]], np.uint8)
    matrix.update(labels, predictions)
    assert hits.iou(matrix)[CAR] == pytest.approx(2 * CAR_SIZE / (2 * CAR_SIZE + 2))
    assert hits.iou(matrix)[PERSON] == 0
    assert np.isnan(hits.iou(matrix)[0])
    by_category = hits.category_iou(matrix)
    assert by_category["vehicle"] == pytest.approx(2 * CAR_SIZE / (2 * CAR_SIZE + 2))
    assert by_category["human"] == 0
    assert np.isnan(by_category["flat"])


@pytest.mark.parametrize(
    ("instances", "message"),
    [
        (INSTANCES.astype(float), "Received: float64 of shape"),
        (INSTANCES[None], r"Received: uint16 of shape \(1, 2, 4\)"),
    ],
)
def test_wrong_instances(instances, message):
    with pytest.raises(ValueError, match=message):
        instance_weights(instances, CITYSCAPES)


@pytest.mark.parametrize("prediction", [19, -1, 256])
def test_wrong_predictions(prediction):
    predictions = np.zeros(INSTANCES.shape, int)
    predictions[0, 0] = prediction
    with pytest.raises(ValueError, match=f"in 0..18 or 255. Received: {prediction}"):
        InstanceHits(CITYSCAPES).update(INSTANCES, predictions)
    with pytest.raises(ValueError, match=r"same shape. Received: \(2, 4\) and \(2, 3\)"):
        InstanceHits(CITYSCAPES).update(INSTANCES, predictions[:, :3])

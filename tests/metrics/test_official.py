"""Our scores against those of cityscapesscripts, on drawn frames."""

import keras
import numpy as np
import pytest
import scenes
from official_cityscapes import official_scores
from PIL import Image

from scmnet_zoo.data import CITYSCAPES, VOID
from scmnet_zoo.metrics import (
    ConfusionMatrix,
    InstanceHits,
    InstanceScores,
    SegmentationScores,
    instance_weights,
)

CLASSES = len(CITYSCAPES.labels)
CATEGORIES = [label.category for label in CITYSCAPES.labels]
FRAMES = 3
TRAIN, TERRAIN = (CITYSCAPES.classes.index(name) for name in ("train", "terrain"))


def _labels(seed):
    """A frame without trains and terrain: training ids, labelIds, instanceIds."""
    _, labels, instances = scenes.street(seed)
    instances[labels == 31] = 0
    labels[labels == 31] = 0
    instances[labels == 22] = 21
    labels[labels == 22] = 21
    return scenes.street_training_ids(labels), labels, instances


def _predictions(seed, with_void):
    """Labels moved by some pixels, with blocks of wrong classes; a train, but no terrain."""
    rng = np.random.default_rng(seed)
    true = scenes.street_training_ids(scenes.street(seed)[1])  # with the train
    true[true == TERRAIN] = 8
    seen = np.roll(true, (2, -3), (0, 1))
    seen[seen == VOID] = rng.choice([0, 2, 13, 17], (seen == VOID).sum())
    for _ in range(12):
        top, left = rng.integers(0, 50), rng.integers(0, 110)
        choice = rng.choice([n for n in range(CLASSES) if n != TERRAIN])
        seen[top : top + rng.integers(2, 9), left : left + rng.integers(2, 12)] = choice
    if with_void:
        seen[rng.random(seen.shape) < 0.1] = VOID
    return seen


@pytest.fixture(scope="module", params=[False, True], ids=["", "with_void"])
def frames(request, tmp_path_factory):
    """Training ids, instances and predictions, and the official scores of them."""
    labels, predictions = (tmp_path_factory.mktemp(name) for name in ("labels", "predictions"))
    table = np.zeros(256, np.uint8)  # void is given as unlabelled
    table[:CLASSES] = CITYSCAPES.ids
    found = []
    for seed, name in enumerate(scenes.cityscapes_names("val", FRAMES)):
        ids, label_ids, instances = _labels(seed)
        seen = _predictions(seed, request.param)
        Image.fromarray(label_ids).save(labels / f"{name}_gtFine_labelIds.png")
        Image.fromarray(instances).save(labels / f"{name}_gtFine_instanceIds.png")
        Image.fromarray(table[seen]).save(predictions / f"{name}.png")
        found.append((ids, instances, seen))
    return found, official_scores(predictions, labels)


def _assert_same(ours, official, tolerance):
    """Ours by name; what is not there is NaN or not evaluated in the official scores."""
    assert any(not np.isnan(value) for value in ours.values())
    for name, value in official.items():
        assert ours.get(name, np.nan) == pytest.approx(value, abs=tolerance, nan_ok=True), name
    assert set(ours) <= set(official)


def test_exact_scores_equal_the_official_ones(frames):
    found, official = frames
    matrix, hits = ConfusionMatrix(CLASSES), InstanceHits(CITYSCAPES)
    for ids, instances, seen in found:
        matrix.update(ids, seen)
        hits.update(instances, seen)
    classes = dict(zip(CITYSCAPES.classes, matrix.iou(), strict=True))
    assert np.isnan(classes["terrain"])
    assert classes["train"] == 0
    _assert_same(classes, official["classScores"], 1e-12)
    _assert_same(matrix.category_iou(CATEGORIES), official["categoryScores"], 1e-12)
    instances = dict(zip(CITYSCAPES.classes, hits.iou(matrix), strict=True))
    assert instances["train"] == 0
    _assert_same(instances, official["classInstScores"], 1e-12)
    _assert_same(hits.category_iou(matrix), official["categoryInstScores"], 1e-12)
    assert matrix.mean_iou() == pytest.approx(official["averageScoreClasses"], abs=1e-12)


@pytest.mark.parametrize("frames", [False], indirect=True, ids=[""])
def test_keras_metrics_equal_the_official_scores(frames):
    found, official = frames
    scores = SegmentationScores(CITYSCAPES, per_class=True)
    instance_scores = InstanceScores(CITYSCAPES, per_class=True)
    for ids, instances, seen in found:
        one_hot = np.eye(CLASSES, dtype="float32")[seen][None]
        scores.update_state(ids[None], one_hot)
        weights = instance_weights(instances, CITYSCAPES)
        instance_scores.update_state(ids[None], one_hot, sample_weight=weights[None])
    ours = scores.result() | instance_scores.result()
    ours = {key: float(keras.ops.convert_to_numpy(value)) for key, value in ours.items()}

    def named(prefix, names):
        keys = {name: f"{prefix}_{name.replace(' ', '_')}" for name in names}
        return {name: ours[key] for name, key in keys.items() if key in ours}

    names, categories = CITYSCAPES.classes, CITYSCAPES.categories
    _assert_same(named("iou", names), official["classScores"], 1e-6)
    _assert_same(named("niou", names), official["classInstScores"], 1e-6)
    _assert_same(named("category_iou", categories), official["categoryScores"], 1e-6)
    _assert_same(named("category_niou", categories), official["categoryInstScores"], 1e-6)
    means = ("miou", "niou", "category_miou", "category_niou")
    expected = [
        official[f"averageScore{kind}"]
        for kind in ("Classes", "InstClasses", "Categories", "InstCategories")
    ]
    assert [ours[key] for key in means] == pytest.approx(expected, abs=1e-6)

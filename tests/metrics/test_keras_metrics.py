"""The Keras metrics against the NumPy ones, in plain calls and in compiled steps."""

import keras
import numpy as np
import pytest
from keras import ops

from scmnet_zoo.data import CAMVID, CITYSCAPES
from scmnet_zoo.metrics import ConfusionMatrix, InstanceScores, SegmentationScores, _counting

NAMES = ("road", "car", "traffic sign")
CATEGORIES = ("ground", "vehicle", "ground")


def _batch(seed=0, shape=(2, 5, 7)):
    classes = len(NAMES)
    rng = np.random.default_rng(seed)
    labels = rng.choice([*range(classes), 255], shape).astype(np.uint8)
    return labels, rng.random((*shape, classes)).astype(np.float32)


def _values(results):
    return {key: float(ops.convert_to_numpy(value)) for key, value in results.items()}


def _matrix(*batches):
    matrix = ConfusionMatrix(len(NAMES))
    for labels, scores in batches:
        matrix.update(labels, scores.argmax(-1))
    return matrix


def _expected(matrix):
    by_category = matrix.category_iou(CATEGORIES)
    by_class = dict(zip(("road", "car", "traffic_sign"), matrix.iou(), strict=True))
    return {
        "miou": matrix.mean_iou(),
        "category_miou": np.mean(list(by_category.values())),
        "pixel_accuracy": matrix.pixel_accuracy(),
        **{f"iou_{name}": value for name, value in by_class.items()},
        **{f"category_iou_{name}": value for name, value in by_category.items()},
    }


def test_scores_of_several_batches():
    metric = SegmentationScores(NAMES, CATEGORIES, per_class=True)
    batches = [_batch(seed) for seed in range(3)]
    for labels, scores in batches:
        metric.update_state(labels, scores)
    assert _values(metric.result()) == pytest.approx(_expected(_matrix(*batches)), abs=1e-6)
    counts = metric.confusion_matrix().counts
    assert counts.dtype == np.int64
    np.testing.assert_array_equal(counts, _matrix(*batches).counts)


@pytest.mark.parametrize("metric", [SegmentationScores, InstanceScores])
def test_no_class_has_the_id_of_void(metric):
    with pytest.raises(ValueError, match=r"^Expected at most 255 classes.* Received: 256 names$"):
        metric([str(number) for number in range(256)])


def test_reset():
    metric = SegmentationScores(NAMES, CATEGORIES, per_class=True)
    metric.update_state(*_batch(1))
    metric.reset_state()
    assert all(np.isnan(value) for value in _values(metric.result()).values())
    metric.update_state(*_batch(2))
    assert _values(metric.result()) == pytest.approx(_expected(_matrix(_batch(2))), abs=1e-6)


@pytest.mark.parametrize(
    "change",
    [
        lambda labels, scores: (labels[..., None], scores),
        lambda labels, scores: (labels.astype("float32"), scores),
        lambda labels, scores: (labels.astype("int32"), {"main": scores, "aux": 1 - scores}),
        lambda labels, scores: (labels, np.log(scores)),
    ],
    ids=["last_axis", "float_labels", "auxiliary", "logits"],
)
def test_forms_of_labels_and_scores(change):
    metric = SegmentationScores(NAMES)
    labels, scores = _batch()
    metric.update_state(*change(labels, scores))
    expected = _matrix((labels, scores))
    np.testing.assert_array_equal(metric.confusion_matrix().counts, expected.counts)


@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ((2, 5, 7), (2, 5, 7, 4), r"scores of 3 classes.*\(2, 5, 7, 4\)"),
        ((2, 5, 8), (2, 5, 7, 3), r"Received: shapes \(2, 5, 8\) and \(2, 5, 7, 3\)"),
        ((2, 5, 7, 3), (2, 5, 7, 3), r"Received: shapes \(2, 5, 7, 3\)"),
        ((2, 5, 7), (2, 5, 7), r"Received: shapes \(2, 5, 7\) and \(2, 5, 7\)"),
    ],
)
def test_other_shapes(labels, scores, message):
    with pytest.raises(ValueError, match=message):
        SegmentationScores(NAMES).update_state(np.zeros(labels), np.zeros(scores))


def test_a_dict_without_main():
    with pytest.raises(ValueError, match=r"'main'. Received: \['other'\]"):
        SegmentationScores(NAMES).update_state(np.zeros((1, 2, 2)), {"other": 1})


def test_sample_weights_are_not_silently_ignored():
    labels, scores = _batch()
    with pytest.raises(ValueError, match="Expected no sample_weight"):
        SegmentationScores(NAMES).update_state(labels, scores, sample_weight=labels)
    with pytest.raises(ValueError, match="weights of the instances as sample_weight"):
        InstanceScores(NAMES, ["car"]).update_state(labels, scores)


@pytest.mark.parametrize("label", [3, 33, 254, -1])
def test_labels_that_are_no_training_ids_make_all_scores_nan(label):
    labels, scores = _batch()
    labels = labels.astype("int32")
    labels[1, 2, 3] = label
    metric = SegmentationScores(NAMES, CATEGORIES)
    metric.update_state(labels, scores)
    metric.update_state(*_batch(1))
    assert all(np.isnan(value) for value in _values(metric.result()).values())
    metric.reset_state()
    metric.update_state(*_batch(1))
    assert not any(np.isnan(value) for value in _values(metric.result()).values())


def test_a_class_that_never_occurs_is_left_out_of_the_mean():
    metric = SegmentationScores(NAMES, per_class=True)
    labels = np.array([[[0, 0, 1, 255]]])
    metric.update_state(labels, np.eye(3)[[[[0, 1, 1, 2]]]])
    values = _values(metric.result())
    assert np.isnan(values.pop("iou_traffic_sign"))
    assert values == pytest.approx(
        {"miou": 0.5, "pixel_accuracy": 2 / 3, "iou_road": 0.5, "iou_car": 0.5}
    )


@pytest.mark.parametrize("before", [2**30 - 1, 2**30, 2**31 - 1, 2**31, 2**40 + 2**30 - 1])
def test_counts_carry_past_what_32_bits_hold(before):
    metric = SegmentationScores(NAMES)
    preload = np.zeros((2, 3, 3), "int32")
    preload[:, 0, 0] = divmod(before, 2**30)
    preload[:, 0, 1] = divmod(before, 2**30)
    metric.counts.assign(preload)
    for _ in range(3):
        metric.update_state(np.zeros((1, 1, 5)), np.eye(3)[[[[0, 0, 0, 1, 2]]]])
    expected = np.zeros((3, 3), np.int64)
    expected[0] = [before + 9, before + 3, 3]
    np.testing.assert_array_equal(metric.confusion_matrix().counts, expected)
    value = _values(metric.result())["pixel_accuracy"]
    assert value == pytest.approx(expected[0, 0] / expected.sum(), abs=1e-6)


def test_a_count_beyond_float32():
    """Keras adds segments in float32 on PyTorch: 2**24 + 3 would be 2**24."""
    number = 2**24 + 3
    codes = np.zeros(number, np.int32)
    codes[:2] = 1
    counts = _counting.count(ops.convert_to_tensor(codes), ops.ones((number,), "bool"), 2)
    assert ops.convert_to_numpy(counts).tolist() == [number - 2, 2]


@pytest.mark.long
def test_a_batch_of_sixteen_full_frames():
    number = 16 * 1024 * 2048
    codes = ops.zeros((number,), "int32")
    where = ops.ones((number,), "bool")
    assert ops.convert_to_numpy(_counting.count(codes, where, 361))[0] == number
    digits = _counting.sum_digits(ops.full((number,), 4095.9998), codes, where, 2)
    total = ops.convert_to_numpy(digits).astype(np.int64)[0] @ [4096, 1]
    exact = int(np.float32(4095.9998) * np.float64(2) ** 31) * number
    assert sum(int(part) << (12 * place) for place, part in enumerate(total[::-1])) == exact


# Instances


def test_niou_by_a_loop():
    """Weights of any size; classes car and traffic sign have instances, a category is mixed."""
    labels, scores = _batch(3)
    rng = np.random.default_rng(0)
    weights = np.where(rng.random(labels.shape) < 0.3, 0, 10 ** rng.uniform(-2, 5, labels.shape))
    metric = InstanceScores(NAMES, ["traffic sign", "car"], CATEGORIES, per_class=True)
    metric.update_state(labels[:1], scores[:1], sample_weight=weights[:1])
    metric.update_state(labels[1:, ..., None], scores[1:], sample_weight=weights[1:, ..., None])
    seen, expected = scores.argmax(-1), {}
    for name, index in (("traffic_sign", 2), ("car", 1)):
        total = weights[labels == index].sum()
        wrong = ((labels != index) & (labels != 255) & (seen == index)).sum()
        right = weights[(labels == index) & (seen == index)].sum()
        expected[f"niou_{name}"] = right / (total + wrong)
    expected["niou"] = np.mean(list(expected.values()))
    expected["category_niou"] = expected["category_niou_vehicle"] = expected["niou_car"]
    assert _values(metric.result()) == pytest.approx(expected, rel=1e-6)


def test_sums_of_weights_do_not_depend_on_their_number():
    """A float32 sum of this many weights is off by more than 1e-4."""
    shape = (1, 512, 1024)
    labels = np.zeros(shape, np.uint8)
    scores = np.zeros((*shape, 3), np.float32)
    scores[..., 1] = 1
    scores[:, :, :341, 0] = 2
    weights = np.full(shape, 3462.4756337644 / 70001, np.float32)
    metric = InstanceScores(NAMES, ["road"])
    metric.update_state(labels, scores, sample_weight=weights)
    assert _values(metric.result())["niou"] == pytest.approx(341 / 1024, abs=1e-7)


@pytest.mark.parametrize("weight", [0.0123, 0.9, 67583.7])
def test_weights_of_any_size_are_summed_exactly(weight):
    weights = np.full((1, 30, 40), weight, np.float32)
    codes, where = ops.zeros((1, 30, 40), "int32"), ops.ones((1, 30, 40), "bool")
    digits = ops.convert_to_numpy(_counting.sum_digits(weights, codes, where, 1))
    parts = np.array([[unit * _counting.DIGIT, unit] for unit in _counting.UNITS])
    assert (digits * parts).sum() == weights.sum(dtype=np.float64)


def test_sums_of_weights_carry():
    metric = InstanceScores(NAMES, ["car"])
    sums = np.zeros(metric.sums.shape, "int32")
    sums[1] = 2**30 - 1
    metric.sums.assign(sums)
    labels = np.ones((1, 2, 2))
    metric.update_state(labels, np.eye(3)[labels.astype(int)], sample_weight=labels * 67583.7)
    after = ops.convert_to_numpy(metric.sums.value)
    assert (after[1] >= 0).all()
    assert (after[1] < 2**30).all()
    assert after[0].sum() > 0
    before = (2**30 - 1) * sum(4097 * unit for unit in _counting.UNITS)
    expected = (before + 4 * np.float32(67583.7)) / (3 * before + 4 * np.float32(67583.7))
    assert _values(metric.result())["niou"] == pytest.approx(expected, abs=1e-6)


def test_instances_of_labels_that_are_no_training_ids():
    labels, scores = _batch()
    metric = InstanceScores(NAMES, ["car"])
    metric.update_state(np.where(labels == 0, 33, labels), scores, sample_weight=labels)
    assert np.isnan(_values(metric.result())["niou"])


# In `compile`


def _network(classes):
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.Conv2D(classes, 1, name="classifier")(inputs))


def _no_loss(y_true, y_pred):
    """Takes weights as they are; on PyTorch Keras changes them where a loss ignores a class."""
    return ops.zeros_like(y_pred[..., 0])


# JAX runs minutes without compilation, and PyTorch's compiler is not Keras'.
COMPILED = {"tensorflow": [False, True], "jax": [True], "torch": [False]}[keras.backend.backend()]


@pytest.mark.parametrize("jit_compile", COMPILED)
def test_in_fit(jit_compile):
    """The logs equal what NumPy makes of the predictions; three batches, the last one smaller."""
    keras.utils.set_random_seed(0)
    images = np.random.default_rng(0).random((5, 8, 9, 3)).astype("float32")
    labels, _ = _batch(shape=(5, 8, 9))
    metric = SegmentationScores(NAMES, CATEGORIES, per_class=True)
    network = _network(3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)
    network.compile("sgd", loss, jit_compile=jit_compile, metrics=[metric])
    history = network.fit(
        images, labels, batch_size=2, epochs=2, validation_data=(images, labels), verbose=0
    )
    scores = network.predict(images, verbose=0)
    expected = _expected(_matrix((labels, scores)))
    last = {key: values[-1] for key, values in history.history.items()}
    assert {key: last[f"val_{key}"] for key in expected} == pytest.approx(expected, abs=1e-6)
    assert set(expected) < set(last)
    measured = network.evaluate(images, labels, batch_size=2, return_dict=True, verbose=0)
    assert {key: measured[key] for key in expected} == pytest.approx(expected, abs=1e-6)
    np.testing.assert_array_equal(
        metric.confusion_matrix().counts, _matrix((labels, scores)).counts
    )


@pytest.mark.parametrize("jit_compile", COMPILED)
def test_niou_in_evaluate(jit_compile):
    images = np.random.default_rng(0).random((3, 8, 9, 3)).astype("float32")
    labels, _ = _batch(shape=(3, 8, 9))
    weights = np.random.default_rng(1).random(labels.shape).astype("float32")
    arguments = (NAMES, ["car", "road"], CATEGORIES)
    network = _network(3)
    metrics = [InstanceScores(*arguments)]
    network.compile(loss=_no_loss, jit_compile=jit_compile, weighted_metrics=metrics)
    measured = network.evaluate(
        images, labels, batch_size=2, sample_weight=weights, return_dict=True, verbose=0
    )
    plain = InstanceScores(*arguments)
    plain.update_state(labels, network.predict(images, verbose=0), sample_weight=weights)
    for key, value in _values(plain.result()).items():
        assert measured[key] == pytest.approx(value, abs=1e-6)


# Arguments


@pytest.mark.parametrize(
    "metric",
    [
        SegmentationScores(CITYSCAPES, per_class=True, name="other"),
        SegmentationScores(NAMES),
        InstanceScores(CITYSCAPES),
        InstanceScores(NAMES, ["car"], CATEGORIES, per_class=True),
    ],
    ids=lambda metric: metric.name,
)
def test_saved_and_restored(metric):
    saved = keras.saving.serialize_keras_object(metric)
    assert saved["registered_name"].startswith("scmnet_zoo>")
    again = keras.saving.deserialize_keras_object(saved)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    assert again.result().keys() == metric.result().keys()


def test_names_from_a_label_space():
    assert SegmentationScores(CAMVID).classes == CAMVID.classes
    assert list(SegmentationScores(CAMVID).result()) == ["miou", "category_miou", "pixel_accuracy"]
    assert list(SegmentationScores(NAMES).result()) == ["miou", "pixel_accuracy"]
    scores = InstanceScores(CITYSCAPES, per_class=True)
    assert scores.instance_classes == CITYSCAPES.classes[11:]
    assert [key for key in scores.result() if key.startswith("category_niou_")] == [
        "category_niou_human",
        "category_niou_vehicle",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SegmentationScores([]), r"names of classes. Received: classes=\[\]"),
        (lambda: SegmentationScores("road"), "Received: classes='road'"),
        (lambda: SegmentationScores(11), "Received: classes=11"),
        (lambda: SegmentationScores(NAMES, ["a"]), "for each of 3 classes. Received: 1"),
        (lambda: InstanceScores(CAMVID), r"among sky, .*instance_classes=\[\]"),
        (lambda: InstanceScores(NAMES, ["bus"]), r"instance_classes=\['bus'\]"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()

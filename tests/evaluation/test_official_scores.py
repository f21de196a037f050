"""Our numbers and those that cityscapesscripts finds in exported predictions."""

import json

import numpy as np
import pytest
import scenes
from keras import ops
from official_cityscapes import official_scores
from testing_tools import randomise, run
from typer.testing import CliRunner

from scmnet_zoo import SCMNet, cli
from scmnet_zoo.data import CITYSCAPES
from scmnet_zoo.training.start import normalisation_of
from scmnet_zoo.weights import Metadata, write_checkpoint

runner = CliRunner()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scenes.draw_cityscapes(tmp_path_factory.mktemp("cityscapes") / "data")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """SCMNet with random weights, its logits standardised so that many classes win."""
    model = randomise(SCMNet(num_classes=19))
    logits = randomise(SCMNet(num_classes=19, classifier_activation=None))
    answers = run(logits, scenes.street(0)[0][None])
    kernel, bias = model.get_layer("head_classifier").weights
    spread = answers.std(axis=(0, 1, 2))
    kernel.assign(ops.convert_to_numpy(kernel) / spread)
    bias.assign((ops.convert_to_numpy(bias) - answers.mean(axis=(0, 1, 2))) / spread)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    classes = CITYSCAPES.classes
    metadata = Metadata("scmnet", {}, classes, normalisation_of(model), scenes.STREET_SIZE)
    write_checkpoint(path, model, metadata)
    return path


@pytest.mark.parametrize("mode", [[], ["--flip"]])
def test_scores_equal_the_official_ones_of_the_export(data, weights, tmp_path, mode):
    folders = ["--output", tmp_path / "scores", "--export-predictions", tmp_path / "predictions"]
    options = ["--weights", weights, "--dataset", "cityscapes", "--data", data, "--split", "val"]
    arguments = ["evaluate", *map(str, [*options, *folders, *mode])]
    result = runner.invoke(cli.app, arguments, env={"COLUMNS": "120"})
    assert result.exit_code == 0, result.stderr
    official = official_scores(tmp_path / "predictions", data / "gtFine" / "val")
    ours = json.loads((tmp_path / "scores" / "scores.json").read_text())
    for kind, iou, niou in (
        ("classes", "classScores", "classInstScores"),
        ("categories", "categoryScores", "categoryInstScores"),
    ):
        for name, found in ours[kind].items():
            for value, expected in ((found["iou"], official[iou]), (found["niou"], official[niou])):
                value = np.nan if value is None else value / 100
                assert value == pytest.approx(expected[name], abs=1e-6, nan_ok=True), name
    means = {
        "miou": "Classes",
        "niou": "InstClasses",
        "category_miou": "Categories",
        "category_niou": "InstCategories",
    }
    for key, name in means.items():
        assert ours[key] / 100 == pytest.approx(official[f"averageScore{name}"], abs=1e-6)
    assert sum(found["iou"] > 0 for found in ours["classes"].values()) > 5
    assert sum((found["niou"] or 0) > 0 for found in ours["classes"].values()) > 2
    for name in ("person", "human", "mean of classes", "mean of categories", "pixel accuracy"):
        assert name in result.stdout
    assert "nIoU %" in result.stdout

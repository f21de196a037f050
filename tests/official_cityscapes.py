"""Runs the evaluation of `cityscapesscripts` on files."""

import importlib
from pathlib import Path

import numpy as np
import pytest


def official_scores(predictions: Path, labels: Path) -> dict:
    """The scores of predictions by the official pixel-level evaluation.

    Args:
        predictions: folder with one PNG of labelIds a frame, as its server takes them.
        labels: folder in which gtFine's labelIds.png and instanceIds.png are, at any depth.

    Returns:
        By `"classScores"`, `"classInstScores"`, `"categoryScores"`, `"categoryInstScores"` a dict
        of scores by name, and the means by `"averageScoreClasses"` and so on.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "in1d", np.isin, raising=False)  # gone from NumPy 2.4
        module = "cityscapesscripts.evaluation.evalPixelLevelSemanticLabeling"
        official = importlib.import_module(module)
        args = official.CArgs()
        vars(args).update(vars(official.args))
        vars(args).update(quiet=True, JSONOutput=False, predictionPath=str(predictions))
        files = sorted(str(path) for path in labels.rglob("*_gtFine_labelIds.png"))
        found = [official.getPrediction(args, file) for file in files]
        return official.evaluateImgLists(found, files, args)

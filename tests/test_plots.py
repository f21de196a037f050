"""Pictures are drawn without pyplot, whole or not at all."""

import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf
from PIL import Image

from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.plots import confusion_figure, write_confusion

NAMES = ("road", "car", "sky")


def _matrix():
    matrix = ConfusionMatrix(3)
    matrix.update(np.array([0, 0, 0, 1, 0]), np.array([0, 0, 1, 1, 255]))
    return matrix


def test_the_figure_holds_the_shares_of_each_label():
    figure = confusion_figure(_matrix(), NAMES)
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.5, 0.25, 0], [0, 1, 0], [0, 0, 0]])
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "50", (1, 0): "25", (1, 1): "100"}
    assert [label.get_text() for label in axes.get_yticklabels()] == list(NAMES)


def test_other_names():
    with pytest.raises(ValueError, match=r"each of 3 classes\. Received: 2"):
        confusion_figure(_matrix(), NAMES[:2])


def test_written(tmp_path):
    write_confusion(tmp_path / "picture.png", _matrix(), NAMES)
    (path,) = tmp_path.iterdir()
    assert Image.open(path).size[0] > 100
    with pytest.raises(OSError, match="cannot be written"):
        write_confusion(tmp_path / "nowhere" / "picture.png", _matrix(), NAMES)


def test_no_figure_is_kept(tmp_path):
    """What pyplot draws stays in memory until it is closed."""
    write_confusion(tmp_path / "picture.png", _matrix(), NAMES)
    assert not Gcf.figs


def test_names_are_not_formulas(tmp_path):
    write_confusion(tmp_path / "a.png", _matrix(), ("a $\\x$", "$b$", "c"))
    assert (tmp_path / "a.png").is_file()

"""Class names of many scripts in the pictures that show them."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from scmnet_zoo import fonts, viz
from scmnet_zoo.data.check import check
from scmnet_zoo.data.report import plot_shares
from scmnet_zoo.fonts import shown_names
from scmnet_zoo.metrics import ConfusionMatrix
from scmnet_zoo.plots import confusion_figure

PALETTE = ((10, 200, 30), (250, 0, 0), (0, 0, 250))
SHARES = 0.5, 0.3, 0.2


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The only folder of fonts of this machine, empty."""
    monkeypatch.setattr(fonts, "FOLDERS", (str(tmp_path / "fonts"),))
    (tmp_path / "fonts").mkdir()
    _forget()
    yield tmp_path / "fonts"
    _forget()


def _forget():
    for function in (fonts.shown_names, fonts._font_with, fonts._font_files):
        function.cache_clear()


def _write_font(path, letters):
    """A font with a bar of another length for each letter."""
    names = [".notdef", *(f"uni{ord(letter):04X}" for letter in letters)]
    glyphs = {}
    for place, name in enumerate(names):
        pen = TTGlyphPen(None)
        corners = [(100, 0), (100, 700), (200 + 100 * place, 700), (200 + 100 * place, 0)]
        pen.moveTo(corners[0])
        for corner in corners[1:]:
            pen.lineTo(corner)
        pen.closePath()
        glyphs[name] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, letters), names[1:], strict=True)))
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Bars", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)


def _legend(names):
    """What is below a black picture."""
    shares = dict(zip(names, SHARES, strict=True))
    picture = viz.with_legend(Image.new("RGB", (300, 90)), names, PALETTE, shares)
    return np.asarray(picture)[90:]


def _confusion(names):
    matrix = ConfusionMatrix(3)
    matrix.counts[:] = 1
    figure = confusion_figure(matrix, names)
    figure.canvas.draw()
    labels = figure.axes[0].get_xticklabels(), figure.axes[0].get_yticklabels()
    return np.asarray(figure.canvas.buffer_rgba()), labels


COMMON = {
    "Cyrillic": ("дорога", "небо", "авто"),
    "Greek": ("δρόμος", "ουρανός", "car"),
    "Polish": ("ścieżka", "łąka", "car"),
    "Vietnamese": ("đường", "bầu trời", "xe"),
    "signs": ("→ road", "sky ½", "car²"),
}


@pytest.mark.parametrize("names", COMMON.values(), ids=COMMON)
def test_scripts_of_matplotlibs_own_font(names, caplog):
    for name, shown in zip(names, shown_names(names), strict=True):
        assert shown.text == name
        assert shown.font is None if name.isascii() else shown.font.name == "DejaVuSans.ttf"
    with warnings.catch_warnings(action="error"):
        _legend(names)
        _confusion(names)
    assert caplog.text == ""


RARE = {
    "Chinese": ("道路", "天空", "car"),
    "Japanese": ("みち", "ソラ", "car"),
    "Korean": ("도로", "하늘", "car"),
    "Thai": ("ถนน", "ฟ้า", "car"),
    "Devanagari": ("सड़क", "आकाश", "car"),
    "emoji": ("🛣", "🚗🏽", "car"),
    "control letters": ("ro\x07ad", "s\nky", "car"),
}


@pytest.mark.parametrize("names", RARE.values(), ids=RARE)
def test_without_a_font_the_number_is_shown(names, caplog):
    with warnings.catch_warnings(action="error"):
        pictures = _legend(names), _confusion(names)[0]
    assert [shown.text for shown in shown_names(names)] == ["class 0", "class 1", "car"]
    (record,) = caplog.records  # once, however many pictures are drawn
    assert "no font here has the letters" in record.getMessage()
    assert f"0 {names[0]}, 1 {names[1]}. Install one" in record.getMessage()
    numbers = ("class 0", "class 1", "car")
    for found, expected in zip(pictures, (_legend(numbers), _confusion(numbers)[0]), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_font_of_the_machine_is_found(folder, caplog):
    _write_font(folder / "deep" / "Bars-Regular.ttf", "道路天空")
    _write_font(folder / "Bars-Bold.ttf", "道路天空")
    (folder / "Aaa.ttf").write_bytes(b"no font")
    (folder / "Empty.otf").touch()
    names = ("道路", "天空", "car")
    first, second, third = shown_names(names)
    assert (first.text, second.text, third.text) == names
    assert first.font == second.font == Path(os.path.realpath(folder)) / "deep/Bars-Regular.ttf"
    assert third.font is None
    with warnings.catch_warnings(action="error"):
        legend, (picture, labels) = _legend(names), _confusion(names)
    assert caplog.text == ""
    # Other letters, other pictures: not boxes.
    assert not np.array_equal(legend, _legend(("路道", "天空", "car")))
    assert not np.array_equal(picture, _confusion(("路道", "天空", "car"))[0])
    for texts in labels:
        assert [text.get_text() for text in texts] == list(names)
        assert texts[0].get_fontsize() == texts[2].get_fontsize()


def test_a_font_of_only_some_letters_is_none(folder):
    _write_font(folder / "Bars.ttf", "道")
    assert [shown.text for shown in shown_names(("道", "道路"))] == ["道", "class 1"]


def test_fonts_without_letters_are_passed_over(folder):
    _write_font(folder / "LastResort.ttf", "道路")
    assert shown_names(("道路",))[0].text == "class 0"


def test_plain_names_are_as_they_were():
    """No font is looked for, so that nothing is imported."""
    names = ("road", "a $x$", "sky-2")
    assert [(shown.text, shown.font) for shown in shown_names(names)] == [(n, None) for n in names]
    assert fonts._font_files.cache_info().misses == 0


def test_the_shares_of_a_dataset(tmp_path, caplog):
    for kind in ("images", "masks"):
        (tmp_path / "own" / kind / "train").mkdir(parents=True)
    rows = "".join(f'[[class]]\nname = "{name}"\n' for name in ("道路", "небо", "a $x$"))
    (tmp_path / "own/classes.toml").write_text(rows, encoding="utf-8")
    Image.new("RGB", (3, 3), (9, 5, 1)).save(tmp_path / "own/images/train/0.png")
    Image.fromarray(np.arange(9, dtype=np.uint8).reshape(3, 3) % 3).save(
        tmp_path / "own/masks/train/0.png"
    )
    figure = plot_shares(check("folder", tmp_path / "own", ["train"]))
    with warnings.catch_warnings(action="error"):
        figure.canvas.draw()
    texts = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert texts == ["class 0", "небо", "a $x$"]

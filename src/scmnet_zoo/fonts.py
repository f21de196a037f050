"""Find fonts that can show class names in pictures."""

import functools
import logging
import os
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.text import Text

_log = logging.getLogger(__name__)

# Font folders of Linux, macOS and Windows.
FOLDERS = (
    "~/.local/share/fonts",
    "~/.fonts",
    "/usr/local/share/fonts",
    "/usr/share/fonts",
    "~/Library/Fonts",
    "/Library/Fonts",
    "/System/Library/Fonts",
    "~/AppData/Local/Microsoft/Windows/Fonts",
    "C:/Windows/Fonts",
)
SUFFIXES = (".ttf", ".otf", ".ttc", ".otc")
NO_LETTERS = ("lastresort", "blank")  # in names of fonts whose glyphs are boxes or empty
STYLES = ("bold", "italic", "oblique", "thin", "light", "black", "mono", "serif", "condensed")


@dataclass(frozen=True)
class Shown:
    """Text and font that show a class name in a picture.

    Attributes:
        text: the name, or `class NUMBER` if no font can show it.
        font: file of a font that can show it; None for the default font.
    """

    text: str
    font: Path | None


@functools.cache
def shown_names(names: tuple[str, ...]) -> tuple[Shown, ...]:
    """Return text and font for class names in pictures.

    Names in ASCII use the default font. Other names use DejaVu Sans, which comes with Matplotlib,
    or the first font of this machine that has all their letters. A warning lists names that no
    font can show.
    """
    shown, without = [], []
    for number, name in enumerate(names):
        letters = frozenset(filter(_is_drawn, name))
        font = None if _is_plain(letters) else _font_with(letters)
        if font is None and not _is_plain(letters):
            without.append(name)
            name = f"class {number}"
        shown.append(Shown(name, font))
    if without:
        _log.warning(
            "no font here has the letters of these classes, which pictures show by their numbers: "
            "%s. Install one that has, such as Noto Sans CJK (fonts-noto-cjk in Debian and Ubuntu)",
            ", ".join(f"{names.index(name)} {name}" for name in without),
        )
    return tuple(shown)


def set_fonts(texts: Iterable["Text"], names: Sequence[Shown]) -> None:
    """Set the font of each Matplotlib text to that of its name."""
    from matplotlib.font_manager import FontProperties

    for text, name in zip(texts, names, strict=True):
        if name.font is not None:
            text.set_fontproperties(FontProperties(fname=name.font, size=text.get_fontsize()))


def _is_drawn(letter: str) -> bool:
    """Whether a letter needs a glyph, unlike spaces, joiners and variation selectors."""
    selector = "\ufe00" <= letter <= "\ufe0f"
    return not (letter == " " or selector or unicodedata.category(letter) == "Cf")


def _is_plain(letters: Iterable[str]) -> bool:
    return all(letter.isascii() and letter.isprintable() for letter in letters)


@functools.cache
def _font_with(letters: frozenset[str]) -> Path | None:
    """Return the first font that has all the letters, or None."""
    return next((path for path in _font_files() if _has(path, letters)), None)


def _has(path: Path, letters: frozenset[str]) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        font = FT2Font(str(path))
        return bool(font.scalable) and set(map(ord, letters)) <= font.get_charmap().keys()
    except (OSError, RuntimeError, ValueError):  # not a font, or a damaged one
        return False


@functools.cache
def _font_files() -> tuple[Path, ...]:
    """Return DejaVu Sans, then this machine's fonts, regular upright sans-serif fonts first."""
    import matplotlib

    found = [
        Path(folder, name)
        for place in FOLDERS
        for folder, _, names in os.walk(os.path.realpath(os.path.expanduser(place)))
        for name in names
        if name.lower().endswith(SUFFIXES) and not any(no in name.lower() for no in NO_LETTERS)
    ]

    def rank(path: Path) -> tuple[int, str]:
        name = path.name.lower().replace("sansserif", "sans")
        return sum(style in name for style in STYLES), name

    own = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return (own, *sorted(found, key=rank))

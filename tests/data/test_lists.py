"""Lists of frames as people write them."""

import codecs

import pytest
import scenes

from scmnet_zoo.data.folder import folder
from scmnet_zoo.data.lists import listed_names
from scmnet_zoo.data.pairs import listing

KNOWN = {"a", "b.v2", "my photo", "day/c", "0001", "dé", "#7"}
LINES = {
    "a name": ("a", "a"),
    "a suffix": ("a.png", "a"),
    "another suffix": ("a.JPEG", "a"),
    "white space around": ("  a\t", "a"),
    "a point in the name": ("b.v2", "b.v2"),
    "a point in the name and a suffix": ("b.v2.png", "b.v2"),
    "a space in the name": ("my photo", "my photo"),
    "a space in the name and a suffix": ("my photo.jpg", "my photo"),
    "a folder": ("day/c", "day/c"),
    "the folder of the images": ("images/a.png", "a"),
    "the folders of the split": ("./images/train/day/c.png", "day/c"),
    "an absolute path": ("/home/me/set/images/a.png", "a"),
    "a path of Windows": (r"images\day\c.png", "day/c"),
    "quotes": ('"my photo.png"', "my photo"),
    "a pair of paths": ("images/a.png masks/a.png", "a"),
    "a pair of names": ("a a", "a"),
    "a pair with a tab": ("images/a.png\tmasks/a.png", "a"),
    "a pair with a comma": ("images/a.jpg, masks/a.png", "a"),
    "a pair with a semicolon": ("images/a.jpg;masks/a.png", "a"),
    "a pair with spaces in its names": ("images/my photo.jpg masks/my photo.png", "my photo"),
    "a pair in SegNet's manner": ("/S/train/0001.png /S/trainannot/0001.png", "0001"),
    "a mask with more to its name": ("stills/0001.png labels/0001_L.png", "0001"),
    "decomposed letters": ("de\u0301.png", "dé"),
    "a name like a comment": ("#7", "#7"),
    "a name that is not known": ("x/y.png", "x/y.png"),
}


@pytest.mark.parametrize(("line", "name"), LINES.values(), ids=LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_line(tmp_path, line, name, end):
    path = tmp_path / "train.txt"
    path.write_bytes(f"{line}{end}".encode())
    assert listed_names(path, KNOWN) == [name]


TEXTS = {
    "a mark of UTF-8": codecs.BOM_UTF8 + b"a\n0001\n",
    "CR LF": b"a\r\n0001\r\n",
    "CR": b"a\r0001\r",
    "UTF-16 as of PowerShell": codecs.BOM_UTF16_LE + "a\r\n0001\r\n".encode("utf-16-le"),
    "UTF-16, big end first": codecs.BOM_UTF16_BE + "a\n0001".encode("utf-16-be"),
    "empty lines": b"\n\na\n \t\n0001\n\n",
    "comments": b"# frames\na\n #0002\n0001\n",
    "marks in the midst, of files joined": "a\n\ufeff0001\n".encode(),
}


@pytest.mark.parametrize("content", TEXTS.values(), ids=TEXTS)
def test_a_file(tmp_path, content):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    assert listed_names(path, KNOWN) == ["a", "0001"]


FAULTS = {
    "another's mask": (b"0001\nimages/a.png masks/0001.png\n", r"line 2: expected .*same name\. "),
    "a mask that is not there": (b"a.png x.png\n", r"line 1: expected .*Received: a\.png x\.png$"),
    "another's mask, without suffixes": (b"images/a masks/0001\n", r"line 1: expected .*"),
    "a class": (b"a.png 3\n", r"line 1: expected a frame's name, or the paths of an image and "),
    "comments alone": (b"# a\n\n", r"at least one frame name in .*train\.txt\. Received: none"),
    "nothing": (b"", r"at least one frame name"),
    "another encoding": (b"stra\xdfe\n", r"train\.txt in UTF-8\. Received: "),
    "a line without end": (
        b"a\n" + b"x" * 5000,
        r"line 2: expected a frame's name\. .*: 5000 char",
    ),
    "half of UTF-16": (codecs.BOM_UTF16_LE + b"a", r"train\.txt in UTF-8\. Received: "),
}


@pytest.mark.parametrize(("content", "message"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path, content, message):
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        listed_names(path, KNOWN)
    assert "\n" not in str(caught.value)


def test_a_list_of_pairs_opens(tmp_path):
    root = scenes.draw_folder(tmp_path / "own", lists=True)
    names = [sample.name for sample in folder(root, "train").samples]
    lines = [f"images/{name}.png masks/{name}.png\r\n" for name in names]
    (root / "train.txt").write_text("# images and masks\r\n" + "".join(lines), newline="")
    assert [sample.name for sample in folder(root, "train").samples] == names
    assert list(listing("folder", root, "train").names) == names

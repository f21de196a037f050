"""CamVid with 11 classes, as frames and index labels with a list of names for each split.

The layout: `images/NAME.webp` (RGB, 960x720 or 480x360), `labels/NAME.png` (8-bit training ids,
255 void) and `train.txt`, `val.txt`, `test.txt` with one NAME a line.

Source: Brostow, Fauqueur, Cipolla 2009, doi 10.1016/j.patrec.2008.04.005; the split and the 11
classes are those of SegNet, arXiv 1511.00561.
"""

from pathlib import Path

from scmnet_zoo.data.dataset import Dataset, FileReader, Sample
from scmnet_zoo.data.labels import CAMVID
from scmnet_zoo.data.masks import training_ids

SPLITS = ("train", "val", "test")


def camvid(root, split: str) -> Dataset:
    """One split of CamVid.

    Args:
        root: the folder that holds `images`, `labels` and the lists.
        split: `"train"`, `"val"` or `"test"`.

    Raises:
        ValueError: an unknown split, no such folder or list, an empty list, or a missing frame.
    """
    if split not in SPLITS:
        raise ValueError(f"Expected split to be one of {SPLITS}. Received: split={split!r}")
    root = Path(root)
    names_file = root / f"{split}.txt"
    if not names_file.is_file():
        raise ValueError(f"Expected the list of frames {names_file}. Received: no such file")
    names = names_file.read_text(encoding="utf-8").split()
    if not names:
        raise ValueError(f"Expected at least one frame name in {names_file}. Received: none")
    samples = tuple(
        Sample(name, root / "images" / f"{name}.webp", root / "labels" / f"{name}.png")
        for name in names
    )
    for sample in samples:
        for path in (sample.image, sample.label):
            if not path.is_file():
                raise ValueError(f"Expected the file {path}, named in {names_file}")
    return Dataset("camvid", split, CAMVID, samples, FileReader(training_ids(CAMVID)))

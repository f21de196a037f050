"""A dataset from outside the package is opened, checked and measured on like the others."""

import numpy as np
import pytest
from PIL import Image

from scmnet_zoo.catalogue import DATASET_CARDS, DatasetCard
from scmnet_zoo.data import READERS, Dataset, Label, LabelSpace, open_dataset, palette_for
from scmnet_zoo.data.check import check
from scmnet_zoo.data.dataset import FileReader, check_split, named_files, paired, some_files
from scmnet_zoo.data.listing import Files, either
from scmnet_zoo.data.masks import training_ids
from scmnet_zoo.evaluation import FULL, protocol_of

SPLITS = ("train", "val")
SPACE = LabelSpace(
    "toydata", (Label("road", (1, 2, 3), "flat"), Label("sky", (4, 5, 6), "sky")), ()
)


def _files(root, split):
    return named_files(root / split, (".jpg",)), named_files(root / split, (".png",))


def read(root, split):
    """`SPLIT/NAME.jpg` with training ids in `SPLIT/NAME.png`."""
    check_split(split, SPLITS)
    images, labels = some_files(root / split, (".jpg",)), _files(root, split)[1]
    samples = paired(images, labels, root / split, ".png")
    return Dataset("toydata", split, SPACE, samples, FileReader(training_ids(SPACE)))


CARD = DatasetCard(
    key="toydata",
    title="Toy data",
    reader=read,
    files=Files(
        splits=lambda root: SPLITS,
        has=lambda root, split: (root / split).is_dir(),
        listing=lambda root, split: either(*_files(root, split)),
    ),
    space=SPACE,
    splits=SPLITS,
    labelled=SPLITS,
    licence="public domain",
)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(0)
    for split in SPLITS:
        (tmp_path / split).mkdir()
        for number in range(2):
            image = rng.integers(0, 256, (40, 60, 3), "uint8")
            Image.fromarray(image).save(tmp_path / split / f"{split}{number}.jpg")
            label = np.repeat([[0], [1]], 20, 0).repeat(60, 1).astype("uint8")
            Image.fromarray(label).save(tmp_path / split / f"{split}{number}.png")
    with DATASET_CARDS.temporarily(CARD):
        yield tmp_path


def test_it_is_opened(root):
    assert list(READERS)[-1] == "toydata"
    dataset = open_dataset("toydata", root, "val")
    assert [sample.name for sample in dataset.samples] == ["val0", "val1"]
    assert palette_for(("road", "sky")) == ((1, 2, 3), (4, 5, 6))
    assert protocol_of("toydata") is FULL


def test_it_is_checked(root):
    (root / "val" / "val1.png").unlink()
    report = check("toydata", root)
    assert report.frames == {"train": 2, "val": 1}
    assert [problem.kind for problem in report.errors] == ["pair"]

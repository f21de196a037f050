"""The cards: that they are true, and what is made of them."""

import dataclasses
import importlib.util
import inspect
import math
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import scmnet_zoo
from scmnet_zoo import models
from scmnet_zoo.catalogue import DATASET_CARDS, FORMAT_CARDS, NETWORK_CARDS
from scmnet_zoo.data import READERS, open_dataset
from scmnet_zoo.data.listing import Files
from scmnet_zoo.data.pairs import is_there, listing, splits_of
from scmnet_zoo.deploy.formats import PRECISIONS
from scmnet_zoo.evaluation import PROTOCOLS, protocol_of
from scmnet_zoo.weights import manifest

ROOT = Path(__file__).resolve().parents[1]
each_dataset = pytest.mark.parametrize("dataset", DATASET_CARDS.values(), ids=list(DATASET_CARDS))
each_format = pytest.mark.parametrize("format", FORMAT_CARDS.values(), ids=list(FORMAT_CARDS))
each_network = pytest.mark.parametrize("card", NETWORK_CARDS.values(), ids=list(NETWORK_CARDS))


def test_the_catalogue_starts_without_keras():
    code = "import sys, scmnet_zoo.catalogue; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


# Networks


def test_public_names_are_those_of_the_cards():
    assert list(scmnet_zoo.NETWORKS) == list(NETWORK_CARDS)
    for key, card in NETWORK_CARDS.items():
        assert models.factory_of(key) is scmnet_zoo.NETWORKS[key] is card.load()
        assert getattr(scmnet_zoo, card.name) is card.load()
        assert card.name in models.__all__  # so that type checkers know its arguments


@each_network
def test_a_card_is_true(card):
    parameters = inspect.signature(card.load()).parameters
    assert parameters["name"].default == card.key
    for given in (card.arguments, card.small):
        assert set(given) <= set(parameters)
    assert card.paper.citation.startswith(card.paper.authors)
    assert (card.load().__doc__ or "").find(card.paper.arxiv or card.paper.doi) > 0


@each_network
def test_numbers_of_parameters(card):
    model = card.load()()
    assert model.count_params() == card.parameters
    assert sum(math.prod(v.shape) for v in model.trainable_weights) == card.trainable


@each_network
def test_the_readme_has_the_card(card):
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line[:1] == "|"]
    (row,) = [row for row in rows if f"`{card.name}`" in row and row.startswith(f"| `{card.key}`")]
    assert f"| {card.parameters:,} |" in row
    assert f"[{card.paper.short}]({card.paper.link})" in row


# Datasets


@each_dataset
def test_a_dataset_card_is_true(dataset):
    assert READERS[dataset.key] is dataset.load_reader()
    assert isinstance(dataset.load_files(), Files)
    assert list(PROTOCOLS[dataset.key].values()) == list(dataset.protocols)
    if dataset.space is not None:
        assert dataset.load_space().name == dataset.key
        assert set(dataset.labelled) <= set(dataset.splits)


@each_dataset
def test_the_page_of_datasets_has_the_card(dataset):
    text = (ROOT / "docs" / "datasets.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{dataset.key}` |")]
    _, splits, classes, *_ = (cell.strip() for cell in row.strip("|").split("|"))
    assert splits == (", ".join(dataset.splits) or "yours")
    if dataset.space is not None:
        assert classes.split(",")[0] == str(len(dataset.load_space().classes))


def test_entries_state_the_licence_of_their_dataset():
    for entry in manifest.entries():
        card = DATASET_CARDS.get(entry.dataset)
        if card is not None:
            assert entry.data_licence.startswith(card.licence), entry.key


@pytest.mark.parametrize(
    "use",
    [
        protocol_of,
        lambda name: open_dataset(name, "nowhere", "train"),
        lambda name: splits_of(name, "nowhere"),
        lambda name: is_there(name, "nowhere", "train"),
        lambda name: listing(name, "nowhere", "train"),
    ],
)
def test_a_missing_dataset(use):
    with pytest.raises(ValueError, match=r"^Expected dataset to be one of camvid, .*'kitti'$"):
        use("kitti")


# Formats


@each_format
def test_a_format_card_is_true(format):
    assert importlib.util.find_spec(format.writer) is not None
    assert set(format.any_size) <= set(format.precisions) <= set(PRECISIONS)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    if format.extra:
        wanted = {module.replace("_", "-") for module in format.modules if module != "jax"}
        given = {re.split("[>=]", one)[0] for one in extras[format.extra]}
        assert wanted <= given


@each_format
def test_the_page_of_deployment_has_the_card(format):
    text = (ROOT / "docs" / "deploy.md").read_text()
    (row,) = [line for line in text.splitlines() if line.startswith(f"| `{format.key}` |")]
    _, file, any_size, precisions, needs, *_ = (cell.strip() for cell in row.strip("|").split("|"))
    assert file.startswith(f"`{format.suffix}`" if format.suffix else "folder")
    assert any_size.startswith("yes" if format.any_size else "no")
    assert precisions == ", ".join(format.precisions)
    if format.extra and format.backend != "jax":
        assert f"extra `{format.extra}`" in needs


# Any cards


def test_a_missing_card():
    with pytest.raises(ValueError, match=r"^Expected network to be one of scmnet, .*'segnet'$"):
        scmnet_zoo.NETWORKS["segnet"]
    assert "segnet" not in scmnet_zoo.NETWORKS
    assert scmnet_zoo.NETWORKS.get("segnet") is None


def test_cards_from_outside_the_package():
    before = list(NETWORK_CARDS)
    card = dataclasses.replace(NETWORK_CARDS["scmnet"], factory=lambda: None)
    with pytest.raises(ValueError, match=r"Expected a key other than scmnet, .*'scmnet'"):
        NETWORK_CARDS.add(card)
    with NETWORK_CARDS.temporarily(card):
        assert scmnet_zoo.NETWORKS["scmnet"] is card.factory
        NETWORK_CARDS.add(dataclasses.replace(card, key="other"))
        assert list(scmnet_zoo.NETWORKS) == [*before, "other"]
    assert list(NETWORK_CARDS) == before
    assert NETWORK_CARDS["scmnet"] is not card


def test_contributing_names_files_that_there_are():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    paths = re.findall(r"`((?:src|tests|docs)/[\w/]+\.\w+|[\w]+\.(?:md|toml))`", text)
    assert len(paths) > 15
    for path in paths:
        assert "NAME" in path or (ROOT / path).is_file(), path

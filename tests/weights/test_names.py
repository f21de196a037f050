"""Names of weights: found with a factory's arguments, what else there is, what was learned from."""

import json
import logging

import pytest
from typer.testing import CliRunner

from scmnet_zoo import DeepLabV3Plus, Segmenter, cli
from scmnet_zoo.publishing import card
from scmnet_zoo.weights import manifest, registry
from scmnet_zoo.weights.entry import VERSION, as_json, parse
from scmnet_zoo.weights.fetch.download import packaged_path
from scmnet_zoo.weights.places import own_path

LEARNED = (
    "Cityscapes' 19 classes learned from EfficientViT-B0's predictions; no Cityscapes image used; "
    "not measured on Cityscapes"
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A cache folder with nothing in it."""
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path / "home"))


@pytest.fixture
def users(tmp_path, monkeypatch):
    """Sets the user's manifest to entries as in JSON."""

    def use(*entries):
        path = tmp_path / "mine.json"
        path.write_text(json.dumps({"version": VERSION, "entries": entries}))
        monkeypatch.setenv(manifest.USERS, str(path))

    return use


def _hub(key, name):
    """An entry like a shipped one, on the Hub, under another name."""
    raw = as_json(manifest.find_key(key)) | {"name": name}
    raw["file"]["sources"] = [{"kind": "hub", "repository": "u/n", "revision": "a" * 40}]
    return raw


# With arguments


@pytest.mark.parametrize(
    ("network", "name", "arguments", "found"),
    [
        ("deeplabv3plus", "camvid", {}, "camvid"),
        ("deeplabv3plus", "camvid", {"backbone": None}, "camvid"),
        ("deeplabv3plus", "camvid", {"backbone": "xception65", "decoder": True}, "camvid"),
        ("deeplabv3plus", "camvid", {"aspp_rates": (6, 12, 18)}, "camvid"),
        ("deeplabv3plus", "camvid", {"backbone": "mobilenet_v2"}, "camvid_mobilenet_v2"),
        ("deeplabv3plus", "cityscapes", {"backbone": "xception"}, "cityscapes_xception"),
        ("deeplabv3plus", "camvid_xception", {"backbone": "mobilenet_v2"}, "camvid_xception"),
        ("deeplabv3plus", "camvid", {"backbone": "efficientnet_lite2"}, "camvid"),
        ("efficientvit", "cityscapes", {"variant": "b2"}, "cityscapes_b2"),
        ("scmnet", "camvid", {"residual": False}, "camvid"),
    ],
)
def test_a_name_is_found_with_the_arguments(network, name, arguments, found):
    assert manifest.find(network, name, arguments).name == found


def test_what_is_in_the_package_is_found_before_others(users, home):
    mobile = as_json(manifest.find_key("deeplabv3plus/bdd100k_mobilenet_v2"))
    users(
        mobile | {"name": "camvid_a"}, _hub("deeplabv3plus/camvid_mobilenet_v2", "camvid_b"), mobile
    )
    given = {"backbone": "mobilenet_v2"}
    assert manifest.find("deeplabv3plus", "camvid", given).name == "camvid_mobilenet_v2"


def test_a_factory_gives_its_arguments():
    model = DeepLabV3Plus(weights="camvid", backbone="mobilenet_v2", input_shape=(64, 96, 3))
    assert model.output_shape == (None, 64, 96, 11)
    with pytest.raises(ValueError, match="No weights 'camvid' of deeplabv3plus are published yet"):
        DeepLabV3Plus(weights="deeplabv3plus/camvid", backbone="mobilenet_v2")


def test_weights_by_default(users, home):
    assert [manifest.default(key) for key in ("scmnet", "deeplabv3plus", "efficientvit")] == [
        "camvid",
        "camvid_mobilenet_v2",
        "cityscapes",
    ]
    assert manifest.default("enet") == "camvid"
    assert len(Segmenter("deeplabv3plus").classes) == 11
    own = own_path("deeplabv3plus", "camvid")
    own.parent.mkdir(parents=True)
    own.touch()
    assert manifest.default("deeplabv3plus") == "camvid"


# Unpublished


def _message(key):
    with pytest.raises(ValueError, match="are published yet") as caught:
        manifest.published_file(manifest.find_key(key))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_same_network_and_classes_come_first(home):
    message = _message("fastscnn/bdd100k")
    first, rest = message.split(". ", 1)
    assert first == (
        "No weights 'bdd100k' of fastscnn are published yet: take weights='cityscapes', "
        "the same 19 classes"
    )
    assert rest.startswith("Or fastscnn/cityscapes_osmr. ")
    assert rest.index("efficientvit/cityscapes_b1") < rest.index("To train them: `scmnet-zoo train")
    assert "camvid" not in message


def test_then_other_networks_with_the_same_classes(home):
    message = _message("scmnet/bdd100k")
    assert "take weights='cityscapes', the same 19 classes. Of other networks with" in message
    assert "there are fastscnn/cityscapes, " in message
    message = _message("contextnet/bdd100k")
    assert "take scmnet/cityscapes, another network with the same 19 classes." in message
    assert " Or fastscnn/cityscapes, " in message
    assert " for other classes, contextnet/camvid. To train them: `" in message


def test_arguments_that_differ_are_named(home):
    message = _message("deeplabv3plus/camvid")
    assert ": take weights='camvid_mobilenet_v2' with backbone='mobilenet_v2', the same" in message
    assert "Of other networks with the same 11 classes there are scmnet/camvid, " in message


def test_weights_of_cityscapes_are_taken_for_those_of_bdd100k(users, home):
    """As soon as there are any."""
    users(_hub("fastscnn/cityscapes_osmr", "cityscapes"))
    assert "take weights='cityscapes', the same 19 classes. Or " in _message("fastscnn/bdd100k")


@pytest.mark.parametrize("entry", manifest.entries(), ids=lambda entry: entry.key)
def test_no_unpublished_name_is_without_another(entry, home):
    if entry.file is None:
        assert "are published yet: take " in _message(entry.key)


# What was learned from


@pytest.fixture
def learned(users):
    """An entry that says it."""
    users(_hub("scmnet/camvid", "taught") | {"learned_from": LEARNED})
    registry._tell.cache_clear()
    return manifest.find_key("scmnet/taught")


def test_the_manifest_holds_what_was_learned_from(learned):
    text = json.dumps({"version": VERSION, "entries": [as_json(learned)]})
    assert parse(text) == (learned,)
    assert learned.learned_from == LEARNED
    for wrong in ("", "two\nlines", 3, None):
        changed = as_json(learned) | {"learned_from": wrong}
        text = json.dumps({"version": VERSION, "entries": [changed]})
        with pytest.raises(ValueError, match="learned_from"):
            parse(text)
    assert manifest.find_key("scmnet/camvid").learned_from is None


def test_the_log_says_it_once(learned, monkeypatch, caplog):
    shipped = packaged_path(manifest.find_key("scmnet/camvid").file).read_bytes()
    monkeypatch.setattr(registry, "fetch", lambda file: shipped)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            registry.find_checkpoint("scmnet", "taught")
        registry.find_checkpoint("scmnet", "camvid")
    assert [record.message for record in caplog.records] == [f"scmnet/taught: {LEARNED}"]


def test_list_and_show_say_it(learned):
    def done(*words):
        return CliRunner().invoke(cli.app, ["weights", *words], env={"COLUMNS": "200"}).stdout

    assert f"scmnet/taught: {LEARNED.partition(';')[0]}\n" in done("list")
    assert LEARNED in done("show", "scmnet/taught")
    assert "camvid itself" in done("show", "scmnet/camvid")


def test_show_says_which_names_find_weights():
    result = CliRunner().invoke(
        cli.app, ["weights", "show", "deeplabv3plus/camvid_mobilenet_v2"], env={"COLUMNS": "200"}
    )
    assert (
        "weights='camvid_mobilenet_v2'; weights='camvid', backbone='mobilenet_v2'" in result.stdout
    )


def test_the_card_says_it(learned):
    assert card._learned_from(learned) == f"What they learned from: {LEARNED}\n\n"
    assert card._learned_from(manifest.find_key("scmnet/camvid")) == ""

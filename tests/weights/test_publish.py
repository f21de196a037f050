"""Publishing a run: what is written, what goes to the Hub, and that it comes back the same."""

import dataclasses
import json
import re
import shutil
from types import SimpleNamespace

import huggingface_hub
import markdown
import numpy as np
import pytest
import scenes
import tomli_w
from PIL import Image
from testing_tools import arrays, images, run
from typer.testing import CliRunner

from scmnet_zoo import FastSCNN, cli
from scmnet_zoo.data import CAMVID
from scmnet_zoo.evaluation import NoFramesError
from scmnet_zoo.evaluation.stated import compare
from scmnet_zoo.loading import load
from scmnet_zoo.publishing import card, prepare, publish, read_run, upload
from scmnet_zoo.training import shipped_recipe, train, with_overrides
from scmnet_zoo.training.recipe import tables_of
from scmnet_zoo.weights import Metadata, Normalisation, manifest, write_checkpoint
from scmnet_zoo.weights.entry import Https, as_json
from scmnet_zoo.weights.entry import Hub as HubSource
from scmnet_zoo.weights.fetch import cache

REPOSITORY, REVISION = "someone/fast-roads", "c0ffee" * 6 + "abcd"
RUN_JSON = {
    "network": "fastscnn",
    "weights": None,
    "dataset": "camvid",
    "train_splits": ["train"],
    "frames": {},
    "seed": 3,
    "sessions": [{"backend": "jax", "devices": "NVIDIA H100", "keras": "3.15.1"}],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scenes.draw(
        tmp_path_factory.mktemp("data") / "camvid", {"train": 2, "val": 1, "test": 1}, (360, 480)
    )


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """The files of a run that was none: random weights."""
    folder = tmp_path_factory.mktemp("run") / "run"
    folder.mkdir()
    normalisation = Normalisation((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
    metadata = Metadata("fastscnn", {}, CAMVID.classes, normalisation, (64, 96))
    write_checkpoint(folder / "best.safetensors", FastSCNN(num_classes=11), metadata)
    write_checkpoint(folder / "last.safetensors", FastSCNN(num_classes=11), metadata)
    recipe = tables_of(shipped_recipe("fastscnn", "camvid"))
    (folder / "recipe.toml").write_text(tomli_w.dumps(recipe))
    (folder / "run.json").write_text(json.dumps(RUN_JSON))
    (folder / "metrics.csv").write_text("epoch,loss\n1,2.0\n")
    Image.new("RGB", (8, 8)).save(folder / "curves.png")
    return folder


@pytest.fixture
def copied(untrained, tmp_path):
    return shutil.copytree(untrained, tmp_path / "run")


@pytest.fixture(scope="module")
def prepared(untrained, data, tmp_path_factory):
    output = tmp_path_factory.mktemp("output") / "published"
    return prepare(untrained, REPOSITORY, data, "test", output), output


@pytest.mark.parametrize(
    ("change", "words", "known"),
    [
        ([], "From random weights: ", False),
        (
            ["loss.hints=1.0", 'hints.a="b"'],
            "From random weights, with feature distillation from Eff",
            True,
        ),
        (['network.backbone_weights="imagenet"'], "backbone's weights imagenet: ", True),
    ],
)
def test_what_weights_know_of_imagenet_is_said(copied, change, words, known):
    recipe = with_overrides(shipped_recipe("fastscnn", "camvid"), change)
    (copied / "recipe.toml").write_text(tomli_w.dumps(tables_of(recipe)))
    run = read_run(copied)
    assert words in card._started(run)
    assert ("ImageNet" in publish._data_licence(run)) is known


def test_teachers_are_in_the_command_and_on_the_card(copied):
    teachers = ["scmnet/camvid", "0" * 64]
    (copied / "run.json").write_text(json.dumps({**RUN_JSON, "teachers": teachers}))
    run = read_run(copied)
    assert f"--teacher scmnet/camvid --teacher {'0' * 64} --seed 3" in run.command
    assert card._started(run) == f"From random weights, taught by scmnet/camvid and {'0' * 64}: "
    known = manifest.find_key("scmnet/camvid").data_licence
    assert publish._data_licence(run).endswith(f"; through scmnet/camvid: {known}")


def test_the_data_of_the_weights_before_are_said(copied):
    """Their terms bind what began with them."""
    (copied / "run.json").write_text(json.dumps({**RUN_JSON, "weights": "cityscapes_osmr"}))
    stated = publish._data_licence(read_run(copied))
    assert stated.startswith("CamVid, research data")
    assert "; through fastscnn/cityscapes_osmr: Cityscapes: non-commercial" in stated
    (copied / "run.json").write_text(json.dumps({**RUN_JSON, "weights": "0" * 64}))
    assert "through" not in publish._data_licence(read_run(copied))


def test_the_entry_passes_the_strict_parser_and_fits_its_file(prepared):
    entry, output = prepared
    (parsed,) = manifest.parse((output / "weights_manifest.json").read_text())
    assert parsed == entry
    assert entry.key == "fastscnn/camvid"
    assert entry.file.sources == (HubSource(REPOSITORY, "0" * 40),)
    content = (output / entry.file.name).read_bytes()
    assert len(content) == entry.file.size
    assert entry.parameters == FastSCNN(num_classes=11).count_params()
    assert (entry.recipe, entry.training_size) == ("fastscnn_camvid", (64, 96))
    assert entry.training_command == (
        "KERAS_BACKEND=jax scmnet-zoo train --network fastscnn --dataset camvid --data CAMVID "
        "--recipe fastscnn_camvid --seed 3 --output runs/fastscnn_camvid"
    )


def test_the_scores_are_those_of_evaluate(prepared, data):
    entry, output = prepared
    assert [result.protocol for result in entry.results] == ["A"]  # no frame is of 960x720
    for result in entry.results:
        where = ["evaluate", "--data", str(data), "--output", str(output.parent / "scores")]
        words = result.command.split()[2:]
        words[words.index("--weights") + 1] = str(output / entry.file.name)
        words[words.index("--data") + 1] = str(data)
        done = CliRunner().invoke(cli.app, [*where, *words])
        assert done.exit_code == 0, done.output
        scores = json.loads((output.parent / "scores" / "scores.json").read_text())
        assert scores["miou"] == pytest.approx(result.miou, abs=0.006)
        for name, value in result.iou.items():
            assert scores["classes"][name]["iou"] == pytest.approx(value, abs=0.006), name


def test_the_card_renders(prepared):
    entry, output = prepared
    text = (output / "README.md").read_text()
    card = huggingface_hub.ModelCard(text)
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "keras"
    assert [found.metric_value for found in card.data.eval_results] == [
        result.miou for result in entry.results
    ]
    page = markdown.markdown(card.text, extensions=["tables", "fenced_code"])
    assert page.count("<table>") == 2
    assert page.count("<tr>") == len(entry.results) + len(entry.classes) + 2
    for name, colour in zip(entry.classes, CAMVID.palette, strict=True):
        assert f"<td>{name}</td>\n<td><code>#{bytes(colour).hex()}</code></td>" in page
    for title in ("Use", "Results", "Intended use and limits", "Training", "Licences"):
        assert f"<h2>{title}</h2>" in page
    for name in re.findall(r'src="([^"]+)"', page):
        assert (output / name).is_file()
    assert f'hf_hub_download("{REPOSITORY}", "{entry.file.name}")' in text
    assert entry.data_licence in text
    assert entry.training_command in text


def test_no_frame_of_the_dataset_is_published(prepared):
    _, output = prepared
    assert {path.name for path in output.iterdir()} == {
        *("README.md", "fastscnn_camvid.safetensors", "weights_manifest.json"),
        *("recipe.toml", "metrics.csv", "curves.png", "sample.jpg", "sample.jpg.NOTICE"),
    }


def test_another_recipe_is_named_as_the_file(copied):
    recipe = with_overrides(shipped_recipe("fastscnn", "camvid"), ["epochs=7"])
    (copied / "recipe.toml").write_text(tomli_w.dumps(tables_of(recipe)))
    assert read_run(copied).recipe_name == "recipe.toml"
    assert "--recipe recipe.toml" in read_run(copied).command


def test_a_run_that_learned_from_the_validation_frames(copied):
    """Its best epoch by validation is none."""
    assert read_run(copied).path.name == "best.safetensors"
    assert read_run(copied, last=True).path.name == "last.safetensors"
    (copied / "run.json").write_text(json.dumps({**RUN_JSON, "train_splits": ["train", "val"]}))
    assert read_run(copied).path.name == "last.safetensors"
    assert "--train-split train --train-split val" in read_run(copied).command


def test_half_precision_is_half_the_size_and_nearly_the_same(untrained, prepared, data, tmp_path):
    full, output = prepared
    entry = prepare(untrained, REPOSITORY, data, "test", tmp_path / "half", half=True)
    assert entry.file.size < 0.55 * full.file.size
    assert entry.results[0].miou == pytest.approx(full.results[0].miou, abs=0.5)
    halved = FastSCNN(weights=tmp_path / "half" / entry.file.name)
    whole = arrays(FastSCNN(weights=output / full.file.name))
    for path, value in arrays(halved).items():
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, whole[path], rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    "name",
    [
        "last.safetensors",
        "best.safetensors",
        "recipe.toml",
        "run.json",
        "metrics.csv",
        "curves.png",
    ],
)
def test_an_unfinished_run_is_refused(copied, name):
    (copied / name).unlink()
    with pytest.raises(ValueError, match=f"folder of a training run. Received: .*without {name}"):
        read_run(copied)


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({**RUN_JSON, "sessions": []})])
def test_a_damaged_run_is_refused(copied, content):
    (copied / "run.json").write_text(content)
    with pytest.raises(ValueError, match=r"run\.json: cannot be read as that of a run"):
        read_run(copied)


def _refused(*arguments):
    done = CliRunner().invoke(cli.app, ["weights", "publish", *map(str, arguments)])
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    return line


def test_wrong_arguments_are_a_line_and_write_nothing(untrained, data, tmp_path):
    output = tmp_path / "new"
    rest = ["--data", data, "--dry-run", "--output", output]
    assert "field 'file.sources.0.repository'" in _refused(untrained, "--repo", "roads", *rest)
    good = ["--repo", REPOSITORY, *rest]
    assert "field 'name'" in _refused(untrained, *good, "--name", "My roads")
    assert "split" in _refused(untrained, *good, "--split", "nowhere")
    assert "field 'licence'" in _refused(untrained, *good, "--licence", "two\nlines")
    assert list(tmp_path.iterdir()) == []
    deep = tmp_path / "deep" / "er" / "new"
    nothing = ["--repo", REPOSITORY, "--data", tmp_path / "none", "--dry-run", "--output", deep]
    assert "none" in _refused(untrained, *nothing)
    assert list(tmp_path.iterdir()) == []
    output.mkdir()
    assert "Expected a new folder" in _refused(untrained, *good)
    assert list(output.iterdir()) == []


def test_the_licence_of_unknown_data_must_be_given(copied, data, tmp_path):
    (copied / "run.json").write_text(json.dumps({**RUN_JSON, "dataset": "folder"}))
    with pytest.raises(ValueError, match=r"data of 'folder' \(--data-licence TEXT, in Python"):
        prepare(copied, REPOSITORY, data, "test", tmp_path / "new")


class Hub:
    """Stands for `HfApi`: what is uploaded is to be had from a local server."""

    def __init__(self, server):
        self.server, self.made = server, []

    def create_repo(self, repository, exist_ok):
        self.made.append(repository)

    def upload_folder(self, repo_id, folder_path, ignore_patterns, commit_message):
        from pathlib import Path

        from tls_server import send

        for path in Path(folder_path).iterdir():
            if path.name not in ignore_patterns:
                place = f"/{repo_id}/resolve/{REVISION}/{path.name}"
                self.server.give(place, send(path.read_bytes()))
        return SimpleNamespace(oid=REVISION)


@pytest.fixture
def hub(server, monkeypatch):
    found = Hub(server)
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: found)
    monkeypatch.setattr(
        huggingface_hub.constants,
        "HUGGINGFACE_CO_URL_TEMPLATE",
        server.url("/{repo_id}/resolve/{revision}/{filename}"),
    )
    return found


def _answers(weights):
    return run(FastSCNN(weights=weights), images(64, 96))


def _from_hub_and_mirror(folder, data, output, hub, server, monkeypatch):
    """That a run is published, and that its weights answer the same from the Hub and a mirror."""
    from tls_server import send

    entry = upload(prepare(folder, REPOSITORY, data, "test", output), output)
    assert hub.made == [REPOSITORY]
    assert entry.file.sources == (HubSource(REPOSITORY, REVISION),)
    expected = _answers(folder / "best.safetensors")

    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(output / "weights_manifest.json"))
    asked = len(server.requests)
    cache.remove(entry.file)
    np.testing.assert_array_equal(_answers("camvid"), expected)
    assert [request.path for request in server.requests[asked:]] == [
        f"/{REPOSITORY}/resolve/{REVISION}/{entry.file.name}"
    ]

    url = server.give("/mirror", send((folder / "best.safetensors").read_bytes()))
    file = dataclasses.replace(entry.file, sources=(Https(url),))
    mirrored = dataclasses.replace(entry, file=file)
    content = {"version": 2, "entries": [as_json(mirrored)]}
    (output / "mirrored.json").write_text(json.dumps(content))
    monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(output / "mirrored.json"))
    cache.remove(file)
    np.testing.assert_array_equal(_answers("camvid"), expected)
    assert len(server.asked("/mirror")) == 1


@pytest.mark.network
def test_published_weights_come_back_the_same(untrained, data, tmp_path, hub, server, monkeypatch):
    _from_hub_and_mirror(untrained, data, tmp_path / "out", hub, server, monkeypatch)


@pytest.mark.long
def test_a_real_run_is_published(data, tmp_path, hub, server, monkeypatch):
    recipe = with_overrides(
        shipped_recipe("fastscnn", "camvid"),
        [
            *("epochs=1", "size=[64, 96]", "augmentation.crop=[64, 96]", "batch_size=2"),
            # What makes TensorFlow's graph large.
            *('optimiser.kind="sgd"', "optimiser.ema=0.0", "loss.auxiliary=0.0"),
        ],
    )
    train("fastscnn", "camvid", data, tmp_path / "run", recipe)
    _from_hub_and_mirror(tmp_path / "run", data, tmp_path / "out", hub, server, monkeypatch)


@pytest.fixture
def measured(prepared, tmp_path, monkeypatch):
    """The prepared entry as one of the user's, its file in the cache; a function changes it."""
    entry, output = prepared
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCMNET_ZOO_OFFLINE", "1")
    path = cache.cached_path(entry.file)
    path.parent.mkdir()
    shutil.copy(output / entry.file.name, path)

    def put(**changes):
        (result,) = entry.results
        changed = dataclasses.replace(entry, results=(dataclasses.replace(result, **changes),))
        content = {"version": 2, "entries": [as_json(changed)]}
        (tmp_path / "mine.json").write_text(json.dumps(content))
        monkeypatch.setenv("SCMNET_ZOO_MANIFEST", str(tmp_path / "mine.json"))

    return put


def test_evaluate_stated_compares_with_the_manifest(measured, prepared, data):
    alike = ["evaluate", "--stated", "--network", "fastscnn", "--data", str(data), "--weights"]
    arguments, named = [*alike, "camvid"], alike
    stated = prepared[0].results[0].miou
    measured()
    done = CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "120"})
    assert done.exit_code == 0, done.output
    assert f"{stated:.2f}" in done.stdout
    measured(miou=stated + 0.2)
    done = CliRunner().invoke(cli.app, arguments, env={"COLUMNS": "120"})
    assert done.exit_code == 1
    (line,) = done.stderr.splitlines()
    assert "more than 0.1 from the manifest: fastscnn/camvid A by -0.20" in line
    done = CliRunner().invoke(cli.app, [*named, "camvid", "--dataset", "cityscapes"])
    assert done.exit_code == 1
    assert "no result on cityscapes" in done.stderr
    done = CliRunner().invoke(cli.app, [*named, "cityscapes_osmr"])
    assert done.exit_code == 1
    assert "no result on camvid for fastscnn/cityscapes_osmr" in done.stderr


def test_evaluate_stated_keeps_what_it_has_measured(prepared, data):
    """No frame of the data is of 960x720, as protocol B wants them."""
    entry = prepared[0]
    (result,) = entry.results
    results = (dataclasses.replace(result, protocol="B"), result)
    found = compare((dataclasses.replace(entry, results=results),), "camvid", data)
    assert next(found).result.protocol == "A"
    with pytest.raises(NoFramesError, match="none for fastscnn/camvid test B"):
        next(found)


def test_the_split_that_has_labels(copied, data, tmp_path, monkeypatch):
    asked = []

    def measure(written, dataset, data, split, progress):
        asked.append((dataset, split))
        return ()

    monkeypatch.setattr(publish, "_measure", measure)
    for dataset in ("camvid", "cityscapes", "bdd100k"):
        (copied / "run.json").write_text(json.dumps({**RUN_JSON, "dataset": dataset}))
        prepare(copied, REPOSITORY, data, None, tmp_path / dataset)
    assert asked == [("camvid", "test"), ("cityscapes", "val"), ("bdd100k", "val")]


def test_a_split_without_labels_is_a_line(untrained, tmp_path):
    data = scenes.draw_cityscapes(tmp_path / "cityscapes")
    weights = untrained / "best.safetensors"
    with pytest.raises(ValueError, match=r"split with labels. Received: test of cityscapes, all"):
        publish._measure(load(weights), "cityscapes", data, "test", lambda *_: None)


@pytest.mark.network
def test_a_failed_upload_is_a_line_and_keeps_what_was_made(
    untrained, data, tmp_path, hub, monkeypatch
):
    def upload_folder(**_):
        raise OSError("403 Forbidden:\nno write access")

    monkeypatch.setattr(hub, "upload_folder", upload_folder)
    entry = prepare(untrained, REPOSITORY, data, "test", tmp_path / "out")
    with pytest.raises(OSError, match=r"upload to .* failed: 403 Forbidden: no write") as caught:
        upload(entry, tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert (tmp_path / "out" / "README.md").is_file()

"""Measure, describe and upload the weights of a training run."""

import dataclasses
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import huggingface_hub

from scmnet_zoo.catalogue.datasets import DATASET_CARDS
from scmnet_zoo.evaluation import PROTOCOLS, NoFramesError, evaluate, load
from scmnet_zoo.files import hidden_folder, write_text
from scmnet_zoo.images import example_photo
from scmnet_zoo.loading import Loaded
from scmnet_zoo.loading import load as load_network
from scmnet_zoo.models import factory_of
from scmnet_zoo.predict import Segmenter
from scmnet_zoo.publishing.card import model_card
from scmnet_zoo.publishing.run import Run, read_run
from scmnet_zoo.training.start import START_ONLY
from scmnet_zoo.weights import manifest
from scmnet_zoo.weights.checkpoint import write_tensors
from scmnet_zoo.weights.entry import VERSION, Entry, File, Hash, Hub, Result, as_json
from scmnet_zoo.weights.fetch.download import fetch

logger: logging.Logger = logging.getLogger(__name__)

MANIFEST, CARD, PICTURE = "weights_manifest.json", "README.md", "sample.jpg"
TAKEN_ALONG = ("recipe.toml", "metrics.csv", "curves.png")
NOT_UPLOADED = "0" * 40  # revision of an entry before the upload

# Added to the data licence after feature distillation or initial weights of a backbone.
THROUGH = "; ImageNet, through weights of another network that were trained on it"

Measuring = Callable[[str, int, int], None]  # protocol, frames done, frames in total


def prepare(
    run: str | os.PathLike[str],
    repository: str,
    data: str | os.PathLike[str],
    split: str | None,
    output: str | os.PathLike[str],
    name: str | None = None,
    licence: str = "Apache-2.0",
    data_licence: str | None = None,
    last: bool = False,
    half: bool = False,
    progress: Measuring = lambda protocol, done, total: None,
) -> Entry:
    """Write a new folder to publish: weights, manifest entry, model card, overlay and recipe.

    The written file of weights is measured by every protocol of the dataset.

    Args:
        run: folder of the training run.
        repository: `USER/NAME` on the Hub.
        data: folder of the run's dataset.
        split: split to measure on. None for test if it has labels, else val.
        output: new folder.
        name: name of the weights. Defaults to the name of the dataset.
        licence: licence of the weights.
        data_licence: licence of the data. Defaults to that of the dataset, if known.
        last: whether to publish the weights of the last epoch, see `read_run`.
        half: whether to store the kernels in float16, which halves the file.
        progress: called with (protocol, frames done, frames in total).

    Returns:
        The entry. Its revision is zeros until the upload.

    Raises:
        ValueError: not the folder of a run, a wrong name or repository, an unknown licence of the
            data, a split without labels, or an existing output.
        OSError: the output cannot be written.
    """
    found, output = read_run(run, last), Path(output)
    if output.exists():
        raise ValueError(
            f"Expected a new folder for the output. Received: {output}, which is there"
        )
    data_licence = data_licence or _data_licence(found)
    network = found.network
    split = split or DATASET_CARDS[found.dataset].labelled[-1]
    entry = _entry(found, repository, name or found.dataset, licence, data_licence)
    assert entry.file is not None
    try:
        with hidden_folder(output) as made:
            path = made / entry.file.name
            assert isinstance(found.checkpoint.tensors, Mapping)  # as of all .safetensors files
            write_tensors(path, found.checkpoint.tensors, found.metadata, half)
            written = load_network(path, network)
            file = _filled(entry.file, path.stat().st_size, written.source.hash)
            entry = dataclasses.replace(entry, file=file)
            results = _measure(written, found.dataset, data, split, progress)
            entry = dataclasses.replace(entry, results=results)
            _write(made, entry, found, written, repository)
            made.chmod(0o755)
            made.rename(output)
    except OSError as error:
        raise OSError(f"{output}: cannot be written: {error.strerror or error}") from error
    return entry


def _data_licence(run: Run) -> str:
    """Return the licences of a run's data, including data of teachers and initial weights."""
    known = DATASET_CARDS[run.dataset].licence
    if not known:
        raise ValueError(
            f"Expected the licence of the data of {run.dataset!r} "
            "(--data-licence TEXT, in Python data_licence). Received: none"
        )
    helped = run.recipe.loss.feature_distillation or START_ONLY in run.recipe.arguments
    before = {f"{run.network}/{run.weights}", *run.teachers}  # files are not in the manifest
    through = [
        f"; through {one.key}: {one.data_licence}"
        for one in manifest.entries()
        if one.key in before
    ]
    return "".join([known, THROUGH if helped else "", *through])


def upload(entry: Entry, folder: str | os.PathLike[str]) -> Entry:
    """Upload the folder of `prepare` to the Hub, and pin its entry to the commit.

    The variable `SCMNET_ZOO_MANIFEST` can then name the folder's `weights_manifest.json`.

    Args:
        entry: entry returned by `prepare`.
        folder: output folder of `prepare`.

    Returns:
        The entry with the commit as its revision.

    Raises:
        OSError: the upload fails, or the downloaded file differs from the uploaded one.
    """
    file = manifest.published_file(entry)
    (source,) = file.sources
    assert isinstance(source, Hub)
    hub = huggingface_hub.HfApi()
    try:
        hub.create_repo(source.repository, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=source.repository,
            folder_path=str(folder),
            ignore_patterns=[MANIFEST],
            commit_message=f"{entry.key} of scmnet-zoo",
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise OSError(
            f"The upload to {source.repository} failed: {reason}; {folder} is kept"
        ) from error
    file = dataclasses.replace(file, sources=(Hub(source.repository, commit.oid),))
    entry = dataclasses.replace(entry, file=file)
    _write_manifest(Path(folder), entry)
    fetch(file)
    return entry


def _entry(run: Run, repository: str, name: str, licence: str, data_licence: str) -> Entry:
    """Return the entry of a run's weights before they are written and measured.

    Raises:
        ValueError: the manifest's parser rejects a field; the message names it.
    """
    metadata = run.metadata
    model = factory_of(run.network)(weights=run.checkpoint)
    normalisation = metadata.normalisation
    file = File(
        name=f"{run.network}_{name}.safetensors",
        format="safetensors",
        size=1,
        maximum_size=1,
        hash=Hash("sha256", "0" * 64),
        sources=(Hub(repository, NOT_UPLOADED),),
    )
    entry = Entry(
        network=run.network,
        name=name,
        arguments=metadata.arguments,
        dataset=run.dataset,
        classes=metadata.classes,
        normalisation={
            "mean": list(normalisation.mean or ()),
            "std": list(normalisation.std or ()),
        },
        training_size=metadata.training_size or run.recipe.size,
        parameters=model.count_params(),
        licence=licence,
        data_licence=data_licence,
        recipe=run.recipe_name,
        training_command=run.command,
        file=file,
        made=None,
        results=(),
    )
    manifest.parse(_as_text(entry), "the new entry")
    return entry


def _filled(file: File, size: int, found: str) -> File:
    """A file's description with the size and the hash of its content."""
    return dataclasses.replace(
        file, size=size, maximum_size=size, hash=Hash(*found.split(":", maxsplit=1))
    )


def _as_text(entry: Entry) -> str:
    content = {"version": VERSION, "entries": [as_json(entry)]}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _measure(
    written: Loaded,
    dataset: str,
    data: str | os.PathLike[str],
    split: str,
    progress: Measuring,
) -> tuple[Result, ...]:
    """The scores of weights by each protocol of the dataset that has frames."""
    results, name = [], Path(written.source.file).name
    for protocol in PROTOCOLS[dataset]:
        task = load(None, written, dataset, data, split, protocol)

        def frames(done: int, total: int, protocol: str = protocol) -> None:
            progress(protocol, done, total)

        try:
            scores = evaluate(*task, progress=frames)
        except NoFramesError as error:
            logger.info("not measured by protocol %s: %s", protocol, error)
            continue
        if not scores.labelled:
            raise ValueError(
                f"Expected a split with labels. Received: {split} of {dataset}, all of them void"
            )
        command = (
            f"scmnet-zoo evaluate --network {written.source.network} --weights {name} "
            f"--dataset {dataset} --data {dataset.upper()} --split {split} --protocol {protocol}"
        )
        iou = {
            key: None if math.isnan(value) else round(100 * value, 2)
            for key, value in scores.iou().items()
        }
        miou = round(100 * scores.mean_iou(), 2)
        results.append(Result(dataset, split, protocol, miou, iou, command))
        logger.info("%s %s, protocol %s: %.2f mIoU", dataset, split, protocol, miou)
    return tuple(results)


def _write(folder: Path, entry: Entry, run: Run, written: Loaded, repository: str) -> None:
    """Everything beside the weights."""
    assert entry.file is not None
    for name in TAKEN_ALONG:
        shutil.copyfile(run.folder / name, folder / name)
    sample = Segmenter(weights=written)(example_photo())
    sample.overlay().convert("RGB").save(folder / PICTURE, quality=90)
    shutil.copyfile(example_photo().with_name("NOTICE"), folder / f"{PICTURE}.NOTICE")
    write_text(folder / CARD, model_card(entry, entry.file, run, repository, PICTURE))
    _write_manifest(folder, entry)


def _write_manifest(folder: Path, entry: Entry) -> None:
    write_text(folder / MANIFEST, _as_text(entry))

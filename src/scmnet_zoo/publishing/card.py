"""Model cards of published weights on the Hugging Face Hub."""

import math

from huggingface_hub import EvalResult, ModelCardData

from scmnet_zoo.catalogue.networks import NETWORK_CARDS
from scmnet_zoo.data.labels import Colour
from scmnet_zoo.publishing.run import Run
from scmnet_zoo.training.start import START_ONLY
from scmnet_zoo.weights.entry import Entry, File, Result

DISTILLED = (
    ", with feature distillation from EfficientNet-Lite2, whose weights are trained on ImageNet"
)
HUB_LICENCES = ("apache-2.0", "mit", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0")


def model_card(entry: Entry, file: File, run: Run, repository: str, picture: str) -> str:
    """Return the text of a model card: a YAML header for the Hub, then Markdown.

    Args:
        entry: manifest entry of the weights, with results.
        file: file of the weights in the repository.
        run: training run of the weights.
        repository: `USER/NAME` on the Hub.
        picture: file name of the sample overlay.
    """
    return (
        f"---\n{_header(entry, repository)}\n---\n\n{_body(entry, file, run, repository, picture)}"
    )


def _header(entry: Entry, repository: str) -> str:
    results = [
        EvalResult(
            task_type="image-segmentation",
            dataset_type=result.dataset,
            dataset_name=result.dataset,
            dataset_split=result.split,
            metric_type="mean_iou",
            metric_name=f"mIoU, protocol {result.protocol}",
            metric_value=result.miou,
        )
        for result in entry.results
    ]
    known = entry.licence.lower() in HUB_LICENCES
    data = ModelCardData(
        model_name=repository.split("/")[1],
        license=entry.licence.lower() if known else "other",
        license_name=None if known else entry.licence,
        library_name="keras",
        pipeline_tag="image-segmentation",
        tags=["semantic-segmentation", "real-time", "road-scenes", "scmnet-zoo", entry.network],
        eval_results=results,
    )
    return data.to_yaml().strip()


def _body(entry: Entry, file: File, run: Run, repository: str, picture: str) -> str:
    card = NETWORK_CARDS[entry.network]
    factory = card.name
    height, width = entry.training_size
    return f"""# {factory} trained on {entry.dataset}

{factory} ({card.paper.citation}) for the {len(entry.classes)} classes of {entry.dataset}:
{entry.parameters:,} parameters, trained on frames of {width}x{height} pixels with
[scmnet-zoo](https://pypi.org/project/scmnet-zoo/), Keras and {run.session["backend"]}.

{_learned_from(entry)}![Overlay of the predicted classes on a photograph of a street]({picture})

## Use

```python
from huggingface_hub import hf_hub_download
from scmnet_zoo import {factory}

path = hf_hub_download("{repository}", "{file.name}")
model = {factory}(weights=path)  # RGB 0..255 in, {len(entry.classes)} probabilities a pixel out
```

On the command line: `scmnet-zoo segment photo.jpg --network {entry.network} --weights {file.name}`.

## Results

{_summary(entry)}

IoU by class in percent, and the colour of the class in overlays and masks:

{_table(entry, run)}

## Intended use and limits

For road scenes seen from a car in daylight, like those of {entry.dataset}: research, teaching, and
as initial weights for fine-tuning. Accuracy with other cameras, weather, countries and at night is
not measured. Do not use it for safety-critical decisions.

## Training

```
{entry.training_command}
```

{_started(run)}{run.recipe.epochs} epochs of {" and ".join(run.train_splits)}, batches of
{run.recipe.batch_size}, seed {run.seed}, {run.recipe.precision}, on {run.session["devices"]} with
{_versions(run)}.
`recipe.toml` has the recipe, `metrics.csv` the metrics of each epoch, `curves.png` their plot.

## Licences

Weights: {entry.licence}. Training data: {entry.data_licence}. The photograph in `{picture}` is
under the MIT licence ({picture}.NOTICE). This repository has no frame of the dataset.
"""


def _learned_from(entry: Entry) -> str:
    """A paragraph, where the dataset's name does not say it all."""
    return "" if entry.learned_from is None else f"What they learned from: {entry.learned_from}\n\n"


def _summary(entry: Entry) -> str:
    rows = ["| dataset | split | protocol | mIoU % | command |", "|---|---|---|---:|---|"]
    rows += [
        f"| {r.dataset} | {r.split} | {r.protocol} | {r.miou:.2f} | `{r.command}` |"
        for r in entry.results
    ]
    return "\n".join(rows)


def _table(entry: Entry, run: Run) -> str:
    colours = dict(zip(run.metadata.classes, run.metadata.colours, strict=True))
    titles = [f"{r.dataset} {r.split}, {r.protocol}" for r in entry.results]
    rows = [f"| class | colour | {' | '.join(titles)} |", f"|---|---|{'---:|' * len(titles)}"]
    rows += [
        " | ".join([f"| {name}", _hexadecimal(colours[name]), *_percents(entry, name)]) + " |"
        for name in entry.classes
    ]
    return "\n".join(rows)


def _hexadecimal(colour: Colour) -> str:
    return "`#{:02x}{:02x}{:02x}`".format(*colour)


def _percents(entry: Entry, name: str) -> list[str]:
    return [_percent(result, name) for result in entry.results]


def _percent(result: Result, name: str) -> str:
    value = result.iou[name] if result.iou else None
    return "-" if value is None or math.isnan(value) else f"{value:.2f}"


def _started(run: Run) -> str:
    start = "From random weights" if run.weights is None else f"From the weights {run.weights}"
    backbone = run.recipe.arguments.get(START_ONLY)
    if run.weights is None and backbone is not None:
        start = f"From the backbone's weights {backbone}"
    taught = f", taught by {' and '.join(run.teachers)}" if run.teachers else ""
    return f"{start}{taught}{DISTILLED if run.recipe.loss.feature_distillation else ''}: "


def _versions(run: Run) -> str:
    names = ("scmnet_zoo", "keras", run.session["backend"], "numpy")
    return ", ".join(f"{name} {run.session[name]}" for name in names if name in run.session)

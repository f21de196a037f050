"""Draws the chart of docs/performance.md: `python -m lab.latency.chart PICTURE.png`.

Times are those of lab/reports/performance.md, collected in lab/reports/speed.csv; mIoU is what the
manifest states by CamVid's protocol A.
"""

import csv
import sys
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from scmnet_zoo.files import whole_file
from scmnet_zoo.weights import manifest

TIMES = Path(__file__).resolve().parents[1] / "reports" / "speed.csv"
NAMES = {
    "scmnet": "SCMNet",
    "fastscnn": "Fast-SCNN",
    "contextnet": "ContextNet",
    "deeplabv3plus": "DeepLabV3+\nMobileNetV2",
}
TICKS = {"two CPU cores": (10, 20, 50, 100, 200, 400), "one H100": (0.5, 1, 2, 5)}  # milliseconds


def miou(network: str, weights: str) -> float:
    """The stated mIoU on CamVid's test split by protocol A, in percent."""
    results = manifest.find(network, weights).results
    (found,) = [one.miou for one in results if (one.dataset, one.protocol) == ("camvid", "A")]
    return found


def figure() -> Figure:
    """mIoU against milliseconds, a panel for each machine."""
    with TIMES.open(newline="") as file:
        rows = list(csv.DictReader(file))
    made = Figure(figsize=(4.5 * len(TICKS), 3.6), layout="constrained")
    FigureCanvasAgg(made)
    panels = made.subplots(1, len(TICKS), squeeze=False, sharey=True)[0]
    for axes, (machine, ticks) in zip(panels, TICKS.items(), strict=True):
        shown = [row for row in rows if row["machine"] == machine]
        for row in shown:
            point = (float(row["ms"]), miou(row["network"], row["weights"]))
            axes.plot(*point, "o", color="tab:blue")
            name = NAMES[row["network"]]
            axes.annotate(name, point, (6, 4), textcoords="offset points", fontsize=8)
        axes.set_title(f"{machine}, {shown[0]['size']}, {shown[0]['engine']}", fontsize=9)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlim(ticks[0], ticks[-1])
        axes.set_xlabel("milliseconds an image")
        axes.grid(alpha=0.3)
    panels[0].set_ylim(64, 74)
    panels[0].set_ylabel("mIoU on CamVid, %")
    return made


def main() -> None:
    """Write the picture."""
    if len(sys.argv) != 2:
        sys.exit(f"Expected the path of a picture. Received: {' '.join(sys.argv[1:]) or 'nothing'}")
    with whole_file(sys.argv[1]) as part:
        figure().savefig(part, dpi=110, format="png")


if __name__ == "__main__":
    main()

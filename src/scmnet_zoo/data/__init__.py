"""Datasets: what their labels mean, and how they are read and augmented."""

from scmnet_zoo.data.labels import CAMVID, CITYSCAPES, VOID, Label, LabelSpace, palette_for

__all__ = ["CAMVID", "CITYSCAPES", "VOID", "Label", "LabelSpace", "palette_for"]

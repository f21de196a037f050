"""The losses in plain NumPy, float64 and loops, as the papers write them.

Each takes labels (batch, height, width) and probabilities (batch, height, width, classes).
"""

import math

import numpy as np


def softmax(logits):
    powers = np.exp(logits.astype("float64") - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def _pixels(labels, probabilities):
    """(label, probabilities) of each pixel that is not void."""
    classes = probabilities.shape[-1]
    pairs = zip(labels.ravel(), probabilities.reshape(-1, classes), strict=True)
    return [(int(label), p.astype("float64")) for label, p in pairs if label != 255]


def cross_entropy(labels, probabilities, class_weights=None, smoothing=0.0):
    total = weights = 0.0
    for label, p in _pixels(labels, probabilities):
        weight = 1.0 if class_weights is None else class_weights[label]
        for c, p_c in enumerate(p):
            target = smoothing / len(p) + (1 - smoothing) * (c == label)
            if target:
                total -= weight * target * math.log(p_c)
        weights += weight
    return total / weights if weights else 0.0


def ohem(labels, probabilities, threshold, min_kept, class_weights=None):
    pixels = _pixels(labels, probabilities)
    ordered = sorted(p[label] for label, p in pixels)
    least = math.ceil(round(min_kept * len(pixels), 6))
    hardest = ordered[least - 1] if least else -1.0
    total = weights = 0.0
    for label, p in pixels:
        if p[label] < threshold or p[label] <= hardest:
            weight = 1.0 if class_weights is None else class_weights[label]
            total -= weight * math.log(p[label])
            weights += weight
    return total / weights if weights else 0.0


def focal(labels, probabilities, gamma, class_weights=None):
    total = weights = 0.0
    for label, p in _pixels(labels, probabilities):
        weight = 1.0 if class_weights is None else class_weights[label]
        total -= weight * (1 - p[label]) ** gamma * math.log(p[label])
        weights += weight
    return total / weights if weights else 0.0


def _mean_of_classes(losses, class_weights):
    """Of a dict of losses by class."""
    weights = {c: 1.0 if class_weights is None else class_weights[c] for c in losses}
    total = sum(weights.values())
    return sum(weights[c] * losses[c] for c in losses) / total if total else 0.0


def dice(labels, probabilities, smooth=0.0, class_weights=None):
    pixels = _pixels(labels, probabilities)
    losses = {}
    for c in {label for label, _ in pixels}:
        shared = sum(p[c] for label, p in pixels if label == c)
        squares = sum(p[c] ** 2 for _, p in pixels) + sum(label == c for label, _ in pixels)
        losses[c] = 1 - (2 * shared + smooth) / (squares + smooth)
    return _mean_of_classes(losses, class_weights)


def lovasz(labels, probabilities, class_weights=None, classes="present"):
    """Equations 8, 9, 11 and 12, the Jaccard loss being one of a set of wrong pixels."""
    pixels = _pixels(labels, probabilities)
    count = probabilities.shape[-1]
    counted = range(count) if classes == "all" and pixels else {label for label, _ in pixels}
    losses = {}
    for c in counted:
        truth = {i for i, (label, _) in enumerate(pixels) if label == c}
        errors = [1 - p[c] if label == c else p[c] for label, p in pixels]
        falling = sorted(range(len(pixels)), key=lambda i: -errors[i])

        def jaccard_loss(wrong, truth=truth):
            return len(wrong) / len(truth | wrong) if wrong else 0.0

        losses[c] = sum(
            errors[pixel] * (jaccard_loss(set(falling[: n + 1])) - jaccard_loss(set(falling[:n])))
            for n, pixel in enumerate(falling)
        )
    return _mean_of_classes(losses, class_weights)

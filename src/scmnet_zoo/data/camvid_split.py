"""SegNet's split of CamVid, arXiv 1511.00561."""

# SegNet's split of the 701 labelled frames: drive, first and last frame number.
SEGNET_SPLIT = {
    "train": (
        ("0001TP", 6690, 8520),
        ("0006R0", 930, 3930),
        ("0016E5", 390, 7920),
        ("0016E5", 8190, 8640),
    ),
    "val": (("0016E5", 7959, 8159),),
    "test": (("0001TP", 8550, 10380), ("Seq05VD", 0, 5100)),
}


def segnet_split(name: str) -> str | None:
    """Return SegNet's split of a frame with a name like `"0006R0_f01140"`, or None."""
    drive, _, number = name.partition("_")
    number = number.removeprefix("f")
    if not (number.isascii() and number.isdigit()):
        return None
    for split, ranges in SEGNET_SPLIT.items():
        for of, first, last in ranges:
            if drive == of and first <= int(number) <= last:
                return split
    return None

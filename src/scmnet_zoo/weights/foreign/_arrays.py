"""What the readers of foreign files share."""

import numpy as np


def plain(array: np.ndarray) -> np.ndarray:
    """An array of its own memory; floating point numbers of any width as float32."""
    array = np.asarray(array)
    if array.dtype.kind != "f":
        return np.array(array)
    with np.errstate(over="ignore"):  # what becomes infinite is refused where weights are checked
        return array.astype(np.float32)

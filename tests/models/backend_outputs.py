"""Run as a program: the outputs of networks on the backend that KERAS_BACKEND names.

Arguments: the directory that holds `<case>.safetensors`, the file to write, and as JSON the sizes
of images by case.
"""

import json
import sys
from pathlib import Path

import numpy as np
from networks import CASES
from testing_tools import images


def main(directory, target, sizes):
    outputs = {}
    for name, asked in sizes.items():
        model = CASES[name].build(
            weights=directory / f"{name}.safetensors", classifier_activation=None
        )
        for size in asked:
            answer = model.predict(images(*size), verbose=0)
            outputs["{}/{}x{}".format(name, *size)] = answer
    np.savez(target, **outputs)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))

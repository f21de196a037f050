"""JAX's exported programs, in a process of their own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
import keras
import numpy as np
from testing_tools import images, toy
from scmnet_zoo.deploy import export, load

keras.utils.set_random_seed(0)
model, found = toy(num_classes=5), {}
for output, precision in [("mask", "f32"), ("probabilities", "bf16"), ("logits", "bf16")]:
    path = f"{sys.argv[1]}/{output}.zip"
    arguments = {"size": (33, 40), "output": output, "precision": precision}
    report = export(model, path, "jax", images=[images(40, 50)[0]], **arguments)
    exported = load(path)
    answer = exported.run(images(33, 40))
    found[output] = {
        "dtype": str(answer.dtype),
        "shape": answer.shape,
        "difference": report.comparison.difference,
        "equal": report.comparison.equal,
        "precision": exported.metadata["precision"],
    }
print(json.dumps(found))
"""


@pytest.mark.backends
def test_programs(tmp_path):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("needs JAX")
    tests = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env={**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(tests)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["mask"] == {
        "dtype": "uint8",
        "shape": [1, 33, 40],
        "difference": None,
        "equal": 1.0,
        "precision": "f32",
    }
    assert found["probabilities"]["dtype"] == found["logits"]["dtype"] == "float32"
    assert 1e-5 < found["probabilities"]["difference"] < 0.05
    assert found["probabilities"]["precision"] == "bf16"

"""Options of XLA for a training step: only where it has them."""

import importlib.util

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="needs JAX, on any backend"
)


def test_options(monkeypatch):
    import jax

    from scmnet_zoo.training import _jax

    assert _jax.compiler_options() is None  # on a CPU
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert _jax.compiler_options() == _jax.GPU_OPTIONS
    monkeypatch.setattr(_jax, "GPU_OPTIONS", {"xla_gpu_not_an_option": True})
    assert _jax.compiler_options() is None

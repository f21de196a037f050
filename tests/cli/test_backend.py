"""What the commands tell the backend before they compute."""

import pytest

from scmnet_zoo.cli import _backend

jax = pytest.importorskip("jax")


@pytest.fixture
def settings(monkeypatch, tmp_path):
    """What would be told to JAX, which is left as it is."""
    told = {}
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(tmp_path))
    monkeypatch.setattr(jax.config, "update", told.__setitem__)
    return told


def test_what_is_compiled_for_a_gpu_is_kept(settings, monkeypatch, tmp_path):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    _backend._keep_programs()
    assert settings == {"jax_compilation_cache_dir": str(tmp_path / "jax")}


def test_not_for_a_cpu(settings):
    _backend._keep_programs()
    assert settings == {}


def test_not_where_the_user_has_a_folder(settings, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(type(jax.config), "jax_compilation_cache_dir", "/theirs", raising=False)
    _backend._keep_programs()
    assert settings == {}

"""Fixtures of the tests of the download: an https server on this machine and an empty cache."""

import threading

import pytest

VARIABLES = (
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("https_proxy", "http_proxy", "all_proxy", "no_proxy"),
    *("CURL_CA_BUNDLE", "NETRC", "SCMNET_ZOO_OFFLINE", "SCMNET_ZOO_MANIFEST"),
    *("HF_HUB_OFFLINE", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT"),
)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority that the download trusts, by `bundle`."""
    import trustme

    made = trustme.CA()
    made.bundle = tmp_path_factory.mktemp("authority") / "ca.pem"
    made.cert_pem.write_to_path(made.bundle)
    return made


@pytest.fixture(scope="session")
def certificate(authority):
    return authority.issue_cert("localhost", "127.0.0.1")


@pytest.fixture
def home(tmp_path, monkeypatch, authority):
    """An empty cache folder; no test leaves a temporary file in it, nor a thread that downloads."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "cache"
    monkeypatch.setenv("SCMNET_ZOO_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.bundle))
    yield folder
    for thread in threading.enumerate():
        if thread.name == "scmnet-zoo download":
            thread.join(timeout=30)
            assert not thread.is_alive(), "a thread still downloads"
    assert [path.name for path in folder.rglob(".*.part*")] == []


@pytest.fixture
def server(home, certificate):
    """See `tls_server.Server`."""
    from tls_server import Server

    with Server(certificate) as running:
        yield running
    assert running.failures == []

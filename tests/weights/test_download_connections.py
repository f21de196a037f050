"""Redirects, credentials, TLS, proxies, machines without a network, and the Hugging Face Hub."""

import base64
import contextlib
import dataclasses
import hashlib
import os
import socket
import ssl
import subprocess
import sys
import time

import pytest
import requests
import trustme
from download_tools import BODY, OTHER, QUICK, file, held, put, refusal, unhashed
from huggingface_hub import constants
from tls_server import Proxy, Server, pour, redirect, send, unused_port

from scmnet_zoo.weights.entry import Hub
from scmnet_zoo.weights.fetch import https
from scmnet_zoo.weights.fetch.download import fetch

pytestmark = pytest.mark.network

SECRET = "hf_secret"
REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def plain(home):
    """A server without TLS."""
    with Server() as running:
        yield running


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_to_another_host(server, status):
    server.give("/w", send(BODY))
    url = server.give("/go", redirect(server.url("/w", "127.0.0.1"), status))
    assert fetch(file(url), QUICK) == BODY
    assert [(r.host, r.path) for r in server.requests] == [
        ("localhost", "/go"),
        ("127.0.0.1", "/w"),
    ]


def test_a_relative_redirect(server):
    server.give("/folder/w", send(BODY))
    assert fetch(file(server.give("/folder/go", redirect("w"))), QUICK) == BODY


def test_cookies_are_kept_by_nobody(server):
    cookie = {"Set-Cookie": "session=secret; Path=/"}
    server.give("/other", send(BODY))
    server.give("/same", redirect(server.url("/other", "127.0.0.1"), **cookie))
    url = server.give("/go", redirect("/same", **cookie))
    assert fetch(file(url), QUICK) == BODY
    assert len(server.requests) == 3
    assert not any("cookie" in request.headers for request in server.requests)


@pytest.mark.parametrize("place", ["http", "HTTP", "//"])
def test_nothing_is_sent_where_a_redirect_leaves_https(server, plain, place):
    plain.give("/w", send(BODY))
    target = plain.url("/w") if place != "HTTP" else plain.url("/w").replace("http", "HTTP")
    if place == "//":  # the scheme stays, so that TLS is spoken to a port without it
        assert "TLS" in refusal(file(server.give("/go", redirect(target.removeprefix("http:")))))
    else:
        message = refusal(file(server.give("/go", redirect(target)), server.give("/no")))
        assert "expected https without credentials" in message
        assert plain.connections == 0
    assert plain.requests == []
    assert held() == []


@pytest.mark.parametrize(
    "target", ["ftp://localhost/w", "file:///etc/passwd", "data:,w", "https://["]
)
def test_redirects_to_what_is_no_https_url(server, target):
    refusal(file(server.give("/go", redirect(target))))
    assert len(server.requests) == 1


@pytest.mark.parametrize("credentials", ["user:password@", "user@", "@"])
def test_a_redirect_to_a_url_with_credentials(server, credentials):
    server.give("/w", send(BODY))
    target = server.url("/w").replace("//", f"//{credentials}")
    assert "without credentials" in refusal(file(server.give("/go", redirect(target))))
    assert len(server.requests) == 1


def test_a_redirect_loop_is_left(server):
    wanted = file(server.give("/go", redirect("/go")), server.give("/w", send(BODY)))
    assert fetch(wanted, QUICK) == BODY
    assert len(server.asked("/go")) == 1 + https.MOST_REDIRECTS


def test_the_body_of_a_redirect_is_not_read(server):
    server.give("/w", send(BODY))
    endless = {"Location": "/w", "Content-Length": None}
    url = server.give("/go", send(status=302, headers=endless, then=pour))
    began = time.monotonic()
    assert fetch(file(url), QUICK) == BODY
    assert time.monotonic() - began < 10


def test_a_redirect_without_a_place(server):
    assert "answered 302" in refusal(file(server.give("/go", send(status=302))))


def test_a_url_without_https_is_not_asked(plain):
    assert "expected https" in refusal(file(plain.give("/w", send(BODY))))
    assert plain.connections == 0


# No connection


def test_a_refused_connection_is_tried_again_and_left(server):
    closed = f"https://localhost:{unused_port()}/w"
    message = refusal(file(closed, server.give("/no")))
    assert "Connection refused, in 4 attempts" in message
    assert fetch(file(closed, server.give("/w", send(BODY))), QUICK) == BODY


def test_a_host_without_an_address(server, monkeypatch):
    asked = _names_unknown(monkeypatch, "x.invalid")
    message = refusal(file("https://x.invalid/w", server.give("/no")))
    assert "https://x.invalid/w: the connection broke: " in message
    assert "in 4 attempts" in message
    assert asked == ["x.invalid"] * 4
    assert fetch(file("https://x.invalid/w", server.give("/w", send(BODY))), QUICK) == BODY


def _names_unknown(monkeypatch, *hosts):
    resolve, asked = socket.getaddrinfo, []

    def answer(host, *arguments, **named):
        if host in hosts:
            asked.append(host)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *arguments, **named)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_a_machine_without_a_network_does_not_try_again(home, monkeypatch):
    asked = _names_unknown(monkeypatch, "x.invalid", "y.invalid")
    monkeypatch.setattr(https, "_has_network", lambda: False)
    slow = dataclasses.replace(QUICK, backoff=20, longest_wait=20)
    wanted = file("https://x.invalid/w", "https://y.invalid/w")
    began = time.monotonic()
    with pytest.raises(OSError, match=r"x\.invalid/w: this machine has no network") as caught:
        fetch(wanted, slow)
    assert time.monotonic() - began < 10
    assert "\n" not in str(caught.value)
    assert "y.invalid/w: this machine has no network" in str(caught.value)
    assert asked == ["x.invalid"]
    put(wanted)
    assert fetch(wanted, slow) == BODY


def test_a_network_that_goes_between_sources_is_told_of_the_rest(server, monkeypatch):
    _names_unknown(monkeypatch, "x.invalid")
    monkeypatch.setattr(https, "_has_network", lambda: False)
    message = refusal(file(server.give("/no"), "https://x.invalid/w"))
    assert message.count("/no: ") == 1
    assert "x.invalid/w: this machine has no network" in message


def test_only_a_machine_without_any_route_has_no_network(monkeypatch):
    assert _network_with(monkeypatch, None, None)
    assert _network_with(monkeypatch, OSError(101, ""), None)
    assert _network_with(monkeypatch, OSError(13, ""), OSError(13, ""))
    assert not _network_with(monkeypatch, OSError(101, ""), OSError(99, ""))


def _network_with(monkeypatch, *errors):
    left = list(errors)

    class Probe(contextlib.nullcontext):
        def connect(self, address):
            if (error := left.pop(0)) is not None:
                raise error

    with monkeypatch.context() as patched:
        patched.setattr(https.socket, "socket", lambda *_: Probe(Probe()))
        return https._has_network()


@pytest.mark.parametrize(
    "url", ["https://localhost:99999/w", "https://-.invalid:0/w", "https://[::g]/w"]
)
def test_a_url_that_leads_nowhere(home, url):
    refusal(file(url))


# TLS


def test_an_unknown_authority_is_refused_at_once(home):
    certificate = trustme.CA().issue_cert("localhost")
    with Server(certificate) as stranger:
        message = refusal(file(stranger.give("/w", send(BODY))))
    assert "TLS: " in message
    assert "certificate verify failed" in message
    assert (stranger.connections, stranger.requests) == (1, [])


def test_the_certificate_of_another_host_is_refused_at_once(home, authority):
    with Server(authority.issue_cert("elsewhere.invalid")) as stranger:
        message = refusal(file(stranger.give("/w", send(BODY))))
    assert "Hostname mismatch" in message
    assert (stranger.connections, stranger.requests) == (1, [])


def test_an_expired_certificate_is_refused(home, authority):
    import datetime

    past = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)
    with Server(authority.issue_cert("localhost", not_after=past)) as stranger:
        assert "expired" in refusal(file(stranger.give("/w", send(BODY))))
    assert stranger.requests == []


def test_another_source_is_asked_after_a_failure_of_tls(server):
    with Server(trustme.CA().issue_cert("localhost")) as stranger:
        wanted = file(stranger.give("/w", send(BODY)), server.give("/w", send(BODY)))
        assert fetch(wanted, QUICK) == BODY


def test_tls_that_breaks_off_in_the_handshake(home):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://localhost:{listener.getsockname()[1]}/w"
        listener.settimeout(0)
        short = dataclasses.replace(QUICK, read=0.1, connect=0.1, attempts=1)
        assert "does not answer in time" in refusal(file(url), short)


# Proxies and credentials of the environment


def test_the_proxy_of_the_environment_is_used(server, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", "//user:word@"))
        assert fetch(file(server.give("/w", send(BODY))), QUICK) == BODY
    assert proxy.targets == [f"localhost:{server.port}"]
    assert base64.b64decode(proxy.credentials[0].removeprefix("Basic ")) == b"user:word"
    assert not any("proxy" in name for name in server.requests[0].headers)


def test_no_proxy_is_honoured(server, monkeypatch):
    with Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "localhost")
        server.give("/w", send(BODY))
        url = server.give("/go", redirect(server.url("/w", "127.0.0.1")))
        assert fetch(file(url), QUICK) == BODY
    assert proxy.targets == [f"127.0.0.1:{server.port}"]


def test_a_proxy_that_refuses(server, monkeypatch):
    with Proxy(status=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert "the proxy: " in refusal(file(server.give("/w", send(BODY))))
    assert server.requests == []
    assert len(proxy.targets) == QUICK.attempts


def test_a_proxy_that_is_not_there(server, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")
    assert "the proxy: Connection refused" in refusal(file(server.give("/w", send(BODY))))
    assert server.requests == []


def test_netrc_is_not_used(server, tmp_path, monkeypatch):
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine localhost login user password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert requests.utils.get_netrc_auth(server.url("/")) == ("user", "word")
    assert fetch(file(server.give("/w", send(BODY))), QUICK) == BODY
    assert "authorization" not in server.requests[0].headers


# Offline


@pytest.fixture
def sockets(monkeypatch):
    """The attempts to open a socket, none of which succeeds."""
    attempts = []

    def refuse(*arguments, **_):
        attempts.append(arguments)
        raise OSError("a connection was asked for")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(ssl.SSLSocket, "connect", refuse)
    return attempts


@pytest.mark.parametrize("variable", ["SCMNET_ZOO_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_offline_opens_no_socket(home, monkeypatch, sockets, variable, value):
    monkeypatch.setenv(variable, value)
    wanted = file("https://localhost/w", Hub("user/name", REVISION))
    began = time.monotonic()
    message = _offline_error(wanted)
    assert message.count(f"{variable} is set") == 2
    assert "https://localhost/w" in message
    assert f"user/name/resolve/{REVISION}" in message
    put(wanted, BODY[:-1])
    assert "expected 300000 bytes. Received: 299999" in _offline_error(wanted)
    put(wanted)
    assert fetch(wanted) == BODY
    assert time.monotonic() - began < 5
    assert sockets == []


def _offline_error(wanted):
    with pytest.raises(OSError, match=r"w\.safetensors cannot be had: ") as caught:
        fetch(wanted)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_cached_file_opens_no_socket(home, sockets):
    wanted = file("https://localhost/w")
    put(wanted)
    assert fetch(wanted) == BODY
    assert sockets == []


@pytest.mark.parametrize("variable", ["SCMNET_ZOO_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize("value", ["", "0", "false", "No", "off"])
def test_values_that_do_not_mean_offline(server, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    assert fetch(file(server.give("/w", send(BODY))), QUICK) == BODY


# The Hugging Face Hub


HUB = Hub("user/name", REVISION)
HUB_PATH = f"/user/name/resolve/{REVISION}/w.safetensors"


@pytest.fixture
def hub(server, monkeypatch):
    """The server in the Hub's place, with a token of the user's."""
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url(""))
    monkeypatch.setattr(constants, "ENDPOINT", server.url(""))
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    return server


def _token(request):
    return request.headers.get("authorization")


def test_the_hub_is_asked_for_a_file_at_a_commit_with_the_users_token(hub):
    hub.give(HUB_PATH, send(BODY))
    assert fetch(file(HUB), QUICK) == BODY
    (request,) = hub.requests
    assert (request.path, _token(request)) == (HUB_PATH, f"Bearer {SECRET}")


def test_without_a_token_the_hub_gets_none(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
    hub.give(HUB_PATH, send(BODY))
    assert fetch(file(HUB), QUICK) == BODY
    assert _token(hub.requests[0]) is None


def test_the_token_goes_to_the_hub_and_nowhere_else(hub):
    hub.give("/cdn", send(BODY))
    hub.give("/within", redirect(hub.url("/cdn", "127.0.0.1")))
    hub.give(HUB_PATH, redirect("/within"))
    assert fetch(file(HUB), QUICK) == BODY
    sent = {(r.host, r.path): _token(r) for r in hub.requests}
    assert sent == {
        ("localhost", HUB_PATH): f"Bearer {SECRET}",
        ("localhost", "/within"): f"Bearer {SECRET}",
        ("127.0.0.1", "/cdn"): None,
    }


SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.mark.parametrize("stated", [SHA256, f'"{SHA256}"'])
def test_a_hash_of_which_the_start_is_known_is_stated_by_the_hub(hub, stated):
    hub.give("/cdn", send(BODY))
    hub.give(HUB_PATH, redirect(hub.url("/cdn", "127.0.0.1"), **{"X-Linked-Etag": stated}))
    wanted = file(HUB, hash=None, sha256_start=SHA256[:16])
    assert fetch(wanted, QUICK) == BODY
    assert fetch(wanted, QUICK) == BODY  # from the cache
    assert len(hub.requests) == 2
    assert held() == [f"w-{SHA256[:8]}.safetensors", f"w-{SHA256[:8]}.safetensors.sha256"]


@pytest.mark.parametrize(
    ("body", "first", "second"),
    [(BODY, None, None), (BODY, None, SHA256), (BODY, "0" * 64, None), (OTHER, SHA256, None)],
    ids=["none", "another host", "another", "another file"],
)
def test_a_hash_that_the_hub_does_not_state_is_refused(hub, body, first, second):
    def headers(stated):
        return {} if stated is None else {"X-Linked-Etag": stated}

    hub.give("/cdn", send(body, headers=headers(second)))
    hub.give(HUB_PATH, redirect(hub.url("/cdn", "127.0.0.1"), **headers(first)))
    message = refusal(file(HUB, hash=None, sha256_start=SHA256[:16]))
    assert f"expected sha256 {SHA256[:16]}... as the Hub states it" in message
    assert held() == []


def test_another_hash_than_its_start_is_refused(hub):
    other = hashlib.sha256(OTHER).hexdigest()
    hub.give(HUB_PATH, send(OTHER, headers={"X-Linked-Etag": other}))
    assert "as the Hub states it" in refusal(file(HUB, hash=None, sha256_start=SHA256[:16]))


def test_another_port_of_the_hubs_host_gets_no_token(hub, certificate):
    with Server(certificate) as other:
        hub.give(HUB_PATH, redirect(other.give("/w", send(BODY))))
        assert fetch(file(HUB), QUICK) == BODY
    assert _token(other.requests[0]) is None


def test_the_source_after_the_hub_gets_no_token(hub):
    wanted = file(HUB, hub.give("/w", send(BODY), host="127.0.0.1"), hub.give("/w", send(BODY)))
    assert fetch(wanted, QUICK) == BODY
    assert [_token(r) for r in hub.asked("/w")] == [None]


def test_a_hub_without_the_file_and_no_error_shows_the_token(hub):
    hub.give(HUB_PATH, send(status=401))
    message = refusal(file(HUB))
    assert f"{HUB_PATH}: answered 401" in message
    assert SECRET not in message


def test_the_hubs_bytes_are_checked(hub):
    hub.give(HUB_PATH, send(bytes(len(BODY))))
    assert "expected sha256" in refusal(file(HUB))
    assert held() == []


def test_the_environments_hub_is_asked(server):
    server.give(HUB_PATH, send(BODY))
    code = (
        "from download_tools import *; from scmnet_zoo.weights.entry import Hub;"
        f"assert fetch(file(Hub('user/name', '{REVISION}')), QUICK) == BODY"
    )
    environment = {**os.environ, "HF_ENDPOINT": server.url(""), "HF_TOKEN": SECRET}
    folder = os.path.dirname(__file__)
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, check=True)
    assert _token(server.requests[0]) == f"Bearer {SECRET}"


def test_a_hub_without_tls_is_not_asked(hub, plain, monkeypatch):
    template = plain.url("/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    assert "expected https" in refusal(unhashed(HUB))
    assert plain.connections == 0

"""Servers on this machine whose answers the tests of the download write down.

`127.0.0.1` and `localhost` are two hosts of one `Server`. A `Proxy` passes connections on.
"""

import contextlib
import http.server
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

PATIENCE = 60.0  # seconds after which a server gives up on its test


@dataclass(frozen=True)
class Request:
    """What a client sent; the names of headers are in small letters."""

    host: str
    path: str
    headers: dict[str, str]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers["host"].partition(":")[0]
        answer = self.server.owner.next_answer(Request(host, self.path, headers))
        self.close_connection = True
        answer(self)

    def begin(self, status, headers):
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_):
        pass


Answer = Callable[[_Handler], None]


class _Listener(http.server.ThreadingHTTPServer):
    context: ssl.SSLContext | None = None
    owner: "Server"

    def finish_request(self, request, client_address):
        """Shake hands in the connection's own thread, so that none holds up the others."""
        self.owner.connections += 1
        with contextlib.suppress(OSError):  # of clients that leave
            if self.context is None:
                return super().finish_request(request, client_address)
            with self.context.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)

    def handle_error(self, request, client_address):
        self.owner.failures.append(client_address)


class Server:
    """A server that speaks TLS if it has a certificate; a context manager.

    Attributes:
        answers: by path; the last one is given again and again.
        requests: in the order in which they came.
        connections: how many there were, with those that asked for nothing.
        over: set at the end, for answers that wait.
        failures: connections in whose answer an exception was raised.
    """

    def __init__(self, certificate=None):
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[Request] = []
        self.connections = 0
        self.over = threading.Event()
        self.failures: list = []
        self._lock = threading.Lock()
        self._listener = _Listener(("127.0.0.1", 0), _Handler)
        self._listener.owner = self
        if certificate is not None:
            self._listener.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(self._listener.context)
        self.scheme = "http" if certificate is None else "https"
        self.port = self._listener.server_port

    def __enter__(self):
        serve = self._listener.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self._listener.shutdown()
        self._listener.server_close()

    def url(self, path, host="localhost"):
        return f"{self.scheme}://{host}:{self.port}{path}"

    def give(self, path, *answers, host="localhost"):
        """Answer a path in these ways, one after the other; its URL."""
        self.answers[path] = list(answers)
        return self.url(path, host)

    def asked(self, path):
        """The requests for a path."""
        return [request for request in self.requests if request.path == path]

    def next_answer(self, request):
        with self._lock:
            self.requests.append(request)
            answers = self.answers.get(request.path) or [send(status=404)]
            return answers.pop(0) if len(answers) > 1 else answers[0]


def send(body=b"", status=200, headers=None, then=None):
    """An answer with its length; `headers` go over it, with None for those to leave out.

    `then` is called with the handler after the body.
    """
    given = {"Content-Length": str(len(body)), "Connection": "close", **(headers or {})}

    def answer(handler):
        handler.begin(status, given)
        handler.wfile.write(body)
        if then is not None:
            then(handler)

    return answer


def redirect(url, status=302, **more):
    """To another URL."""
    return send(status=status, headers={"Location": url, **more})


def ranged(body, etag='"one"', cut=None):
    """An answer that honours Range and If-Range; `cut` ends it after so many bytes."""

    def answer(handler):
        wanted = handler.headers.get("Range")
        same = handler.headers.get("If-Range") in (None, etag)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and same else 0
        headers = {"Content-Length": str(len(body) - start), "ETag": etag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        handler.begin(206 if start else 200, headers)
        handler.wfile.write(body[start:][:cut])

    return answer


def chunked(*pieces, end=True):
    """An answer in chunks."""

    def answer(handler):
        handler.begin(200, {"Transfer-Encoding": "chunked"})
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        if end:
            handler.wfile.write(b"0\r\n\r\n")

    return answer


def stall(handler):
    """Say nothing until the test is over."""
    handler.server.owner.over.wait(PATIENCE)


def drip(handler, start=b"", pause=0.02):
    """A byte at a time, until the client leaves, the test is over or patience is."""
    handler.wfile.write(start)
    end = time.monotonic() + PATIENCE
    while not handler.server.owner.over.wait(pause) and time.monotonic() < end:
        handler.wfile.write(b"a")


def pour(handler):
    """As many bytes as the client takes, within limits of time."""
    end = time.monotonic() + PATIENCE
    while not handler.server.owner.over.is_set() and time.monotonic() < end:
        handler.wfile.write(bytes(1 << 16))


class Proxy(contextlib.AbstractContextManager):
    """An http proxy that knows CONNECT; `targets` are the places that it was asked for."""

    def __init__(self, status=200):
        self.targets: list[str] = []
        self.credentials: list[str | None] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_CONNECT(self):
                proxy.targets.append(self.path)
                proxy.credentials.append(self.headers.get("Proxy-Authorization"))
                self.close_connection = True
                self.send_response(status)
                self.end_headers()
                if status == 200:
                    port = int(self.path.rpartition(":")[2])
                    with socket.create_connection(("127.0.0.1", port)) as onward:
                        _pass_on(self.connection, onward)

            def log_message(self, *_):
                pass

        self._listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._listener.server_port
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self):
        serve = self._listener.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown()
        self._listener.server_close()


def _pass_on(one, other):
    peers = {one: other, other: one}
    with contextlib.suppress(OSError):
        while readable := select.select(list(peers), [], [], PATIENCE)[0]:
            for end in readable:
                if not (received := end.recv(1 << 16)):
                    return
                peers[end].sendall(received)


def unused_port():
    """A port of this machine where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]

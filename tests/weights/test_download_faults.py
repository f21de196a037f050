"""What servers answer that is not the file, or not all of it, or not in time."""

import dataclasses
import email.utils
import gzip
import time

import pytest
from download_tools import BODY, HALF, OTHER, QUICK, file, held, put, refusal, unhashed
from tls_server import chunked, drip, pour, ranged, send, stall

from scmnet_zoo.weights.fetch import cache, download
from scmnet_zoo.weights.fetch.download import fetch

pytestmark = pytest.mark.network


def _arrives(wanted, limits=QUICK):
    """That the file comes, and is then in the cache, alone."""
    assert fetch(wanted, limits) == BODY
    assert held() == [cache.cached_path(wanted).name]
    assert cache.cached_path(wanted).read_bytes() == BODY


def _with(**changes):
    return dataclasses.replace(QUICK, **changes)


def test_a_good_answer_is_asked_for_once(server):
    wanted = file(server.give("/w", send(BODY)))
    _arrives(wanted)
    _arrives(wanted)
    (request,) = server.requests
    assert request.headers["accept-encoding"] == "identity"
    assert not {"range", "authorization", "cookie"} & set(request.headers)


# Broken off


def test_a_truncated_body_is_continued(server):
    url = server.give("/w", ranged(BODY, cut=100_000), ranged(BODY, cut=100_000), ranged(BODY))
    _arrives(file(url))
    asked = [(r.headers.get("range"), r.headers.get("if-range")) for r in server.requests]
    assert asked == [(None, None), ("bytes=100000-", '"one"'), ("bytes=200000-", '"one"')]


def test_a_server_that_ignores_range_sends_all_of_it_again(server):
    whole = send(BODY, headers={"ETag": '"one"'})
    _arrives(file(server.give("/w", ranged(BODY, cut=HALF), whole)))
    assert [r.headers.get("range") for r in server.requests] == [None, f"bytes={HALF}-"]


def test_a_changed_etag_brings_the_new_content_from_the_beginning(server):
    url = server.give("/w", ranged(OTHER, '"old"', cut=HALF), ranged(BODY, '"new"'))
    _arrives(file(url))
    assert server.requests[1].headers["if-range"] == '"old"'


@pytest.mark.parametrize("etag", ['"new"', None])
@pytest.mark.parametrize("make", [file, unhashed])
def test_the_rest_of_another_version_is_not_appended(server, make, etag):
    rest = {"ETag": etag, "Content-Range": f"bytes {HALF}-299999/300000"}
    url = server.give(
        "/w",
        ranged(bytes(300_000), '"old"', cut=HALF),
        send(BODY[HALF:], 206, rest),
        ranged(BODY, '"new"'),
    )
    assert fetch(make(url), QUICK) == BODY
    assert [r.headers.get("range") for r in server.requests] == [None, f"bytes={HALF}-", None]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_without_a_strong_etag_nothing_is_continued(server, etag):
    short = send(BODY[:HALF], headers={"Content-Length": "300000", "ETag": etag})
    _arrives(file(server.give("/w", short, send(BODY))))
    assert [r.headers.get("range") for r in server.requests] == [None, None]


def test_a_range_that_is_not_there_is_asked_for_once(server):
    url = server.give("/w", ranged(BODY, cut=HALF), send(status=416), send(BODY))
    _arrives(file(url))
    asked = [r.headers.get("range") for r in server.requests]
    assert asked == [None, f"bytes={HALF}-", None]


def test_another_range_than_asked_for(server):
    other = {"ETag": '"one"', "Content-Range": "bytes 0-149999/300000"}
    url = server.give("/w", ranged(BODY, cut=HALF), send(BODY[HALF:], 206, other))
    assert "another part" in refusal(file(url))


@pytest.mark.parametrize(
    "short",
    [
        send(BODY[:HALF], headers={"Content-Length": None}),
        chunked(BODY[:HALF], end=False),
        chunked(BODY[:HALF]),
    ],
    ids=["until-close", "chunks-without-end", "chunks"],
)
def test_a_short_body_without_a_length_is_asked_for_again(server, short):
    whole = send(BODY, headers={"Content-Length": None})
    _arrives(file(server.give("/w", short, whole)))
    assert [r.headers.get("range") for r in server.requests] == [None, None]


def test_a_body_that_always_breaks_off_is_left_after_its_attempts(server):
    short = send(BODY[:HALF], headers={"Content-Length": "300000"})
    message = refusal(file(server.give("/short", short), server.give("/none")))
    assert "in 4 attempts" in message
    assert "answered 404" in message
    assert len(server.asked("/short")) == 4
    assert len(server.asked("/none")) == 1


def test_progress_gives_new_attempts(server):
    url = server.give("/w", *[ranged(BODY, cut=40_000)] * 7, ranged(BODY))
    _arrives(file(url), _with(progress=40_000, attempts=2))
    assert len(server.requests) == 8


# Other content


def test_wrong_bytes_of_the_right_size_leave_the_next_source(server):
    wanted = file(server.give("/wrong", send(OTHER)), server.give("/w", send(BODY)))
    _arrives(wanted)
    assert [r.path for r in server.requests] == ["/wrong", "/w"]


def test_wrong_bytes_everywhere(server):
    message = refusal(file(server.give("/one", send(OTHER)), server.give("/two", send(OTHER))))
    assert message.count("expected sha256") == 2
    assert held() == []
    assert len(server.requests) == 2


def test_a_page_to_log_in_is_not_the_file(server):
    page = send(b"<html>" * 50_000, headers={"Content-Type": "text/html; charset=utf-8"})
    assert "a web page" in refusal(unhashed(server.give("/w", page)))
    assert held() == []
    assert len(server.requests) == 1


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "gzip\r\n deflate"])
def test_an_encoded_body_is_not_expanded(server, encoding):
    bomb = gzip.compress(bytes(20_000_000))
    answer = send(bomb, headers={"Content-Encoding": encoding})
    message = refusal(unhashed(server.give("/w", answer), maximum_size=30_000_000))
    assert f"sent {encoding.split()[0]}" in message
    assert held() == []


# States


@pytest.mark.parametrize("status", [204, 304, 400, 401, 403, 404, 410, 501])
def test_a_refusal_leaves_the_next_source_at_once(server, status):
    wanted = file(server.give("/no", send(status=status)), server.give("/w", send(BODY)))
    _arrives(wanted)
    assert [r.path for r in server.requests] == ["/no", "/w"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server, status):
    _arrives(file(server.give("/w", send(status=status), send(status=status), send(BODY))))
    assert len(server.requests) == 3


def test_a_server_that_stays_in_trouble_is_left(server):
    wanted = file(server.give("/no", send(status=500)), server.give("/w", send(BODY)))
    _arrives(wanted)
    assert [r.path for r in server.requests] == ["/no"] * 4 + ["/w"]


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 0, 0),
        ("1", 1, 1),
        ("999999999", 7, 7),
        ("9" * 5000, 7, 7),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0),
        ("Wed, 31 Dec 9999 23:59:59 GMT", 7, 7),
        ("1e9", 0, 0.001),
        ("-1", 0, 0.001),
        ("nan", 0, 0.001),
        ("soon", 0, 0.001),
        ("", 0, 0.001),
    ],
)
def test_retry_after_is_obeyed_within_the_limit(server, monkeypatch, text, least, most):
    waits = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    busy = send(status=429, headers={"Retry-After": text})
    _arrives(file(server.give("/w", busy, send(BODY))), _with(longest_wait=7))
    (wait,) = waits
    assert least <= wait <= most


def test_the_wait_for_a_date_to_come(server, monkeypatch):
    waits = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    then = email.utils.formatdate(time.time() + 30, usegmt=True)
    busy = send(status=503, headers={"Retry-After": then})
    _arrives(file(server.give("/w", busy, send(BODY))), _with(longest_wait=40))
    assert 0 < waits[0] <= 30


def test_a_wait_beyond_the_deadline_is_not_begun(server):
    busy = send(status=429, headers={"Retry-After": "999999999"})
    start = time.monotonic()
    limits = _with(deadline=30, longest_wait=1000)
    assert "time for the download is over" in refusal(file(server.give("/w", busy)), limits)
    assert time.monotonic() - start < 10


# Lengths


BEYOND = ["1000000000000000", "9" * 18, "9" * 400]


@pytest.mark.parametrize(
    ("make", "length"),
    [(file, length) for length in ("300001", "299999", "0", *BEYOND)]
    + [(unhashed, length) for length in ("400001", *BEYOND)],
)
def test_a_length_that_is_not_the_files(server, make, length):
    pouring = send(BODY, headers={"Content-Length": length}, then=pour)
    url = server.give("/wrong", pouring)
    message = refusal(make(url))
    assert "a length of" in message
    assert "9" * 50 not in message
    assert fetch(make(url, server.give("/w", send(BODY))), QUICK) == BODY
    assert [r.path for r in server.requests] == ["/wrong", "/wrong", "/w"]


@pytest.mark.parametrize("length", ["-1", "1e15", "3.0", "٣", "300000, 300000", "x" * 1000])
def test_a_length_that_is_no_number(server, length):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: ")
        handler.wfile.write(length.encode() + b"\r\n\r\n" + BODY)

    message = refusal(file(server.give("/w", answer)))
    assert "states a length" in message or "expected 300000 bytes" in message
    assert "x" * 50 not in message
    assert len(server.requests) == 1
    assert held() == []


@pytest.mark.parametrize("make", [file, unhashed])
@pytest.mark.parametrize(
    "answer",
    [
        chunked(BODY, BODY, BODY),
        send(BODY, headers={"Content-Length": None}, then=pour),
    ],
    ids=["chunked", "until-close"],
)
def test_a_body_longer_than_the_file_is_left_while_it_comes(server, monkeypatch, make, answer):
    sizes = []
    write = cache.Part.write
    monkeypatch.setattr(
        cache.Part, "write", lambda part, chunk: (write(part, chunk), sizes.append(part.size))
    )
    wanted = make(server.give("/w", answer))
    assert f"more than {wanted.maximum_size} bytes" in refusal(wanted)
    assert max(sizes) <= wanted.maximum_size
    assert len(server.requests) == 1
    assert held() == []


def test_a_body_longer_than_stated_is_cut_where_it_should_end(server):
    _arrives(file(server.give("/w", send(BODY + b"more", headers={"Content-Length": "300000"}))))


# Time


def test_a_byte_at_a_time_is_too_slow(server):
    slow = send(headers={"Content-Length": "300000"}, then=drip)
    wanted = file(server.give("/slow", slow), server.give("/w", send(BODY)))
    start = time.monotonic()
    _arrives(wanted, _with(window=0.2, least_rate=2000, read=20))
    assert time.monotonic() - start < 10
    assert [r.path for r in server.requests] == ["/slow", "/w"]


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["state", "header"])
def test_dripping_headers_end_with_the_deadline(server, start):
    url = server.give("/w", lambda handler: drip(handler, start))
    began = time.monotonic()
    assert "time for the download is over" in refusal(file(url), _with(deadline=0.3))
    assert time.monotonic() - began < 10


def test_dripping_headers_leave_time_for_the_next_source(server):
    urls = [server.give("/drip", drip), server.give("/w", send(BODY))]
    _arrives(file(*urls), _with(connect=1, read=1, window=0.5))
    assert [r.path for r in server.requests] == ["/drip", "/w"]


@pytest.mark.parametrize(
    "quiet",
    [stall, send(BODY[:HALF], headers={"Content-Length": "300000"}, then=stall)],
    ids=["headers", "body"],
)
def test_a_silent_server_is_asked_again_and_left(server, quiet):
    wanted = file(server.give("/quiet", quiet), server.give("/w", send(BODY)))
    _arrives(wanted, _with(read=0.1, attempts=2))
    assert [r.path for r in server.requests] == ["/quiet", "/quiet", "/w"]


def test_the_deadline_is_for_all_sources_together(server):
    urls = [server.give(f"/{n}", stall) for n in range(3)]
    began = time.monotonic()
    message = refusal(file(*urls), _with(deadline=0.3))
    assert message.count("time for the download is over") == 3
    assert time.monotonic() - began < 10


# What was there


def test_a_good_file_of_another_hash_stays(server):
    there = put(file(body=OTHER), OTHER)
    refusal(file(server.give("/w", send(OTHER))))
    assert there.read_bytes() == OTHER
    assert held() == [there.name]

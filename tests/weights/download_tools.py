"""What the tests of the download share: a file to fetch, short limits, and a look at the cache.

Child processes import it too; it must stay quick to import.
"""

import hashlib
import random

from scmnet_zoo.weights.entry import File, Hash, Https
from scmnet_zoo.weights.fetch import cache
from scmnet_zoo.weights.fetch.download import DownloadError, fetch
from scmnet_zoo.weights.fetch.https import Limits

BODY = random.Random(0).randbytes(300_000)
HALF = 150_000
OTHER = BODY[:HALF] + bytes([BODY[HALF] ^ 1]) + BODY[HALF + 1 :]  # of the same size

# Upper bounds that a busy machine does not reach, and waits that nobody notices.
QUICK = Limits(
    connect=20, read=20, deadline=60, window=20, backoff=0.001, longest_wait=0.05, lock=20
)


def file(*sources, body=BODY, name="w.safetensors", **changes):
    """The file that `body` is; sources as URLs or as the manifest's."""
    fields = {
        "name": name,
        "format": "safetensors",
        "size": len(body),
        "maximum_size": len(body),
        "hash": Hash("sha256", hashlib.sha256(body).hexdigest()),
    }
    found = tuple(Https(source) if isinstance(source, str) else source for source in sources)
    return File(**{**fields, **changes}, sources=found)


def unhashed(*sources, **changes):
    """The same where its publisher states neither size nor hash."""
    return file(*sources, **{"size": None, "maximum_size": 400_000, "hash": None, **changes})


def refusal(wanted, limits=QUICK):
    """The message of the error, a line that names every source."""
    message = str(_error(wanted, limits, DownloadError))
    assert all(getattr(source, "url", "") in message for source in wanted.sources), message
    return message


def write_error(wanted, limits=QUICK):
    """The message of the error where no source is to blame; a line."""
    error = _error(wanted, limits, OSError)
    assert not isinstance(error, DownloadError)
    return str(error)


def _error(wanted, limits, kind):
    import pytest

    with pytest.raises(kind, match="cannot be ") as caught:
        fetch(wanted, limits)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def put(wanted, content=BODY):
    """Lay a file into the cache; its path."""
    path = cache.cached_path(wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def held():
    """The names of the files in the cache, without locks."""
    folder = cache.home()
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    return [name for name in found if not name.endswith(".lock")]


def parts():
    """The temporary files in the cache."""
    return sorted(cache.home().glob(".*.part*"))

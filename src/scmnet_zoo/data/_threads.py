"""Work on many frames in threads, without holding more than a few results."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

AHEAD = 2  # results for each thread that may wait to be taken


def in_threads(
    function: Callable[[Item], Outcome], items: Iterable[Item], workers: int | None = None
) -> Generator[Outcome, None, None]:
    """What a function makes of each item, in order; closing the generator drops what is left.

    Args:
        function: called in threads.
        items: what it is called with.
        workers: number of threads, by default one a core.
    """
    workers = workers or os.cpu_count() or 1
    pool = ThreadPoolExecutor(workers)
    waiting: deque[Future[Outcome]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)

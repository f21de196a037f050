"""Map a function over frames in threads, with a bounded number of waiting results."""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

AHEAD = 2  # waiting results per thread


def in_threads(
    function: Callable[[Item], Outcome], items: Iterable[Item], workers: int | None = None
) -> Generator[Outcome, None, None]:
    """Yield the function's result for each item, in order. Closing the generator cancels the rest.

    Args:
        function: called in threads with one item.
        items: arguments of the function.
        workers: number of threads. Defaults to the number of CPU cores.
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

"""Give the readers of images, tables and datasets what they do not expect, many times.

    python tests/fuzz --cases 20000 --seed 0 --seconds 1500
    python tests/fuzz --only 1234

A case is drawn from its seed: a damaged photograph or mask, a random classes.toml, or a folder in
disorder. It may end in an array, or in a ValueError or OSError of one line that names the file. A
fault is any other error, a case that takes longer than ten seconds or more than 4 GiB, a process
that is started, or a dataset on which a blind network has mIoU 1 and of which nothing is said.
"""

import argparse
import sys
import time

from supervisor import events

SHOWN = 3  # seeds of one fault that are printed
LINES = 3  # the last of a traceback that are printed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000, help="how many (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=1500, help="at most (default: %(default)s)"
    )
    parser.add_argument("--only", type=int, metavar="SEED", help="one case, with all that is known")
    given = parser.parse_args()
    first, last = given.seed, given.seed + given.cases
    if given.only is not None:
        first, last = given.only, given.only + 1
    start, count, faults = time.time(), 0, {}
    for event in events(first, last, start + given.seconds):
        if "fault" in event:
            fault = event["fault"]
            faults.setdefault(fault["what"], []).append(fault)
        else:
            count += 1
    for what, found in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(found)} cases: {what}")
        for fault in found[:SHOWN]:
            lines = fault["detail"].splitlines()[0 if given.only is not None else -LINES :]
            print(f"  --only {fault['seed']}: {fault['case']}", *lines, sep="\n    ")
    seconds = time.time() - start
    number = sum(map(len, faults.values()))
    print(f"{count} cases in {seconds:.0f} s, {count / seconds:.0f} a second: {number} faults")
    return 1 if faults or not count else 0


if __name__ == "__main__":
    sys.exit(main())

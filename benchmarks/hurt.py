"""What a page has been through before a class comes: something that computed has died, and others have sent what no page sends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from benchmarks.asked import work
from benchmarks.sender import AT_ONCE, PATIENCE, Met, send
from benchmarks.wire import Page, answer, browser

MARK = 4_000_000  # the seed of the task that is not lived through
# Runs in the page's process: the thread that computes MAML on that task ends after two steps.
PROGRAM = f"""
from meta_demo.algorithms.gradient.maml import MAML
from meta_demo.serving.jobs import Job

snapshots = Job.snapshots

def midway(job):
    marked = job.episode.support[0].content == {work(MARK, 2, 1)[0]["support"][0]["text"]!r}
    for number, snapshot in enumerate(snapshots(job)):
        if marked and isinstance(job.algorithm, MAML) and number == 2:
            raise SystemExit("the thread ends")
        yield snapshot

Job.snapshots = midway
"""


def hurt(url: str, requests: int) -> list[str]:
    """What went wrong while a page that runs `PROGRAM` was hurt by a thread's end, and by so many requests that no page sends."""
    client, failures = browser(), []
    try:
        answer(client, url, work(MARK, 2, 1), PATIENCE)
        failures.append("whoever asked was answered by a thread that has died")
    except ValueError:
        pass
    first, met = Page(client, url), Met()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda number: send(first, number, 0, met), range(requests)))
    return failures + met.failures

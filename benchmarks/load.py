"""A class of visitors at one page, over real HTTP on this machine alone: are their answers right, and how long does each kind wait?

    python -m benchmarks.load [--visitors 50] [--patience 1800] [--ways 5] [--shots 5] [--quiet 10] [--hurt 0] [--no-write]

Starts the page on a free port of the loopback device. With `--hurt` a thread dies there while it computes, and so many malformed requests
are sent. Then a few visitors adapt, and try something new again and again. Into that locust lets all others in at once: those who adapt by
the API, each to a task that nobody else has and from an address of their own, and for every five of them one who leaves in the midst and
one who sends rubbish. Then another page, where nobody else is, is asked the same tasks back to back, and tries as many things between them
as those who typed have: an answer is right where both are equal to the last digit, and what it costs that many come at once is the ratio of
the seconds that both take for the same. Writes `benchmarks/results/load.json`, or `hurt.json`. The exit code is 1 where an answer was
wrong, where anything failed, or was answered with 5xx.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable
from typing import Any

# First of all packages: it brings locust, which puts its own in the place of what waits.
from benchmarks.visitors import TYPISTS, Adapts, Arguments, Day, Leaves, Opens, Rude, Types, Typist, Visitor

# isort: split
import gevent
import tyro
from locust.env import Environment
from locust.stats import StatsEntry

from benchmarks import report
from benchmarks.asked import ALGORITHMS, work
from benchmarks.hosted import host, load
from benchmarks.hurt import PROGRAM, hurt
from benchmarks.wire import answer, browser

ONE_IN = 5  # for so many who adapt one leaves, and one sends rubbish
Figures = tuple[int, float, float]  # how many; the median and the 95th percentile of their seconds

COLUMNS = {
    "what": "项目",
    "count": "次数",
    "median": "中位数",
    "p95": "第 95 百分位",
    "quiet p95": "空闲时第 95 百分位",
}
TITLE = {
    "en": "A class of visitors at once on one page: seconds that each kind waits",
    "zh": "一个班级的访问者同时使用同一页面：各类访问者等待的秒数",
}


def main(arguments: Arguments) -> int:
    """Let them in, and say how it went."""
    before = load()
    with host(PROGRAM if arguments.hurt else "") as page, page.peak() as peak:
        failures = hurt(page.url, arguments.hurt) if arguments.hurt else []
        day = Visitor.day = Day(page.url, arguments)
        day.typists = [Typist(number, page.url, arguments) for number in range(TYPISTS)]
        end = time.monotonic() + arguments.quiet
        quiet, some = let_in({Types: TYPISTS, Opens: 1}, lambda: time.monotonic() > end)
        day.came.clear()
        day.waiting, others = arguments.visitors, max(1, arguments.visitors // ONE_IN)
        begun = time.monotonic()
        crowd = {Adapts: arguments.visitors, Leaves: others, Rude: others, Types: TYPISTS, Opens: 1}
        late = begun + arguments.patience
        found, more = let_in(crowd, lambda: day.waiting <= 0 or time.monotonic() > late)
        missing = arguments.visitors - len(day.answers) - day.refused
        took = time.monotonic() - begun
    failures += some + more
    day.wrong += [wrong for typist in day.typists for wrong in typist.wrong]
    alone, typed = back_to_back(day, found["prediction"][0])
    failures += [f"{missing} were not answered"] * bool(missing)
    told = {
        "answers": len(day.answers),
        "wrong": day.wrong,
        "failures": failures,
        "refused": day.refused,
        "seconds": took,
        "alone": alone,
        "typed": typed,
        "ratio": took / (alone + typed) if day.answers else math.nan,
        "peak MB": peak[0],
        "load": [before, load()],
    }
    rows = [[name, *figures, *quiet.get(name, (0, None, None))[2:]] for name, figures in found.items()]
    for row in rows:
        print(" | ".join(map(str, row)), flush=True)
    print(json.dumps(told, indent=2))
    if arguments.write:
        said: dict[str, Any] = {"title": TITLE, "notes": notes(told, arguments), "order": report.MEMORY}
        name, flags = ("hurt", f" --hurt {arguments.hurt}") if arguments.hurt else ("load", "")
        report.write(name, f"python -m benchmarks.load{flags}", COLUMNS, rows, **said)
    return 1 if day.wrong or failures else 0


def let_in(crowd: dict[type[Visitor], int], over: Callable[[], bool]) -> tuple[dict[str, Figures], list[str]]:
    """So many of each kind at once, until it is over -> what each kind of thing took, and what failed."""
    for kind, count in crowd.items():
        kind.fixed_count = count
    environment = Environment(user_classes=[*crowd])
    runner = environment.create_local_runner()
    runner.start(sum(crowd.values()), spawn_rate=100)
    while not over():
        gevent.sleep(0.1)
    runner.quit()
    stats = environment.stats
    found = {name: _figures(entry) for (name, _), entry in sorted(stats.entries.items())}
    failures = [f"{error.name}: {error.error}, {error.occurrences} times" for error in stats.errors.values()]
    return found, failures + [str(error["msg"]) for error in runner.exceptions.values()]


def _figures(entry: StatsEntry) -> Figures:
    """How many, and the median and the 95th percentile in seconds."""
    median, p95 = (entry.get_response_time_percentile(share) / 1000 for share in (0.5, 0.95))
    return entry.num_requests, median, p95


def back_to_back(day: Day, rounds: int) -> tuple[float, float]:
    """Seconds that the same tasks take where nobody else is, and those of as many rounds of trying something between them; answers that
    differ there are kept with what is wrong."""
    arguments, adapted, typed = day.arguments, 0.0, 0.0
    client = browser()
    with host() as page:
        typist = Typist(0, page.url, arguments)

        def alone(number: int) -> list[Any]:
            asked = work(number, arguments.ways, arguments.shots)
            return answer(client, page.url, asked, arguments.patience)

        alone(1_000_000)  # what is made once is there
        for count, (number, found) in enumerate(sorted(day.answers.items()), 1):
            begun = time.monotonic()
            if alone(number) != found:
                day.wrong.append(f"the answer to {number}")
            asked = time.monotonic()
            for _ in range(rounds * count // len(day.answers) - rounds * (count - 1) // len(day.answers)):
                for _, do in typist.round():
                    do()
            adapted += asked - begun
            typed += time.monotonic() - asked
    day.wrong += typist.wrong
    return adapted, typed


def notes(told: dict[str, Any], arguments: Arguments) -> dict[str, str]:
    """What stands beneath the table."""
    took, alone, typed, ratio = (round(told[name], 2) for name in ("seconds", "alone", "typed", "ratio"))
    count, wrong, failures = told["answers"], len(told["wrong"]), len(told["failures"])
    visitors, ways, shots, learners = arguments.visitors, arguments.ways, arguments.shots, len(ALGORITHMS)
    peak, (before, after) = round(told["peak MB"]), told["load"]
    hurt = {
        "en": f"After a thread that computed had died and {arguments.hurt} malformed requests had come: ",
        "zh": f"在一个计算线程中途结束、并收到 {arguments.hurt} 个不合规请求之后：",
    }
    been = hurt if arguments.hurt else {"en": "", "zh": ""}
    return {
        "en": f"{been['en']}{visitors} adapt at once, each to a {ways}-way {shots}-shot task of their own with {learners} algorithms, "
        f"while others leave, send rubbish, type and open the page. Of {count} answers {wrong} are not equal to the bit to "
        f"those of the same task alone; {told['refused']} refused, {failures} failures. "
        f"{took} s in all; back to back the same tasks take {alone} s and what was typed meanwhile {typed} s: {ratio} times as long. "
        f"At most {peak} MB resident. "
        f"Programs that wanted a processor, in the mean of a minute: {before} before, {after} after.",
        "zh": f"{been['zh']}{visitors} 位访问者同时适应，各有一个 {ways} 类 {shots} 条示例的任务，使用 {learners} 种算法；"
        f"同时还有人离开、发送无效内容、输入或打开页面。{count} 个回答中有 {wrong} 个与单独运行时并非逐位相同；"
        f"拒绝 {told['refused']} 次，失败 {failures} 次。共 {took} 秒；逐个运行时，同样的任务需 {alone} 秒，"
        f"其间输入的内容需 {typed} 秒：为其 {ratio} 倍。"
        f"常驻内存最多 {peak} MB。一分钟内等待处理器的程序平均数：之前 {before}，之后 {after}。",
    }


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Arguments)))

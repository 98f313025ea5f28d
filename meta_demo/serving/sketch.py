"""Sketches: what several requests answer to the same inputs, as quickly as can be and without keeping any of it.

For what is drawn while somebody drags: a moment later the question is another one. The answers are those of `Job.predict`, but for
rounding; what does not go abreast is asked there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from meta_demo.algorithms.gradient import abreast
from meta_demo.modalities.base import Content
from meta_demo.serving.jobs import Job, array, finite
from meta_demo.serving.requests import Prediction


def sketched(
    jobs: Sequence[Job], contents: Sequence[Content], step: int, alone: Callable[[int], Prediction]
) -> list[Prediction]:
    """Each job's answers after `step` inner steps; `alone` answers for the one of a number."""
    groups: dict[Hashable, list[int]] = defaultdict(list)
    for number, job in enumerate(jobs):
        if abreast.goes(job.algorithm) and not job.intervals and job.errand is None:
            algorithm = job.algorithm
            steps = min(step, algorithm.steps)
            groups[id(algorithm.backbone), algorithm.boundary, abreast.beside(algorithm), steps].append(number)
    found: dict[int, Prediction] = {}
    for members in groups.values():
        if len(members) > 1:
            together = _abreast([jobs[number] for number in members], contents, step)
            found |= {number: p for number, p in zip(members, together, strict=True) if p is not None}
    return [found.get(number) or alone(number) for number in range(len(jobs))]


def _abreast(jobs: Sequence[Job], contents: Sequence[Content], step: int) -> list[Prediction | None]:
    """None for a job whose numbers are not finite any more: alone it keeps the last good ones."""
    algorithms = [job.algorithm for job in jobs if abreast.goes(job.algorithm)]
    steps = min(step, algorithms[0].steps)
    fasts = abreast.ends(algorithms, jobs[0].support(), steps)
    outputs = abreast.answers(algorithms, fasts, algorithms[0].features(contents))
    return [
        Prediction(job.learner, steps, array(job.objective.shown(out))) if finite([out, *fast.values()]) else None
        for job, fast, out in zip(jobs, fasts, outputs, strict=True)
    ]

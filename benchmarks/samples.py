"""The page's samples of sentences as sources of tasks: their examples and queries together, dealt anew for every task."""

from __future__ import annotations

from meta_demo.data.episode import Episode
from meta_demo.data.sampler import TEST, Fixed, Sampler
from meta_demo.data.samples import load_sample, sample_names
from meta_demo.data.source import make_source
from meta_demo.learning import checkpoint
from meta_demo.modalities.text.modality import Text

SAMPLES = "the page's samples"
N_QUERY = 6  # of each class of a sample, which has 14 sentences or more


def sample_tasks(shots: int, count: int) -> list[Episode]:
    """About `count` tasks with all classes of a sample and `shots` examples of each, as many from every sample."""
    samples = [load_sample(name) for name in sample_names(Text.name)]
    of_classes = [sample for sample in samples if sample.objective.name == checkpoint.CLASSES]
    sources = [make_source(SAMPLES, [*sample.support, *sample.query]) for sample in of_classes]
    drawn = [Sampler([of], Fixed(len(of.classes), shots, N_QUERY), 0, TEST) for of in sources]
    return [sampler.draw(i) for sampler in drawn for i in range(max(1, count // len(drawn)))]

"""A method without weights of the Transformer for its own has no scope, and everything else works as for the others."""

from __future__ import annotations

import torch
from tiny_models import make_task, tiny_backbone

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.core.heads import prototypes
from meta_demo.learning import checkpoint

BACKBONE = tiny_backbone()


class Means(Algorithm):
    """Cosine to the class means of the frozen embeddings."""

    name, title, paper, about = "means", {}, "", {}

    def adapt(self, support, *, unlabelled=None, graph=False):  # noqa: ARG002
        z = self.embed({}, support.x)
        state = {"means": prototypes(z, support.y)}
        yield State(state, self.answer(State(state), z))

    def answer(self, state, z):
        return z @ state.tensors["means"].T


def test_it_has_no_knobs_no_body_and_reads_what_all_layers_made():
    algorithm = Means(BACKBONE, Means.Config()).eval()
    assert Means.Config.knobs() == () and algorithm.body == {} and not list(algorithm.parameters())
    assert algorithm.features(["hello"]).boundary == BACKBONE.n_layers == algorithm.boundary
    task = make_task(BACKBONE, algorithm.boundary)
    (state,) = algorithm.adapt(task.support)
    assert algorithm.steps == 0 and algorithm.predict(state, task.query.x).shape == (3, 3)
    torch.testing.assert_close(algorithm.predict(state, task.support.x), state.outputs)


def test_there_is_nothing_to_learn_and_nothing_to_keep(tmp_path):
    algorithm = Means(BACKBONE, Means.Config())
    task = make_task(BACKBONE, algorithm.boundary)
    total = algorithm.backward([task, task], 0.5)
    assert torch.isfinite(total) and float(total) > 0 and not total.requires_grad
    checkpoint.save(algorithm, tmp_path)
    assert checkpoint.read_card(tmp_path).config == {}

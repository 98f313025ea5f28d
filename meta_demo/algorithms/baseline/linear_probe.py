"""Linear probe: scikit-learn's logistic regression on frozen embeddings."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from meta_demo.algorithms.base import Algorithm, State
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.core import config as knobs
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.core.features import Features
from meta_demo.core.heads import linear
from meta_demo.words import words


@dataclass(frozen=True)
class ProbeConfig(knobs.Config):
    """Knobs of a linear probe."""

    inverse_penalty: float = knob(
        10.0,
        words("Freedom (C)", "自由度（C）"),
        words(
            "how freely the head may follow the examples: scikit-learn's C",
            "分类头跟随示例的自由程度：即 scikit-learn 的 C",
        ),
        lo=1e-3,
        hi=1e4,
    )


@register(
    "linear_probe",
    title=words("Linear probe", "线性探针"),
    paper="Alain & Bengio 2016; Pedregosa et al. 2011",
    about=words(
        "Logistic regression on the frozen embeddings, as everybody would try first; a baseline that the others have to beat.",
        "在冻结的嵌入上做逻辑回归，人人都会先试；其他方法需要超过的基线。",
    ),
    lesson=Lesson(
        outer=words(
            "Nothing: the pretrained model is taken as it is.",
            "什么也不学：直接使用预训练模型。",
        ),
        inner=words(
            "A linear head, fitted to the examples' embeddings until the best one is found, with a penalty on large weights.",
            "一个线性分类头，在示例的嵌入上拟合到最优，并惩罚过大的权重。",
        ),
        equation=r"\min_{W, b} \; \frac{1}{2} \lVert W \rVert^2 + C \sum_j \mathcal{L}(W f(x_j) + b, \, y_j)",
        cost=words(
            "Examples go through the Transformer once, then scikit-learn takes some hundredths of a second. Nothing is trained "
            "before.",
            "示例只经过 Transformer 一次，随后 scikit-learn 只需百分之几秒。事先不训练任何东西。",
        ),
        use=words(
            "Before anything else: whatever is more elaborate should be better than this.",
            "最先用它：更复杂的方法理应比它好。",
        ),
        look=words(
            "Its curve is level. On sentences it is right as often as class means of the plain model, within half a point or so, "
            "and with one example a class much less sure of it.",
            "它的曲线是水平的。在句子上，它的正确率与普通模型的类别均值相差约半个百分点以内；每类一个示例时，它的把握要小得多。",
        ),
        moved=("head",),
    ),
)
class LinearProbe(Algorithm):
    """scikit-learn's logistic regression with an L2 penalty on the embeddings of the model as it is."""

    Config = ProbeConfig
    config: ProbeConfig
    family = "baseline"
    learns = False

    @torch.no_grad()
    def adapt(self, support: Examples, *, unlabelled: Features | None = None, graph: bool = False) -> Iterator[State]:  # noqa: ARG002
        z = self.embed({}, support.x)
        tensors = self._fitted(z, support.y)
        yield State(tensors, linear(z, tensors), z)

    def answer(self, state: State, z: Tensor) -> Tensor:
        return linear(z, state.tensors)

    def _fitted(self, z: Tensor, y: Tensor) -> dict[str, Tensor]:
        """The head that scikit-learn fits; of two classes it fits the difference, of which each gets half."""
        from sklearn.linear_model import LogisticRegression  # slow to import, and large

        probe = LogisticRegression(C=self.config.inverse_penalty, max_iter=1000, tol=1e-8)
        probe.fit(z.double().cpu().numpy(), y.argmax(1).cpu().numpy())
        weight, bias = torch.as_tensor(probe.coef_).to(z), torch.as_tensor(probe.intercept_).to(z)
        if len(weight) == 1:
            weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
        return {"head.weight": weight, "head.bias": bias}

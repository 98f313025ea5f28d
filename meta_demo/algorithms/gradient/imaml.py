"""iMAML: the meta-gradient of where the inner loop ends, whatever way it took there."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd import grad

from meta_demo.algorithms.gradient.base import GradientAlgorithm, GradientConfig
from meta_demo.algorithms.gradient.fast import Fast, Step, leaves
from meta_demo.algorithms.gradient.walk_back import Loop, Point
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.registry import register
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples, Task
from meta_demo.words import words


@dataclass(frozen=True)
class ImplicitConfig(GradientConfig):
    """The inner loop's knobs, and how the implicit gradient is solved for."""

    proximal: float = knob(
        2.0,
        words("Pull to the start", "对起点的拉力"),
        words("how strongly the adapted weights are held at the start (lambda)", "适应后的权重被拉向起点的强度（λ）"),
        lo=1e-3,
        hi=1e6,
    )
    solver_steps: int = knob(
        5,
        words("Solver's steps", "求解步数"),
        words("steps of conjugate gradients for each meta-gradient", "每个元梯度的共轭梯度步数"),
        lo=1,
        hi=100,
    )


@register(
    "imaml",
    title=words("iMAML"),
    paper="Rajeswaran et al. 2019",
    about=words(
        "Holds adapted weights near the start and differentiates where they settle, not the way; look for many steps without overfitting.",
        "把适应后的权重留在起点附近，只对其落点求导而不问路径；留意走很多步也不过拟合。",
    ),
    lesson=Lesson(
        outer=words(
            "The weights that every task begins from and is held to. The gradient asks only where the inner loop ended and how "
            "curved the loss is there, not which way it came.",
            "每个任务的起点权重，适应后的权重也被拉向它。梯度只问内循环落在何处、那里的损失有多弯曲，而不问它从哪条路来。",
        ),
        inner=words(
            "A few gradient steps with momentum move the adapted layers and a head that begins at the class means, while a pull "
            "holds both near where the task began.",
            "带动量的几步梯度下降移动被适应的层，以及从类别均值开始的分类头，同时有一股拉力把两者留在任务的起点附近。",
        ),
        equation=r"\theta'_i = \underset{\phi}{\text{argmin}} \; \mathcal{L}^{\text{support}}_i(\phi) + \frac{\lambda}{2} \lVert \phi - "
        r"\theta \rVert^2, \quad \frac{d \mathcal{L}^{\text{query}}_i}{d \theta} = \Bigl(I + \frac{1}{\lambda} \nabla^2 "
        r"\mathcal{L}^{\text{support}}_i(\theta'_i)\Bigr)^{-1} \nabla \mathcal{L}^{\text{query}}_i(\theta'_i)",
        cost=words(
            "A task costs what it costs MAML. Training keeps nothing of the way, however long: it solves for its gradient by a "
            "few products with second derivatives at the end.",
            "一个任务的代价与 MAML 相同。训练不保存路径，无论多长：它在终点用几次与二阶导数的乘积解出梯度。",
        ),
        use=words(
            "When tasks should take many steps and must not leave behind what the start knows.",
            "当任务要走很多步、又不能丢掉起点所知的东西时。",
        ),
        look=words(
            "From plain weights, on sines, its curve falls a little behind that of MAML, by more with every "
            "step: the pull grows with the distance from the start.",
            "从普通权重出发，在正弦曲线上它略落后于 MAML，且每一步落后更多：拉力随离起点的距离增大。",
        ),
        learned=("layers",),
        moved=("layers", "head"),
    ),
)
class ImplicitMAML(GradientAlgorithm):
    """MAML with a proximal term to the start and the implicit meta-gradient (Rajeswaran et al. 2019, algorithms 1 and 2)."""

    Config = ImplicitConfig
    config: ImplicitConfig

    @property
    def differentiates_twice(self) -> bool:
        """By its steps not, but to solve for its meta-gradient."""
        return True

    def inner_loss(self, step: Step, fast: Fast, out: Tensor, support: Examples) -> Tensor:
        """The support's loss + lambda / 2 times the squared distance to where the task began (eq. 3)."""
        away = torch.stack([(w - step.start[name].detach()).square().sum() for name, w in fast.items()]).sum()
        return super().inner_loss(step, fast, out, support) + self.config.proximal / 2 * away

    def meta_loss(self, task: Task) -> Tensor:
        """The query's loss where the loop ended, its gradient by the start (I + H / lambda)^-1 times that by the end (lemma 1) -> [].

        H is the Hessian of the support's loss: that of the inner loss is H + lambda I.
        """
        *_, last = self.adapt(task.support)
        loop = Loop(self, task)
        loop.start()
        loss, v = loop.asked(Point(self.steps, dict(last.tensors), {}), 1.0)
        at = leaves(last.tensors)
        _, grads = loop.gradient(self.steps, at, exact=True)
        curved = [name for name, g in grads.items() if g.requires_grad]

        def product(x: Tensor) -> Tensor:
            """(H + lambda I) x / lambda, all fast weights as one vector."""
            parts = dict(zip(at, shaped(x, at), strict=True))
            along = [parts[name] for name in curved]
            by = grad([grads[name] for name in curved], list(at.values()), along, retain_graph=True)
            return torch.cat([g.flatten() for g in by]) / self.config.proximal

        solved = conjugate_gradients(product, torch.cat([v.fast[n].flatten() for n in at]), self.config.solver_steps)
        return loop.first(loss, Point(0, dict(zip(at, shaped(solved, at), strict=True)), {}))


def shaped(x: Tensor, like: Fast) -> list[Tensor]:
    """One vector as tensors of the shapes of `like`."""
    parts = torch.split(x, [w.numel() for w in like.values()])
    return [part.view_as(w) for part, w in zip(parts, like.values(), strict=True)]


def conjugate_gradients(product: Callable[[Tensor], Tensor], b: Tensor, steps: int) -> Tensor:
    """x [D] with A x = b, for a symmetric positive A that `product` multiplies with; exact after D steps (Hestenes & Stiefel 1952).

    Stops early where nothing is left to solve, or where A turns out not to be positive: x is then the best so far.
    """
    x, r = torch.zeros_like(b), b.clone()
    p, left = r, r @ r
    for _ in range(steps):
        ap = product(p)
        curved = p @ ap
        if not float(curved) > 0 or not float(left) > 0:
            break
        a = left / curved
        x, r = x + a * p, r - a * ap
        now = r @ r
        p, left = r + now / left * p, now
    return x

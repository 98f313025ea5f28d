"""Generated weights: a generator reads the examples and writes a head and a low-rank layer, watched by a critic."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, layer_norm

from meta_demo.algorithms.base import State
from meta_demo.algorithms.fresh import fresh
from meta_demo.algorithms.generated.critic import DIVERGED, Critic, fitted
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.errors import Note
from meta_demo.core.examples import Examples, Task
from meta_demo.core.heads import linear, prototype_head, prototypes
from meta_demo.words import words

HIDDEN = 64  # units of the generator
STEPS, RATE = 10, 5.0  # of the gradient descent whose weights the critic compares with


@dataclass(frozen=True)
class GeneratedConfig(DistanceConfig):
    """Knobs of generated weights."""

    rank: int = knob(
        4,
        words("Rank of the layer", "生成层的秩"),
        words(
            "rank of the layer that is written between the Transformer and the head",
            "在 Transformer 与分类头之间生成的层的秩",
        ),
        lo=0,
        hi=64,
    )
    critic: float = knob(
        0.0,
        words("Weight of the critic", "评判者的权重"),
        words(
            "how much meta-training pushes the generator to write what a critic takes for weights fitted by gradients; 0: no critic",
            "元训练时推动生成器写出让评判者以为是梯度拟合所得权重的力度；0 表示没有评判者",
        ),
        lo=0.0,
        hi=10.0,
    )


@register(
    "generated",
    title=words("Generated weights", "生成权重"),
    paper="Ha et al. 2017; Rusu et al. 2019; Goodfellow et al. 2014",
    about=words(
        "A network reads your examples and writes the classifier's weights, without a step; look for how it differs from the class means.",
        "由网络阅读示例并直接写出分类器的权重，无需任何步骤；留意它与类别均值的不同。",
    ),
    lesson=Lesson(
        outer=words(
            "The generator, which writes a head and a small layer for examples, and the last layers, which it reads them by. "
            "A critic may compare what is written with fitted weights.",
            "生成器，它为示例写出分类头和小层；以及末几层，它借此阅读示例。还可由评判者把写出的与拟合的权重作比较。",
        ),
        inner=words(
            "The head and a low-rank layer before it, written in one pass over the examples.",
            "分类头及其之前的低秩层，读一遍示例就写出。",
        ),
        equation=r"(w_n, b_n, A, B) = g(\{z_s\}, \{y_s\}), \qquad \hat y_n = w_n^\top (z + B A z) + b_n",
        cost=words(
            "No gradient for a task. The critic takes part in meta-training alone and is left out of what is saved.",
            "任务中不求梯度。评判者只参与元训练，不随起点保存。",
        ),
        use=words(
            "Where gradient steps are too slow for a task, and many earlier tasks can teach what they would have led to.",
            "任务中没有时间做梯度步、而许多往日任务能教会其结果时。",
        ),
        look=words(
            "One point instead of a curve. Untrained it equals prototypical networks: the difference is what the generator learned.",
            "只有一个点而没有曲线。未训练时等同于原型网络；差别就是生成器学到的。",
        ),
        learned=("layers", "generator"),
        moved=("head",),
    ),
)
class GeneratedWeights(DistanceAlgorithm):
    """A hypernetwork over sets of examples (Ha et al. 2017), with an adversarial critic (Goodfellow et al. 2014) as a choice.

    An encoder averages what it makes of a class's examples, so that their order is irrelevant; of each class in the light of all
    others it writes the head's row, and of all together the low-rank layer. What it writes is added to the prototypes' own head,
    (2 c, -|c|^2) times the sharpness: before training it adds nothing.
    """

    Config = GeneratedConfig
    config: GeneratedConfig
    family = "generated"
    transient = ("critic",)

    def __init__(self, backbone: Backbone, config: GeneratedConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, d, rng = backbone.head, len(backbone.head), torch.Generator().manual_seed(seed)

        self.read, self.read_bias = fresh(like, rng, HIDDEN, d), nn.Parameter(like.new_zeros(HIDDEN))
        self.mix, self.mix_bias = fresh(like, rng, HIDDEN, 3 * HIDDEN), nn.Parameter(like.new_zeros(HIDDEN))
        self.row, self.offset = nn.Parameter(like.new_zeros(d, HIDDEN)), nn.Parameter(like.new_zeros(HIDDEN))
        self.down = fresh(like, rng, config.rank * d, HIDDEN)
        self.up = nn.Parameter(like.new_zeros(config.rank * d, HIDDEN))
        self.critic = Critic(like, rng) if config.critic else None
        self.good: dict[str, Tensor] = {}  # the critic's weights when it was a judge last
        self.diverged = False

    def codes(self, z: Tensor, y: Tensor) -> Tensor:
        """What the generator makes of every class [N, H]: the mean of its examples' codes, beside that of all classes and their
        spread."""
        own = prototypes(gelu(layer_norm(z, z.shape[1:]) @ self.read.T + self.read_bias), y)
        mean = own.mean(0, keepdim=True)
        spread = (own - mean).square().mean(0, keepdim=True)
        whole = torch.cat([own - mean, mean.expand_as(own), spread.expand_as(own)], 1)
        return gelu(whole @ self.mix.T + self.mix_bias)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        """The head and the low-rank layer that are written for embeddings z [S, D]."""
        codes, rank = self.codes(z, support.y), self.config.rank
        layer = {name: (w @ codes.mean(0)).view(rank, -1) for name, w in (("down", self.down), ("up", self.up))}
        after = self.through(z, layer)
        head = prototype_head(after, support.y, self.log_scale.exp())
        written = {"head.weight": codes @ self.row.T, "head.bias": codes @ self.offset}
        return {**{name: w + written[name] for name, w in head.items()}, **layer}

    def through(self, z: Tensor, layer: dict[str, Tensor]) -> Tensor:
        """Embeddings [B, D] after the low-rank layer: z + B A z."""
        return z + (z @ layer["down"].T) @ layer["up"]

    def answer(self, state: State, z: Tensor) -> Tensor:
        return linear(self.through(z, state.tensors), state.tensors)

    def training_notes(self) -> tuple[Note, ...]:
        return (Note("critic_stopped"),) if self.diverged else ()

    def meta_loss(self, task: Task) -> Tensor:
        """The query's loss, and the critic's where there is one -> []."""
        z = self.embed({}, self.backbone.pack(task.support.x + task.query.x))
        own, asked = z[: len(task.support)], z[len(task.support) :]
        state = State(self.remember(own, task.support, None), objective=task.support.objective)
        loss = task.query.objective.loss(self.answer(state, asked), task.query.y)
        return loss + self.judged(state, z, task) if self.critic and not self.diverged else loss

    def judged(self, state: State, z: Tensor, task: Task) -> Tensor:
        """The critic's loss on the head that was written, beside one that gradient descent fits to all of the task's embeddings z -> [].

        A critic that diverges is stopped: its last good weights are kept, and the task's loss goes on alone.
        """
        assert self.critic, "a critic judges"
        y, count = torch.cat([task.support.y, task.query.y]), len(task.support)
        with torch.no_grad():
            layer = {name: state.tensors[name] for name in ("down", "up")}
            every = self.through(z, layer)
            means = prototypes(every[:count], task.support.y)
            head = prototype_head(every[:count], task.support.y, self.log_scale.exp())
            by_gradient = fitted(head, every, y, STEPS, RATE)
        found = self.critic.loss(means, state.tensors["head.weight"], by_gradient, self.config.critic)
        if not bool(found < DIVERGED):
            self.diverged = True
            if self.good:
                self.critic.load_state_dict(self.good)
            return z.new_zeros(())
        self.good = {name: w.detach().clone() for name, w in self.critic.state_dict().items()}
        return found

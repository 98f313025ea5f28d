"""A memory-augmented network: a controller writes example after example into a memory, and questions read what is like them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from meta_demo.algorithms.base import State
from meta_demo.algorithms.body import log_scale
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.errors import UserError
from meta_demo.core.examples import Examples
from meta_demo.words import words

HIDDEN = 64  # units of the controller
GATE = (
    -6.0
)  # before training, the log-odds that an example is written where one was read and not where nothing is needed
ANSWER = 10.0  # how much of a read's difference between classes an answer makes, before training
LEAST = 1e-12


@dataclass(frozen=True)
class MannConfig(DistanceConfig):
    """Knobs of a memory-augmented network."""

    scope: str = DistanceConfig.redefault("scope", "head")
    scale: float = DistanceConfig.redefault(
        "scale",
        2.0,
        help=words(
            "how sharply a read picks the rows of the memory most like its key",
            "读取时选取与键最相似的记忆行的集中程度",
        ),
    )
    slots: int = knob(
        512,
        words("Memory slots", "记忆槽数"),
        words("how many examples the memory can hold at the most", "记忆最多能容纳多少个示例"),
        lo=2,
        hi=2000,
    )
    decay: float = knob(
        0.95,
        words("Decay of usage", "使用度的衰减"),
        words("how much of a row's usage is left after another example", "每写入一个示例后，行的使用度保留多少"),
        lo=0.0,
        hi=0.999,
    )


@dataclass(frozen=True)
class Memory:
    """M rows, each a key [D] with a label [N]; how much each is in use, and whether anything was ever written there."""

    keys: Tensor
    labels: Tensor
    usage: Tensor
    written: Tensor

    @classmethod
    def empty(cls, slots: int, like: Tensor, width: int) -> "Memory":
        """A memory without anything in it, its keys of the length of `like` [D]."""
        return cls(
            like.new_zeros(slots, len(like)),
            like.new_zeros(slots, width),
            like.new_zeros(slots),
            torch.zeros(slots, dtype=torch.bool, device=like.device),
        )

    def weights(self, key: Tensor, sharpness: Tensor) -> Tensor:
        """How much a read with each key [B, D] takes of every row [B, M]: by cosine (Santoro et al. 2016, eqs. 2 and 3), of rows in
        which something was written; nothing where there is none."""
        likeness = sharpness * normalize(key, dim=-1) @ normalize(self.keys, dim=-1).T
        if not bool(self.written.any()):
            return torch.zeros_like(likeness)
        return likeness.masked_fill(~self.written, float("-inf")).softmax(-1)

    def with_example(self, key: Tensor, label: Tensor, read: Tensor, gate: Tensor, decay: float) -> "Memory":
        """The memory after an example: the least used row is emptied, and the example written there, and a `gate` of it where was
        read last (eqs. 5 to 8); read [M]."""
        least = one_hot(self.usage.detach().argmin(), len(self.usage)).to(key)
        where = gate * read + (1 - gate) * least
        kept = (1 - least)[:, None]
        return replace(
            self,
            keys=self.keys * kept + torch.outer(where, key),
            labels=self.labels * kept + torch.outer(where, label),
            usage=decay * self.usage * (1 - least) + read + where,
            written=self.written | (least > 0),
        )


@register(
    "mann",
    title=words("Memory-augmented network", "记忆增强网络"),
    paper="Santoro et al. 2016",
    about=words(
        "Writes your examples one by one into a memory and answers by what it reads there; look for answers that depend on their order.",
        "把示例逐个写入记忆，再凭读到的内容作答；留意答案会随示例顺序而变。",
    ),
    lesson=Lesson(
        outer=words(
            "The controller: with which key an example is written and sought, how sharply is read, and when a row is written again.",
            "控制器：用什么键写入和查找示例、读取的锐度、何时改写已有的行。",
        ),
        inner=words(
            "The memory alone: each example is written where least was used. No weight moves.",
            "只有记忆在变：每个示例写入最少使用的位置。没有权重移动。",
        ),
        equation=r"w^r = \mathrm{softmax}(\beta \cos(k, M)), \quad w^w = \sigma(\alpha)\, w^r + (1 - \sigma(\alpha))\, w^{lu}",
        cost=words(
            "No gradient for a task; one small step for each example, one after the other, and a row of memory for each.",
            "任务中不求梯度；示例逐个处理，每个一小步，各占一行记忆。",
        ),
        use=words(
            "Where examples come in a stream, and what to keep of them is to be learned.",
            "示例以流的方式到来、且需要学习保留什么时。",
        ),
        look=words(
            "One point instead of a curve; before training it is level with frozen prototypes with one example a class, and 0.6 points "
            "below with five. Shuffle the examples: the answer moves a little.",
            "只有一个点而没有曲线；未训练时，每类一个示例与冻结原型持平，五个示例低 0.6 个百分点。打乱示例顺序，答案会略有变化。",
        ),
        learned=("memory",),
        moved=("memory",),
    ),
)
class MemoryAugmentedNetwork(DistanceAlgorithm):
    """An LSTM controller with a memory, content reads and least-recently-used writes (Santoro et al. 2016, section 3).

    A label is written beside its example's key instead of coming with the next example, so that any number of classes fits, whatever
    their order. What is read for a class is counted by what the memory holds of it. Before training the controller adds nothing to
    an embedding: answers are close to the prototypes'.
    """

    Config = MannConfig
    config: MannConfig
    family = "memory"
    exempt: ClassVar[Mapping[str, str]] = {
        "support_order_is_irrelevant": "examples are written one after the other, and what was read before decides where"
    }

    def __init__(self, backbone: Backbone, config: MannConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, d = backbone.head, len(backbone.head)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.controller = nn.LSTMCell(2 * d, HIDDEN).to(like)
        self.key = nn.Parameter(like.new_zeros(d, HIDDEN))
        self.gate = nn.Parameter(like.new_tensor(GATE))
        self.log_answer = log_scale(backbone, ANSWER)

    def check_fits(self, examples: int, outputs: int) -> None:
        if examples > self.config.slots:
            said = {"algorithm": self.name, "slots": self.config.slots, "examples": examples, "classes": outputs}
            raise UserError("memory_slots", **said)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        """The memory after all examples, one by one, and what the controller holds by then. Raises UserError where it has too few rows."""
        self.check_fits(len(z), support.y.shape[1])
        memory = Memory.empty(len(z), z[0], support.y.shape[1])  # rows beyond these would stay empty
        hidden, cell, seen = z.new_zeros(HIDDEN), z.new_zeros(HIDDEN), torch.zeros_like(z[0])
        for x, label in zip(z, support.y, strict=True):
            hidden, cell = self.controller(torch.cat([x, seen]), (hidden, cell))
            key = x + self.key @ hidden
            (read,) = memory.weights(key[None], self.log_scale.exp())
            seen = read @ memory.keys
            memory = memory.with_example(key, label, read, self.gate.sigmoid(), self.config.decay)
        return {"keys": memory.keys, "labels": memory.labels, "hidden": hidden, "cell": cell, "seen": seen}

    def answer(self, state: State, z: Tensor) -> Tensor:
        """The logarithm of what is read for each class, over what the memory holds of it, made sharper [B, N]."""
        kept = state.tensors
        hidden, cell, seen = (kept[name].expand(len(z), -1) for name in ("hidden", "cell", "seen"))
        hidden, _ = self.controller(torch.cat([z, seen], 1), (hidden, cell))
        written = torch.ones(len(kept["keys"]), dtype=torch.bool, device=z.device)
        memory = Memory(kept["keys"], kept["labels"], kept["labels"].sum(1), written)
        read = memory.weights(z + hidden @ self.key.T, self.log_scale.exp())
        share = (read @ memory.labels) / memory.labels.sum(0).clamp_min(LEAST)
        return self.log_answer.exp() * share.clamp_min(LEAST).log()

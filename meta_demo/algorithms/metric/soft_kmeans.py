"""Prototypes that examples nobody labelled have moved: each counts for the classes it lies near."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, softplus

from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.config import knob
from meta_demo.core.examples import Examples
from meta_demo.core.heads import distance_logits, prototypes
from meta_demo.words import words

FIGURES, HIDDEN, EPS = 5, 20, 1e-6  # of distances to a class, and units of the network that reads them
LOG_RADIUS = -0.2  # that the class of strangers begins with
BEGINNING = (0.9, 20.0)  # the threshold, in mean distances, and the slope that masks begin with


@dataclass(frozen=True)
class SoftKMeansConfig(DistanceConfig):
    """How often, and how sharply, unlabelled examples are shared out among the classes."""

    rounds: int = knob(
        1,
        words("Rounds", "轮数"),
        words(
            "how often unlabelled examples are shared out and the prototypes moved", "分配未标注示例并移动原型的次数"
        ),
        lo=0,
        hi=20,
    )
    softness: float = knob(
        10.0,
        words("Sharpness of the shares", "分配的锐度"),
        words(
            "how much more of an unlabelled example the nearest class gets than the others",
            "未标注示例分给最近类别的份额比其他类别多多少",
        ),
        lo=0.1,
        hi=1000.0,
    )
    strangers: str = knob(
        "masks",
        words("Strangers", "无关示例"),
        words(
            "unlabelled examples of no class. none: they count like others; class: one more class, of a learned width, takes them; "
            "masks: from a learned distance on they count less",
            "不属于任何类别的未标注示例。none：与其他一样计入；class：由另一个宽度经学习的类别收容；masks：超过学习到的距离便少计",
        ),
        choices=("none", "class", "masks"),
    )
    level: bool = knob(
        True,
        words("Prototypes of one length", "原型等长"),
        words(
            "moved prototypes have the mean length of those before: a shorter one would be near to everything; off: as published",
            "移动后的原型取移动前的平均长度：较短的原型会离一切都近；关闭则与论文一致",
        ),
    )


@register(
    "soft_kmeans",
    title=words("Soft k-means", "软 k 均值"),
    paper="Ren et al. 2018",
    about=words(
        "Prototypes that unlabelled examples pull towards where they lie; look for what twenty lines without a label are worth.",
        "未标注示例把原型拉向自己所在之处；留意二十行没有标签的文本值多少。",
    ),
    lesson=Lesson(
        outer=words(
            "The space, as prototypical networks do. If strangers are to be kept out, also from which distance on an unlabelled "
            "example counts for no class.",
            "与原型网络一样学空间。若要排除无关示例，还学从多远起一个未标注示例不算任何类别。",
        ),
        inner=words(
            "Class means, which unlabelled examples then pull towards where they lie: each is shared out among the classes by "
            "its distances.",
            "类别均值，随后未标注示例把它们拉向自己所在之处：每个示例按距离分给各类别。",
        ),
        equation=r"c'_n = \frac{\sum_{j \in S_n} z_j + \sum_u p_{un} z_u}{|S_n| + \sum_u p_{un}}, \quad p_{un} = \text{softmax}_n "
        r"\bigl(-\tau \lVert z_u - c_n \rVert^2\bigr)",
        cost=words(
            "One pass over the examples and over the unlabelled ones, and no gradient.",
            "示例与未标注示例各过一遍，不求梯度。",
        ),
        use=words(
            "When few examples have a label and many of the same kind have none.",
            "当有标签的示例很少、而同类的无标签示例很多时。",
        ),
        look=words(
            "Without unlabelled examples it is a prototypical network. Twenty unlabelled sentences of five classes bring plain weights two "
            "to six points with one example a class, and less than two with five; three of them, or strangers, do no harm.",
            "没有未标注示例时，它就是原型网络。五个类别的二十条未标注句子在每类一个示例时给普通权重带来二到六个百分点，"
            "五个示例时不到两个；只有三条或混有无关文本时也无害。",
        ),
        learned=("layers",),
        moved=("prototypes",),
    ),
)
class SoftKMeans(DistanceAlgorithm):
    """Prototypes refined by soft k-means on unlabelled inputs (Ren et al. 2018, section 3.1.1); without any, prototypical networks.

    Strangers among them are taken by one more class (3.1.2) or masked out (3.1.3). That prototypes keep one length is ours: embeddings
    are of unit length, a mean of unlike ones is shorter, and what is shorter is nearer to every query, whatever it means.
    """

    Config = SoftKMeansConfig
    config: SoftKMeansConfig
    reads_unlabelled = True

    def __init__(self, backbone: Backbone, config: SoftKMeansConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like = self.like
        if config.strangers == "class":
            self.log_radius = nn.Parameter(like.new_tensor(LOG_RADIUS))  # all other classes have the radius 1
        if config.strangers == "masks":
            rng = torch.Generator().manual_seed(seed)
            self.hidden = nn.Parameter(torch.randn(HIDDEN, FIGURES, generator=rng, dtype=like.dtype).to(like) / 4)
            self.hidden_bias = nn.Parameter(like.new_zeros(HIDDEN))
            self.out = nn.Parameter(like.new_zeros(2, HIDDEN))
            self.out_bias = nn.Parameter(like.new_tensor(BEGINNING))

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:
        """Each round: shares [U, N] of the unlabelled by their distances, then means in which labelled examples count once."""
        c = prototypes(z, support.y)
        length = c.norm(dim=1).mean()
        for _ in range(self.config.rounds if unlabelled is not None else 0):
            assert unlabelled is not None
            c = prototypes(torch.cat([z, unlabelled]), torch.cat([support.y, self.shares(unlabelled, c)]))
            if self.config.level:
                c = length * normalize(c, dim=1)
        return {"prototypes": c}

    def shares(self, z: Tensor, c: Tensor) -> Tensor:
        """How much each of the unlabelled z [U, D] counts for every class [U, N]: one in all, less what is for strangers."""
        near = distance_logits(z, c, self.like.new_tensor(self.config.softness))
        if self.config.strangers == "class":  # around the origin: -d / r^2 - log r (eqs. 5 to 7)
            origin = z.new_zeros(1, z.shape[1])
            width = self.like.new_tensor(self.config.softness) * (-2 * self.log_radius).exp()
            away = distance_logits(z, origin, width) - self.log_radius
            return torch.cat([near, away], 1).softmax(-1)[:, :-1]
        return near.softmax(-1) * self.masks(z, c) if self.config.strangers == "masks" else near.softmax(-1)

    def masks(self, z: Tensor, c: Tensor) -> Tensor:
        """How much of each share is believed [U, N]: little where it is farther from the class than the threshold that a small network
        makes of the distances to it (eqs. 8 to 10)."""
        away = (z[:, None] - c).square().sum(-1)
        away = away / away.mean(0).clamp(min=EPS)
        threshold, slope = (
            (figures_of(away) @ self.hidden.T + self.hidden_bias)
            .tanh()
            .matmul(self.out.T)
            .add(self.out_bias)
            .unbind(-1)
        )
        return torch.sigmoid(softplus(slope) * (threshold - away))


def figures_of(away: Tensor) -> Tensor:
    """Of the distances [U, N] to each class the least, the greatest, variance, skewness and kurtosis [N, 5]."""
    centred = away - away.mean(0)
    variance = centred.square().mean(0)
    spread = variance.clamp(min=EPS).sqrt()
    moments = [(centred / spread).pow(power).mean(0) for power in (3, 4)]
    return torch.stack([away.amin(0), away.amax(0), variance, *moments], 1)

"""FEAT: the prototypes look at each other before anybody compares with them."""

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from meta_demo.algorithms.body import log_scale
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm, DistanceConfig
from meta_demo.algorithms.registry import register
from meta_demo.backbones.backbone import Backbone
from meta_demo.core.examples import Examples
from meta_demo.core.heads import prototypes
from meta_demo.words import words


@register(
    "feat",
    title=words("FEAT"),
    paper="Ye et al. 2020",
    about=words(
        "One layer of a Transformer lets the class means move apart from each other; look for classes that are close to one another.",
        "用一层 Transformer 让各类别均值彼此拉开；留意彼此接近的类别。",
    ),
    lesson=Lesson(
        outer=words(
            "The layers, and a layer of attention in which class means look at each other before anything is compared with them.",
            "各层的权重，以及一层注意力：在做任何比较之前，各类别均值先在其中互相看一看。",
        ),
        inner=words(
            "Class means, each shifted in the light of the others. There is no gradient step.",
            "类别均值，每个都依据其余均值作了移动。没有梯度步。",
        ),
        equation=r"c'_n = \text{LayerNorm}\bigl(c_n + W_O \sum_m a_{nm} W_V c_m\bigr), \quad a_{nm} = \text{softmax}_m \, \frac{(W_Q "
        r"c_n)^\top W_K c_m}{\sqrt{d}}",
        cost=words(
            "What prototypical networks cost, and one small layer of attention over as many means as there are classes.",
            "与原型网络相同，另加一层小的注意力，作用于与类别数同样多的均值。",
        ),
        use=words(
            "When what tells classes apart depends on which others there are, and there are many tasks to learn that from.",
            "当区分类别的依据取决于还有哪些类别，且有许多任务可供学习时。",
        ),
        look=words(
            "Before meta-training attention adds nothing, and its answers are those of class means or within half a point of "
            "them. From its start it is as good as prototypical networks from theirs: what it gains is the encoder's.",
            "元训练之前注意力不起作用，答案与类别均值相同，或相差不到半个百分点。"
            "从自带起点开始时，它与从起点开始的原型网络一样好：收益来自编码器。",
        ),
        learned=("layers", "prototypes"),
        moved=("prototypes",),
    ),
)
class Feat(DistanceAlgorithm):
    """Set-to-set attention over the prototypes, with a residual and a layer norm (Ye et al. 2020, eqs. 5 to 7).

    What attention adds is nothing before training.
    """

    def __init__(self, backbone: Backbone, config: DistanceConfig, seed: int = 0) -> None:
        super().__init__(backbone, config, seed)
        like, d = backbone.head, len(backbone.head)
        # A layer norm makes a prototype of the length sqrt(d): the logits are as sharp as the prototypes' own all the same.
        self.log_scale = log_scale(backbone, config.scale * d**-0.5)
        rng = torch.Generator().manual_seed(seed)
        q, k, v = (torch.randn(d, d, generator=rng, dtype=torch.float64) * d**-0.5 for _ in range(3))
        self.q, self.k, self.v = (nn.Parameter(w.to(like)) for w in (q, k, v))
        self.out, self.out_bias = nn.Parameter(like.new_zeros(d, d)), nn.Parameter(like.new_zeros(d))
        self.norm_weight, self.norm_bias = nn.Parameter(like.new_ones(d)), nn.Parameter(like.new_zeros(d))

    def adapted(self, c: Tensor) -> Tensor:
        """The prototypes [N, D] in the light of all of them."""
        share = ((c @ self.q.T) @ (c @ self.k.T).T * c.shape[1] ** -0.5).softmax(-1)
        seen = (share @ (c @ self.v.T)) @ self.out.T + self.out_bias
        return layer_norm(c + seen, c.shape[1:], self.norm_weight, self.norm_bias)

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"prototypes": self.adapted(prototypes(z, support.y))}

"""Nearest neighbour: the class of the example that is most like the question."""

from torch import Tensor

from meta_demo.algorithms.base import State
from meta_demo.algorithms.lesson import Lesson
from meta_demo.algorithms.metric.base import DistanceAlgorithm
from meta_demo.algorithms.registry import register
from meta_demo.core.examples import Examples
from meta_demo.core.heads import distance_logits
from meta_demo.words import words


@register(
    "nearest",
    title=words("Nearest neighbour", "最近邻"),
    paper="Cover & Hart 1967",
    about=words(
        "Takes the class of the single most similar example; look for how much one odd example can spoil.",
        "取最相似的那个示例的类别；留意一个异常示例能造成多大影响。",
    ),
    lesson=Lesson(
        outer=words(
            "If it is meta-trained, the layers, so that the nearest example is one of the same class, and how sharply distance "
            "counts. Usually it takes the model as it is.",
            "若做元训练，则学各层，使最近的示例属于同一类别，以及距离有多敏感。通常直接使用现成的模型。",
        ),
        inner=words(
            "Nothing moves: the examples' embeddings are kept, and a question takes the class of the one that is nearest.",
            "什么也不移动：保存示例的嵌入，问题取最近那个示例的类别。",
        ),
        equation=r"p(y = n \mid x) = \text{softmax}_n \bigl(-s \min_{j \in S_n} \lVert f_\theta(x) - f_\theta(x_j) \rVert^2\bigr)",
        cost=words(
            "One pass over the examples and no gradient; memory and time of an answer grow with the number of examples.",
            "示例过一遍，不求梯度；作答所需的内存与时间随示例数增加。",
        ),
        use=words(
            "When a class falls into several groups, which a mean would lie between.",
            "当一个类别分成几群、其均值会落在群与群之间时。",
        ),
        look=words(
            "With one example a class its answers are those of class means. With five, on sentences and from plain weights, it "
            "was right less often than these, by half a point to eight: one odd example takes all questions near it.",
            "每类一个示例时，答案与类别均值相同。五个示例时，从普通权重出发，在句子上正确率比后者低半个到八个百分点："
            "一个异常示例会抢走它附近的所有问题。",
        ),
        learned=("layers",),
        moved=("memory",),
    ),
)
class NearestNeighbour(DistanceAlgorithm):
    """The class of the nearest example; how much nearer than other classes' nearest says how sure that is."""

    family = "baseline"

    def remember(self, z: Tensor, support: Examples, unlabelled: Tensor | None) -> dict[str, Tensor]:  # noqa: ARG002
        return {"examples": z, "targets": support.y}

    def answer(self, state: State, z: Tensor) -> Tensor:
        """-scale |z - e|^2 of each class's nearest example e [B, N]."""
        examples, targets = state.tensors["examples"], state.tensors["targets"]
        closeness = distance_logits(z, examples, self.log_scale.exp())  # [B, S]
        return closeness[:, :, None].masked_fill(targets[None] == 0, float("-inf")).amax(1)

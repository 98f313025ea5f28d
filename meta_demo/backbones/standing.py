"""A model that stands on weights which a start has given it in the place of those of its file.

So a start may hold every weight of the Transformer while tasks move a few: to an algorithm on it they are the model's own.
"""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from torch import Tensor

from meta_demo.backbones.backbone import Backbone, digest
from meta_demo.core.errors import UserError

_KNOWN: WeakKeyDictionary[Backbone, WeakValueDictionary[str, Backbone]] = WeakKeyDictionary()


def standing_on(backbone: Backbone, given: dict[str, Tensor]) -> Backbone:
    """The same model under the same name with the weights `given` in the place of its own: another prefix, other features.

    One and the same as long as anybody uses it; what was not given is shared with `backbone`. Raises UserError where a name is none of
    its parameters, or a shape another one's.
    """
    own = backbone.parameters
    wrong = sorted(name for name, w in given.items() if name not in own or own[name].shape != w.shape)
    if wrong:
        raise UserError("weights_of_another", model=backbone.name, names=", ".join(wrong[:3]))
    if not given:
        return backbone
    base = backbone.base or backbone
    whole = {n: w.detach().to(base.device, base.dtype, copy=True) for n, w in (backbone.given | given).items()}
    known = _KNOWN.setdefault(base, WeakValueDictionary())
    found = known.get(key := digest(whole))
    if found is None:
        found = known[key] = _made(base, whole)
    return found


def _made(base: Backbone, given: dict[str, Tensor]) -> Backbone:
    shared: dict[int, Any] = {id(p): p for name, p in base.model.named_parameters() if name not in given}
    model = copy.deepcopy(base.model, shared)
    for name, p in model.named_parameters():
        if name in given:
            p.data = given[name]
    made = Backbone(model, base.inputs, base.name, cache=base.cache, head=base.head)
    made.base, made.given = base, given
    return made

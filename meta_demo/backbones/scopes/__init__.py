"""Which weights of the Transformer an algorithm may call its own: one file a scope, found by importing this package."""

from importlib import import_module
from pkgutil import iter_modules

from meta_demo.backbones.scopes.base import SCOPES, Reach, Scope, register

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
SCOPES.update({name: SCOPES.pop(name) for name in sorted(SCOPES)})  # in one order, whichever file needed another first

__all__ = ["SCOPES", "Reach", "Scope", "register"]

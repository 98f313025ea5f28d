"""Every algorithm, in a folder for its family. Importing this package finds them all: a new algorithm is a new file below."""

from importlib import import_module
from pkgutil import walk_packages

for _module in walk_packages(__path__, f"{__name__}."):
    import_module(_module.name)

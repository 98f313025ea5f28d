"""Every algorithm, in a folder for its family. Importing this package finds them all: a new algorithm is a new file below.

A file that cannot be imported is named in `registry.BROKEN` and in the log, and the others go on without it.
"""

import logging
from importlib import import_module
from pkgutil import walk_packages

from meta_demo.algorithms.registry import BROKEN

_LOG = logging.getLogger(__name__)

for _module in walk_packages(__path__, f"{__name__}.", onerror=lambda _: None):
    try:
        import_module(_module.name)
    except Exception as error:
        BROKEN[_module.name] = f"{type(error).__name__}: {error}"
        _LOG.warning("the algorithm in %s is left out: %s", _module.name, BROKEN[_module.name])

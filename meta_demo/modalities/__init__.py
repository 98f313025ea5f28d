"""What an input can be: a folder for each kind, with all that is special to it. Importing this package finds them all.

A new modality is a new folder with a `modality.py` that registers it (see `base.py`), and nothing else. A folder may hold a
`words.toml` of messages and a folder `samples` of task files; both are found too. Its page part is imported by the page alone.
"""

from importlib import import_module
from pkgutil import iter_modules

for _found in iter_modules(__path__):
    if _found.ispkg:
        import_module(f"{__name__}.{_found.name}.modality")

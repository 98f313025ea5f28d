"""What goes into the wheel: the package with its data, and what is shipped beside it in the repository.

Everything else about the project stands in pyproject.toml. `meta_demo.core.places` finds the shipped files in either place.
"""

from __future__ import annotations

from setuptools import find_packages, setup

SHIPPED = {"meta_demo.shipped.checkpoints": "checkpoints", "meta_demo.shipped.benchmarks.results": "benchmarks/results"}
DATA = [f"**/*.{kind}" for kind in ("toml", "json", "css", "js", "typed")]

setup(
    packages=[*find_packages(include=["meta_demo", "meta_demo.*"]), *SHIPPED],
    package_dir=SHIPPED,
    package_data={
        "meta_demo": DATA,
        "meta_demo.shipped.checkpoints": ["**/*.json", "**/*.safetensors", "**/*.md"],
        "meta_demo.shipped.benchmarks.results": ["*.json"],
    },
)

"""The command line: the page's work without a browser. One file per command; `main` runs them."""

from meta_demo.cli.main import main

__all__ = ["main"]

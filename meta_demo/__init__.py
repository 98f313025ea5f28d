"""Meta Demo: few-shot learning with Transformers, watched step by step."""

__version__ = "0.1.0"

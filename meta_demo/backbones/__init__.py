"""Pretrained Transformers of Hugging Face as frozen prefix and adaptable suffix."""

"""Baselines: what learns nothing from other tasks, and has to be beaten by whoever does."""

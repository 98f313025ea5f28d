"""Meta-training and evaluation: the outer loop, checkpoints, scores over many tasks."""

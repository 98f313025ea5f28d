"""Gradient-based meta-learners: one inner loop, and what each does differently."""

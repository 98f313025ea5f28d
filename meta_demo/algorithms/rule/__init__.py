"""Learners whose update or inner loss is itself learned: what a step of gradient descent is, the outer loop says."""

"""Learners of two levels: what is shared by all tasks is learned once, and a task chooses among it."""

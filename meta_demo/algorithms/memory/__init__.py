"""Memories and attention: what is learned of a task is what is kept of its examples, and reading it is the learning."""

"""Multi-task learners: one encoder for many tasks, each with a head of its own."""

"""Metric-based meta-learners: a class is where its examples lie."""

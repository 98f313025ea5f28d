"""Points of a curve."""

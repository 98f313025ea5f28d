"""A third modality, for tests: what a folder in `meta_demo/modalities` must hold, and all that it needs."""

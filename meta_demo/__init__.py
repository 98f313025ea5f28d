"""Meta Demo: few-shot learning with Transformers, watched step by step."""

import os

__version__ = "0.1.0"

# Threads of GNU OpenMP that wait for work spin, and take the core from whoever has work for it: beside two other busy processes
# on two cores, MAML's 0.2 s became 12 s. Spinning shortly costs nothing on an idle machine. Read when torch is imported.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"

# Matrix products of MKL give the same bits in every run, wherever in memory their numbers lie. A row's bits may still depend on the
# rows beside it, which is why `backbones/backbone.py` decides on batches from what is asked for alone. Read at its first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

"""Meta Demo: few-shot learning with Transformers, watched step by step."""

import os

__version__ = "0.1.0"

# Threads of GNU OpenMP that wait for work spin, and take the core from whoever has work for it: beside two other busy processes
# on two cores, MAML's 0.2 s became 12 s. Spinning shortly costs nothing on an idle machine. Read when torch is imported.
if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
    os.environ["GOMP_SPINCOUNT"] = "1000"

# Matrix products of MKL in which a row comes out the same to the last bit whatever is computed beside it and on however many threads,
# at the same speed: on some processors two threads otherwise share the sums of some sizes. Read at its first product.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

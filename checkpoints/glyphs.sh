#!/usr/bin/env bash
# Trains the bundled picture model from random weights: on made-up glyphs alone, then on glyphs and Omniglot's minimal background set 1
# (Lake et al. 2015) together. About an hour on one core. DATA says where omniglot_small1/ lies.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
HERE=checkpoints/glyph-vit

# Every weight; matrices by Muon, products in bfloat16, each picture distorted anew.
train() {
  "$PYTHON" -m meta_demo train --model "$HERE/untrained" --from-scratch --algorithm protonet \
    --protonet.scope model --protonet.scale 10 --source builtin:glyphs --valid builtin:glyphs:1 --k-shot 1 \
    --muon --bf16 --distort 1 --ema 0.995 --save-every 100 "$@"
}

train --within 0.5 --n-way 24 --n-query 3 --meta-batch 2 --steps 2400 --warmup 0.02 --lr 0.004 \
  --valid-every 300 --valid-episodes 50 --output out/glyphs

# The last weights are kept: made-up validation tasks cannot tell what real hands gain.
train --start out/glyphs --source builtin:glyphs:2 --source "$DATA/omniglot_small1" --within 0.7 --n-way 20 --n-query 1 \
  --meta-batch 5 --steps 1300 --warmup 0.03 --lr 0.0025 --valid-every 325 --valid-episodes 60 \
  --output out/all --keep last --export "$HERE/model"

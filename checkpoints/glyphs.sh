#!/usr/bin/env bash
# Trains the bundled picture model from random weights on made-up glyphs alone: half an hour on one core.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
HERE=checkpoints/glyph-vit

"$PYTHON" -m meta_demo train --model "$HERE/untrained" --from-scratch --algorithm protonet \
  --protonet.scope model --protonet.scale 10 --source builtin:glyphs --valid builtin:glyphs:1 --within 0.5 \
  --n-way 24 --k-shot 1 --n-query 3 --meta-batch 2 --steps 2400 --warmup 0.02 --lr 0.004 \
  --muon --bf16 --distort 1 --ema 0.995 --valid-every 300 --valid-episodes 50 --save-every 100 \
  --output out/glyphs --export "$HERE/model"

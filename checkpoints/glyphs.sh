#!/usr/bin/env bash
# Trains the bundled picture model from random weights: on made-up glyphs alone, then on glyphs and Omniglot's minimal background set 1
# (Lake et al. 2015) together; then each algorithm's own start on top of it. DATA says where omniglot_small1/ lies. With `starts` it trains
# those alone; with `held-out` it goes on with made-up glyphs after the first stage, whose weights it takes from out/stage1, a model folder,
# and then leaves each alphabet out in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
HERE=checkpoints/glyph-vit

# Every weight; matrices by Muon, products in bfloat16, each picture distorted anew.
train() {
  "$PYTHON" -m meta_demo train --algorithm protonet --protonet.scope model --protonet.scale 10 --k-shot 1 --muon --bf16 "$@"
}

# Each algorithm's start for the model as it is: low-rank factors by its own outer loop, the running mean of the run kept.
start() {
  local name=$1
  shift
  rm -rf "${HERE:?}/$name"
  "$PYTHON" -m meta_demo train --model glyph-vit --algorithm "$name" "--$name.scale" 10 --source builtin:glyphs:6 --source "$DATA/omniglot_small1" \
    --valid builtin:glyphs:1 --within 0.8 --n-way 10 --k-shot 1 --n-query 2 --meta-batch 4 --keep last --warmup 0.1 --lr 1e-3 \
    --valid-every 1000 --valid-episodes 60 --output "$HERE/$name" "$@"
  rm "$HERE/$name/training.safetensors"
}

starts() {
  start protonet --steps 200 --ema 0.996
  start anil --steps 100 --ema 0.992
  start fomaml --steps 100 --ema 0.992
  start maml --start "$HERE/fomaml" --steps 40 --ema 0.98
  start reptile --steps 100 --ema 0.992
  start finetune --steps 100 --ema 0.992
}

if [ "${1:-}" = starts ]; then
  starts
  exit
fi

mkdir -p out

# The last weights are kept: made-up validation tasks cannot tell what real hands gain.
on_hands="--n-way 20 --n-query 1 --meta-batch 5 --keep last"

if [ "${1:-}" = held-out ]; then
  train --model out/stage1 --source builtin:glyphs:4 --valid "$DATA/omniglot_small1" --within 1 $on_hands --distort 0.8 --ema 0.995 \
    --steps 1200 --warmup 0.03 --lr 0.0025 --valid-every 1200 --valid-episodes 200 --output out/more --export out/made-up
  for alphabet in Balinese Early_Aramaic Greek Korean Latin; do
    "$PYTHON" - "$DATA/omniglot_small1" "$alphabet" > out/split.json <<'END'
import json, pathlib, sys
root, held_out = pathlib.Path(sys.argv[1]), sys.argv[2]
labels = [f"{c.parent.name}/{c.name}" for c in sorted(root.glob("*/character*"))]
mine = [label for label in labels if label.startswith(held_out + "/")]
print(json.dumps({"test": mine, "train": [label for label in labels if label not in mine]}))
END
    train --model out/made-up --source "$DATA/omniglot_small1" --classes out/split.json:train --source builtin:glyphs:2 \
      --valid "$DATA/omniglot_small1" --valid-classes out/split.json:test --within 0.8 $on_hands --distort 0.8 --ema 0.995 \
      --steps 500 --warmup 0.03 --lr 0.0025 --valid-every 500 --valid-episodes 200 --output "out/without-$alphabet"
  done
  exit
fi

train --model "$HERE/untrained" --from-scratch --source builtin:glyphs --valid builtin:glyphs:1 --within 0.5 --n-way 24 --n-query 3 \
  --meta-batch 2 --distort 1 --ema 0.995 --steps 2400 --warmup 0.02 --lr 0.004 --valid-every 300 --valid-episodes 50 \
  --output out/glyphs --export out/stage1

train --model out/stage1 --source builtin:glyphs:2 --source "$DATA/omniglot_small1" --valid builtin:glyphs:1 --within 0.7 $on_hands \
  --distort 1 --ema 0.995 --steps 1300 --warmup 0.03 --lr 0.0025 --valid-every 325 --valid-episodes 60 --output out/both --export out/stage2

train --model out/stage2 --source builtin:glyphs:4 --source "$DATA/omniglot_small1" --valid builtin:glyphs:1 --within 0.8 $on_hands \
  --distort 0.7 --ema 0.99 --steps 800 --warmup 0.03 --lr 0.002 --valid-every 400 --valid-episodes 60 --output out/all --export out/stage3

train --model out/stage3 --source builtin:glyphs:5 --source "$DATA/omniglot_small1" --valid builtin:glyphs:1 --within 0.8 $on_hands \
  --distort 0.8 --ema 0.995 --steps 4200 --warmup 0.03 --lr 0.0025 --valid-every 1050 --valid-episodes 60 --output out/long --export "$HERE/model"

starts

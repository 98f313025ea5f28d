#!/usr/bin/env bash
# Trains the bundled picture model from random weights: on made-up glyphs alone, then on glyphs and Omniglot's minimal background set 1
# (Lake et al. 2015) together; then each algorithm's own start on top of it. DATA says where omniglot_small1/ lies. With `starts` it trains
# those alone; with `held-out` it takes the first stage's weights from out/made-up and leaves each alphabet out of the second in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
HERE=checkpoints/glyph-vit

# Every weight, in so many processes; matrices by Muon, products in bfloat16, each picture distorted anew. The last weights are kept, as
# validation tasks of made-up alphabets cannot tell what real hands gain.
train() {
  local processes=$1
  shift
  OMP_NUM_THREADS=1 "$PYTHON" -m torch.distributed.run --nproc_per_node "$processes" -m meta_demo train --algorithm protonet \
    --protonet.scope model --protonet.scale 10 --k-shot 1 --within 0.8 --n-way 20 --muon --bf16 --distort 0.8 --keep last "$@"
}

# From weights that have seen no drawing by a person: real alphabets and made-up ones.
on_hands() {
  train 1 --model out/made-up --source "$DATA/omniglot_small1" --source builtin:glyphs:5 --n-query 1 --meta-batch 5 --ema 0.995 \
    --warmup 0.03 --lr 0.0025 --steps 400 --valid-every 200 "$@"
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
  start protonet --protonet.views 4 --steps 200 --ema 0.996
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

if [ "${1:-}" = held-out ]; then
  for alphabet in Balinese Early_Aramaic Greek Korean Latin; do
    "$PYTHON" - "$DATA/omniglot_small1" "$alphabet" > out/split.json <<'END'
import json, pathlib, sys
root, held_out = pathlib.Path(sys.argv[1]), sys.argv[2]
labels = [f"{c.parent.name}/{c.name}" for c in sorted(root.glob("*/character*"))]
mine = [label for label in labels if label.startswith(held_out + "/")]
print(json.dumps({"test": mine, "train": [label for label in labels if label not in mine]}))
END
    on_hands --classes out/split.json:train --valid "$DATA/omniglot_small1" --valid-classes out/split.json:test --valid-episodes 200 \
      --output "out/without-$alphabet"
    "$PYTHON" -m benchmarks.runs "$DATA/omniglot_small1/$alphabet" --model out/made-up --checkpoint "out/without-$alphabet" --views 4 --runs 400
  done
  exit
fi

train 2 --model "$HERE/untrained" --from-scratch --source builtin:glyphs:0 --source builtin:glyphs:2 --source builtin:glyphs:4 \
  --source builtin:glyphs:5 --valid "$DATA/omniglot_small1" --n-query 2 --meta-batch 8 --ema 0.997 --steps 4300 --warmup 0.02 --lr 0.004 \
  --valid-every 860 --valid-episodes 100 --save-every 200 --output out/base --export out/made-up

on_hands --valid builtin:glyphs:1 --valid-episodes 60 --output out/both --export "$HERE/model"

starts

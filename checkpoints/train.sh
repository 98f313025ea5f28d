#!/usr/bin/env bash
# Meta-trains the shipped checkpoints: the prototypical network from pretrained weights, then every other algorithm from its weights.
# Classes of fold 1 alone are trained and validated on; two domains of the built-in packs are left out for testing.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
OUT=checkpoints/minilm

train() {
  local name=$1
  shift
  "$PYTHON" -m meta_demo train --algorithm "$name" --output "$OUT/$name" --mix temperature --temperature 2 \
    --source "$DATA/banking77/all.jsonl" --classes "$DATA/banking77/fold1.json:train" \
    --source "$DATA/clinc150/all.jsonl" --classes "$DATA/clinc150/fold1.json:train" \
    --source builtin --classes checkpoints/builtin-domains.json:train \
    --valid "$DATA/banking77/all.jsonl" --valid-classes "$DATA/banking77/fold1.json:valid" \
    --valid "$DATA/clinc150/all.jsonl" --valid-classes "$DATA/clinc150/fold1.json:valid" --save-every 20 "$@"
  rm "$OUT/$name/training.safetensors"
}

# Prototypes learn most from a second of computing, so they come first. The others start from their weights and follow their own
# meta-gradient, gently: what a short noisy training gains on its own classes it loses on others.
recipe() {
  local tasks="--n-way 16 --k-shot 1 --n-query 4"
  case $1 in
    protonet) train protonet --protonet.scale 10 $tasks --meta-batch 2 --lr 7e-4 --steps 250 --valid-every 125 --valid-episodes 60 ;;
    *) train "$1" --start "$OUT/protonet" $tasks --meta-batch 4 --lr 5e-5 --steps 12 --valid-every 12 --valid-episodes 30 ;;
  esac
}

for name in "${@:-protonet}"; do
  recipe "$name"
done

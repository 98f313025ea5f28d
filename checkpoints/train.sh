#!/usr/bin/env bash
# Meta-trains the shipped checkpoints: the prototypical network first, then every other algorithm from its weights.
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

on_top() {
  train "$@" --start "$OUT/protonet" --n-way 10 --k-shot 1 --n-query 3 --meta-batch 2 --lr 1e-4 \
    --steps 40 --valid-every 20 --valid-episodes 150
}

recipe() {
  case $1 in
    protonet) train protonet --protonet.scale 10 --n-way 16 --k-shot 1 --n-query 4 --meta-batch 2 --lr 7e-4 \
      --steps 250 --valid-every 50 --valid-episodes 200 ;;
    *) on_top "$1" ;;
  esac
}

for name in "${@:-protonet}"; do
  recipe "$name"
done

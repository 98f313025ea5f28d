#!/usr/bin/env bash
# Meta-trains the shipped checkpoints, each algorithm from plain pretrained weights by its own meta-gradient.
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

# 16-way 1-shot tasks for all; prototypes, which learn fastest a step, get more of them.
recipe() {
  local tasks="--n-way 16 --k-shot 1 --n-query 4"
  case $1 in
    protonet) train protonet --protonet.scale 10 $tasks --meta-batch 2 --lr 7e-4 --steps 250 --valid-every 125 --valid-episodes 60 ;;
    reptile) train reptile $tasks --meta-batch 1 --lr 3e-4 --steps 80 --valid-every 80 --valid-episodes 40 ;;
    finetune) train finetune $tasks --meta-batch 1 --lr 1e-3 --steps 40 --valid-every 40 --valid-episodes 40 ;;
    *) train "$1" $tasks --meta-batch 1 --lr 1e-3 --steps 80 --valid-every 80 --valid-episodes 40 ;;
  esac
}

for name in "${@:-protonet}"; do
  recipe "$name"
done

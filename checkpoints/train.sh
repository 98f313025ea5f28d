#!/usr/bin/env bash
# Meta-trains the shipped checkpoints. Each is learned by its own outer loop from pretrained weights, but for MAML: first-order steps
# first, exact ones then (derivative-order annealing, Antoniou et al. 2019), so it starts from first-order MAML's weights.
# Classes of fold 1 alone are trained and validated on; two domains of the built-in packs are left out for testing.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
PYTHON=${PYTHON:-.venv/bin/python}
OUT=checkpoints/minilm

train() {
  local name=$1
  shift
  "$PYTHON" -m meta_demo train --algorithm "$name" --output "$OUT/$name" --n-way 16 --k-shot 1 --meta-batch 2 \
    --source "$DATA/banking77/all.jsonl" --classes "$DATA/banking77/fold1.json:train" \
    --source "$DATA/clinc150/all.jsonl" --classes "$DATA/clinc150/fold1.json:train" \
    --source builtin --classes checkpoints/builtin-domains.json:train \
    --valid "$DATA/banking77/all.jsonl" --valid-classes "$DATA/banking77/fold1.json:valid" \
    --valid "$DATA/clinc150/all.jsonl" --valid-classes "$DATA/clinc150/fold1.json:valid" "$@"
  rm "$OUT/$name/training.safetensors"
}

# What is kept is the running mean of all steps, which still holds 45 % of the start (decay to the power of steps), or 70 % for algorithms that
# take inner steps and lose by more where there are many examples: gains are kept, and less of what was known is lost (WiSE-FT, Wortsman et
# al. 2022). The few validation tasks that two cores can afford are no judge.
recipe() {
  local gentle="--keep last --warmup 0.1 --bf16 --valid-episodes 20 --valid-every 1000 --save-every 20 --lr 1e-3"
  case $1 in
    protonet) train protonet $gentle --protonet.scale 10 --n-query 3 --steps 150 --ema 0.9947 ;;
    fomaml) train fomaml $gentle --n-query 4 --steps 100 --ema 0.9964 ;;
    anil) train anil $gentle --n-query 4 --steps 125 --ema 0.9971 ;;
    maml) train maml $gentle --lr 3e-4 --start "$OUT/fomaml" --n-query 4 --steps 40 --ema 0.99 ;;
    reptile) train reptile $gentle --n-query 3 --steps 100 --ema 0.9964 ;;
    finetune) train finetune $gentle --n-query 4 --steps 100 --ema 0.992 ;;
  esac
}

for name in "${@:-protonet}"; do
  recipe "$name"
done

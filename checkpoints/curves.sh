#!/usr/bin/env bash
# Trains the bundled model of curves: first from random weights, fitted to all sines at once, which is what plain means for it; then each
# algorithm's own start from there. A few minutes each on one core. `plain` or the names of algorithms train those alone.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-.venv/bin/python}
HERE=checkpoints/curves
OUT=${OUT:-out/curves}
export OMP_NUM_THREADS=1

# Finn, Abbeel & Levine's sines (2017, section 5.1), 25 tasks a step. Again after it was cut off, it goes on where it was saved last.
train() {
  local name=$1
  shift
  local resume=()
  [ -f "$OUT/$name/training.safetensors" ] && resume=(--resume)
  "$PYTHON" -m meta_demo train --source builtin:sines --n-query 10 --meta-batch 25 --weight-decay 0 --clip 10 \
    --valid-every 300 --valid-episodes 100 --save-every 100 --output "$OUT/$name" "$@" "${resume[@]}"
}

# No inner step: every wave of every task pulls at the same weights.
plain() {
  train plain --model $HERE/untrained --from-scratch --algorithm maml --maml.scope model --maml.head shared --maml.momentum 0 \
    --maml.inner-steps 0 --k-shot 10 --lr 3e-3 --steps 400 --export "$OUT/model"
  rm -rf $HERE/model
  cp -r "$OUT/model" $HERE/model
  chmod -R u=rwX,go=rX $HERE/model
  sha256sum $HERE/model/model.safetensors # modalities/curve/modality.py knows it
}

start() {
  local name=$1
  shift
  train "$name" --model curves --algorithm "$name" "$@"
  mkdir -p "$HERE/$name"
  cp "$OUT/$name/card.json" "$OUT/$name/weights.safetensors" "$HERE/$name"
}

# One inner step while training, more of them afterwards, as in the paper.
one_step() { start "$1" "--${1//_/-}.inner-steps" 1 --k-shot 10 --lr 4e-3 --steps 2500 "${@:2}"; }
maml() { one_step maml; }
fomaml() { one_step fomaml; }
anil() { one_step anil --anil.head-lr 0.4; } # the head alone takes the step; from 0.5 on further steps can run away
# These two end where several steps lead.
reptile() { start reptile --reptile.inner-steps 5 --k-shot 10 --lr 2e-3 --steps 300; }
finetune() { start finetune --finetune.inner-steps 5 --k-shot 10 --lr 2e-3 --steps 200; }
# Like MAML, but that the attention weights alone take the step.
tmaml() { one_step tmaml --tmaml.inner-lr 0.03 --steps 1200; }

# What learns how to step goes on from MAML's start, its weights learned along.
further() { start "$1" --start "$HERE/maml" --k-shot 10 --warmup 0.1 "${@:2}"; }
meta_sgd() { further meta_sgd --meta-sgd.inner-steps 1 --lr 1e-3 --steps 500; }
# A few tokens can say what a wave is where the Transformer tells waves apart already; from plain weights they learned next to nothing.
cavia() { further cavia --cavia.inner-steps 1 --cavia.inner-lr 10 --cavia.head-lr 0.03 --lr 3e-3 --steps 800; }
# How much there is of each of three sets of all weights, beside the head: first for one large step, then for several small ones, as further
# steps of the first kind overshoot.
shared_hierarchy() {
  local sets="--shared-hierarchy.adapters 3 --shared-hierarchy.head-lr 0.03 --k-shot 10 --warmup 0.1"
  train shared_hierarchy_1 --model curves --algorithm shared_hierarchy $sets --start "$HERE/maml" --shared-hierarchy.inner-steps 1 \
    --shared-hierarchy.inner-lr 3 --lr 3e-3 --steps 600 --valid-every 100
  start shared_hierarchy $sets --start "$OUT/shared_hierarchy_1" --shared-hierarchy.inner-steps 3 --shared-hierarchy.inner-lr 1 \
    --lr 2e-3 --steps 200 --meta-batch 12 --valid-every 50
}
# What several steps descend is learned over several.
learned_loss() { further learned_loss --learned-loss.inner-steps 5 --lr 1e-3 --steps 100 --meta-batch 10 --valid-every 25; }
imaml() {
  further imaml --imaml.inner-steps 5 --imaml.inner-lr 0.01 --imaml.head-lr 0.03 --imaml.proximal 10 --lr 5e-4 --steps 60 \
    --meta-batch 5 --valid-every 20
}
maml_pp() { further maml_pp --maml-pp.inner-steps 3 --lr 1e-3 --steps 250; }

# What compares points needs embeddings that are near where values are: the Transformer alone is learned, or nearly.
compared() { start "$1" "--${1//_/-}.scope" model --k-shot 10 --lr 3e-3 --steps "$2"; }
r2d2() { compared r2d2 600; }
kernel() { compared kernel 1000; }
attention() { compared attention 1500; }

ALL="plain maml fomaml anil reptile finetune tmaml meta_sgd maml_pp cavia shared_hierarchy learned_loss imaml r2d2 kernel attention"
for name in ${@:-$ALL}; do "$name"; done

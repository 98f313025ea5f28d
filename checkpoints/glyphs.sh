#!/usr/bin/env bash
# Trains the bundled picture model from random weights by plain classification of letters of fonts, of made-up ones and of Omniglot's minimal
# background set 1 (Lake et al. 2015), without meta-learning; and its starts: a prototypical network on the same drawings, on made-up ones
# alone, then with letters of fonts, then with Omniglot's; and every other algorithm's on top of that one's weights. DATA says where
# omniglot_small1/ lies, FONTS where fonts do (`fonts` installs those that were used, on Debian 12). With `plain` it trains the model alone,
# with `starts` the starts on top of the prototypical network, or those that are named; with `held-out` it takes the second stage's weights
# from out/letters and leaves each alphabet out of the third in turn.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-../shared/data}
FONTS=${FONTS:-/usr/share/fonts}
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

# The classes of fonts that are trained on, as out/letters.json: all but those of scripts that are, or are close kin of, an alphabet of
# the minimal set or of Omniglot's evaluation set.
choose_letters() {
  mkdir -p out
  "$PYTHON" - "$FONTS" > out/letters.json <<'END'
import json, sys
from meta_demo.data.sources import load_source

ours = {"Balinese", "Javanese", "Kawi", "Hangul", "Latin", "Greek", "Coptic", "Cyrillic", "Gothic", "Runic", "Old Italic", "Old Permic", "Lycian",
        "Lydian", "Carian", "Deseret", "Osage", "Cherokee", "Lisu", "Elbasan", "Caucasian Albanian", "Vithkuqi", "Hebrew", "Samaritan",
        "Imperial Aramaic", "Phoenician", "Palmyrene", "Nabataean", "Hatran", "Elymaic", "Mandaic", "Manichaean", "Inscriptional Pahlavi",
        "Inscriptional Parthian", "Psalter Pahlavi", "Chorasmian", "Sogdian", "Old Sogdian", "Old Uyghur"}
theirs = {"Avestan", "Ethiopic", "Glagolitic", "Gurmukhi", "Kannada", "Malayalam", "Meetei Mayek", "Mongolian", "Oriya", "Syloti Nagri", "Syriac",
          "Tibetan", "Phags Pa"}
labels = load_source(f"fonts:{sys.argv[1]}").classes
print(json.dumps({"train": [label for label in labels if label.split("/")[0].rstrip(" 0123456789") not in ours | theirs]}))
END
}

# From weights that have seen no drawing by a person: real alphabets, letters of fonts and made-up ones.
on_hands() {
  train 1 --model out/letters --source "fonts:$FONTS" --classes out/letters.json:train --source "$DATA/omniglot_small1" \
    --source builtin:glyphs:5 --n-query 1 --meta-batch 5 --ema 0.995 --warmup 0.03 --lr 0.0025 --steps 400 --valid-every 200 "$@"
}

# Plain classification: one linear head over all characters, thrown away afterwards.
plain() {
  OMP_NUM_THREADS=1 "$PYTHON" -m meta_demo train --model "$HERE/untrained" --from-scratch --algorithm multitask --multitask.scope model \
    --multitask.heads one --multitask.scale 10 --source "fonts:$FONTS" --classes out/letters.json:train --source "$DATA/omniglot_small1" \
    --source builtin:glyphs:5 --mix size --n-way 100 --k-shot 1 --n-query 1 --meta-batch 2 --muon --bf16 --distort 0.8 --keep last --ema 0.997 \
    --warmup 0.03 --lr 0.004 --steps 900 --valid builtin:glyphs:1 --valid-every 300 --valid-episodes 40 --save-every 100 \
    --output out/plain --export "$HERE/model"
  sha256sum "$HERE/model/model.safetensors" # modalities/picture/modality.py knows it
}

# What every algorithm's start is trained with, but for what differs.
train_start() {
  local name=$1 folder=$2
  shift 2
  rm -rf "$folder"
  "$PYTHON" -m meta_demo train --algorithm "$name" "--${name//_/-}.scale" 10 --source builtin:glyphs:6 --source "$DATA/omniglot_small1" \
    --valid builtin:glyphs:1 --within 0.8 --n-way 10 --k-shot 1 --n-query 2 --meta-batch 4 --keep last --warmup 0.1 --lr 1e-3 \
    --valid-every 1000 --valid-episodes 60 --output "$folder" "$@"
  rm "$folder/training.safetensors"
}

# The prototypical network learns how sure to be, with low-rank factors on the weights it has; then all its weights are its start, from the
# plain model.
prototypes() {
  train_start protonet out/sure --model out/hands --protonet.views 4 --steps 200 --ema 0.996
  "$PYTHON" checkpoints/settle.py out/sure --trained-on out/hands --model glyph-vit --output "$HERE/protonet"
}

# On the prototypical network's weights: low-rank factors by each algorithm's own outer loop, or what it has beside a body that is held.
start() { train_start "$1" "$HERE/$1" --model glyph-vit --start "${START:-$HERE/protonet}" "${@:2}"; }
held() { start "$1" --body hold "${@:2}"; }
anil() { held anil --lr 1e-2 --steps 40 --ema 0.9; }
fomaml() { start fomaml --steps 60 --ema 0.985; }
maml() { START=$HERE/fomaml start maml --steps 20 --ema 0.96; }
reptile() { start reptile --steps 30 --ema 0.97; }
finetune() { start finetune --steps 60 --ema 0.985; }

matching() { held matching --lr 1e-2 --steps 40 --ema 0.9; }
simpleshot() { held simpleshot --lr 1e-2 --steps 40 --ema 0.9; }
kernel() { held kernel --lr 1e-2 --steps 40 --ema 0.9; }
soft_kmeans() { held soft_kmeans --lr 1e-2 --steps 40 --ema 0.9; }
siamese() { held siamese --lr 1e-2 --steps 60 --ema 0.9; }
r2d2() { held r2d2 --sampler variable --lr 1e-2 --steps 60 --ema 0.9; }
relation() { held relation --sampler variable --lr 2e-3 --steps 150 --ema 0.98; }
feat() { held feat --sampler variable --lr 2e-4 --steps 60 --ema 0.98; }
generated() { held generated --sampler variable --lr 1e-4 --steps 60 --ema 0.98; }
mann() { held mann --sampler variable --lr 5e-4 --steps 60 --ema 0.98; }
attention() { held attention --sampler variable --lr 1e-4 --steps 60 --ema 0.98; }

ALL="anil fomaml maml reptile finetune matching r2d2 simpleshot kernel soft_kmeans siamese"
starts() { for name in ${@:-$ALL}; do "$name"; done; }

if [ "${1:-}" = starts ]; then
  starts "${@:2}"
  exit
fi

mkdir -p out

if [ "${1:-}" = fonts ]; then
  apt-get install -y --no-install-recommends \
    fonts-aksharyogini2 fonts-ancient-scripts fonts-aoyagi-kouzan-t fonts-aoyagi-soseki fonts-arabeyes fonts-arundina fonts-beng-extra \
    fonts-bpg-georgian fonts-dejavu-core fonts-dejavu-extra fonts-deva-extra fonts-farsiweb fonts-freefont-ttf fonts-gargi \
    fonts-gujr-extra fonts-hanazono fonts-horai-umefont fonts-hosny-amiri fonts-ipaexfont-gothic fonts-ipaexfont-mincho fonts-kacst \
    fonts-kalapi fonts-khmeros fonts-kiloji fonts-klee fonts-konatu fonts-kouzan-mouhitsu fonts-lao fonts-lklug-sinhala \
    fonts-lohit-beng-assamese fonts-lohit-beng-bengali fonts-lohit-deva fonts-lohit-gujr fonts-lohit-taml fonts-lohit-taml-classical \
    fonts-lohit-telu fonts-lxgw-wenkai fonts-meera-inimai fonts-motoya-l-cedar fonts-motoya-l-maruberi fonts-myanmar fonts-nakula \
    fonts-noto-cjk fonts-noto-core fonts-noto-extra fonts-oradano-mincho-gsrr fonts-paktype fonts-reggae fonts-sahadeva fonts-samyak-deva \
    fonts-samyak-gujr fonts-samyak-taml fonts-sarai fonts-sawarabi-gothic fonts-sawarabi-mincho fonts-seto fonts-sil-akatab \
    fonts-sil-annapurna fonts-sil-dai-banna fonts-sil-harmattan fonts-sil-lateef fonts-sil-mingzat fonts-sil-mondulkiri \
    fonts-sil-mondulkiri-extra fonts-sil-nuosusil fonts-sil-padauk fonts-sil-scheherazade fonts-sil-shimenkan fonts-sil-tagmukay \
    fonts-sil-taiheritagepro fonts-tagbanwa fonts-takao-gothic fonts-telu-extra fonts-teluguvijayam fonts-thai-tlwg-ttf fonts-uniol \
    fonts-vlgothic fonts-yozvox-yozfont fonts-yozvox-yozfont-antique fonts-yozvox-yozfont-cute fonts-yozvox-yozfont-edu \
    fonts-yozvox-yozfont-new-kana fonts-yrsa-rasa fonts-yusei-magic
  exit
fi

if [ "${1:-}" = plain ]; then
  choose_letters
  plain
  exit
fi

if [ "${1:-}" = held-out ]; then
  choose_letters
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
    "$PYTHON" -m benchmarks.runs "$DATA/omniglot_small1/$alphabet" --model out/letters --checkpoint "out/without-$alphabet" --views 4 --runs 4000
  done
  exit
fi

train 2 --model "$HERE/untrained" --from-scratch --source builtin:glyphs:0 --source builtin:glyphs:2 --source builtin:glyphs:4 \
  --source builtin:glyphs:5 --valid "$DATA/omniglot_small1" --n-query 2 --meta-batch 8 --ema 0.997 --steps 4300 --warmup 0.02 --lr 0.004 \
  --valid-every 860 --valid-episodes 100 --save-every 200 --output out/base --export out/made-up

choose_letters
train 2 --model out/made-up --source "fonts:$FONTS" --classes out/letters.json:train --source builtin:glyphs:7 --mix size \
  --valid "$DATA/omniglot_small1" --n-query 2 --meta-batch 8 --ema 0.997 --steps 1500 --warmup 0.02 --lr 0.003 --valid-every 300 \
  --valid-episodes 100 --save-every 200 --output out/read --export out/letters

on_hands --valid builtin:glyphs:1 --valid-episodes 60 --output out/both --export out/hands

plain
prototypes
starts

#!/usr/bin/env bash
# Make the shipped model again. Killed, the same command goes on; what is finished is not done twice.
#   tools/shipped_model.sh DATA RUNS MODEL WEIGHTS
# DATA: Kaggle's layout with patch_id_wsi.csv and split.csv. WEIGHTS: ImageNet weights of tf_efficientnet_lite0
# (.safetensors in timm's naming), or `imagenet` to fetch them from timm's hub.
set -euo pipefail
data=$1 runs=$2 model=$3 weights=$4

fit() { # NAME RECIPE START
  python -m training fit --data "$data" --cache "$runs/pack" --out "$runs/$1" --recipe "$2" --init "$3"
}
average() { # NAME RUN... [--shares S...]
  local name=$1
  shift
  [ -f "$runs/$name/outcome.json" ] && return
  rm -rf "${runs:?}/$name" # the mean of weights takes a minute and is not continued
  python -m training average "${@/#@/$runs/}" --data "$data" --cache "$runs/pack" --out "$runs/$name"
}

mkdir -p "$runs"
fit 96 ours_lite0 "$weights"
fit lite0-192 ours_lite0_192 "$runs/96/best.safetensors"
fit centre ours_lite0_centre_first "$runs/lite0-192/best.safetensors"
average half @lite0-192 @centre
fit centre2 ours_lite0_centre "$runs/half/best.safetensors"
average third @centre2 @lite0-192 @centre --shares 0.5 0.25 0.25
fit settle ours_lite0_settle "$runs/third/best.safetensors"
average shipped @lite0-192 @settle
[ -e "$model" ] || python -m training export "$runs/shipped" --to "$model" --name nodelens-lite0-192

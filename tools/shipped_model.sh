#!/usr/bin/env bash
# Make the shipped model again. Killed, the same command goes on; what is finished is not done twice.
#   tools/shipped_model.sh DATA RUNS MODEL WEIGHTS
# DATA: Kaggle's layout with patch_id_wsi.csv. WEIGHTS: ImageNet weights of tf_efficientnet_lite0
# (.safetensors in timm's naming), or `imagenet` to fetch them from timm's hub.
set -euo pipefail
data=$1 runs=$2 model=$3 weights=$4

train() { # COMMAND NAME RECIPE START DATA [OPTION...]
  local command=$1 name=$2 recipe=$3 start=$4 from=$5
  shift 5
  python -m training "$command" --data "$from" --out "$runs/$name" --recipe "$recipe" --init "$start" "$@"
}

mkdir -p "$runs"
# The start is trained on the patches of unknown slide alone, so that it can be that of every fold.
python - "$data" "$runs/unknown.csv" <<'PY'
import sys
from pathlib import Path

import pandas as pd

data, to = Path(sys.argv[1]).resolve(), sys.argv[2]
labels, slides = (pd.read_csv(data / name) for name in ("train_labels.csv", "patch_id_wsi.csv"))
unknown = labels[~labels["id"].isin(slides["id"])]
paths = [str(data / "train" / f"{one}.tif") for one in unknown["id"]]
unknown.assign(path=paths)[["path", "label"]].to_csv(to, index=False)
PY
train fit base ours_lite0_base "$weights" "$runs/unknown.csv" --all-slides
train fit base-192 ours_lite0_base_192 "$runs/base/best.safetensors" "$runs/unknown.csv" --all-slides
# It learns on from its own mean over eight orientations.
train distill base-student ours_lite0_base_student "$runs/base-192/best.safetensors" "$runs/unknown.csv" \
  --all-slides --teacher "$runs/base-192" --teacher-tta d4 --weight 0.7
start=$runs/base-student/best.safetensors
train crossval folds ours_lite0_shipped "$start" "$data" --folds 5 --cache "$runs/pack"
train fit shipped ours_lite0_shipped "$start" "$data" --all-slides --cache "$runs/pack"
if [ ! -e "$model" ]; then
  python -m training export "$runs/shipped" --to "$model" --name nodelens-lite0-192 --calibrate-from "$runs/folds"
  python -m training domain "$model" --data "$data" --patches 9000 --share 0.015
  python -m training measure "$model" --data "$data" --crossval "$runs/folds"
fi

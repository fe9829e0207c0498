#!/usr/bin/env bash
# What only a machine with an NVIDIA GPU can tell, in under four minutes: scores against the CPU's,
# the engine's rate, a whole run's rate from packed data and from files, and a training step's rate.
# Writes gpu_check.json to $OUT, or to a temporary folder. Without a GPU the CPU stands in, on less
# data, so that the script itself can be rehearsed. Needs torch, timm, safetensors, pandas, pillow,
# h5py, scipy, scikit-learn, pyarrow and pydantic; wheels of what is missing may lie in a folder
# that WHEELS names.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-python3}
if [ -n "${WHEELS:-}" ] && ls "$WHEELS"/*.whl >/dev/null 2>&1; then
  site=$(mktemp -d)
  "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" "$WHEELS"/*.whl
  export PYTHONPATH="$site:${PYTHONPATH:-}"
fi
export PYTHONPATH="$PWD:${PYTHONPATH:-}" PYTHONUNBUFFERED=1
export LIMIT_S=${LIMIT_S:-230}
exec timeout "$LIMIT_S" "$python" -m tests.gpu.check "$@"

#!/bin/sh
# MLflow's pages over an output folder, on this machine alone: sh mlflow/server.sh [OUT] [PORT]
set -eu
umask 077
out=$(cd "${1:-out}" && pwd)
PATH="$(dirname "$0")/../.venv/bin:$PATH"
export PATH MLFLOW_DISABLE_TELEMETRY=true DO_NOT_TRACK=1
# Its job workers serve traces of language models, of which there are none here.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
exec mlflow server --backend-store-uri "sqlite:///$out/mlflow.db" --artifacts-destination "$out/mlartifacts" \
  --host 127.0.0.1 --port "${2:-5000}" --workers 1

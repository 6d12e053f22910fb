#!/bin/sh
# Builds the task and runs it in the sandbox.
set -eu
cd "$(dirname "$0")"
cofferdam build
cofferdam task test {{name}}.wasm --input '{"values": [1, 2, 6]}' --expect '{"count": 3, "mean": 3}'
# Exit code 10: it asked to be skipped.
cofferdam task test {{name}}.wasm --input '{"values": []}' || [ $? -eq 10 ]

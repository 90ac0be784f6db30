#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with_peers.sh BUILD SCRIPT [ARG...]: runs a Python script in BUILD/venv, which tests/run.sh makes, or without it; it may import
# what stands in tests/support.
python=$1/venv/bin/python
[ -x "$python" ] || python=python3
shift
export PYTHONPATH="$(dirname "$0")/../support${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" "$@"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with_peers.sh BUILD SCRIPT [ARG...]: runs a Python script in BUILD/venv, which tests/run.sh makes, or without it.
python=$1/venv/bin/python
[ -x "$python" ] || python=python3
shift
exec "$python" "$@"

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# rust_load.sh TOKENIZER_JSON: the Rust library loads the file once; 1 where it is not installed.
for python in build/venv/bin/python venv/bin/python python3; do
    command -v $python >/dev/null && $python -c 'import tokenizers' 2>/dev/null || continue
    exec $python -c 'import sys, tokenizers; tokenizers.Tokenizer.from_file(sys.argv[1])' "$1"
done
exit 1

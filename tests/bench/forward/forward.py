#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prefill and decoding against llama.cpp on the same GGUF file with the same threads, in turns: tokens a second and ratios.

    forward.py BENCH LIBRARY_DIR [THREADS]
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / 'parity'))
try:
    import llama_cpp
    from real_models import gguf_models
    library = llama_cpp.Library(sys.argv[2])
except (ImportError, OSError) as missing:
    print(f'SKIP no peers: {missing} (see tests/parity/requirements.txt and package.json)')
    sys.exit(77)

BENCH, THREADS, ROUNDS = sys.argv[1], int(sys.argv[3]) if len(sys.argv) > 3 else os.cpu_count(), 3


def theirs(path):
    model = llama_cpp.Model(library, path, n_ctx=128, threads=THREADS)
    ids = [3 + i * 7919 % 40000 for i in range(128)]
    best = {}

    def took(name, tokens, seconds):
        best[name] = max(best.get(name, 0), tokens / seconds)

    for _ in range(5):
        for count in (32, 128):
            model.restart()
            began = time.perf_counter()
            model.logits(ids[:count], last_only=True)
            took(f'prefill{count}', count, time.perf_counter() - began)
        model.restart()
        model.logits(ids[:32], last_only=True)
        began = time.perf_counter()
        for i in range(32):
            model.logits([ids[i]], last_only=True)
        took('decode', 32, time.perf_counter() - began)
    model.close()
    return best


def ours(path):
    done = subprocess.run([BENCH, path, str(THREADS)], capture_output=True, text=True, check=True)
    return {name: float(value) for name, value in (line.split() for line in done.stdout.splitlines())}


with tempfile.TemporaryDirectory() as work:
    for name, path in gguf_models(work):
        if not path:
            print(f'{name}: not installed (see tests/parity/requirements-models.txt)')
            continue
        mine, peer = {}, {}
        for _ in range(ROUNDS):
            for best, run in ((mine, ours), (peer, theirs)):
                for what, value in run(path).items():
                    best[what] = max(best.get(what, 0), value)
        for what, value in mine.items():
            print(f'{name}: {what} {value:.0f} tokens a second, llama.cpp {peer[what]:.0f}: {value / peer[what]:.2f} of it ({THREADS} threads)')

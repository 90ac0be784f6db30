#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loading a tokenizer.json, ready to encode: this library against the Rust one, side by side. The interpreter and the import are taken
off the Rust side: each is timed by itself, in time and in memory. Prints numbers; asserts none of them.

    bench_load.py LOAD_TOKENIZER CORPUS
"""
import os
import sys
import time

try:
    import tokenizers  # noqa: F401 (only whether it is there)
except ImportError as missing:
    print(f'skipped: no peer: {missing} (see tests/parity/requirements.txt)')
    sys.exit(0)

RUNS = 5


def once(command):
    start = time.perf_counter()
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f'{" ".join(command)} failed')
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def best(commands):
    """The best of each in turns: a shared machine only ever adds time."""
    seen = [[once(c) for c in commands] for _ in range(RUNS)]
    return [(min(r[i][0] for r in seen), min(r[i][1] for r in seen)) for i in range(len(commands))]


def main():
    for name in ('gemma3', 'qwen3', 'llama3_1'):
        path = os.path.join(sys.argv[2], 'tokenizers', name, 'tokenizer.json')
        if not os.path.exists(path):
            print('skipped: the corpus is not there')
            return
        empty = [sys.executable, '-c', 'import tokenizers']
        rust = [sys.executable, '-c', 'import sys, tokenizers; tokenizers.Tokenizer.from_file(sys.argv[1])', path]
        (ours, rss), (nothing, nothing_rss), (theirs, theirs_rss) = best([[sys.argv[1], path], empty, rust])
        load, load_rss = theirs - nothing, theirs_rss - nothing_rss
        print(f'{name}: {ours * 1e3:.0f} ms, {rss:.0f} MB; Rust library {load * 1e3:.0f} ms, {load_rss:.0f} MB (interpreter taken off): '
              f'{load / ours:.1f} x as fast in {rss / load_rss:.2f} of the memory', flush=True)


if __name__ == '__main__':
    main()

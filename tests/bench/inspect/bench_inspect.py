#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vocab-inspect on 30 sparse shards of 140 GB with the gemma3 tokenizer: bytes read, peak memory, wall time against reading
the same headers and files with cat. Prints numbers; asserts none of them.

    bench_inspect.py TOOLS_DIR CORPUS
"""
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

SHARDS, TOTAL = 30, 140e9


def make(folder, tokenizer):
    weight_map, rows = {}, int(TOTAL / SHARDS / 2 / 4096)
    for i in range(SHARDS):
        name = f'model-{i + 1:05}-of-{SHARDS:05}.safetensors'
        tensors = {'model.embed_tokens.weight': [262208, 2560]} if i == 0 else {}
        tensors[f'model.layers.{i}.mlp.up_proj.weight'] = [rows, 4096]
        header, at = {}, 0
        for tensor, shape in tensors.items():
            end = at + 2 * shape[0] * shape[1]
            header[tensor] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, end]}
            weight_map[tensor], at = name, end
        text = json.dumps(header).encode()
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(struct.pack('<Q', len(text)) + text)
            f.truncate(8 + len(text) + at)
    with open(os.path.join(folder, 'model.safetensors.index.json'), 'w') as f:
        json.dump({'metadata': {}, 'weight_map': weight_map}, f)
    with open(os.path.join(folder, 'config.json'), 'w') as f:
        json.dump({'model_type': 'gemma3_text', 'vocab_size': 262208, 'hidden_size': 2560, 'tie_word_embeddings': True}, f)
    shutil.copy(tokenizer, folder)


def timed(command):
    best = peak = None
    for _ in range(5):
        start = time.perf_counter()
        pid = os.spawnvp(os.P_NOWAIT, command[0], command)
        _, status, usage = os.wait4(pid, 0)
        took = time.perf_counter() - start
        if status:
            sys.exit(f'{command[0]} failed')
        best, peak = min(best or took, took), max(peak or 0, usage.ru_maxrss * 1024)
    return best, peak


def main():
    tokenizer = os.path.join(sys.argv[2], 'tokenizers', 'gemma3', 'tokenizer.json')
    if not os.path.exists(tokenizer):
        print('skipped: the corpus is not there')
        return
    with tempfile.TemporaryDirectory(prefix='vs-bench-') as folder:
        make(folder, tokenizer)
        size = os.path.getsize(tokenizer)
        inspect = os.path.join(sys.argv[1], 'vocab-inspect')
        script = f'cd {folder} && head -q -c 400 *.safetensors >/dev/null && cat *.json >/dev/null'
        ours, peak = timed(['sh', '-c', f'exec {inspect} {folder} >/dev/null'])
        cat, _ = timed(['sh', '-c', script])
        trace = subprocess.run(['sh', '-c', f'{inspect} {folder} >/dev/null; cat /proc/$$/io'], capture_output=True, text=True)
        print(f'vocab-inspect, 30 shards, 140 GB apparent: {ours * 1e3:.0f} ms, head and cat of the same headers and files {cat * 1e3:.0f} ms: '
              f'{ours / cat:.1f}x')
        print(f'peak memory {peak / 1e6:.0f} MB: {peak / size:.2f}x the tokenizer file')
        shell = dict(line.split(': ') for line in trace.stdout.splitlines())
        print(f'bytes read: {int(shell["rchar"]) / 1e6:.1f} MB, the tokenizer file has {size / 1e6:.1f} MB')


if __name__ == '__main__':
    main()

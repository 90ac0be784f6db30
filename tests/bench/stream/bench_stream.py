#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vocab-check --forward on a BF16 model of 2.5 GB (the shape of Llama-3.2-1B) beside cat of the same file, in turns: from
the disk (pages dropped before), from a disk of 500 MB/s (slow_disk.c: reads wait, then come from memory), and from memory;
then its peak memory beside what it was allowed. Prints; asserts nothing.

    bench_stream.py TOOLS_DIR BENCH_STREAM SLOW_DISK CORPUS [LAYERS]

Pages are dropped by fsync and POSIX_FADV_DONTNEED, which needs no rights; how many are left is counted (mincore).
/proc/sys/vm/drop_caches is not touched. A virtual disk may still be cached by its host.
"""
import ctypes
import json
import mmap
import os
import random
import shutil
import struct
import sys
import tempfile
import time

HIDDEN, INNER, HEADS, KV_HEADS, DIM, ROWS = 2048, 8192, 32, 8, 64, 128256
LAYERS = int(sys.argv[5]) if len(sys.argv) > 5 else 16
ROUNDS, SLOW = 3, 500e6 # bytes a second
SETTLE = 3 # seconds: a virtual machine hands freed pages back to its host, and every run is to begin with such pages
MB = 1e6


# ---- the model ----

def shapes():
    yield 'model.embed_tokens.weight', [ROWS, HIDDEN]
    for i in range(LAYERS):
        layer = f'model.layers.{i}.'
        yield layer + 'input_layernorm.weight', [HIDDEN]
        yield layer + 'self_attn.q_proj.weight', [HEADS * DIM, HIDDEN]
        yield layer + 'self_attn.k_proj.weight', [KV_HEADS * DIM, HIDDEN]
        yield layer + 'self_attn.v_proj.weight', [KV_HEADS * DIM, HIDDEN]
        yield layer + 'self_attn.o_proj.weight', [HIDDEN, HEADS * DIM]
        yield layer + 'post_attention_layernorm.weight', [HIDDEN]
        yield layer + 'mlp.gate_proj.weight', [INNER, HIDDEN]
        yield layer + 'mlp.up_proj.weight', [INNER, HIDDEN]
        yield layer + 'mlp.down_proj.weight', [HIDDEN, INNER]
    yield 'model.norm.weight', [HIDDEN]


def bytes_of(shape):
    return 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)


def values(count):
    """BF16 of 0.008 to 0.031, either sign: activations keep their size."""
    made = bytearray(2 * count)
    made[0::2] = random.Random(1).randbytes(count)
    made[1::2] = random.Random(2).randbytes(count).translate(bytes(0x3c | i & 0x80 for i in range(256)))
    return made


def write_model(folder, corpus):
    header, at = {}, 0
    for name, shape in shapes():
        header[name] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, at + bytes_of(shape)]}
        at += bytes_of(shape)
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    stock, ones = memoryview(values(16 << 20)), struct.pack('<H', 0x3f80) * HIDDEN
    with open(os.path.join(folder, 'model.safetensors'), 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for number, (name, shape) in enumerate(shapes()):
            left, shift = bytes_of(shape), number * 4096 % (1 << 20)
            if len(shape) == 1:
                f.write(ones)
                continue
            while left: # another part of the stock for every tensor
                part = stock[shift:shift + left]
                f.write(part)
                left, shift = left - len(part), 0
        os.fsync(f.fileno())
    with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump({'model_type': 'llama', 'vocab_size': ROWS, 'hidden_size': HIDDEN, 'intermediate_size': INNER, 'num_hidden_layers': LAYERS,
                   'num_attention_heads': HEADS, 'num_key_value_heads': KV_HEADS, 'head_dim': DIM, 'rms_norm_eps': 1e-5, 'rope_theta': 500000.0,
                   'max_position_embeddings': 8192, 'tie_word_embeddings': True, 'hidden_act': 'silu'}, f)
    return write_tokenizer(folder, corpus)


def write_tokenizer(folder, corpus):
    real = os.path.join(corpus, 'tokenizers', 'llama3_1', 'tokenizer.json')
    if os.path.exists(real):
        shutil.copy(real, folder)
        return 'the tokenizer of Llama 3.1'
    with open(os.path.join(folder, 'tokenizer.json'), 'w', encoding='utf-8') as f:
        json.dump({'version': '1.0', 'added_tokens': [], 'pre_tokenizer': {'type': 'WhitespaceSplit'},
                   'model': {'type': 'WordLevel', 'unk_token': 't0', 'vocab': {f't{i}': i for i in range(ROWS)}}}, f)
    return f'a list of {ROWS} words'


# ---- the cache ----

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p
LIBC.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
LIBC.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
LIBC.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p]


def cached(path):
    """Share of the file's pages that are in memory."""
    size = os.path.getsize(path)
    with open(path, 'rb') as f:
        at = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, f.fileno(), 0)
    pages = -(-size // mmap.PAGESIZE)
    state = ctypes.create_string_buffer(pages)
    LIBC.mincore(at, size, state)
    LIBC.munmap(at, size)
    return sum(b & 1 for b in state.raw) / pages


def drop(path):
    with open(path, 'rb') as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(SETTLE)


# ---- runs ----

def run(words, **env):
    """Standard output, wall seconds, and what the process used."""
    read, write = os.pipe()
    began = time.perf_counter()
    pid = os.posix_spawn(words[0], words, {**os.environ, **env}, file_actions=[(os.POSIX_SPAWN_DUP2, write, 1), (os.POSIX_SPAWN_CLOSE, read)])
    os.close(write)
    with os.fdopen(read) as f:
        said = f.read()
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - began
    if status:
        sys.exit(f'{words[0]} failed: {said}')
    return said, took, usage


def keep_best(best, name, took, usage):
    if name not in best or took < best[name][0]:
        best[name] = (took, usage)


def reading(path, commands, cold, title, **env):
    """Every command in turns; of its runs the quickest."""
    best, left = {}, 0.0
    for _ in range(ROUNDS):
        for name, words in commands.items():
            if cold:
                drop(path)
            left = max(left, cached(path))
            said, took, usage = run(words, **env)
            keep_best(best, name, float(said.split()[1]) if name == 'stream' else took, usage)
    size = os.path.getsize(path)
    print(f'-- {title}; {left:.0%} of the file was cached before a run')
    for name, (took, usage) in best.items():
        print(f'{name:22} {took:7.2f} s {size / took / MB:7.0f} MB/s of the file  user {usage.ru_utime:.2f} s, system {usage.ru_stime:.2f} s')
    return best


def verdict(best):
    cat, inspect, stream, check = (best[name][0] for name in ('cat', 'vocab-inspect', 'stream', 'vocab-check --forward'))
    print(f'reading alone, in the order of use: {cat / stream:.2f} of the rate of cat (0.8 is wanted)')
    print(f'vocab-check --forward, all of it: {cat / check:.2f} of the rate of cat; {"reading" if stream > check / 2 else "computing"} is the bound: '
          f'of {check:.2f} s reading alone takes {stream:.2f} s, the tokenizer {inspect:.2f} s')


def memory(tools, folder):
    _, _, usage = run([os.path.join(tools, 'vocab-inspect'), '-q', folder])
    tables, layer = usage.ru_maxrss * 1024, sum(bytes_of(s) for n, s in shapes() if n.startswith('model.layers.0.'))
    print(f'-- peak memory; vocab-inspect, which reads the tokenizer and no rows: {tables / MB:.0f} MB; a layer: {layer / MB:.0f} MB')
    for size in (64, 256):
        _, _, usage = run(check_words(tools, folder, f'{size}M'))
        peak, allowed = usage.ru_maxrss * 1024, (size << 20) + layer + tables
        print(f'--memory {size}M: {peak / MB:.0f} MB, {peak / allowed:.2f} of the {allowed / MB:.0f} MB of memory, a layer and the tokenizer; '
              f'{(peak - tables) / (size << 20):.2f} of --memory above the tokenizer')


def check_words(tools, folder, size):
    return [os.path.join(tools, 'vocab-check'), '-q', folder, '--forward', '--prompt-ids', '1 2 3 4 5', '--device', 'cpu', '--memory', size]


def main():
    tools, stream, slow, corpus = sys.argv[1:5]
    with tempfile.TemporaryDirectory(prefix='vs-bench-') as folder:
        tokenizer = write_model(folder, corpus)
        path = os.path.join(folder, 'model.safetensors')
        print(f'{os.path.getsize(path) / 1e9:.2f} GB, {LAYERS} layers, {tokenizer}; --memory 64M')
        commands = {'cat': ['/bin/sh', '-c', 'exec cat "$0" >/dev/null', path], 'stream': [stream, folder, str(64 << 20)],
                    'vocab-inspect': [os.path.join(tools, 'vocab-inspect'), '-q', folder],
                    'vocab-check --forward': check_words(tools, folder, '64M')}
        verdict(reading(path, commands, True, 'from the disk'))
        run(commands['cat'])
        verdict(reading(path, commands, False, f'from a disk of {SLOW / MB:.0f} MB/s', LD_PRELOAD=slow, VS_DISK_RATE=str(SLOW)))
        verdict(reading(path, commands, False, 'from memory'))
        memory(tools, folder)


main()

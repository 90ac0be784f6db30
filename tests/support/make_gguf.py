#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small Llama as a .gguf file that runs, for transcripts.

    make_gguf.py MODEL PRE FILE [KEY...] [N]     tokenizer.ggml.model and .pre as given, without the keys, with weights of N layers for
                                                 the one that is counted; gpt2 has merges, anything else scores
"""
import random
import struct
import sys

WIDTH, DIM, INNER = 16, 8, 12
SPACE = '\u2581'
TEXTS = {'gpt2': ['a', 'b', 'c', 'ab', 'abc', '\u0120', '\u0120a', '<s>', '</s>'],
         'llama': ['<unk>', '<s>', '</s>', SPACE, 'a', 'b', 'c', SPACE + 'a', 'bc', 'ab'] + [f'<0x{i:02X}>' for i in range(256)]}


def text(s):
    return struct.pack('<Q', len(s.encode())) + s.encode()


def key(name, value):
    """As it is spelled in a file. What a list holds is told by its first member."""
    if isinstance(value, str):
        return text(name) + struct.pack('<I', 8) + text(value)
    if not isinstance(value, list):
        kind, code = {bool: (7, '?'), int: (4, 'I'), float: (6, 'f')}[type(value)]
        return text(name) + struct.pack('<I' + code, kind, value)
    if isinstance(value[0], str):
        kind, items = 8, b''.join(map(text, value))
    else:
        kind, code = {int: (5, 'i'), float: (6, 'f')}[type(value[0])]
        items = struct.pack(f'<{len(value)}{code}', *value)
    return text(name) + struct.pack('<IIQ', 9, kind, len(value)) + items


def write(path, keys, infos=(), data=b''):
    header = b'GGUF' + struct.pack('<IQQ', 3, len(infos), len(keys)) + b''.join([*keys, *infos])
    with open(path, 'wb') as f:
        f.write(header + b'\0' * (-len(header) % 32) + data)


def main():
    model, pre, path, *omitted = sys.argv[1:]
    tokens = TEXTS.get(model, TEXTS['llama'])
    special = {'<unk>': 2, '<s>': 3, '</s>': 3}
    keys = {'general.architecture': 'llama', 'llama.embedding_length': WIDTH, 'llama.block_count': 1, 'llama.attention.head_count': 2,
            'llama.attention.head_count_kv': 1, 'llama.feed_forward_length': INNER, 'llama.context_length': 64, 'llama.rope.dimension_count': DIM,
            'llama.attention.layer_norm_rms_epsilon': 1e-6, 'tokenizer.ggml.model': model, 'tokenizer.ggml.pre': pre, 'tokenizer.ggml.tokens': tokens,
            'tokenizer.ggml.token_type': [special.get(t, 6 if t.startswith('<0x') else 1) for t in tokens],
            'tokenizer.ggml.bos_token_id': tokens.index('<s>'), 'tokenizer.ggml.eos_token_id': tokens.index('</s>')}
    if model == 'gpt2':
        keys['tokenizer.ggml.merges'] = ['a b', 'ab c', '\u0120 a']
    else:
        keys['tokenizer.ggml.scores'] = [-float(i) for i in range(len(tokens))]
    keys = {k: v for k, v in keys.items() if k not in omitted}
    layer = {'attn_norm': (WIDTH,), 'attn_q': (WIDTH, WIDTH), 'attn_k': (DIM, WIDTH), 'attn_v': (DIM, WIDTH), 'attn_output': (WIDTH, WIDTH),
             'ffn_norm': (WIDTH,), 'ffn_gate': (INNER, WIDTH), 'ffn_up': (INNER, WIDTH), 'ffn_down': (WIDTH, INNER)}
    layers = next((int(word) for word in omitted if word.isdigit()), 1)
    shapes = {'token_embd': (len(tokens), WIDTH), **{f'blk.{i}.{name}': shape for i in range(layers) for name, shape in layer.items()},
              'output_norm': (WIDTH,)}
    rng, infos, data = random.Random(5), [], b''
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        data += b'\0' * (-len(data) % 32)
        infos.append(text(name + '.weight') + struct.pack(f'<I{len(shape)}QIQ', len(shape), *reversed(shape), 0, len(data)))
        data += struct.pack(f'<{count}f', *(rng.uniform(-1, 1) for _ in range(count)))
    write(path, [key(k, v) for k, v in keys.items()], infos, data)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Greedy continuations of real models against llama.cpp.

    forward_real.py TOOLS_DIR LIBRARY_DIR [NAME...]      prints TAP

Each model is dequantised to an F32 GGUF file first, since llama.cpp rounds activations to 8 bits beside quantised weights.
On it 64 tokens are equal for at least 19 of 20 prompts, and where they part the two best logits of llama.cpp lie within
0.05. The quantised file itself must give the very tokens of its dequantised copy; where llama.cpp's continuation of it
parts from ours is printed.
"""
import json
import os
import subprocess
import sys
import tempfile
from tap import check, end, skip, skip_all

TOOLS, LIBRARY, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
try:
    import gguf
    import numpy
    import llama_cpp
    from real_models import gguf_models
    library = llama_cpp.Library(LIBRARY)
except (ImportError, OSError) as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt and package.json)')

LENGTH, GAP, AT_LEAST = 64, 0.05, 19
PROMPTS = ['The capital of France is', 'Once upon a time there was a', 'To make bread you need', 'The three laws of motion say that', 'My favourite colour is',
           'In the year 1969', 'def fibonacci(n):', 'Dear Sir or Madam,', 'Water boils at', 'The opposite of hot is', 'Alle Menschen sind frei und',
           'La vie est', 'El perro corre por', 'The quick brown fox', 'Question: What is two plus two?\nAnswer:', 'import numpy as np\n',
           'A good teacher', 'The largest planet of the solar system is', 'Roses are red,', 'It was a dark and stormy night;']


def dequantise(path, out):
    reader = gguf.GGUFReader(path)
    arch = reader.fields['general.architecture'].contents()
    writer = gguf.GGUFWriter(out, arch)
    for name, field in reader.fields.items():
        if name == 'general.architecture' or name.startswith('GGUF.'):
            continue
        element = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], element)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, numpy.ascontiguousarray(gguf.quants.dequantize(tensor.data, tensor.tensor_type), numpy.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def theirs(path):
    """Prompts as ids, their continuations, and the gap between the two best logits at every step."""
    model = llama_cpp.Model(library, path, n_ctx=128)
    out = []
    for text in PROMPTS:
        model.restart()
        prompt, ids, gaps = model.tokens(text), [], []
        logits = model.logits(prompt, last_only=True)[0]
        while len(ids) < LENGTH:
            second, best = numpy.partition(logits, -2)[-2:]
            gaps.append(float(best - second))
            ids.append(int(logits.argmax()))
            logits = model.logits([ids[-1]], last_only=True)[0]
        out.append((prompt, ids, gaps))
    model.close()
    return out


def ours(path, prompts, folder):
    listed = os.path.join(folder, 'prompts.txt')
    with open(listed, 'w', encoding='utf-8') as f:
        f.writelines(' '.join(map(str, p)) + '\n' for p in prompts)
    done = subprocess.run([os.path.join(TOOLS, 'vocab-check'), path, '--device', 'cpu', '--memory', '3G', '--prompt-ids', listed, '--generate', str(LENGTH), '--json'],
                          capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        return None, done.stderr
    return [g['ids'] for g in report['generated']], f'{report["tokens_per_second"]:.1f} tokens a second'


def partings(peer, mine):
    """(prompt, position, gap) of every continuation that is not the peer's up to where one of them ends."""
    out = []
    for i, ((_, ids, gaps), got) in enumerate(zip(peer, mine)):
        at = next((k for k, (a, b) in enumerate(zip(ids, got)) if a != b), None)
        if at is not None:
            out.append((i, at, gaps[at]))
    return out


def compare(name, path, folder):
    plain = os.path.join(folder, 'f32.gguf')
    dequantise(path, plain)
    peer = theirs(plain)
    mine, said = ours(plain, [p for p, _, _ in peer], folder)
    if mine is None:
        return check(name, False, said)
    differ = partings(peer, mine)
    told = ''.join(f'prompt {i} ({PROMPTS[i]!r}): token {at}, gap {gap:.4f}\n' for i, at, gap in differ)
    check(f'{name}, dequantised: {len(PROMPTS) - len(differ)} of {len(PROMPTS)} continuations equal; {said}',
          len(mine) == len(PROMPTS) and len(PROMPTS) - len(differ) >= AT_LEAST and all(gap < GAP for _, _, gap in differ), told)
    check(f'{name}: continuations are long', sum(len(m) for m in mine) >= len(PROMPTS) * LENGTH // 2, str([len(m) for m in mine]))
    packed, said = ours(path, [p for p, _, _ in peer], folder)
    check(f'{name}: the quantised file gives the tokens of its dequantised copy; {said}', packed == mine)
    rounded = partings(theirs(path), mine)
    print(f'# {name}: llama.cpp with activations of 8 bits parts from it in {len(rounded)} of {len(PROMPTS)}: '
          + ', '.join(f'prompt {i} at {at} (gap {gap:.3f})' for i, at, gap in rounded))


with tempfile.TemporaryDirectory() as work:
    for model, file in gguf_models(work):
        if ONLY and model not in ONLY:
            continue
        if file:
            compare(model, file, work)
        else:
            skip(model, 'not installed (see tests/parity/requirements-models.txt)')
end()

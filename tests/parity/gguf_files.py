#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""GGUF files in our reader and in the gguf package: facts, and the values of every tensor bit for bit.

    gguf_files.py TOOLS_DIR DEQUANTISE CORPUS      prints TAP

Files: one with random blocks of every dtype that is widened, written by the gguf package; the vocabularies of the corpus;
two real models, where their packages are installed. MXFP4 as gpt-oss stores it is compared with transformers.
"""
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from tap import check, end, skip, skip_all

try:
    import numpy
    import gguf
    from real_models import gguf_models
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, DEQUANTISE, CORPUS = sys.argv[1:4]
T = gguf.GGMLQuantizationType
WIDENED = [T.F32, T.F16, T.BF16, T.Q4_0, T.Q4_1, T.Q5_0, T.Q5_1, T.Q8_0, T.Q4_K, T.Q5_K, T.Q6_K, T.MXFP4]
KINDS = {'llama': 'bpe', 'gpt2': 'bpe', 'bert': 'wordpiece', 't5': 'unigram'}


def run(*words):
    return subprocess.run(words, capture_output=True, text=True)


def value(reader, key):
    field = reader.get_field(key)
    return field.contents() if field else None


# ---- facts ----

def expected_facts(reader):
    tokens = value(reader, 'tokenizer.ggml.tokens') or []
    real = [i for i, t in enumerate(tokens) if t != f'[PAD{i}]']
    arch = value(reader, 'general.architecture')
    shapes = {t.name: ([int(n) for n in reversed(t.shape)], t.tensor_type.name) for t in reader.tensors}
    return {
        'kind': KINDS.get(value(reader, 'tokenizer.ggml.model')),
        'len': len(set(tokens[i] for i in real)),
        'max_id': max(real),
        'model_type': arch,
        'vocab_size': value(reader, f'{arch}.vocab_size'),
        'ids': {k: value(reader, k) for k in reader.fields if re.fullmatch(r'tokenizer\.ggml\.\w+_token_id', k)},
        'tables': {n: shapes[n] for n in ('token_embd.weight', 'output.weight') if n in shapes},
    }


def found_facts(path):
    done = run(os.path.join(TOOLS, 'vocab-inspect'), '--json', path)
    if done.returncode:
        return done.stderr
    f = json.loads(done.stdout)
    sizes = f['config']['vocab_size']
    return {
        'kind': f['tokenizer']['kind'], 'len': f['tokenizer']['len'], 'max_id': f['tokenizer']['max_id'],
        'model_type': f['config']['model_type'],
        'vocab_size': sizes[0]['value'] if sizes else None,
        'ids': {s['at']: s['id'] for s in f['special_ids'] if s['at'].endswith('_token_id')},
        'tables': {t['tensor']: ([t['rows'], t['cols']], t['dtype']) for t in f['tables']},
    }


def facts(path, reader):
    found, expected = found_facts(path), expected_facts(reader)
    check(f'facts of {os.path.basename(path)}', found == expected, f'found    {found}\nexpected {expected}')


# ---- values ----

def expected_values(tensor):
    values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return hashlib.sha256(numpy.ascontiguousarray(values, dtype=numpy.float32).tobytes()).hexdigest()


def tensors(path, reader):
    done = run(DEQUANTISE, path)
    found = {line.split(' ')[0]: line.split(' ')[1:] for line in done.stdout.splitlines()}
    wrong = []
    for t in reader.tensors:
        shape = 'x'.join(str(int(n)) for n in reversed(t.shape))
        digest = expected_values(t) if t.tensor_type in WIDENED else '-'
        if found.get(t.name) != [t.tensor_type.name, shape, digest]:
            wrong.append(f'{t.name}: found {found.get(t.name)}, expected {[t.tensor_type.name, shape, digest]}')
    kinds = sorted({t.tensor_type.name for t in reader.tensors})
    check(f'{len(reader.tensors)} tensors of {os.path.basename(path)}, values bit for bit: {" ".join(kinds)}',
          done.returncode == 0 and not wrong and len(found) == len(reader.tensors), done.stderr + '\n'.join(wrong[:5]))


def random_blocks(rng, kind, rows, cols):
    """Any bits, but scales that are finite: NaN has many spellings."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    data = rng.integers(0, 256, (rows, cols // elements, size), dtype=numpy.uint8)
    if kind in (T.F32, T.F16, T.BF16):
        data = rng.standard_normal((rows, cols)).astype(numpy.float32)
        if kind == T.F16:
            return data.astype(numpy.float16)
        return gguf.quants.quantize(data, kind) if kind == T.BF16 else data
    if kind == T.MXFP4:
        data[..., 0] = rng.integers(0, 254, data.shape[:2])
    else:
        scales = {T.Q6_K: [208]}.get(kind, [0, 2] if kind in (T.Q4_1, T.Q5_1, T.Q4_K, T.Q5_K) else [0])
        for at in scales:
            data[..., at + 1] &= 0xbb  # an exponent below 31
    return data.reshape(rows, -1)


def write_random(path):
    rng = numpy.random.default_rng(7)
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_vocab_size(6)
    writer.add_tokenizer_model('gpt2')
    writer.add_token_list(['<s>', 'a', 'b', 'ab', 'c', '[PAD5]'])
    writer.add_token_types([3, 1, 1, 1, 1, 5])
    writer.add_token_merges(['a b'])
    writer.add_bos_token_id(0)
    writer.add_array('an.array.of.arrays', [[1, 2], [3]])
    for kind in WIDENED:
        writer.add_tensor(f'{kind.name.lower()}.weight', random_blocks(rng, kind, 37, 768), raw_dtype=kind)
    writer.add_tensor('token_embd.weight', random_blocks(rng, T.Q6_K, 6, 256), raw_dtype=T.Q6_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- MXFP4 of gpt-oss ----

def split_mxfp4(tmp):
    name = 'MXFP4 in two tensors, against transformers'
    try:
        import torch
        from transformers.integrations.mxfp4 import FP4_VALUES
    except ImportError as missing:
        skip(name, missing)
        return
    rng = numpy.random.default_rng(8)
    blocks = rng.integers(0, 256, (64, 16), dtype=numpy.uint8)
    scales = rng.integers(0, 255, 64, dtype=numpy.uint8)
    # The formula of convert_moe_packed_tensors, in float32, without its transposition.
    lut = torch.tensor(FP4_VALUES, dtype=torch.float32)
    low, high = torch.from_numpy(blocks & 15).long(), torch.from_numpy(blocks >> 4).long()
    values = torch.stack([lut[low], lut[high]], dim=-1).reshape(64, 32)
    expected = torch.ldexp(values.double(), torch.from_numpy(scales).int()[:, None] - 127).float().numpy()
    path = os.path.join(tmp, 'split.bin')
    with open(path, 'wb') as f:
        f.write(blocks.tobytes() + scales.tobytes())
    done = subprocess.run([DEQUANTISE, '--mxfp4', path, '64'], capture_output=True)
    check(name, done.returncode == 0 and done.stdout == expected.tobytes(), done.stderr)


def main():
    with tempfile.TemporaryDirectory() as tmp:
        made = os.path.join(tmp, 'random.gguf')
        write_random(made)
        reader = gguf.GGUFReader(made)
        facts(made, reader)
        tensors(made, reader)
        split_mxfp4(tmp)
        vocabularies = sorted(glob.glob(os.path.join(CORPUS, 'gguf-vocab', '*.gguf')))
        for path in vocabularies:
            facts(path, gguf.GGUFReader(path))
        if not vocabularies:
            skip('vocabularies', 'the corpus is not there')
        for name, path in gguf_models(tmp):
            if not path:
                skip(name, 'not installed (see tests/parity/requirements-models.txt)')
                continue
            reader = gguf.GGUFReader(path)
            facts(path, reader)
            tensors(path, reader)
    end()


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much vocab-check reads: the weights of the model and of its base once, whatever is checked; and what it says when they differ.

    reads.py TOOLS_DIR      prints TAP; the counts are skipped where the kernel keeps none (/proc/PID/io)
"""
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'support'))
from tap import check, end, skip

TOOLS = sys.argv[1]
HIDDEN, INNER, HEADS, LAYERS, ROWS, SHARDS = 256, 1024, 4, 8, 96, 3


def tensors():
    """Name and shape; the tables are small beside the layers, as in a real model."""
    yield 'model.embed_tokens.weight', (ROWS, HIDDEN)
    for i in range(LAYERS):
        for name, shape in (('input_layernorm', (HIDDEN,)), ('self_attn.q_proj', (HIDDEN, HIDDEN)), ('self_attn.k_proj', (HIDDEN, HIDDEN)),
                            ('self_attn.v_proj', (HIDDEN, HIDDEN)), ('self_attn.o_proj', (HIDDEN, HIDDEN)), ('post_attention_layernorm', (HIDDEN,)),
                            ('mlp.gate_proj', (INNER, HIDDEN)), ('mlp.up_proj', (INNER, HIDDEN)), ('mlp.down_proj', (HIDDEN, INNER))):
            yield f'model.layers.{i}.{name}.weight', shape
    yield 'model.norm.weight', (HIDDEN,)
    yield 'lm_head.weight', (ROWS, HIDDEN)


def values(count, seed):
    """bfloat16 of 0.008 to 0.06 in size, of both signs."""
    r = random.Random(seed)
    return bytes(b for _ in range(count) for b in (r.randrange(256), 0x3c | r.randrange(2) << 7))


def write_shard(path, part, pool):
    header, at = {}, 0
    for name, shape in part:
        size = 2 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[name] = {'dtype': 'BF16', 'shape': list(shape), 'data_offsets': [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for i, (name, _) in enumerate(part):
            begin, end = header[name]['data_offsets']
            turn = 2 * (97 * i + len(name)) % len(pool) # tensors differ
            f.write((pool[turn:] + pool * ((end - begin) // len(pool) + 1))[:end - begin])
    return at


def make_model(folder):
    os.mkdir(folder)
    everything, pool, places, total = list(tensors()), values(30011, 1), {}, 0
    for s in range(SHARDS):
        name = f'model-{s + 1:05}-of-{SHARDS:05}.safetensors'
        part = everything[s * len(everything) // SHARDS:(s + 1) * len(everything) // SHARDS]
        total += write_shard(os.path.join(folder, name), part, pool)
        places.update({tensor: name for tensor, _ in part})
    config = {'architectures': ['LlamaForCausalLM'], 'model_type': 'llama', 'hidden_size': HIDDEN, 'intermediate_size': INNER,
              'num_hidden_layers': LAYERS, 'num_attention_heads': HEADS, 'num_key_value_heads': HEADS, 'vocab_size': ROWS,
              'max_position_embeddings': 512, 'rms_norm_eps': 1e-5, 'hidden_act': 'silu', 'tie_word_embeddings': False}
    vocabulary = {'type': 'WordLevel', 'vocab': {f'w{i}': i for i in range(ROWS)}, 'unk_token': 'w0'}
    documents = {'config.json': config, 'model.safetensors.index.json': {'metadata': {'total_size': total}, 'weight_map': places},
                 'tokenizer.json': {'version': '1.0', 'added_tokens': [], 'pre_tokenizer': {'type': 'Whitespace'}, 'model': vocabulary}}
    for name, document in documents.items():
        with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
            json.dump(document, f)


def weights(folder):
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder) if name.endswith('.safetensors'))


def run(words):
    """Status, what was said, bytes read: None where nobody counts them."""
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = child.stdout.read().decode()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        with open(f'/proc/{child.pid}/io', encoding='ascii') as f:
            count = int(re.search(r'^rchar: (\d+)', f.read(), re.M)[1])
    except OSError:
        count = None
    return child.wait(), said, count


def change(folder, tensor, first=False):
    """One bit of the last value, or of the first one."""
    with open(os.path.join(folder, 'model.safetensors.index.json'), encoding='utf-8') as f:
        path = os.path.join(folder, json.load(f)['weight_map'][tensor])
    with open(path, 'r+b') as f:
        length, = struct.unpack('<Q', f.read(8))
        begin, end = json.loads(f.read(length))[tensor]['data_offsets']
        f.seek(8 + length + (begin if first else end - 2))
        byte = f.read(1)[0]
        f.seek(-1, os.SEEK_CUR)
        f.write(bytes([byte ^ 1]))


def at_most(name, words, limit, wanted=0):
    status, said, count = run(words)
    if count is None:
        if status != wanted:
            check(name, False, (status, said))
            return
        return skip(name, 'no /proc/PID/io')
    check(name, status == wanted and limit / 1.1 <= count <= limit, (status, count, limit, said))


with tempfile.TemporaryDirectory(prefix='vs-reads-') as top:
    base, merged, out, new = (os.path.join(top, name) for name in ('base', 'merged', 'out', 'new'))
    make_model(base)
    with open(new, 'w', encoding='utf-8') as f: # more than the workspace has room for: each layer computes slices of them
        f.writelines(f'neu{i}\n' for i in range(150))
    for words in (['vocab-merge', base, '--tokens-file', new, '-o', merged],
                  ['embed-extend', base, '--map', os.path.join(merged, 'vocab-map.json'), '-o', out]):
        status, said, _ = run([os.path.join(TOOLS, words[0])] + words[1:])
        check(words[0], status == 0, said)
    both = 1.1 * (weights(base) + weights(out))
    words = [os.path.join(TOOLS, 'vocab-check'), out, '--base', base, '--device', 'cpu', '--memory', '5M', '--fail-on', 'warning']
    receipt = ['--receipt', os.path.join(out, 'receipt.json')]
    at_most('without --forward', words + receipt, both)
    at_most('with --forward', words + ['--forward'], both)
    at_most('with --forward and --receipt', words + receipt + ['--forward'], both)
    at_most('with --forward and --receipt, without --base', words[:2] + words[4:] + receipt + ['--forward'], 1.1 * weights(out))
    links = os.path.join(top, 'links')
    shutil.copytree(base, links, copy_function=os.link)
    at_most('the files of the base by another name', [words[0], links] + words[2:] + ['--forward'], 1.1 * weights(base))

    tuned = os.path.join(top, 'tuned')
    shutil.copytree(base, tuned)
    for name, _ in tensors():
        if name.startswith('model.layers.'):
            change(tuned, name, True)
    at_most('every layer is unlike the base: once for L1, once for the pass of both', [words[0], tuned] + words[2:] + ['--forward'], 4.4 * weights(base), 1)

    def both_run(name, more, l4):
        """L1 fails, which the first run did not know; what is continued and written is there all the same."""
        dump = os.path.join(top, 'logits.npy')
        status, said, _ = run(words + more + ['--prompt-ids', '1 2 3', '--generate', '3', '--dump-logits', dump, '--json'])
        report = json.loads(said)
        states = [report['levels'][n]['state'] for n in ('L1', 'L3', 'L4')]
        check(f'{name}: L1 fails, both run', status == 1 and states == ['fail', 'not_run', l4], said)
        check(f'{name}: a continuation and logits', len(report['generated'][0]['ids']) == 3 and os.path.getsize(dump) > 3 * ROWS * 4, said)
        os.unlink(dump)
        return {f['rule']: f['at'] for f in report['findings'] if f['severity'] != 'info'}

    with open(receipt[1], encoding='utf-8') as f:
        told = json.load(f)
    told['tables'][0]['ranges'][-1]['sha256_after'] = '0' * 64
    with open(receipt[1], 'w', encoding='utf-8') as f:
        json.dump(told, f)
    found = both_run('another hash in the receipt', receipt, 'pass')
    check('the range is named', 'VOC416' in found and 'VOC430' not in found, found)
    change(out, 'model.layers.5.mlp.up_proj.weight')
    found = both_run('one bit of the trunk', [], 'fail')
    check('the tensor and the first layer are named', found.get('VOC415') == 'model.layers.5.mlp.up_proj.weight' and found.get('VOC430') == 'layer 5', found)
end()

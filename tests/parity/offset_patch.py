#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What offset-patch writes, read by the peers: ids in the Rust tokenizers library, configs in transformers.

    offset_patch.py TOOLS_DIR MAKE_CHECKPOINT      prints TAP
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import tokenizers
    import transformers
except ImportError as missing:
    print(f'1..0 # SKIP no peers: {missing} (see tests/parity/requirements.txt)')
    sys.exit(0)

TOOLS, MAKE = sys.argv[1], sys.argv[2]
P = 262144  # where text ends in Gemma3n
results = []


def check(name, good, detail=''):
    results.append(good)
    print(f'{"ok" if good else "not ok"} {len(results)} - {name}', flush=True)
    if not good:
        print(f'# {detail}', flush=True)


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    check(' '.join(os.path.basename(w) for w in words[:2]), done.returncode == 0, done.stderr.strip())


def ids_moved(before, after, by, new):
    """Every token runs under its old id or the one moved by so many, and added tokens under the id that is written."""
    old = tokenizers.Tokenizer.from_file(os.path.join(before, 'tokenizer.json')).get_vocab()
    now = tokenizers.Tokenizer.from_file(os.path.join(after, 'tokenizer.json'))
    wrong = [t for t, i in old.items() if now.token_to_id(t) != (i if i < P else i + by)]
    with open(os.path.join(after, 'tokenizer.json'), encoding='utf-8') as f:
        declared = [t['content'] for t in json.load(f)['added_tokens'] if now.token_to_id(t['content']) != t['id']]
    check(f'{new} placeholders, {by} ids: the old tokens', not wrong and not declared, f'{wrong[:3]} {declared[:3]}')
    check(f'{new} placeholders, {by} ids: the new ones', [now.token_to_id(f'<|extra_{i}|>') for i in range(new)] == [P + i for i in range(new)])
    text = now.encode('law<|extra_0|> law')
    check(f'{new} placeholders, {by} ids: in a text', P in text.ids, text.tokens)


def numbers(folder):
    c = transformers.AutoConfig.from_pretrained(folder)
    return [c.text_config.vocab_size, c.text_config.vocab_size_per_layer_input, c.vision_config.vocab_offset, c.audio_config.vocab_offset,
            c.image_token_id, c.audio_token_id, c.eoi_token_id, c.eoa_token_id]


def configs(before, after, by):
    old, new = numbers(before), numbers(after)
    check(f'{os.path.basename(before)}: transformers reads every number moved', [n + by for n in old] == new, f'{old} {new}')


with tempfile.TemporaryDirectory() as top:
    at = lambda name: os.path.join(top, name)
    patch, extend = os.path.join(TOOLS, 'offset-patch'), os.path.join(TOOLS, 'embed-extend')
    run(MAKE, 'gemma3n', at('full'))
    run(patch, at('full'), '--add', '5', '-o', at('full-patched'))
    ids_moved(at('full'), at('full-patched'), 5, 5)
    configs(at('full'), at('full-patched'), 5)
    # Rows without a token between the new ones and the blocks: ids are no longer dense.
    run(extend, at('full'), '--add', '5', '--pad-multiple', '64', '-o', at('padded'))
    ids_moved(at('full'), at('padded'), 64, 5)
    configs(at('full'), at('padded'), 64)
    # What the file does not say is a class default there and here.
    os.mkdir(at('sparse'))
    with open(os.path.join(at('sparse'), 'config.json'), 'w', encoding='utf-8') as f:
        f.write('{"model_type": "gemma3n"}\n')
    run(patch, at('sparse'), '--add', '1000', '-o', at('sparse-patched'))
    configs(at('sparse'), at('sparse-patched'), 1000)

print(f'1..{len(results)}')
sys.exit(0 if all(results) else 1)

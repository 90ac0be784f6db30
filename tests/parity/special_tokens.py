#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--add-special against add_special_tokens and save_pretrained of transformers: both results are loaded again and compared. Texts are
compared before their save: it drops `legacy`, and a Llama tokenizer reads text differently then.

    special_tokens.py TOOLS_DIR CORPUS      prints TAP
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from tap import check, end, skip_all

try:
    import transformers
except ImportError as missing:
    skip_all(f'no peer: {missing} (see tests/parity/requirements-models.txt)')

TOOLS, CORPUS = sys.argv[1], sys.argv[2]
transformers.logging.set_verbosity_error()
NEW = ['<|tool|>', '[citation]']
NAMES = ['qwen3', 'gemma3', 'bert-base-uncased', 'gpt2', 'llama3_1', 'modernbert', 'mistral7b_v01', 'focus-de-bpe50k', 'focus-de-unigram50k']
# What a base's own files may say: members of tokenizer_config.json that change, and special_tokens_map.json.
LISTS = [({'extra_special_tokens': []}, None), ({'extra_special_tokens': ['!'], 'additional_special_tokens': []}, None),
         ({'extra_special_tokens': [], 'additional_special_tokens': ['!']}, None), ({'extra_special_tokens': {'image_token': '!'}}, None),
         ({'extra_special_tokens': {'image_token': '!'}, 'additional_special_tokens': ['#']}, None), ({'additional_special_tokens': None}, None),
         ({'added_tokens_decoder': None}, {'additional_special_tokens': ['!']}), ({'added_tokens_decoder': None}, {'extra_special_tokens': ['!']}),
         ({'added_tokens_decoder': None}, {'bos_token': '<|endoftext|>'}), ({}, {'additional_special_tokens': ['!']}), (None, {'additional_special_tokens': ['!']})]


def facts(t, tokens):
    """What a program asks a tokenizer for."""
    flags = {i: (a.special, a.normalized) for i, a in t.added_tokens_decoder.items()}
    text = 'see ' + ' and '.join(tokens) + '.'
    ids = t(text, add_special_tokens=False)['input_ids']
    return {'ids': t.convert_tokens_to_ids(tokens), 'flags': [flags.get(i) for i in t.convert_tokens_to_ids(tokens)],
            'all': sorted(t.all_special_ids), 'encoded': ids, 'left': t.decode(ids, skip_special_tokens=True), 'len': len(t), 'class': type(t).__name__}


def compare(name, base, tokens, folder):
    theirs, ours = os.path.join(folder, 'theirs'), os.path.join(folder, 'ours')
    for path in (theirs, ours):
        shutil.rmtree(path, ignore_errors=True)
    t = transformers.AutoTokenizer.from_pretrained(base)
    t.add_special_tokens({'extra_special_tokens': tokens}, replace_extra_special_tokens=False)
    t.save_pretrained(theirs)
    options = [part for s in tokens for part in ('--add-special', s)]
    done = subprocess.run([os.path.join(TOOLS, 'vocab-merge'), base, *options, '-q', '-o', ours], capture_output=True, text=True)
    if done.returncode:
        return check(name, False, done.stderr)
    a, b = (facts(transformers.AutoTokenizer.from_pretrained(path), tokens) for path in (theirs, ours))
    a.update({k: v for k, v in facts(t, tokens).items() if k in ('encoded', 'left')})
    check(name, a == b, '\n'.join(f'{k}: found {b[k]}, expected {a[k]}' for k in a if a[k] != b[k]))


def variant(folder, changes, special_map):
    """gpt2 with other lists."""
    base, source = os.path.join(folder, 'base'), os.path.join(CORPUS, 'tokenizers', 'gpt2')
    shutil.rmtree(base, ignore_errors=True)
    os.mkdir(base)
    shutil.copyfile(os.path.join(source, 'tokenizer.json'), os.path.join(base, 'tokenizer.json'))
    if changes is not None:
        with open(os.path.join(source, 'tokenizer_config.json'), encoding='utf-8') as f:
            config = {**json.load(f), **changes}
        if 'additional_special_tokens' in changes and 'extra_special_tokens' not in changes or special_map:
            config.pop('extra_special_tokens', None)
        if config.get('added_tokens_decoder') is None:
            config.pop('added_tokens_decoder', None)
        with open(os.path.join(base, 'tokenizer_config.json'), 'w', encoding='utf-8') as f:
            json.dump(config, f, indent=2)
    if special_map is not None:
        with open(os.path.join(base, 'special_tokens_map.json'), 'w', encoding='utf-8') as f:
            json.dump(special_map, f)
    return base


def main():
    if not os.path.isdir(os.path.join(CORPUS, 'tokenizers')):
        skip_all('the corpus is not there')
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        for name in NAMES:
            compare(name, os.path.join(CORPUS, 'tokenizers', name), NEW, folder)
        for changes, special_map in LISTS:
            compare(f'gpt2 with {changes} and special_tokens_map {special_map}', variant(folder, changes, special_map), NEW, folder)
        compare('a token of the vocabulary', os.path.join(CORPUS, 'tokenizers', 'gpt2'), ['the'], folder)
        compare('an added token that was not special', os.path.join(CORPUS, 'tokenizers', 'qwen3'), ['<tool_call>', '<|tool|>'], folder)
        compare('a special token that no list names', os.path.join(CORPUS, 'tokenizers', 'llama3_1'), ['<|reserved_special_token_7|>'], folder)
        compare('a special token with a name', os.path.join(CORPUS, 'tokenizers', 'bert-base-uncased'), ['[MASK]', '<|tool|>'], folder)
    end()


if __name__ == '__main__':
    main()

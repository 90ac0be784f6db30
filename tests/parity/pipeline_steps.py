#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every normalizer and pre-tokenizer by itself, on every character of Unicode 3.2 and on random strings, against the Rust library.

    pipeline_steps.py PIPELINE_LINES CORPUS      prints TAP

Later characters are left out: the tables of the libraries have different ages (see lib/tokenizer/normalize.c).
"""
import base64
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata

try:
    import tokenizers
except ImportError as missing:
    print(f'1..0 # SKIP no peer: {missing} (see tests/parity/requirements.txt)')
    sys.exit(0)

PROGRAM, CORPUS = sys.argv[1], sys.argv[2]
OLD = [chr(c) for c in range(1, 0x20000) if not 0xd800 <= c < 0xe000 and c not in (0xa, 0x1f) and
       unicodedata.ucd_3_2_0.category(chr(c)) != 'Cn']
FRAGMENTS = [' ', '  ', '\t', '\r', "'s", "'LL", '12', '7', 'ab', 'Ab', 'É', 'e\u0301', '\u3000', '.', '...', '!', '-', '中文', 'か\u3099', 'a',
             '\u2581', '_', 'ﬁ', '²', '½', 'İ', 'ß', '\u200d', '\u0300', '한', '\u1100\u1161', '\u00a0', '</s>', '\u0e33', 'Ⅷ']


def lines_of():
    random.seed(7)
    lines = OLD + ['a' + c + 'b' for c in OLD] + ['x' + c + '\u0301 ' + c for c in OLD[:3000]]
    lines += [''.join(random.choices(FRAGMENTS, k=random.randint(1, 9))) for _ in range(4000)]
    return [s for s in lines if '\n' not in s]


def charsmap_of_corpus():
    path = os.path.join(CORPUS, 'tokenizers', 'focus-de-unigram50k', 'tokenizer.json')
    if not os.path.exists(path):
        return None
    with open(path, encoding='utf-8') as f:
        return json.load(f)['normalizer']['precompiled_charsmap']


def field(message, number):
    """The bytes of one length-delimited field of a protobuf message."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        size, start = varint(message, at)
        if key & 7 == 0:
            at = start
            continue
        if key & 7 != 2:
            at += 4 if key & 7 == 5 else 8
            continue
        at = start + size
        if key >> 3 == number:
            return message[start:at]
    return b''


def varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def charsmap_of_model(name):
    """normalizer_spec = 3 of a SentencePiece model, precompiled_charsmap = 2 in there."""
    path = os.path.join(CORPUS, 'sentencepiece', name)
    if not os.path.exists(path):
        return None
    with open(path, 'rb') as f:
        return base64.b64encode(field(field(f.read(), 3), 2)).decode() or None


SPLIT = [{'type': 'Split', 'pattern': p, 'behavior': b, 'invert': i}
         for p in ({'String': ' '}, {'Regex': r'\s+'}, {'Regex': r"\p{L}+|\p{N}{1,3}|'(?i:s|ll)"})
         for b in ('Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous') for i in (False, True)]
WORDS = [{'type': 'Split', 'pattern': {'Regex': p}, 'behavior': 'Removed', 'invert': True}
         for p in (r'\w+', r'\W', r'[\w.]+', r'[^\w]+', r'\h+', r'\d+', r'\S+', r'[^\s\p{L}\p{N}]+', r'\p{Han}+', r'\s+(?!\S)|\s+', r'[[:punct:]]', r'[^[:space:]x]+', r'[[:alpha:]]+',
                   r'[[:digit:]]+', r'[[:upper:]][[:lower:]]*', r'[[:alnum:]]', r'[^[:word:]]+', r'[[:xdigit:]]')]
PRE = SPLIT + WORDS + [
    {'type': 'ByteLevel', 'add_prefix_space': a, 'trim_offsets': True, 'use_regex': u} for a in (False, True) for u in (False, True)] + [
    {'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': s, 'split': k} for s in ('always', 'first', 'never') for k in (False, True)] + [
    {'type': 'Punctuation', 'behavior': b} for b in ('Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous')] + [
    {'type': 'Digits', 'individual_digits': i} for i in (False, True)] + [
    {'type': 'Whitespace'}, {'type': 'WhitespaceSplit'}, {'type': 'BertPreTokenizer'},
    {'type': 'Sequence', 'pretokenizers': [{'type': 'WhitespaceSplit'}, {'type': 'Metaspace', 'replacement': '\u2581', 'add_prefix_space': True}]}]
NORMAL = [{'type': t} for t in ('NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'Nmt', 'ByteLevel')] + [
    {'type': 'Strip', 'strip_left': a, 'strip_right': b} for a in (False, True) for b in (False, True)] + [
    {'type': 'BertNormalizer', 'clean_text': c, 'handle_chinese_chars': h, 'strip_accents': s, 'lowercase': low}
    for c in (False, True) for h in (False, True) for s in (None, False, True) for low in (False, True)] + [
    {'type': 'Replace', 'pattern': {'String': 'a'}, 'content': 'bb'}, {'type': 'Replace', 'pattern': {'Regex': ' {2,}'}, 'content': '\u2581'},
    {'type': 'Prepend', 'prepend': '\u2581'},
    {'type': 'Sequence', 'normalizers': [{'type': 'NFD'}, {'type': 'StripAccents'}, {'type': 'Lowercase'}]}]


def name_of(step):
    return step['type'] + ' ' + json.dumps({k: v for k, v in step.items() if k not in ('type', 'precompiled_charsmap')})


def compare(step, kind, lines, folder):
    document = {'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': [], 'normalizer': None, 'pre_tokenizer': None,
                'post_processor': None, 'decoder': None, 'model': {'type': 'WordLevel', 'vocab': {'[UNK]': 0}, 'unk_token': '[UNK]'}}
    document[kind] = step
    path = os.path.join(folder, 'tokenizer.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(document, f)
    peer = tokenizers.Tokenizer.from_file(path)
    done = subprocess.run([PROGRAM, path], input=('\n'.join(lines) + '\n').encode(), capture_output=True)
    ours = [line.split('\x1f')[:-1] for line in done.stdout.decode().split('\n')[:-1]]
    for i, line in enumerate(lines):
        theirs = [peer.normalizer.normalize_str(line)] if kind == 'normalizer' else [s for s, _ in peer.pre_tokenizer.pre_tokenize_str(line)]
        found = (ours[i][:1] if kind == 'normalizer' else ours[i][1:]) if i < len(ours) else None
        if found != theirs:
            yield line, found, theirs
    if done.stderr:
        yield '', done.stderr, ''


def main():
    lines = lines_of()
    steps = [(s, 'normalizer') for s in NORMAL] + [(s, 'pre_tokenizer') for s in PRE]
    maps = {'focus-de-unigram50k': charsmap_of_corpus(), 'tiny-m.model': charsmap_of_model('tiny-m.model'),
            'llama2.model': charsmap_of_model('llama2.model'), 'chinese_sp.model': charsmap_of_model('chinese_sp.model')}
    steps += [({'type': 'Precompiled', 'precompiled_charsmap': m, 'from': name}, 'normalizer') for name, m in maps.items() if m]
    failed = 0
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        for number, (step, kind) in enumerate(steps, 1):
            wrong = list(compare(step, kind, lines, folder))
            failed += bool(wrong)
            print(f'{"not ok" if wrong else "ok"} {number} - {name_of(step)}: {len(lines)} lines, {len(wrong)} differ', flush=True)
            for line, found, expected in wrong[:3]:
                print(f'# {line!a}: found {found!a}, expected {expected!a}')
    print(f'1..{len(steps)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

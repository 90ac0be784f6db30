#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Small random tokenizers of every type, with added tokens of all flags and ids that clash, against the Rust library.

    random_tokenizers.py ENCODE_LINES [COUNT [SEED]]      prints TAP, one test a model type
"""
import json
import os
import random
import subprocess
import sys
import tempfile

try:
    import tokenizers
except ImportError as missing:
    print(f'1..0 # SKIP no peer: {missing} (see tests/parity/requirements.txt)')
    sys.exit(0)

PROGRAM = sys.argv[1]
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 200
SEED = int(sys.argv[3]) if len(sys.argv) > 3 else 11
counts = [0, 0]
ALPHABET = ['a', 'b', 'A', 'é', 'ß', ' ', '_', '.', '中', '1', '\u200d', '\u3000']
NORMALIZERS = [None, None, {'type': 'Lowercase'}, {'type': 'NFD'}, {'type': 'Replace', 'pattern': {'String': ' '}, 'content': '_'},
               {'type': 'Prepend', 'prepend': '_'}, {'type': 'Strip', 'strip_left': True, 'strip_right': True}, {'type': 'StripAccents'}, {'type': 'Nmt'},
               {'type': 'Replace', 'pattern': {'Regex': 'a+'}, 'content': ''}, {'type': 'BertNormalizer', 'clean_text': True,
               'handle_chinese_chars': True, 'strip_accents': None, 'lowercase': True}]
PRE = [None, None, {'type': 'WhitespaceSplit'}, {'type': 'Whitespace'}, {'type': 'Punctuation', 'behavior': 'Isolated'},
       {'type': 'Metaspace', 'replacement': '_', 'prepend_scheme': 'first', 'split': True},
       {'type': 'Metaspace', 'replacement': '_', 'prepend_scheme': 'always', 'split': True}, {'type': 'BertPreTokenizer'}]


def word(r, most=4):
    return ''.join(r.choices(ALPHABET, k=r.randint(1, most)))


def ids_for(r, words):
    """Dense ids as a rule; sometimes shuffled, sometimes with a hole."""
    ids = list(range(len(words)))
    if r.random() < 0.3:
        r.shuffle(ids)
    if r.random() < 0.3:
        hole = r.randrange(len(words))
        ids = [i + (i >= hole) * r.randint(1, 1) for i in ids]
    return dict(zip(words, ids))


def bpe(r):
    vocab = ['<u>'] + r.sample(ALPHABET, r.randint(4, len(ALPHABET)))
    merges = {}
    for _ in range(r.randint(0, 12)):
        a, b = r.choice(vocab[1:]), r.choice(vocab[1:])
        if (a, b) not in merges:
            merges[a, b] = True
            if a + b not in vocab:
                vocab.append(a + b)
    fallback = r.random() < 0.3
    vocab += [f'<0x{byte:02X}>' for byte in r.sample('中éß'.encode(), 4)] if fallback else []
    return {'type': 'BPE', 'dropout': None, 'unk_token': r.choice([None, '<u>']), 'continuing_subword_prefix': None, 'end_of_word_suffix': None,
            'fuse_unk': r.random() < 0.5, 'byte_fallback': fallback, 'ignore_merges': r.random() < 0.3, 'vocab': ids_for(r, list(dict.fromkeys(vocab))),
            'merges': [list(m) for m in merges]}


def words_of(r):
    return list(dict.fromkeys(['<u>'] + [word(r) for _ in range(r.randint(4, 20))]))


def wordpiece(r):
    words = words_of(r)
    words += [w for w in ('##' + word(r, 2) for _ in range(12))]
    return {'type': 'WordPiece', 'unk_token': '<u>', 'continuing_subword_prefix': '##', 'max_input_chars_per_word': r.choice([3, 100]),
            'vocab': ids_for(r, list(dict.fromkeys(words)))}


def unigram(r):
    fallback = r.random() < 0.3
    words = words_of(r) + ([f'<0x{byte:02X}>' for byte in '中'.encode()] if fallback else [])
    return {'type': 'Unigram', 'unk_id': 0, 'byte_fallback': fallback, 'vocab': [[w, round(-10 * r.random(), 3)] for w in words]}


def wordlevel(r):
    return {'type': 'WordLevel', 'unk_token': '<u>', 'vocab': ids_for(r, words_of(r))}


def added_tokens(r, model):
    known = [w if isinstance(w, str) else w[0] for w in model['vocab']]
    flip = lambda: r.random() < 0.3
    tokens = [{'id': r.randint(0, 30), 'content': r.choice([word(r, 3), 'X', 'aX', r.choice(known)]), 'single_word': flip(), 'lstrip': flip(),
             'rstrip': flip(), 'normalized': r.random() < 0.5, 'special': flip()} for _ in range(r.randint(0, 5))]
    if any(c.isspace() or c == '\u200d' for t in tokens for c in t['content']):
        for t in tokens:  # the library panics where a token takes blanks that begin another one
            t['rstrip'] = False
    return tokens


def make(r, model_of):
    model = model_of(r)
    return {'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': added_tokens(r, model), 'normalizer': r.choice(NORMALIZERS),
            'pre_tokenizer': r.choice(PRE), 'post_processor': None, 'decoder': None, 'model': model}


def unspecified(document, peer):
    """Contents that the normalizer makes one (the order of a hash map decides) or none at all (the library runs out of memory)."""
    contents = {a['content'] for a in document['added_tokens']}
    seen = {peer.normalizer.normalize_str(c) for c in contents} if peer.normalizer else contents
    return len(seen) < len(contents) or '' in seen


def texts(r, document):
    parts = ALPHABET + [a['content'] for a in document['added_tokens']] * 2 + ['  ', 'X']
    return [''.join(r.choices(parts, k=r.randint(0, 9))) for _ in range(40)]


def encode(peer, line):
    """Ids, or None where the library gives an error or panics."""
    try:
        return [str(t) for t in peer.encode(line, add_special_tokens=False).ids]
    except BaseException as problem:
        if isinstance(problem, Exception) or type(problem).__name__ == 'PanicException':
            return None
        raise


def differences(document, lines, folder):
    path = os.path.join(folder, 'tokenizer.json')
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(document, f, ensure_ascii=False)
    peer = tokenizers.Tokenizer.from_file(path)
    if unspecified(document, peer):
        return
    done = subprocess.run([PROGRAM, path], input=('\n'.join(lines) + '\n').encode(), capture_output=True)
    ours = [line.split() for line in done.stdout.decode().split('\n')[:-1]]
    for i, line in enumerate(lines):
        theirs = encode(peer, line)
        counts[theirs is not None] += 1
        if theirs is not None and (i >= len(ours) or ours[i] != theirs):
            yield line, ours[i] if i < len(ours) else done.stderr.decode(), theirs


def main():
    failed = 0
    models = (bpe, wordpiece, unigram, wordlevel)
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        for number, model_of in enumerate(models, 1):
            wrong = []
            for k in range(COUNT):
                r = random.Random(f'{SEED}-{model_of.__name__}-{k}')
                document = make(r, model_of)
                wrong += [(k, document, *d) for d in differences(document, texts(r, document), folder)]
            failed += bool(wrong)
            print(f'{"not ok" if wrong else "ok"} {number} - {model_of.__name__}: {COUNT} tokenizers, 40 texts each, {len(wrong)} differ', flush=True)
            for k, document, line, found, expected in wrong[:3]:
                print(f'# {k}: {line!a}: found {found}, expected {expected}, in {json.dumps(document)}')
    compared = counts[1] / sum(counts)
    failed += compared < 0.95
    print(f'{"not ok" if compared < 0.95 else "ok"} {len(models) + 1} - {counts[1]} of {sum(counts)} texts that the Rust library could encode')
    print(f'1..{len(models) + 1}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

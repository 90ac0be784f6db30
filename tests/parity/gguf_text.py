#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text encoded with the keys of GGUF files: our ids against llama.cpp's and against those of the Rust tokenizers library.

    gguf_text.py GGUF_LINES LIBRARY_DIR CORPUS DATA [NAME...]      prints TAP

llama.cpp: the vocabularies of the corpus, two real models, random vocabularies with scores, and every tokenizer.ggml.pre of DATA
(gguf-text.json) on GPT-2's vocabulary. The Rust library: the tokenizer.json files that such keys stand for. Texts: lines in 76 languages, awkward ones,
random ones.
"""
import glob
import json
import os
import random
import subprocess
import sys
import tempfile
import unicodedata
from make_gguf import key, write
from tap import check, end, skip, skip_all

PROGRAM, LIBRARY, CORPUS, DATA, ONLY = *sys.argv[1:5], sys.argv[5:]
try:
    import tokenizers
    import llama_cpp
    from real_models import gguf_models
    library = llama_cpp.Library(LIBRARY)
except (ImportError, OSError) as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt and package.json)')
if not os.path.isdir(os.path.join(CORPUS, 'tokenizers')):
    skip_all('the corpus is not there')

AWKWARD = ['', ' ', '   ', '\n', '\n\n\n', '\t', ' \n \t\n  x', 'a  b   c', 'x\u00a0y\u2003z\u3000', 'a\x0bb\x0cc\x85d\u2028e', "it's I'LL we\u2019re 'S 'Re",
           '1 12 123 1234 12345 1234567.89', '\u0661\u0662\u0663\u0664 \u00bd \u2167', 'e\u0301 \u1e9b\u0323 a\u0308\u0301', '\u0905\u092d\u093f\u0928\u0935', 'ABCdefGHI iPhone HTTPServer',
           '\u00c9COLE \u00e9cole \u0130I\u0131', '...!? --> == != <= && || $x += `y` ~z^2', 'f(x)[0]{"a": 1}\r\n\r\nreturn', '\U0001f600\U0001f468\u200d\U0001f469 \u2764\ufe0f', '\u4e2d\u6587abc\u65e5\u672c\u8a9e\u304b\u306a',
           '\u2581 \u2581x', '<0x41>', '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01', 'Hello (world), <b>bold</b>; "quoted" \u00ab\u00e7a\u00bb', 'https://a.b/c?d=e&f=%20#g', 'x' * 300, '= ' * 40,
           '\x01\x7f\u200b\ufeff\u00ad', '\u0430\u0431\u0432 \u0393\u03b5\u03b9\u03ac \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627', '\u1100\u1161 \u3131', 'a.b,c;d:e', '  leading', 'trailing  ', 'tab\there']
SPECIAL = ['<s>', '</s>', '<unk>', '<|endoftext|>', '<bos>', '<eos>', '<start_of_turn>', '<|im_start|>', '<|im_end|>', '<|user|>', '[CLS]', '[SEP]', '[MASK]', '<fim_prefix>']
POOL = list('aAbBeEsStT zZ  \n\n\t.,;:!?\'"()[]{}<>/\\|@#$%^&*-_=+`~0123456789') + list('\u00e9\u00c9\u00fc\u00df\u00f1\u0430\u0416\u03b1\u03a9\u05d0\u0645\u0905\u0915\u093f\u4e2d\u6587\u304b\u30ab\uac00\u0e01\u00a0\u3000\u2026\u2014\u20ac\u00bd\u0301') + ["'s", "'LL", ' the', ' of', '\r\n', '\U0001f600', ' 20']


def languages(step):
    out = []
    for path in sorted(glob.glob(os.path.join(CORPUS, 'text', 'udhr-*.txt'))):
        with open(path, encoding='utf-8') as f:
            out += [line for line in f.read().split('\n') if line][::step]
    return out


def made(count, pool, seed):
    rng = random.Random(seed)
    return [''.join(rng.choice(pool) for _ in range(rng.randrange(1, 60))) for _ in range(count)]


TEXTS = AWKWARD + languages(12) + made(400, POOL, 1)
WITH_SPECIAL = TEXTS + [a + b + c for a in SPECIAL for b in ('', ' ', '\n', 'x ') for c in SPECIAL] + made(200, POOL + SPECIAL * 3, 2)


# ---- a file of keys alone ----

def keys_of(name):
    """A byte-level tokenizer.json of the corpus as keys, without tokenizer.ggml.pre."""
    with open(os.path.join(CORPUS, 'tokenizers', name, 'tokenizer.json'), encoding='utf-8') as f:
        document = json.load(f)
    tokens = {i: t for t, i in document['model']['vocab'].items()}
    types = {a['id']: 3 if a['special'] else 4 for a in document['added_tokens']}
    tokens.update({a['id']: a['content'] for a in document['added_tokens']})
    size = max(tokens) + 1
    merges = [m if isinstance(m, str) else ' '.join(m) for m in document['model']['merges']]
    return [key('general.architecture', 'llama'), key('tokenizer.ggml.model', 'gpt2'),
            key('tokenizer.ggml.tokens', [tokens.get(i, f'[PAD{i}]') for i in range(size)]),
            key('tokenizer.ggml.token_type', [types.get(i, 1 if i in tokens else 5) for i in range(size)]), key('tokenizer.ggml.merges', merges)]


# ---- comparing ----

def ours(path, texts):
    done = subprocess.run([PROGRAM, path], input=b''.join(t.encode() + b'\0' for t in texts), capture_output=True)
    found = [line.split() for line in done.stdout.decode().split('\n')[:-1]]
    return found, done.stderr.decode() + (f'status {done.returncode}\n' if done.returncode else '')


def compare(name, path, texts, expected):
    found, said = ours(path, texts)
    wrong = [i for i in range(len(texts)) if i >= len(found) or found[i] != [str(n) for n in expected[i]]]
    detail = said
    for i in wrong[:5]:
        got = found[i] if i < len(found) else []
        at = next((k for k, (a, b) in enumerate(zip(got, expected[i])) if a != str(b)), min(len(got), len(expected[i])))
        detail += f'{texts[i][:60]!a}: at {at} found {got[at:at + 8]}, expected {expected[i][at:at + 8]}\n'
    check(f'{name}: {len(texts) - len(wrong)} of {len(texts)} texts equal', bool(texts) and not wrong and not said, detail)


def against_llama(name, path, texts):
    model = llama_cpp.Vocabulary(library, path)
    expected = [model.tokens(t) for t in texts]
    model.close()
    compare(f'{name}, llama.cpp', path, texts, expected)


def has_hangul(s):
    return any('\uac00' <= c <= '\ud7a3' for c in s)


def wanted(name):
    return not ONLY or name in ONLY


def corpus_files():
    paths = sorted(glob.glob(os.path.join(CORPUS, 'gguf-vocab', '*.gguf')))
    if not paths:
        skip('vocabularies of llama.cpp', 'the corpus has none')
    for path in paths:
        name = os.path.basename(path)
        texts = WITH_SPECIAL
        if name == 'bert-bge.gguf':  # llama.cpp decomposes a syllable of Hangul into its first letter alone: see bert_words
            texts = [t for t in texts if not has_hangul(t)]
        if name == 'phi-3.gguf':  # behind a special token llama.cpp takes blanks of ASCII away, the model's own tokenizer those of every kind
            texts = [t for t in texts if '\u00a0' not in t and '\u3000' not in t]
        if wanted(name):
            against_llama(name, path, texts)


def pre_names(folder):
    keys = keys_of('gpt2')
    with open(DATA, encoding='utf-8') as f:
        names = [name for p in json.load(f)['pre'] for name in p['names']]
    for name in names:
        path = os.path.join(folder, 'pre.gguf')
        write(path, keys + [key('tokenizer.ggml.pre', name)])
        if wanted(name):
            against_llama(f'pre {name}', path, TEXTS)


def random_scores(folder, count=40):
    """Few letters, many tokens of them, scores that are often equal: any pair that makes a token merges, the leftmost of equals first."""
    texts_each, right, wrong = 50, 0, ''
    for seed in range(count if wanted('random') else 0):
        rng = random.Random(seed)
        letters = ['a', 'b', 'c', '\u2581', '\u00e9', '\u4e2d'][:rng.randrange(2, 7)]
        tokens = letters + sorted({''.join(rng.choice(letters) for _ in range(rng.randrange(2, 7))) for _ in range(rng.randrange(5, 60))})
        user = [''.join(rng.choice('abx') for _ in range(4))] if rng.random() < 0.3 else []
        tokens = ['<unk>', '<s>', '</s>'] + [f'<0x{i:02X}>' for i in range(256)] + tokens + [u for u in user if u not in tokens]
        types = [2, 3, 3] + [6] * 256 + [4 if t in user else 1 for t in tokens[259:]]
        scores = [float(-rng.randrange(rng.choice([1, 4, 100]))) for _ in tokens]
        keys = [key('general.architecture', 'llama'), key('tokenizer.ggml.model', 'llama'), key('tokenizer.ggml.tokens', tokens),
                key('tokenizer.ggml.token_type', types), key('tokenizer.ggml.scores', scores), key('tokenizer.ggml.add_space_prefix', rng.random() < 0.5),
                key('tokenizer.ggml.add_bos_token', rng.random() < 0.5), key('tokenizer.ggml.add_eos_token', rng.random() < 0.5)]
        path = os.path.join(folder, 'random.gguf')
        write(path, keys)
        texts = made(texts_each, letters + [' ', 'x', '\U0001f600', '</s>'], seed)
        model = llama_cpp.Vocabulary(library, path)
        found, said = ours(path, texts)
        for i, t in enumerate(texts):
            expected = [str(n) for n in model.tokens(t)]
            got = found[i] if i < len(found) else []
            right += got == expected
            if said or got != expected:
                wrong += f'seed {seed}, {t!a}: found {said or got}, expected {expected}\n'
        model.close()
    if wanted('random'):
        check(f'{count} random vocabularies with scores, llama.cpp: {right} of {count * texts_each} texts equal', not wrong, '\n'.join(wrong.split('\n')[:6]))


def rust_ids(name, texts):
    peer = tokenizers.Tokenizer.from_file(os.path.join(CORPUS, 'tokenizers', name, 'tokenizer.json'))
    peer.no_padding()
    peer.no_truncation()
    return [e.ids for e in peer.encode_batch(texts, add_special_tokens=False)]


def rust_files(folder):
    """tokenizer.json files as keys: the texts are those of all languages, every line. Of special tokens no key says how they match."""
    texts = TEXTS + languages(1)
    for name, pre in (('gpt2', 'gpt-2'), ('llama3_1', 'llama-bpe'), ('qwen3', 'qwen2')):
        path = os.path.join(folder, f'{name}.gguf')
        write(path, keys_of(name) + [key('tokenizer.ggml.pre', pre), key('tokenizer.ggml.add_bos_token', False)])
        # NFC is a normalizer of qwen3's that no key tells of
        own = texts if name != 'qwen3' else [t for t in texts if unicodedata.is_normalized('NFC', t)]
        if wanted(name):
            compare(f'{name}, tokenizers', path, own, rust_ids(name, own))


def bert_words():
    path = os.path.join(CORPUS, 'gguf-vocab', 'bert-bge.gguf')
    texts = [t for t in languages(1) if has_hangul(t)]
    if wanted('hangul'):
        compare('bert-bge.gguf, Hangul, tokenizers', path, texts, [[101, *ids, 102] for ids in rust_ids('bert-base-uncased', texts)])


def real_models(folder):
    for name, path in gguf_models(folder):
        if not wanted(name):
            continue
        if not path:
            skip(name, 'not installed (see tests/parity/requirements-models.txt)')
            continue
        against_llama(name, path, WITH_SPECIAL)
        if 'gemma3' in name:
            texts = [t for t in WITH_SPECIAL + languages(1) if '\u2581' not in t]  # runs of spaces: tokens that a file of keys spells with spaces
            compare(f'{name}, tokenizers', path, texts, [[2, *ids] for ids in rust_ids('gemma3', texts)])


with tempfile.TemporaryDirectory() as work:
    corpus_files()
    real_models(work)
    bert_words()
    random_scores(work)
    rust_files(work)
    pre_names(work)
end()

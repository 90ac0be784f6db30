#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Merged tokenizers in the Rust library: ids are those of the map, base text stays what it was.

    merge_ids.py TOOLS_DIR CORPUS      prints TAP
"""
import json
import os
import subprocess
import sys
import tempfile
from tap import check, end, skip_all

try:
    import tokenizers
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, CORPUS = sys.argv[1], sys.argv[2]


def tokenizer_of(name):
    return os.path.join(CORPUS, 'tokenizers', name)


def read_json(*path):
    with open(os.path.join(*path), encoding='utf-8') as f:
        return json.load(f)


def lines_of(language):
    with open(os.path.join(CORPUS, 'text', f'udhr-{language}.txt'), encoding='utf-8') as f:
        return [line.strip() for line in f if line.strip()]


def merge(out, *words):
    done = subprocess.run([os.path.join(TOOLS, 'vocab-merge'), *words, '--json', '-o', out], capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else None, done.stderr


def load(folder):
    """The tokenizer without padding, and its document."""
    t = tokenizers.Tokenizer.from_file(os.path.join(folder, 'tokenizer.json'))
    t.no_padding()
    t.no_truncation()
    return t, read_json(folder, 'tokenizer.json')


def prefix_of(a, b):
    """Everything of container a stands in b, in the same order, before anything else."""
    return (list(a.items()) == list(b.items())[:len(a)]) if isinstance(a, dict) else a == b[:len(a)]


def check_document(name, old, new):
    """Only vocab, merges and added_tokens grew, each at its end."""
    grown = all(prefix_of(a, b) for a, b in ((old['model']['vocab'], new['model']['vocab']), (old['model'].get('merges', []),
                new['model'].get('merges', [])), (old.get('added_tokens', []), new.get('added_tokens', []))))
    rest = [{**d, 'added_tokens': 0, 'model': {**d['model'], 'vocab': 0, 'merges': 0}} for d in (old, new)]
    check(f'{name}: only the three lists grew', grown and json.dumps(rest[0]) == json.dumps(rest[1]))


def check_ids(name, old, new, vocab_map, document):
    # the way back gives an added token as the normalizer spells it, with add_tokens of the library too
    wrong = [n for n in vocab_map['new'] if new.token_to_id(n['token']) != n['id'] or
             (n['kind'] != 'added' and new.id_to_token(n['id']) != n['token'])]
    check(f'{name}: the {len(vocab_map["new"])} ids of the map', vocab_map['new'] and not wrong, wrong[:3])
    moved = [t for t, i in old.get_vocab(True).items() if new.token_to_id(t) != i]
    check(f'{name}: no id of the base moved', not moved, moved[:3])
    check(f'{name}: as many ids as rows are needed', new.get_vocab_size(True) == vocab_map['rows_needed'],
          f'{new.get_vocab_size(True)} of {vocab_map["rows_needed"]}')
    vocab = document['model']['vocab']
    ids = vocab if isinstance(vocab, dict) else {piece: i for i, (piece, _) in enumerate(vocab)}
    unlike = [a for a in document['added_tokens'] if ids.get(a['content']) != a['id']]
    check(f'{name}: every added token is in the model under the id it declares', not unlike, unlike[:3])


def check_text(name, old, new, vocab_map, languages):
    """Each new id stands for its pieces: with these in its place every text is what the base made of it."""
    pieces = {n['id']: n['pieces'] for n in vocab_map['new']}
    changed = used = 0
    for language in languages:
        for line in lines_of(language):
            before, after = old.encode(line, add_special_tokens=False).ids, new.encode(line, add_special_tokens=False).ids
            used += any(i in pieces for i in after)
            changed += [p for i in after for p in pieces.get(i, [i])] != before
    check(f'{name}: with pieces for new ids every line is that of the base', changed == 0, f'{changed} lines')
    return used


AROUND = ['', 'a', ' ', '1', '.', '\n']


def comes_out(t, token_id):
    text = t.decode([token_id], skip_special_tokens=False)
    return any(token_id in t.encode(a + text + b, add_special_tokens=False).ids for a in AROUND for b in AROUND)


def check_english(name, old, new):
    unchanged = [line for line in lines_of('eng') if old.encode(line).ids == new.encode(line).ids]
    check(f'{name}: English is untouched', len(unchanged) == len(lines_of('eng')), len(unchanged))


def story_extension(folder, base, ext, candidates, languages, untouched=True):
    name, out = f'{base} + {ext}', os.path.join(folder, f'{base}-{ext}')
    report, talk = merge(out, tokenizer_of(base), tokenizer_of(ext))
    check(name, report is not None, talk)
    if report is None:
        return
    (old, before), (new, after), vocab_map = load(tokenizer_of(base)), load(out), read_json(out, 'vocab-map.json')
    check_document(name, before, after)
    check_ids(name, old, new, vocab_map, after)
    check_text(name, old, new, vocab_map, ['eng'] + languages)
    if untouched:  # no new token spells English
        check_english(name, old, new)
    fewer = [sum(len(t.encode(line).ids) for line in lines_of(languages[0])) for t in (old, new)]
    check(f'{name}: {languages[0]} takes {fewer[0]} -> {fewer[1]} tokens', fewer[1] < 0.8 * fewer[0])
    merged = [n for n in vocab_map['new'] if n['kind'] == 'merged']
    check(f'{name}: {len(merged)} candidates became tokens', len(merged) == candidates, f'{candidates} expected; {len(vocab_map["rejected"])} rejected')
    check(f'{name}: all of them by merges', report['reachable_by_merges'] == report['merged'] == len(vocab_map['new']), report)
    claimed = report['reachable_by_text'] / report['text_checked']
    sample = [n for n in merged[::31] if '\ufffd' not in new.decode([n['id']])]
    found = sum(comes_out(new, n['id']) for n in sample)
    check(f'{name}: by text as reported ({claimed:.4f}; {found} of a sample of {len(sample)})', found / len(sample) >= claimed - 0.01)


def story_words(folder, base, words, specials, first_id):
    """Tokens by their text, for every type of model."""
    name, out, listed = f'{base} + {len(words)} words', os.path.join(folder, base + '-words'), os.path.join(folder, base + '.txt')
    with open(listed, 'w', encoding='utf-8') as f:
        f.write('\n'.join(words) + '\n')
    options = [part for s in specials for part in ('--add-special', s)]
    report, talk = merge(out, tokenizer_of(base), '--tokens-file', listed, *options)
    check(name, report is not None, talk)
    if report is None:
        return
    (old, before), (new, after), vocab_map = load(tokenizer_of(base)), load(out), read_json(out, 'vocab-map.json')
    check_document(name, before, after)
    check_ids(name, old, new, vocab_map, after)
    check(f'{name}: the first new id is {first_id}', vocab_map['new'][0]['id'] == first_id, vocab_map['new'][0])
    by_hand = tokenizers.Tokenizer.from_file(os.path.join(tokenizer_of(base), 'tokenizer.json'))
    by_hand.no_padding()
    by_hand.no_truncation()
    by_hand.add_special_tokens(specials)
    by_hand.add_tokens([tokenizers.AddedToken(w, normalized=True, special=False) for w in words])
    texts = lines_of('eng') + lines_of('deu_1996')[:30] + [f'see {s} and {w}.' for s, w in zip(specials * len(words), words)]
    unlike = [t for t in texts if by_hand.encode(t, add_special_tokens=False).tokens != new.encode(t, add_special_tokens=False).tokens]
    check(f'{name}: the tokens of every text are those after add_tokens', not unlike, unlike[:2])
    flags = {a['content']: (a['special'], a['normalized'], a['single_word'], a['lstrip'], a['rstrip']) for a in after['added_tokens']}
    check(f'{name}: flags', all(flags[s] == (True, False, False, False, False) for s in specials) and
          all(flags[n['token']] == (False, True, False, False, False) for n in vocab_map['new'] if n['kind'] == 'added'))


def german_words(base, count):
    t, _ = load(tokenizer_of(base))
    words = sorted({w for line in lines_of('deu_1996') for w in line.lower().split() if w.isalpha() and len(w) > 6})
    return [w for w in words if t.token_to_id(w) is None and t.token_to_id('\u2581' + w) is None][:count]


def main():
    if not os.path.isdir(os.path.join(CORPUS, 'tokenizers')):
        skip_all('the corpus is not there')
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        story_extension(folder, 'qwen3', 'focus-de-bpe50k', 36612, ['deu_1996', 'jpn', 'arb'])
        story_extension(folder, 'qwen3', 'focus-sw-bpe50k', 41162, ['swh', 'hin'])
        story_extension(folder, 'gpt2', 'focus-de-bpe50k', 38906, ['deu_1996', 'rus'])
        story_extension(folder, 'llama3_1', 'focus-de-bpe50k', 36633, ['deu_1996', 'tha'])
        story_extension(folder, 'gemma3', 'focus-sw-bpe50k', 39374, ['swh', 'hin'], untouched=False)
        story_extension(folder, 'mistral7b_v01', 'focus-de-bpe50k', 41266, ['deu_1996', 'jpn'], untouched=False)
        for base, first in (('gemma3', 262145), ('bert-base-uncased', 30522), ('focus-de-unigram50k', 50000), ('mistral7b_v01', 32000),
                            ('modernbert', 50368), ('gpt2', 50257)):
            story_words(folder, base, german_words(base, 100), ['<|tool|>', '[citation]'], first)
    end()


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ids of real texts against the Rust tokenizers library, alone and with what stands around every text: two tests a tokenizer.

    tokenizer_ids.py ENCODE_LINES CORPUS      prints TAP
"""
import glob
import os
import subprocess
import sys

try:
    import tokenizers
except ImportError as missing:
    print(f'1..0 # SKIP no peer: {missing} (see tests/parity/requirements.txt)')
    sys.exit(0)

NAMES = ['gemma3', 'qwen3', 'llama3_1', 'mistral7b_v01', 'gpt2', 'bert-base-uncased', 'modernbert', 'focus-de-bpe50k', 'focus-sw-bpe50k',
         'focus-de-unigram50k', 'focus-sw-unigram50k']
# Fragments that real text rarely puts side by side: blanks, marks, digits, contractions, added tokens.
AWKWARD = ["a  b", " \t x", "it's I'LL we\u2019re", "1234567 8,9", "e\u0301 \u1e9b\u0323", "\u3000\u00a0x\u2009", "\u200d\u200b", "<|endoftext|>x",
           "<s> </s><bos>", "\u4e2d\u6587abc", "\U0001f600\U0001f468\u200d\U0001f469", "\u0130I\u0131", "\u180e a", "...!?", "\\n\\t", "\u05d0\u05b0 \u0627\u064e",
           "[CLS] [MASK]x", "##ing", "\u2581 \u2581x", "x\u0085y"]


def lines_of(corpus):
    lines = list(AWKWARD) + [a + b for a in AWKWARD for b in AWKWARD]
    for path in sorted(glob.glob(os.path.join(corpus, 'text', 'udhr-*.txt'))):
        with open(path, encoding='utf-8') as f:
            lines += f.read().split('\n')
    return [line for line in lines if '\r' not in line]


def main():
    program, corpus = sys.argv[1], sys.argv[2]
    if not os.path.isdir(os.path.join(corpus, 'tokenizers')):
        print('1..0 # SKIP the corpus is not there')
        return 0
    lines = lines_of(corpus)
    failed = 0
    for number, (name, prompt) in enumerate([(name, prompt) for name in NAMES for prompt in (False, True)], 1):
        path = os.path.join(corpus, 'tokenizers', name, 'tokenizer.json')
        peer = tokenizers.Tokenizer.from_file(path)
        peer.no_padding()
        peer.no_truncation()
        done = subprocess.run([program, path] + ['prompt'] * prompt, input='\n'.join(lines) + '\n', capture_output=True, text=True)
        ours = [line.split() for line in done.stdout.split('\n')[:-1]]
        theirs = [[str(i) for i in e.ids] for e in peer.encode_batch(lines, add_special_tokens=prompt)]
        wrong = [i for i in range(len(lines)) if i >= len(ours) or ours[i] != theirs[i]]
        failed += bool(wrong)
        print(f'{"not ok" if wrong else "ok"} {number} - {name}{", as prompts" if prompt else ""}: {len(lines)} lines, {len(wrong)} differ', flush=True)
        for i in wrong[:3]:
            print(f'# {lines[i][:60]!a}: found {ours[i][:12] if i < len(ours) else done.stderr}, expected {theirs[i][:12]}')
    print(f'1..{2 * len(NAMES)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

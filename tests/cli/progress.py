#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The progress bars of embed-extend and of a forward pass: on a terminal, never into a pipe, and they say the truth. Into a pipe goes
one line before work that takes long, which a clock that runs ahead makes of any work.

    progress.py TOOLS_DIR MAKE_CHECKPOINT LATE_CLOCK      prints TAP
"""
import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', 'support'))
from tap import check, end, skip

TOOLS, MAKE_CHECKPOINT, LATE_CLOCK = sys.argv[1:4]
COLS = 2048
LINE = re.compile(r'\r(\S+) \[(#*)(\.*)\] +(\d+) %  ([0-9.]+) of ([0-9.]+) MB  (\d+) MB/s  ([0-9.]+) s left\x1b\[K')
LONG = re.compile(r'^forward: about \d+ (?:seconds|minutes) more for (\d+) prompts of (\d+) tokens(?:, (\d+) of them new ids)?(; --prompts-only runs the prompts given alone)?$')
LATE = 2 # seconds; the first bar is due after 0.1


def make_model(folder, rows):
    """A table of zeros that takes a while and no room."""
    size = 2 * rows * COLS
    header = json.dumps({'model.embed_tokens.weight': {'dtype': 'BF16', 'shape': [rows, COLS], 'data_offsets': [0, size]}}).encode()
    with open(os.path.join(folder, 'model.safetensors'), 'wb') as f:
        f.write(struct.pack('<Q', len(header)) + header)
        f.truncate(8 + len(header) + size)
    with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump({'model_type': 'qwen2', 'vocab_size': rows, 'tie_word_embeddings': True}, f)
    return size


def make_llama(folder, layers):
    """Layers of zeros, 33 MB each and no room on the disk."""
    wide, inner = 1024, 4096
    shapes = {'model.embed_tokens.weight': [512, wide], 'model.norm.weight': [wide]}
    for i in range(layers):
        for name, shape in (('input_layernorm', [wide]), ('post_attention_layernorm', [wide]), ('mlp.gate_proj', [inner, wide]), ('mlp.up_proj', [inner, wide]),
                            ('mlp.down_proj', [wide, inner]), *((f'self_attn.{x}_proj', [wide, wide]) for x in 'qkvo')):
            shapes[f'model.layers.{i}.{name}.weight'] = shape
    header, at = {}, 0
    for name, shape in shapes.items():
        end = at + 2 * shape[0] * (shape[1] if len(shape) == 2 else 1)
        header[name], at = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, end]}, end
    text = json.dumps(header).encode()
    with open(os.path.join(folder, 'model.safetensors'), 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        f.truncate(8 + len(text) + at)
    with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump({'model_type': 'llama', 'vocab_size': 512, 'hidden_size': wide, 'intermediate_size': inner, 'num_hidden_layers': layers,
                   'num_attention_heads': 16, 'rms_norm_eps': 1e-5, 'max_position_embeddings': 64, 'tie_word_embeddings': True}, f)
    return 2 * layers * (4 * wide * wide + 3 * wide * inner + 2 * wide) + 2 * wide + 2 * 512 * wide


def on_terminal(words, **env):
    """Standard error is a terminal, standard output a pipe."""
    master, slave = pty.openpty()
    child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=slave, env={**os.environ, 'TERM': 'xterm', **env})
    os.close(slave)
    said = b''
    while True:
        try:
            more = os.read(master, 65536)
        except OSError: # the other side is closed
            break
        if not more:
            break
        said += more
    os.close(master)
    return child.wait(), said.decode()


def until_a_bar(words, make):
    """A bar comes after a while only: the faster the machine, the bigger the model. The last value says why none could be seen, where one
    was not due: that the largest model took no time."""
    for big in (1, 2, 4):
        size = make(big)
        began = time.monotonic()
        status, said = on_terminal(words)
        seconds = time.monotonic() - began
        if LINE.search(said):
            return size, status, said, ''
    return size, status, said, f'done in {seconds:.1f} s, too soon for a bar' if seconds < LATE else ''


def truth(said, size):
    shown = LINE.findall(said)
    check('a bar with done, total, rate and time left', bool(shown), said)
    percent = [int(s[3]) for s in shown]
    check('it only moves forward, to 100 % at most', percent == sorted(percent) and percent and 50 <= percent[-1] <= 100, percent)
    total = (2 * size + 4 * 2 * COLS) / 1e6 # written and read back, with the new rows
    check('done and total are what is written and read back', all(abs(float(s[5]) - total) < 0.2 and float(s[4]) <= float(s[5]) for s in shown), (shown, total))
    rates = [(float(s[5]) - float(s[4]), max(int(s[6]), 1), float(s[7])) for s in shown]
    check('rate and time left follow from the rest', all(abs(left / rate - t) < 0.06 + 0.6 * t / rate for left, rate, t in rates), shown)
    check('the bar is as long as the number', all(abs(len(s[1]) - 22 * int(s[3]) / 100) < 1.2 and len(s[1] + s[2]) == 22 for s in shown), shown)
    check('the line is wiped before anything else is said', '\r\x1b[K' in said[said.rindex(' left'):] and 'wrote' in said[said.rindex('\r\x1b[K'):], said)


def run(*words, **env):
    done = subprocess.run([os.path.join(TOOLS, words[0]), *words[1:]], capture_output=True, text=True, env={**os.environ, **env})
    return done.returncode, done.stdout, done.stderr.splitlines()


def long_work(top):
    """Three new tokens, all of which a forward pass runs unless it is told not to."""
    base, merged, model = (os.path.join(top, name) for name in ('base', 'merged', 'extended'))
    made = subprocess.run([MAKE_CHECKPOINT, 'small', base], capture_output=True).returncode
    tokens = [word for token in ('zebra', 'yak', 'xerus') for word in ('--add-token', token)]
    made += run('vocab-merge', base, *tokens, '-o', merged)[0] + run('embed-extend', base, '--map', merged + '/vocab-map.json', '-o', model)[0]
    check('a model with three new tokens', made == 0)
    words, late = ('vocab-check', model, '--forward', '--device', 'cpu'), {'LD_PRELOAD': LATE_CLOCK, 'VS_CLOCK_STEP': '10'}
    probe = run('vocab-check', '--version', **late)
    if probe[0] or probe[2]:
        skip('a line before work that takes long', 'nothing can be preloaded here')
        return
    said = lambda *more, **env: [m.groups() for m in map(LONG.match, run(*words, *more, **env)[2]) if m]
    own = said('--prompt-ids', '1 2', **late)
    check('one line, with the new ids and how the own prompts run alone', len(own) == 1 and own[0][2] == '3' and own[0][3], own)
    alone = said('--prompt-ids', '1 2', '--prompt-ids', '1 2 3', '--prompts-only', **late)
    check('the own prompts alone, and nothing is left out', alone == [('2', '5', None, None)], alone)
    none = said(**late)
    check('without own prompts nothing could be left out', len(none) == 1 and none[0][2] == '3' and not none[0][3], none)
    report = json.loads(run(*words, '--prompt-ids', '1 2', '--json', **late)[1])
    check('the numbers are those of the report', own and [int(x) for x in own[0][:2]] == [report['forward'][x] for x in ('prompts', 'positions')], (own, report))
    for name, more, env in (('-q', ['-q'], late), ('--progress never', ['--progress', 'never'], late),
                            ('less than half a minute', [], {**late, 'VS_CLOCK_STEP': '1'}), ('work that takes no time', [], {})):
        check(f'{name}: no line', said(*more, **env) == [])
    status, shown = on_terminal([os.path.join(TOOLS, words[0]), *words[1:]], **late)
    check('on a terminal the bar alone', 'more for' not in shown and LINE.search(shown), shown)


with tempfile.TemporaryDirectory(prefix='vs-progress-') as top:
    long_work(top)
    model = os.path.join(top, 'model')
    os.mkdir(model)
    words = [os.path.join(TOOLS, 'embed-extend'), model, '--add', '2', '--force', '-o', os.path.join(top, 'out')]
    size, status, said, soon = until_a_bar(words, lambda big: make_model(model, big * 65536))
    check('embed-extend on a terminal', status == 0, said)
    if soon:
        skip('the bar of embed-extend', soon)
    else:
        truth(said, size)
    for name, more, env in (('--progress never', ['--progress', 'never'], {}), ('-q', ['-q'], {}), ('a dumb terminal', [], {'TERM': 'dumb'})):
        status, said = on_terminal(words + more, **env)
        check(f'{name}: no bar', status == 0 and '\r\x1b' not in said and '[#' not in said, said)
    for more, wanted in (([], False), (['--progress', 'always'], True)):
        if wanted and soon:
            skip('into a pipe with --progress always', soon)
            continue
        piped = subprocess.run(words + more, capture_output=True)
        out, err = piped.stdout.decode(), piped.stderr.decode()
        check(f'into a pipe{" with --progress always" if wanted else ""}: {"a" if wanted else "no"} bar',
              piped.returncode == 0 and bool(LINE.search(err)) == wanted and '[#' not in out, err)
    llama = os.path.join(top, 'llama')
    os.mkdir(llama)
    words = [os.path.join(TOOLS, 'vocab-check'), llama, '--forward', '--device', 'cpu', '--prompt-ids', '1 2 3', '--memory', '16M']
    size, status, said, soon = until_a_bar(words, lambda big: make_llama(llama, big * 12))
    shown = [s for s in LINE.findall(said) if s[0] == 'forward']
    check('vocab-check --forward on a terminal', status in (0, 1), said)
    if soon:
        skip('the bar of vocab-check --forward', soon)
    else:
        percent = [int(s[3]) for s in shown]
        check('a bar with per cent and time left', bool(shown), said)
        check('its total are the weights of the layers and of the head', all(abs(float(s[5]) - size / 1e6) < 0.1 for s in shown), (shown, size))
        check('it moves forward', percent == sorted(percent) and percent[-1:] <= [100], percent)
    piped = subprocess.run(words, capture_output=True)
    check('a forward pass into a pipe: no bar', b'[#' not in piped.stderr and b'left' not in piped.stderr and b'\r' not in piped.stdout, piped.stderr)
end()

# SPDX-License-Identifier: Apache-2.0
"""Every entry of the catalogue goes through every program that reads such a file.

tools.py MAKE_BAD TOOLS_FOLDER [NAME...]     prints TAP, one test per entry

A refusal is status 3 and one line on standard error that names a file below the folder of the input and holds the words
of the catalogue; the input is as it was, and nothing stands beside it. What only loads with a finding: vocab-inspect
reports it (0), vocab-check finds it (1 from --fail-on on, else 0), the programs that write refuse it.
"""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

SECONDS = 60              # for the slowest entry under a sanitizer; a plain build needs less than one
TOKENIZER = '''{"version":"1.0","added_tokens":[{"id":3,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,
"normalized":false,"special":true}],"normalizer":null,"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}'''
SHAPE = '{"model.embed_tokens.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]}}'
BLOCKS = '''{"model_type":"gemma3n","architectures":["Gemma3nForConditionalGeneration"],
"text_config":{"model_type":"gemma3n_text","vocab_size":20,"vocab_size_per_layer_input":4,"hidden_size":2},
"vision_config":{"vocab_offset":4,"vocab_size":8},"audio_config":{"vocab_offset":12,"vocab_size":8}}'''
# With a tokenizer.json these are healthy: a directory need not hold a model.
ALONE = {'tokenizer-model-alone', 'no-model', 'tokenizer-sentencepiece-alone', 'tokenizer-tiktoken-alone', 'tokenizer-vocab-txt-alone'}
# A rule of vocab-check: it says which two ids, where the others refuse the file.
RULES = {'tokenizer-token-twice': 'VOC204', 'tokenizer-token-twice-escaped': 'VOC204', 'tokenizer-word-twice': 'VOC204'}
# These hand out no ids by count: a hole is a row without a token.
HOLES = {'tokenizer-id-hole'}


def snapshot(folder):
    """Names, kinds, sizes and times of everything below a folder; contents of sparse files would take too long."""
    found = {}
    for path in sorted(folder.rglob('*')):
        st = path.lstat()
        found[str(path.relative_to(folder))] = (st.st_mode, st.st_size, st.st_mtime_ns, os.readlink(path) if path.is_symlink() else None)
    return found


class Case:
    def __init__(self, tools, name, needle, folder):
        self.tools, self.name, self.needle, self.folder = tools, name, needle, folder
        self.problems, self.messages = [], []

    def run(self, *words):
        env = dict(os.environ, LC_ALL='C.UTF-8', NO_COLOR='1', ASAN_OPTIONS='exitcode=99:detect_leaks=1', UBSAN_OPTIONS='halt_on_error=1')
        before = snapshot(self.folder)
        try:
            done = subprocess.run([str(self.tools / words[0]), *words[1:]], cwd=self.folder, env=env, stdin=subprocess.DEVNULL,
                                  capture_output=True, timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            self.problems.append(f'{" ".join(words)}: runs longer than {SECONDS} s')
            return None, '', ''
        out, err = done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace')
        if 'Sanitizer' in err or 'runtime error' in err or done.returncode < 0 or done.returncode == 99:
            self.problems.append(f'{" ".join(words)}: status {done.returncode}: {err}')
        if snapshot(self.folder) != before and done.returncode != 0:
            self.problems.append(f'{" ".join(words)}: left something behind: {sorted(snapshot(self.folder).keys() ^ before.keys())}')
        return done.returncode, out, err

    def refused(self, *words, needle=None):
        code, out, err = self.run(*words)
        needle = self.needle if needle is None else needle
        if code is None:
            return
        self.messages.append(err.rstrip())
        wrong = [what for what, holds in (
            (f'status {code}, expected 3', code == 3),
            ('no single line', err.count('\n') == 1),
            ('does not begin with the name of the program', err.startswith(words[0] + ': ')),
            (f'lacks "{needle}"', needle in err),
            ('names no file of the input', 'in/' in err or 'in:' in err),
            ('something on standard output', out == '')) if not holds]
        if wrong:
            self.problems.append(f'{" ".join(words)}: {"; ".join(wrong)}: {err.rstrip()}')

    def status(self, expected, *words, says=None):
        code, out, err = self.run(*words)
        if code != expected:
            self.problems.append(f'{" ".join(words)}: status {code}, expected {expected}: {err.rstrip()}')
        elif says and says not in out:
            self.problems.append(f'{" ".join(words)}: its report lacks "{says}"')
        if code == 0 and (self.folder / 'out').exists():
            subprocess.run(['rm', '-r', str(self.folder / 'out')], check=True)


def write_model(folder, config='{"vocab_size":4}'):
    (folder / 'model.safetensors').write_bytes(len(SHAPE).to_bytes(8, 'little') + SHAPE.encode() + bytes(32))
    (folder / 'config.json').write_text(config)


def model(case):
    case.refused('vocab-inspect', 'in')
    case.refused('vocab-inspect', '--json', 'in')
    case.refused('vocab-inspect', '--rows', 'in')
    case.refused('vocab-check', 'in')
    case.refused('vocab-check', '--json', '--fail-on', 'info', 'in')
    case.refused('embed-extend', 'in', '--add', '1', '-o', 'out')
    case.refused('embed-extend', 'in', '--rows', '9', '-n')
    case.refused('offset-patch', 'in', '--add', '1', '-o', 'out')
    case.refused('offset-patch', 'in', '--add', '1', '--in-place')
    case.refused('offset-patch', 'in', '--check')
    if case.name not in ALONE:
        (case.folder / 'in' / 'tokenizer.json').write_text(TOKENIZER)
        case.refused('vocab-inspect', 'in')
        case.refused('vocab-check', 'in')
    case.refused('vocab-merge', 'in', '--add-token', 'x', '-o', 'out', needle='tokenizer' if case.name in ALONE else None)
    sound = case.folder / 'sound'
    sound.mkdir()
    write_model(sound)
    if case.name not in ALONE:
        case.refused('vocab-check', 'sound', '--base', 'in')


def writers(case):
    case.status(0, 'vocab-inspect', 'in')
    case.status(0, 'vocab-inspect', '--json', 'in')
    case.status(1, 'vocab-check', '--fail-on', 'info', 'in', says=case.needle)
    case.refused('embed-extend', 'in', '--add', '1', '-o', 'out')
    case.refused('offset-patch', 'in', '--add', '1', '-o', 'out')
    case.refused('offset-patch', 'in', '--add', '1', '--in-place')
    (case.folder / 'in' / 'tokenizer.json').write_text(TOKENIZER)
    case.status(1, 'vocab-check', '--fail-on', 'info', 'in', says=case.needle)
    case.refused('vocab-merge', 'in', '--add-token', 'x', '-o', 'out')


def tokenizer(case):
    case.refused('vocab-inspect', 'in')
    if case.name.startswith('tokenizer-') and case.name not in ALONE and 'config' not in case.name:
        case.refused('vocab-inspect', 'in/tokenizer.json')
    if case.name in RULES:
        case.status(1, 'vocab-check', 'in', says=RULES[case.name])
    else:
        case.refused('vocab-check', 'in')
    sound = case.folder / 'sound'
    sound.mkdir()
    write_model(sound)
    (sound / 'tokenizer.json').write_text(TOKENIZER)
    case.refused('vocab-merge', 'in', '--add-token', 'x', '-o', 'out')
    case.refused('vocab-merge', 'sound', 'in', '-o', 'out')
    case.refused('embed-extend', 'sound', '--tokenizer', 'in', '-o', 'out')
    write_model(case.folder / 'in')
    if case.name in ALONE:
        return
    case.refused('embed-extend', 'in', '--add', '1', '-o', 'out')
    if case.name not in RULES:
        case.refused('vocab-check', 'sound', '--base', 'in')
        case.refused('vocab-check', 'in', '--base', 'sound')
    write_model(case.folder / 'in', BLOCKS)
    (case.folder / 'in' / 'model.safetensors').unlink()
    case.refused('offset-patch', 'in', '--add', '1', '-o', 'out')
    case.refused('offset-patch', 'in', '--add', '1', '--in-place')


def tokenizer_writers(case):
    case.status(0, 'vocab-inspect', 'in')
    case.status(0, 'vocab-inspect', '--json', 'in')
    case.status(1, 'vocab-check', '--fail-on', 'info', 'in')
    case.refused('vocab-merge', 'in', '--add-token', 'x', '-o', 'out', needle='')
    write_model(case.folder / 'in')
    if case.name in HOLES:
        case.status(0, 'embed-extend', 'in', '--add', '1', '-o', 'out')
        return
    case.refused('embed-extend', 'in', '--add', '1', '-o', 'out', needle='')
    write_model(case.folder / 'in', BLOCKS)
    (case.folder / 'in' / 'model.safetensors').unlink()
    case.refused('offset-patch', 'in', '--add', '1', '-o', 'out', needle='')


def vocab_map(case):
    sound = case.folder / 'sound'
    sound.mkdir()
    write_model(sound)
    (sound / 'tokenizer.json').write_text(TOKENIZER)
    case.refused('embed-extend', 'sound', '--map', 'in/vocab-map.json', '-o', 'out')
    case.refused('vocab-check', 'sound', '--map', 'in/vocab-map.json')
    write_model(sound, BLOCKS)
    (sound / 'model.safetensors').unlink()
    case.refused('offset-patch', 'sound', '--map', 'in/vocab-map.json', '-o', 'out')
    case.refused('offset-patch', 'sound', '--map', 'in/vocab-map.json', '--in-place')


def pair(case):
    case.status(0, 'vocab-inspect', 'in')
    case.status(1, 'vocab-check', '--fail-on', 'info', 'in', says=case.needle)
    case.refused('embed-extend', 'in', '--add', '1', '-o', 'out', needle='expected' if 'head' not in case.name else 'another height')


def reported(case):
    case.status(0, 'vocab-inspect', 'in')
    case.status(1, 'vocab-check', '--fail-on', 'info', 'in', says=case.needle)
    case.status(0, 'embed-extend', 'in', '--add', '1', '-o', 'out')


KINDS = {'model': model, 'writers': writers, 'tokenizer': tokenizer, 'tokenizer-writers': tokenizer_writers, 'map': vocab_map,
         'pair': pair, 'reported': reported}


def play(make_bad, tools, name, kind, needle):
    with tempfile.TemporaryDirectory(prefix='vs-bad-') as folder:
        folder = pathlib.Path(folder)
        (folder / 'in').mkdir()
        subprocess.run([make_bad, name, str(folder / 'in')], check=True)
        case = Case(tools, name, needle, folder)
        KINDS[kind](case)
        return case


def main(argv):
    make_bad, tools, wanted = argv[1], pathlib.Path(argv[2]).resolve(), set(argv[3:])
    entries = [line.split('\t') for line in subprocess.run([make_bad], check=True, capture_output=True, text=True).stdout.splitlines()]
    entries = [e for e in entries if not wanted or e[0] in wanted]
    failed = 0
    for number, (name, kind, needle) in enumerate(entries, 1):
        case = play(make_bad, tools, name, kind, needle)
        failed += bool(case.problems)
        print(f'{"not ok" if case.problems else "ok"} {number} - {name}')
        for line in dict.fromkeys(case.messages if wanted or os.environ.get('VERBOSE') else []):
            print(f'# {line}')
        for problem in case.problems:
            print('# ' + problem.replace('\n', '\n#   '))
    print(f'1..{len(entries)}')
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f'# peak memory of a program: {peak // 1024} MiB')
    return 1 if failed or not entries else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs transcripts: commands with the output a person saw, and compares (see README.md beside this file).

    transcript.py [--update] [--path DIR:DIR] FILE...      prints TAP, one test per command
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
from typing import NamedTuple


class Step(NamedTuple):
    line: int           # of the command, from 0
    end: int            # the line after the expected output
    command: str
    expected: list
    indent: str


def ends_output(line, markdown):
    if markdown:
        return line.startswith(('$ ', '```'))
    return line.startswith('  $ ') or bool(line) and not line.startswith('  ')


def steps(path, lines):
    """Indented blocks of a .t file, ```console fences of a Markdown file."""
    markdown, inside, i, found = path.endswith('.md'), False, 0, []
    while i < len(lines):
        if markdown and lines[i].startswith('```'):
            inside = lines[i].strip() == '```console'
            i += 1
            continue
        indent = '' if markdown else '  '
        if not (inside or not markdown) or not lines[i].startswith(indent + '$ '):
            i += 1
            continue
        start, command = i, [lines[i][len(indent) + 2:]]
        i += 1
        while i < len(lines) and lines[i].startswith(indent + '> '):
            command.append(lines[i][len(indent) + 2:])
            i += 1
        expected = []
        while i < len(lines) and not ends_output(lines[i], markdown):
            expected.append(lines[i][len(indent):])
            i += 1
        end = i
        while expected and expected[-1] == '':
            expected.pop()
            end -= 1
        found.append(Step(start, end, '\n'.join(command), expected, indent))
    return found


def pattern(line):
    return re.compile('.*'.join(re.escape(part) for part in line.split('...')) + r'\Z')


def matches(expected, actual):
    """A line "..." stands for any lines, "..." inside a line for any characters."""
    if not expected:
        return not actual
    if expected[0] == '...':
        return any(matches(expected[1:], actual[k:]) for k in range(len(actual) + 1))
    return bool(actual) and bool(pattern(expected[0]).match(actual[0])) and matches(expected[1:], actual[1:])


def run(step, folder, env):
    done = subprocess.run(['sh', '-c', step.command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=600)
    actual = [line.rstrip() for line in done.stdout.decode(errors='backslashreplace').splitlines()]
    while actual and actual[-1] == '':
        actual.pop()
    return actual + ([f'[{done.returncode}]'] if done.returncode else [])


def play(path, number, env, update):
    with open(path, encoding='utf-8') as f:
        lines = f.read().split('\n')
    if any(line.startswith('needs: corpus') for line in lines) and not os.path.isdir(env.get('VS_CORPUS', '')):
        print(f'ok {number + 1} - {os.path.basename(path)} # SKIP the corpus is not there')
        return number + 1, 0
    failed, changes = 0, []
    with tempfile.TemporaryDirectory(prefix='vs-cli-') as folder:
        for step in steps(path, lines):
            number += 1
            actual = run(step, folder, env)
            good = matches(step.expected, actual)
            print(f'{"ok" if good else "not ok"} {number} - {os.path.basename(path)}:{step.line + 1} {step.command.splitlines()[0]}')
            if not good:
                failed += 1
                changes.append((step, actual))
                for side, text in (('expected', step.expected), ('actual', actual)):
                    for line in text:
                        print(f'# {side}: {line}')
    if update:
        for step, actual in reversed(changes):
            head = step.line + 1 + step.command.count('\n')
            lines[head:step.end] = [step.indent + line if line else '' for line in actual]
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines))
    return number, failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--update', action='store_true')
    parser.add_argument('--path', default='')
    parser.add_argument('files', nargs='+')
    args = parser.parse_args()
    env = dict(os.environ, PATH=args.path + ':' + os.environ['PATH'], NO_COLOR='1', COLUMNS='100', LC_ALL='C.UTF-8', TERM='dumb')
    number = failed = 0
    for path in args.files:
        before = number
        number, bad = play(path, number, env, args.update)
        failed += bad
        if number == before:
            number, failed = number + 1, failed + 1
            print(f'not ok {number} - {path}: no command in it')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every command that a rule's remedy prints is parsed by the tool it names, with that tool's own option table.

    remedies.py TOOLS_DIR RULES_JSON      prints TAP
"""
import json
import os
import re
import shlex
import subprocess
import sys

NUMBERS = {'{rows}', '{n}', '{most}'}


def main():
    tools, path = sys.argv[1], sys.argv[2]
    with open(path, encoding='utf-8') as f:
        rules = json.load(f)['rules']
    failed = number = 0
    seen = set()
    for rule in rules:
        unique = rule['id'] not in seen
        seen.add(rule['id'])
        for command in re.findall(r'`([^`]*)`', rule['remedy']):
            number += 1
            filled = re.sub(r'\{\w+\}', lambda m: '1' if m.group() in NUMBERS else 'X', command)
            words = shlex.split(filled)
            done = subprocess.run([os.path.join(tools, words[0]), *words[1:], '--parse-only'], capture_output=True, text=True)
            good = unique and done.returncode == 0
            failed += not good
            print(f'{"ok" if good else "not ok"} {number} - {rule["id"]} {command}')
            if not good:
                print('# ' + (done.stderr.strip().replace('\n', '\n# ') or 'the rule stands twice'))
    if not number:
        number, failed = 1, 1
        print('not ok 1 - no command in any remedy')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())

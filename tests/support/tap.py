# SPDX-License-Identifier: Apache-2.0
"""Results as TAP, one line as each comes."""
import sys

results = []


def check(name, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {name}', flush=True)
    for line in [] if good else str(detail)[:4000].replace('\x1b', '\\x1b').splitlines(): # XML has no such character
        print(f'# {line}', flush=True)
    return bool(good)


def skip(name, why):
    results.append(True)
    print(f'ok {len(results)} - {name} # SKIP {why}', flush=True)


def skip_all(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(0)


def end():
    print(f'1..{len(results)}')
    sys.exit(0 if results and all(results) else 1)

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Adds up the test cases of meson's JUnit files; the last line is "N passed, N failed, N skipped".

    count.py RED FILE...      RED: how many of the runs ended with a failure, which a file may not name: a program that
                              timed out or failed behind its last case leaves only good cases there
"""
import os
import sys
import xml.etree.ElementTree as xml

passed, failed, skipped = 0, 0, []
red = int(sys.argv[1])
for path in sys.argv[2:]:
    cases = list(xml.parse(path).getroot().iter('testcase')) if os.path.exists(path) else []
    if not cases:
        print(f'{path}: no test case: that is a failure')
        failed += 1
    for case in cases:
        if case.find('failure') is not None or case.find('error') is not None:
            failed += 1
            print(f'failed: {case.get("classname")} {case.get("name")} ({path})')
        elif case.find('skipped') is not None:
            skipped.append(f'{case.get("classname")} {case.get("name")}')
        else:
            passed += 1
if red > failed:
    print(f'{red} of the runs failed, and their files name {failed} failures: see the logs above')
    failed = red
for name in sorted(set(skipped)):
    print(f'skipped: {name}')
print(f'{passed} passed, {failed} failed, {len(skipped)} skipped')
sys.exit(1 if failed or not passed else 0)

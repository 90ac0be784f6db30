#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu-verify on the emulated device: one whole JSON document whatever happens to its parts.

    gpu_verify.py GPU_VERIFY_EMU      prints TAP
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

results = []


def check(name, good, detail=''):
    results.append(bool(good))
    print(f'{"ok" if good else "not ok"} {len(results)} - {name}', flush=True)
    if not good:
        print('# ' + repr(detail)[:2000], flush=True)


def verify(folder, seconds, model=None, parts=(), spoilt=()):
    """gpu-verify beside a gpu-model that is this shell script; spoilt: variables of its environment."""
    program, helper, out = (os.path.join(folder, n) for n in ('gpu-verify', 'gpu-model', 'result.json'))
    shutil.copy(sys.argv[1], program)
    for path in (helper, out):
        if os.path.exists(path):
            os.unlink(path)
    if model:
        with open(helper, 'w', encoding='utf-8') as f:
            f.write('#!/bin/sh\n' + model)
        os.chmod(helper, 0o755)
    began = time.monotonic()
    done = subprocess.run([program, out, str(seconds), *parts], capture_output=True, text=True, env={**os.environ, **dict(spoilt)})
    took = time.monotonic() - began
    with open(out, encoding='utf-8') as f:
        return done, json.load(f), took


def main():
    with tempfile.TemporaryDirectory(prefix='vs-verify-') as folder:
        done, r, _ = verify(folder, 400, 'echo \'{"model": 1}\'')
        parts = r['parts']
        check('all is well: exit 0, passed, complete', done.returncode == 0 and r['passed'] and r['complete'], (done.stderr, r))
        check('the device by name, with a date', parts['device']['results'][0]['name'] == 'emulated device' and r['date'].endswith('Z'), r['date'])
        check('its own copy rate', parts['device']['results'][0]['copy_gb_per_s'] > 0, parts['device'])
        golden = {x['kernel']: x['bit_identical'] for x in parts['golden']['results']}
        check('the golden hashes', golden.get('forward_golden') is True, golden)
        check('they are right: no second try', parts['golden-apart']['state'] == 'not_asked', parts['golden-apart'])
        check('kernels', len(parts['checks']['results']) >= 2 and all(x['bit_identical'] for x in parts['checks']['results']), parts['checks'])
        measured = {(x['measure'], x.get('mode')) for part in ('llama', 'llama-fast') for x in parts[part]['results'] if 'measure' in x}
        check('prefill and decode in strict mode', {('prefill', 'strict'), ('decode', 'strict')} <= measured, parts['llama'])
        check('fast mode', {('prefill', 'fast'), ('decode', 'fast'), ('cublaslt_peak', None), ('fast_beside_strict', None)} <= measured, parts['llama-fast'])
        apart = [x for x in parts['llama']['results'] if x.get('measure') == 'decode_part']
        whole = [x for x in parts['llama']['results'] if x.get('measure') == 'decode_parts']
        # Two layers: a take; 5 norms, 14 products, 4 rotations, 4 kernels of attention, 4 additions, 2 activations; the head; the choice of an id.
        check('a decoded token, kernel by kernel, short and behind a prompt', {x['part'] for x in apart} >= {'q_k_v', 'attention', 'down', 'head'} and
              len(whole) == 2 and all(x['launches'] == 36 for x in whole), (apart, whole))
        check('what a launch costs', any(x.get('measure') == 'launch' for x in parts['llama']['results']), parts['llama'])
        check('rates', len(parts['rates']['results']) >= 7, parts['rates'])
        check('the model', parts['gpu-model'] == {**parts['gpu-model'], 'state': 'passed', 'results': [{'model': 1}]}, parts['gpu-model'])

        done, r, took = verify(folder, 9, 'sleep 60')
        states = {name: p['state'] for name, p in r['parts'].items()}
        check('time runs out: still a document, in time, not passed', done.returncode == 1 and took < 15 and not r['passed'] and
              'timeout' in states.values(), (states, took))
        check('what was measured before is kept', r['parts']['device']['results'] and all('kernel' in x for x in r['parts']['golden']['results']), states)
        for name, model, state in (('fails', 'echo \'{"same": false}\'; exit 1', 'failed'), ('crashes in a line', 'printf \'{"a": 1}\\n{"b\'; kill -SEGV $$', 'crashed'),
                                   ('does not start', None, 'not_run')):
            done, r, _ = verify(folder, 400, model, ('gpu-model',))
            part = r['parts']['gpu-model']
            check(f'a part {name}: {state}', part['state'] == state, part)
        _, r, _ = verify(folder, 400, parts=('llama-fast',), spoilt={'NO_CUBLASLT': '1'})
        check('no fast mode: why', any('libcublasLt' in x.get('no_fast_mode', '') for x in r['parts']['llama-fast']['results']) and
              r['parts']['llama-fast']['state'] == 'passed', r['parts']['llama-fast'])
        for variable, what in (('CHECK_THAT_CRASHES', 'crashes'), ('CHECK_THAT_LOSES', 'loses the device')):
            done, r, _ = verify(folder, 400, parts=('checks',), spoilt={variable: 'noise'})
            found = {x['kernel']: x['bit_identical'] for x in r['parts']['checks']['results']}
            check(f'a check that {what}: the others run', found == {'noise': variable.endswith('LOSES'), 'forward_refused': True} and
                  r['parts']['checks']['state'] == 'failed' and not r['passed'], r['parts']['checks'])
        done = subprocess.run([sys.argv[1], os.path.join(folder, 'none', 'x.json'), '400', 'device'], capture_output=True, text=True)
        check('a result that cannot be written: exit 1', done.returncode == 1, done.stderr)
    print(f'1..{len(results)}')
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ptx_to_c.py knows instructions or says that it does not: never one for another, and never C that does not compile.

    refused.py PTX_TO_C.py CC
"""
import os
import re
import subprocess
import sys
import tempfile

REGISTERS = '.reg .pred %p<3>;\n.reg .b16 %rs<3>;\n.reg .b32 %r<9>;\n.reg .b64 %rd<3>;\n.reg .f32 %f<5>;\n.reg .f64 %fd<3>;'
KNOWN = ('add.s32 %r1, %r2, %r3', 'mad.lo.s32 %r1, %r2, %r3, %r4', 'mov.b64 {%r1, %r2}, %rd1', 'ld.global.nc.f32 %f1, [%rd1]',
         'ld.u32 %r1, [%rd1]', '@!%p1 add.rn.f32 %f1, %f2, %f3')
REFUSED = ('add.sat.s32 %r1, %r2, %r3', 'add.cc.u32 %r1, %r2, %r3', 'mad.lo.cc.u32 %r1, %r2, %r3, %r4', 'mul.hi.u32 %r1, %r2, %r3',
           'mov.b32 {%rs1, %rs2}, %r1', 'mov.b32 %r1, {%rs1, %rs2}', 'ld.volatile.shared.u32 %r1, [%r2]', 'ld.acquire.gpu.u32 %r1, [%rd1]',
           'add.f32 %f1, %f2, %f3', 'add.rn.ftz.f32 %f1, %f2, %f3', 'neg.ftz.f32 %f1, %f2', 'neg.f64 %fd1, %fd2', 'sqrt.rn.f32 %f1, %f2',
           'ex2.approx.f32 %f1, %f2', 'min.f32 %f1, %f2, %f3', 'shfl.sync.idx.b32 %r1, %r2, 0, 31, -1', 'bar.warp.sync -1', 'bar.sync 1',
           'cvt.rzi.s32.f32 %r1, %f1', 'setp.lt.and.f32 %p1, %f1, %f2, %p2', 'atom.shared.add.u32 %r1, [%r2], 1',
           '@%p1 popc.b32 %r1, %r2')


def kernel(number, instruction):
    name = f'_Z{len(f"k{number}")}k{number}4args'
    return f'.entry {name}(\n.param .b64 {name}_param_0\n)\n{{\n{REGISTERS}\n{instruction};\nret;\n\n}}\n'


def main():
    script, *cc = sys.argv[1:]
    print(f'1..{len(KNOWN + REFUSED) + 1}')
    with tempfile.TemporaryDirectory() as d:
        ptx, c = os.path.join(d, 'k.ptx'), os.path.join(d, 'k.c')
        with open(ptx, 'w', encoding='utf-8') as f:
            f.write(''.join(kernel(i, text) for i, text in enumerate(KNOWN + REFUSED)))
        subprocess.run([sys.executable, script, ptx, c], check=True)
        with open(c, encoding='utf-8') as f:
            bodies = re.findall(r'void ptx_k\d+\(const void \*args\)\n\{\n(.*?)\n\}', f.read(), re.S)
        compiled = subprocess.run([*cc, '-w', '-Werror=implicit-function-declaration', '-fsyntax-only', c], check=False).returncode == 0
    status = len(bodies) != len(KNOWN + REFUSED)
    for number, (text, body) in enumerate(zip(KNOWN + REFUSED, bodies), 1):
        ok = ('emu_die' in body) == (text in REFUSED)
        status |= not ok
        print(f'{"" if ok else "not "}ok {number} - {text}')
    print(f'{"" if compiled else "not "}ok {len(KNOWN + REFUSED) + 1} - compiles')
    return status or not compiled


sys.exit(main())

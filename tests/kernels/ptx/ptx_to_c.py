#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kernels as nvcc compiled them (PTX), as C for the emulated device: void ptx_NAME(const void *args) for each.

    ptx_to_c.py INPUT.ptx OUTPUT.c

A line of PTX is a line of C, registers are variables. Operations keep the meaning that the PTX ISA gives them (ptx.h), in what a
device does and a host does not as well: NaN results of float32 are one NaN, an address must be a multiple of what is read there.
Arithmetic is rounded where the instruction says so: approximations, flushed subnormals, and sums or products that a later
compiler may still contract (no .rn) are refused, as is any instruction that is not known here: its kernel ends the test that launches it
and says which one it was. The build goes on, as another nvcc may write what this one does not.
"""
import json
import re
import sys

C_TYPES = {'pred': 'bool', 'b8': 'uint8_t', 'u8': 'uint8_t', 's8': 'int8_t', 'b16': 'uint16_t', 'u16': 'uint16_t', 's16': 'int16_t',
           'b32': 'uint32_t', 'u32': 'uint32_t', 's32': 'int32_t', 'b64': 'uint64_t', 'u64': 'uint64_t', 's64': 'int64_t',
           'f32': 'float', 'f64': 'double'}
BITS_OF = {'float': 'vs_f32_bits', 'double': 'vs_f64_bits'} # of kernels/dtype.h
OF_BITS = {'float': 'vs_bits_f32', 'double': 'vs_bits_f64'}
COMPARE = {'eq': '==', 'ne': '!=', 'lt': '<', 'le': '<=', 'gt': '>', 'ge': '>='}
SPECIAL = {'%tid.x': 'threadIdx.x', '%ntid.x': 'blockDim.x', '%ctaid.x': 'blockIdx.x', '%nctaid.x': 'gridDim.x'}
REACH = {'global': 'EMU_GRID', 'shared': 'EMU_BLOCK', 'local': '', 'param': '', 'generic': 'EMU_BLOCK'} # who else comes there
FLOATS = {'f32': ('add', 'sub', 'mul', 'div', 'rcp', 'fma', 'neg'), # in ptx.h
          'f64': ('add', 'sub', 'mul', 'div', 'rcp', 'fma', 'sqrt', 'abs')}


class Unknown(Exception):
    pass


class Kernel:
    """What the names of one .entry stand for."""

    def __init__(self, mangled):
        length, rest = re.match(r'_Z(\d+)(.*)', mangled).groups()
        self.name = rest[:int(length)]
        self.registers, self.shared, self.local, self.lines, self.refused = {}, {}, {}, [], None
        self.strides = False # over the grid, of which it asks the size

    # ---- operands ----

    def register(self, operand):
        name = operand[1:]
        return name if operand.startswith('%') and name in self.registers else None

    def kind(self, operand):
        """The C type of a register."""
        return self.registers[self.register(operand)]

    def value(self, operand, suffix):
        """An operand read as a value of a PTX type."""
        c_type = C_TYPES[suffix]
        if operand in SPECIAL:
            self.strides |= operand == '%nctaid.x'
            return f'({c_type}){SPECIAL[operand]}'
        register = self.register(operand)
        if register:
            have = self.kind(operand)
            if have in ('float', 'double') and c_type != have:
                if suffix[0] != 'b':
                    raise Unknown(f'{operand} as {suffix}')
                return f'{BITS_OF[have]}({register})'
            if c_type in ('float', 'double') and c_type != have:
                raise Unknown(f'{operand} as {suffix}')
            return f'({c_type}){register}'
        if re.fullmatch(r'0[fF][0-9a-fA-F]{8}', operand):
            return f'vs_bits_f32(0x{operand[2:]}u)' if c_type == 'float' else f'({c_type})0x{operand[2:]}u'
        if re.fullmatch(r'0[dD][0-9a-fA-F]{16}', operand):
            return f'vs_bits_f64(0x{operand[2:]}ull)' if c_type == 'double' else f'({c_type})0x{operand[2:]}ull'
        if re.fullmatch(r'-?\d+', operand) and c_type not in ('float', 'double'):
            return f'({c_type}){operand}' + ('ll' if operand.startswith('-') else 'ull')
        if operand in self.shared:
            return f'({c_type}){self.shared[operand]}'
        if operand in self.local:
            return f'({c_type})(uintptr_t)local'
        if operand.endswith('_param_0'):
            return f'({c_type})(uintptr_t)args'
        raise Unknown(f'operand {operand}')

    def put(self, operand, expression, suffix):
        """A value of a PTX type goes to a register."""
        have, register = self.kind(operand), self.register(operand)
        if have in ('float', 'double') and C_TYPES[suffix] != have:
            if suffix[0] != 'b':
                raise Unknown(f'{suffix} to {operand}')
            expression = f'{OF_BITS[have]}({expression})'
        elif C_TYPES[suffix] in ('float', 'double') and C_TYPES[suffix] != have:
            raise Unknown(f'{suffix} to {operand}')
        self.emit(f'{register} = ({have})({expression});')

    def address(self, operand, space):
        place, plus = re.fullmatch(r'\[([^+\]]+)(\+-?\d+)?\]', operand).groups()
        offset = plus or ''
        if space == 'shared':
            return f'ptx_shared(shared, sizeof shared, {self.value(place, "u32")}{offset})'
        if space == 'param' and place.endswith('_param_0'):
            return f'(uintptr_t)args{offset}'
        return f'{self.value(place, "u64")}{offset}'

    def emit(self, line):
        self.lines.append('    ' + line)

    # ---- instructions ----

    def places(self, parts, operand, count):
        """Where the values of a load or store lie, and who else comes there."""
        space = parts[0] if parts[0] in REACH else 'generic'
        how, size = [p for p in parts[:-1] if p not in (space, 'nc')], int(parts[-1][1:]) // 8
        if how != ([f'v{count}'] if count > 1 else []):
            raise Unknown('.'.join(how))
        self.emit(f'ptx_at = ptx_aligned({self.address(operand, space)}, {size * count});')
        return [f'ptx_at + {size * i}' for i in range(count)], REACH[space]

    def load(self, name, parts, operands):
        registers, suffix = vector(operands[0]), parts[-1]
        places, reach = self.places(parts, operands[1], len(registers))
        for register, place in zip(registers, places):
            self.put(register, f'ptx_load_{suffix}({place}, {reach})' if reach else f'*(ptx_{suffix} *)({place})', suffix)

    def store(self, name, parts, operands):
        values, suffix = vector(operands[1]), parts[-1]
        places, reach = self.places(parts, operands[0], len(values))
        for value, place in zip((self.value(v, suffix) for v in values), places):
            self.emit(f'ptx_store_{suffix}({place}, {value}, {reach});' if reach else f'*(ptx_{suffix} *)({place}) = {value};')

    def move(self, name, parts, operands):
        suffix = parts[0]
        if '{' in operands[0] + operands[1] and suffix != 'b64':
            raise Unknown(suffix)
        if operands[0].startswith('{'):
            low, high = vector(operands[0])
            self.emit(f'ptx_wide = {self.value(operands[1], suffix)};')
            self.put(low, '(uint32_t)ptx_wide', 'b32')
            self.put(high, '(uint32_t)(ptx_wide >> 32)', 'b32')
        elif operands[1].startswith('{'):
            low, high = (self.value(v, 'b32') for v in vector(operands[1]))
            self.put(operands[0], f'{low} | (uint64_t){high} << 32', suffix)
        else:
            if suffix[0] == 'u': # nvcc writes addresses so, and bits of any kind
                suffix = 'b' + suffix[1:]
            self.put(operands[0], self.value(operands[1], suffix), suffix)

    def set_predicate(self, name, parts, operands):
        how, suffix = parts
        a, b = self.value(operands[1], suffix), self.value(operands[2], suffix)
        if how == 'num':
            test = f'{a} == {a} && {b} == {b}'
        elif how == 'nan':
            test = f'!({a} == {a} && {b} == {b})'
        elif how.endswith('u') and how[:-1] in COMPARE and suffix[0] == 'f':
            test = f'{a} {COMPARE[how[:-1]]} {b} || {a} != {a} || {b} != {b}'
        elif how == 'ne' and suffix[0] == 'f': # ordered
            test = f'{a} < {b} || {a} > {b}'
        else:
            test = f'{a} {COMPARE[how]} {b}'
        self.put(operands[0], test, 'pred')

    def select(self, name, parts, operands):
        a, b, p = self.value(operands[1], parts[0]), self.value(operands[2], parts[0]), self.value(operands[3], 'pred')
        self.put(operands[0], f'{p} ? {a} : {b}', parts[0])

    def arithmetic(self, name, parts, operands):
        suffix = parts[-1]
        if suffix[0] == 'f':
            if name not in FLOATS[suffix] or parts[:-1] != ([] if name in ('neg', 'abs') else ['rn']):
                raise Unknown('arithmetic that is not .rn')
            values = ', '.join(self.value(o, suffix) for o in operands[1:])
            self.put(operands[0], f'ptx_{name}_{suffix}({values})', suffix)
            return
        signs = {'add': '+', 'sub': '-', 'mul': '*'}
        wide = parts[0] == 'wide'
        to = suffix[0] + str(2 * int(suffix[1:])) if wide else suffix
        unsigned = 'u' + to[1:]
        values = [f'({C_TYPES[unsigned]})({C_TYPES[to]}){self.value(o, suffix)}' for o in operands[1:3]]
        if parts[:-1] not in ((['lo'], ['wide']) if name in ('mul', 'mad') else ([],)):
            raise Unknown('.'.join(parts))
        if name == 'mad':
            self.put(operands[0], f'{values[0]} * {values[1]} + {self.value(operands[3], unsigned)}', unsigned)
        else:
            self.put(operands[0], f'{values[0]} {signs[name]} {values[1]}', unsigned)

    def divide(self, name, parts, operands):
        suffix = parts[-1]
        if suffix[0] == 'f':
            self.arithmetic(name, parts, operands)
            return
        if suffix[0] != 'u':
            raise Unknown(suffix)
        a, b = self.value(operands[1], suffix), self.value(operands[2], suffix)
        self.put(operands[0], f'{a} {"/" if name == "div" else "%"} ptx_divisor({b})', suffix)

    def bits(self, name, parts, operands):
        signs = {'and': '&', 'or': '|', 'xor': '^'}
        values = [self.value(o, parts[0]) for o in operands[1:]]
        if name == 'not':
            self.put(operands[0], ('!' if parts[0] == 'pred' else '~') + values[0], parts[0])
        else:
            self.put(operands[0], f'{values[0]} {signs[name]} {values[1]}', parts[0])

    def shift(self, name, parts, operands):
        suffix, width = parts[0], int(parts[0][1:])
        a, n = self.value(operands[1], suffix), self.value(operands[2], 'u32')
        if name == 'shl':
            self.put(operands[0], f'{n} < {width} ? (uint64_t){a} << {n} : 0', suffix)
        elif suffix[0] == 's':
            self.put(operands[0], f'{a} >> ({n} < {width} ? {n} : {width - 1})', suffix)
        else:
            self.put(operands[0], f'{n} < {width} ? {a} >> {n} : 0', suffix)

    def insert(self, name, parts, operands):
        suffix = parts[0]
        a, b = self.value(operands[1], suffix), self.value(operands[2], suffix)
        at, n = self.value(operands[3], 'u32'), self.value(operands[4], 'u32')
        self.put(operands[0], f'ptx_insert({a}, {b}, {at}, {n}, {suffix[1:]})', suffix)

    def least(self, name, parts, operands):
        suffix = parts[0]
        if suffix[0] == 'f':
            raise Unknown(suffix)
        a, b = self.value(operands[1], suffix), self.value(operands[2], suffix)
        self.put(operands[0], f'{a} {"<" if name == "min" else ">"} {b} ? {a} : {b}', suffix)

    def convert(self, name, parts, operands):
        to, source = parts[-2], parts[-1]
        rounded = parts[:-2]
        if to == 'bf16x2' and rounded == ['rn']:
            high, low = (f'(uint32_t)ptx_bf16({self.value(o, source)})' for o in operands[1:3])
            self.put(operands[0], f'{low} | {high} << 16', 'b32')
        elif source == 'f16' and to == 'f32' and not rounded:
            self.put(operands[0], f'ptx_half({self.value(operands[1], "b16")})', to)
        elif to[0] == 'f' and rounded == (['rn'] if (source, to) != ('f32', 'f64') else []):
            value = f'({C_TYPES[to]}){self.value(operands[1], source)}'
            self.put(operands[0], f'ptx_number({value})' if to == 'f32' else value, to)
        elif to[0] != 'f' and source[0] != 'f' and not rounded:
            self.put(operands[0], f'({C_TYPES[to]}){self.value(operands[1], source)}', to)
        else:
            raise Unknown('conversion')

    def convert_address(self, name, parts, operands):
        """Shared memory has addresses of its own; the others are those of the host."""
        if parts[0] == 'to' and parts[1] == 'shared':
            raise Unknown('generic address to shared')
        if parts[0] == 'shared':
            self.put(operands[0], f'ptx_shared(shared, sizeof shared, {self.value(operands[1], "u32")})', 'b64')
        else:
            self.put(operands[0], self.value(operands[1], 'b64'), 'b64')

    def atomic(self, name, parts, operands):
        space, how, suffix = parts
        if suffix != 'u64' or how not in ('add', 'max'):
            raise Unknown('atomic')
        self.put(operands[0], f'ptx_atomic_{how}({self.address(operands[1], space)}, {self.value(operands[2], suffix)})', suffix)

    def shuffle(self, name, parts, operands):
        """shfl.sync.MODE.b32 d|p, a, b, c, mask"""
        mode = parts[1]
        if mode not in ('down', 'bfly'):
            raise Unknown(mode)
        to, _, valid = operands[0].partition('|')
        a, b, c, mask = (self.value(o, 'b32') for o in operands[1:])
        self.emit(f'ptx_wide = ptx_shuffle_{mode}({a}, {b}, {c}, {mask});')
        self.put(to, '(uint32_t)ptx_wide', 'b32')
        if valid:
            self.put(valid, 'ptx_wide >> 32', 'pred')

    def copy_async(self, name, parts, operands):
        if parts[:2] == ['async', 'commit_group']:
            self.emit('emu_copy_commit();')
        elif parts[:2] == ['async', 'wait_group']:
            self.emit(f'emu_copy_wait({self.value(operands[0], "u32")});')
        elif parts[0] == 'async' and parts[2:] == ['shared', 'global']:
            to, source = self.address(operands[0], 'shared'), self.address(operands[1], 'global')
            room = self.value(operands[2], 'u32')
            count = self.value(operands[3], 'u32') if len(operands) > 3 else room
            self.emit(f'emu_copy((void *)({to}), (const void *)({source}), {room}, {count});')
        else:
            raise Unknown('copy')

    def multiply(self, name, parts, operands):
        if '.'.join(parts) != 'sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32':
            raise Unknown('mma')
        d, a, b, c = (vector(o) for o in operands)
        for i in range(4):
            self.emit(f'ptx_d[{i}] = {self.value(c[i], "f32")}; ptx_a[{i}] = {self.value(a[i], "b32")};')
        self.emit(f'ptx_b[0] = {self.value(b[0], "b32")}; ptx_b[1] = {self.value(b[1], "b32")};')
        self.emit('emu_mma(ptx_d, ptx_a, ptx_b);')
        for i in range(4):
            self.put(d[i], f'ptx_d[{i}]', 'f32')

    def control(self, name, parts, operands):
        plain = {('bar', 'sync'): 'emu_barrier(__LINE__);', ('griddepcontrol', 'wait'): 'emu_begin();', ('ret',): 'return;',
                 ('griddepcontrol', 'launch_dependents'): '', ('prefetch', 'global', 'L2'): ''}
        what = (name, *parts)
        if name == 'bra':
            self.emit(f'goto {label(operands[0])};')
        elif what not in plain or (name == 'bar' and operands != ['0']):
            raise Unknown('instruction')
        elif plain[what]:
            self.emit(plain[what])

    def instruction(self, name, parts, operands):
        METHODS.get(name, Kernel.control)(self, name, parts, operands)

    def unary_or_more(self, name, parts, operands):
        if name == 'neg' and parts[0][0] == 's':
            unsigned = 'u' + parts[0][1:]
            self.put(operands[0], f'0 - {self.value(operands[1], unsigned)}', unsigned)
        else:
            self.arithmetic(name, parts, operands)


METHODS = {'ld': Kernel.load, 'st': Kernel.store, 'mov': Kernel.move, 'setp': Kernel.set_predicate, 'selp': Kernel.select,
           'div': Kernel.divide, 'rem': Kernel.divide, 'shl': Kernel.shift, 'shr': Kernel.shift, 'bfi': Kernel.insert, 'min': Kernel.least,
           'max': Kernel.least, 'cvt': Kernel.convert, 'cvta': Kernel.convert_address, 'atom': Kernel.atomic, 'shfl': Kernel.shuffle,
           'cp': Kernel.copy_async, 'mma': Kernel.multiply}
METHODS |= dict.fromkeys(('and', 'or', 'xor', 'not'), Kernel.bits)
METHODS |= dict.fromkeys(('add', 'sub', 'mul', 'mad', 'fma', 'neg', 'abs', 'sqrt', 'rcp'), Kernel.unary_or_more)


def vector(operand):
    return operand[1:-1].replace(' ', '').split(',') if operand.startswith('{') else [operand]


def label(name):
    return name.replace('$', '')


def operands_of(text):
    """Split at commas that are outside of braces and brackets."""
    return [o.strip() for o in re.findall(r'(?:\{[^}]*\}|\[[^\]]*\]|[^,{\[])+', text)] if text.strip() else []


def statement(kernel, text):
    guard = re.match(r'@(!?)(%p\d+)\s+', text)
    if guard:
        kernel.emit(f'if ({guard.group(1)}{kernel.register(guard.group(2))}) {{')
        text = text[guard.end():]
    opcode, _, rest = text.partition(' ') if ' ' in text else (text, '', '')
    name, *parts = opcode.split('.')
    kernel.instruction(name, [p for p in parts if p not in ('uni',)], operands_of(rest))
    if guard:
        kernel.emit('}')


def declaration(kernel, text):
    """.reg and .shared and .local; False for anything else."""
    register = re.fullmatch(r'\.reg \.(\w+)\s+%(\w+)(?:<(\d+)>)?', text)
    if register:
        suffix, name, count = register.groups()
        for r in [name] if count is None else [f'{name}{i}' for i in range(int(count))]:
            kernel.registers[r] = C_TYPES[suffix]
        return True
    memory = re.fullmatch(r'\.(shared|local) \.align (\d+) \.b8\s+(\w+)\[(\d+)\]', text)
    if memory:
        space, align, name, count = memory.group(1), int(memory.group(2)), memory.group(3), int(memory.group(4))
        (kernel.shared if space == 'shared' else kernel.local)[name] = (align, count)
        return True
    return text.startswith('.pragma')


def place_shared(kernel):
    """Each at a multiple of what it says and of no more, so that nobody relies on luck; the size of all."""
    at = 0
    for name, (align, count) in kernel.shared.items():
        at = (at + 2 * align - 1) // (2 * align) * (2 * align) + align
        kernel.shared[name] = at
        at += count
    return at


def translate_kernel(mangled, body):
    kernel = Kernel(mangled)
    statements = [s.strip() for s in re.split(r';|(?<=:)\n', body)]
    rest = [re.sub(r'\s+', ' ', s) for s in statements if s and not declaration(kernel, re.sub(r'\s+', ' ', s))]
    shared = place_shared(kernel)
    for text in rest:
        if text.endswith(':'):
            kernel.lines.append(f'{label(text)};')
            continue
        try:
            statement(kernel, text)
        except (Unknown, KeyError, ValueError, AttributeError) as e:
            kernel.refused = kernel.refused or f'{text}: {e or type(e).__name__}: not known to ptx_to_c.py'
    return c_of(kernel, shared)


def c_of(kernel, shared):
    used = set(re.findall(r'\w+', '\n'.join(kernel.lines)))
    lines = ['', f'const bool ptx_{kernel.name}_strides = {int(kernel.strides)};', f'void ptx_{kernel.name}(const void *args)', '{']
    if kernel.refused:
        return '\n'.join(lines + [f'    emu_die({json.dumps(kernel.refused)});', '}'])
    for c_type, poison in (('bool', 'true'), ('uint16_t', '0x8888'), ('uint32_t', '0x88888888u'), ('uint64_t', '0x8888888888888888ull'),
                           ('float', '-1e30f'), ('double', '-1e300')):
        names = [r for r, t in kernel.registers.items() if t == c_type and r in used]
        if names:
            lines.append(f'    {c_type} ' + ', '.join(f'{r} = {poison}' for r in names) + ';')
    lines += ['    uint64_t ptx_at, ptx_wide;', '    float ptx_d[4];', '    uint32_t ptx_a[4], ptx_b[2];']
    if shared:
        lines += [f'    static PTX_ALIGNED unsigned char shared[{shared}];', '    static uint64_t block;', '    if (block != emu_block) {',
                  '        block = emu_block;', '        memset(shared, 0x88, sizeof shared);', '    }']
    for align, count in kernel.local.values():
        lines.append(f'    _Alignas({align}) unsigned char local[{count}];')
    return '\n'.join(lines + kernel.lines + ['}'])


def main():
    with open(sys.argv[1], encoding='utf-8') as f:
        text = re.sub(r'//[^\n]*', '', f.read())
    out = ['/* Made by ptx_to_c.py. */', '#include "ptx.h"']
    for mangled, body in re.findall(r'\.entry (\w+)\([^)]*\)[^{]*\{\n(.*?)\n\}', text, re.S):
        out.append(translate_kernel(mangled, body))
    if len(out) - 2 != text.count('.entry'):
        sys.exit(f'{sys.argv[1]}: kernels that could not be told apart')
    with open(sys.argv[2], 'w', encoding='utf-8') as f:
        f.write('\n'.join(out) + '\n')


main()

# SPDX-License-Identifier: Apache-2.0
"""What the rooms may see of each other, what users see of the library.

headers.py layers ROOT                   #includes against the table of rooms
headers.py compile ROOT c|c++ COMPILER   every public header alone, and one program against all of them
headers.py symbols NM ARCHIVE            only vs_ symbols leave the library
"""
import pathlib
import re
import subprocess
import sys

# Each room uses only rooms of a lower rank, and itself.
RANK = {"base": 0, "json": 1, "format": 2, "tokenizer": 3, "model": 3, "plan": 4, "exec": 5, "forward": 5, "check": 6,
        "report": 7}
PUBLIC = {"err": "base", "output": "base", "vs": "base", "tensor": "base", "checkpoint": "model", "tokenizer": "tokenizer", "plan": "plan",
          "forward": "forward", "check": "check", "report": "report"}
TOOL_LINES = 150 # of a tool: parse, call, render; what tools share is cli*.c
USE_KERNELS = {"exec", "forward", "check"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<(.*?)>|"(.*?)")', re.M)


def includes(path):
    """(name, in quotes?) of every #include of a file."""
    text = path.read_text(encoding="utf-8")
    return [(angle or quoted, bool(quoted)) for angle, quoted in INCLUDE.findall(text)]


def room_of(name, rooms):
    """The room an include belongs to; None for a header of the system."""
    if name.startswith("vs/"):
        return PUBLIC.get(pathlib.PurePath(name).stem, "unknown public header")
    first = name.split("/")[0]
    return first if first in rooms else None


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in {".c", ".h", ".cu", ".cuh", ".inc"})


def check_room(root, room):
    kernel_headers = {p.name for p in sources(root / "kernels") if p.suffix == ".h"}
    for path in sources(root / "lib" / room):
        for name, quoted in includes(path):
            target = room_of(name, RANK)
            if pathlib.PurePath(name).name in kernel_headers and target is None:
                if room not in USE_KERNELS:
                    yield f"{path}: {name}: only {', '.join(sorted(USE_KERNELS))} call kernels"
            elif target is None:
                if quoted and not (path.parent / name).exists():
                    yield f"{path}: {name}: in quotes, but of no room"
            elif target not in RANK:
                yield f"{path}: {name}: {target}"
            elif target != room and RANK[target] >= RANK[room]:
                yield f"{path}: {name}: {room} stands left of or beside {target}"
            elif target != room and name.endswith("impl.h"):
                yield f"{path}: {name}: what is inside {target} is its own business: ask through a function"


def check_layers(root):
    problems = []
    rooms = sorted(p.name for p in (root / "lib").iterdir() if p.is_dir() and p.name != "include")
    problems += [f"lib/{r}: a room that is not in the table" for r in rooms if r not in RANK]
    for room in rooms:
        problems += check_room(root, room) if room in RANK else []
    for path in sources(root / "lib" / "include"):
        own = PUBLIC.get(path.stem)
        if own is None:
            problems.append(f"{path}: a public header that is not in the table")
        for name, quoted in includes(path):
            target = room_of(name, {})
            if quoted or (own and target and RANK.get(target, 99) > RANK[own]):
                problems.append(f"{path}: {name}: public headers include <vs/...> of rooms to their left only")
    for path in sources(root / "kernels"):
        for name, quoted in includes(path):
            own = quoted and any(p.name == pathlib.PurePath(name).name for p in sources(root / "kernels"))
            if not own and (quoted or name.startswith("vs/")) and name not in {"vs/err.h", "vs/tensor.h"}:
                problems.append(f"{path}: {name}: kernels include nothing of lib but vs/err.h and vs/tensor.h")
    for path in sources(root / "tools"):
        for name, quoted in includes(path):
            if quoted and name != "cli.h" or not quoted and room_of(name, RANK) and not name.startswith("vs/"):
                problems.append(f"{path}: {name}: tools include <vs/...> and cli.h only")
    for path in sorted((root / "tools").glob("*.c")):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > TOOL_LINES and not path.name.startswith("cli"):
            problems.append(f"{path}: {lines} lines, a tool has {TOOL_LINES} at most: is it all parsing, calling and rendering?")
    seen = sum(len(sources(root / d)) for d in ("lib", "kernels", "tools"))
    if seen < 30:
        problems.append(f"only {seen} files looked at: is {root} the source root?")
    return problems


def compile_one(compiler, language, root, text, what):
    flags = ["-std=c11"] if language == "c" else ["-std=c++11"]
    command = compiler + flags + ["-x", language, "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I",
                                  str(root / "lib" / "include"), "-"]
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    return [f"{what} as {language}:\n{done.stderr}"] if done.returncode else []


def check_compile(root, language, compiler):
    names = sorted(p.name for p in (root / "lib" / "include" / "vs").glob("*.h"))
    problems = [] if names else ["no public headers found"]
    for name in names:
        twice = f"#include <vs/{name}>\n#include <vs/{name}>\nint vs_test_unit;\n"
        problems += compile_one(compiler, language, root, twice, name)
        text = (root / "lib" / "include" / "vs" / name).read_text(encoding="utf-8")
        if "(" in re.sub(r"/\*.*?\*/", "", text, flags=re.S) and 'extern "C"' not in text and "VS_C_BEGIN" not in text:
            problems.append(f"{name}: declares functions without C linkage for C++")
    everything = "".join(f"#include <vs/{n}>\n" for n in reversed(names))
    return problems + compile_one(compiler, language, root, everything + "int vs_test_unit;\n", "all headers together")


def check_symbols(nm, archive):
    done = subprocess.run([nm, "-g", "--defined-only", archive], text=True, capture_output=True, check=True)
    names = [line.split()[-1] for line in done.stdout.splitlines() if len(line.split()) == 3]
    problems = [f"{n}: leaves the library without the prefix vs_" for n in names if not n.startswith("vs_")]
    twice = sorted({n for n in names if names.count(n) > 1})
    problems += [f"{n}: defined more than once" for n in twice]
    return problems + ([] if "vs_version" in names else ["vs_version: not found: is this the library?"])


def main(argv):
    if argv[1] == "layers":
        problems = check_layers(pathlib.Path(argv[2]))
    elif argv[1] == "compile":
        problems = check_compile(pathlib.Path(argv[2]), argv[3], argv[4:])
    else:
        problems = check_symbols(argv[2], argv[3])
    print("\n".join(problems) or "ok")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

# SPDX-License-Identifier: Apache-2.0
"""Runs a command again and again; each time the next call of a kind fails, until the command gets through.

sweep.py SHIM new DIR -- COMMAND...        COMMAND writes OUT, where {out} stands in it
sweep.py SHIM force DIR -- COMMAND...      the same, and OUT is there before with other files in it
sweep.py SHIM inplace DIR -- COMMAND...    COMMAND changes a copy of DIR, where {dir} stands in it
sweep.py SHIM print DIR -- COMMAND...      COMMAND writes nothing but its standard output

MODE,FAULT in place of MODE: that fault happens in every run as well, such as inplace,rename2:1:EINVAL+ for a file system that
cannot exchange names.

DIR holds the inputs ({dir} in COMMAND). SCRIPT.py or SCRIPT.py:SUB in its place makes them: SCRIPT.py FOLDER is run, and
FOLDER/SUB is DIR. After every run: the command failed with one line and nothing changed, or it
did its work completely; no temporary file is left; the inputs are as they were. An interrupted or short call must not be
noticed at all. A killed command leaves OUT absent or complete. An interrupted one (SIGINT) ends with 130 and has changed
nothing, or it was done already.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

FAULTS = [("open", "EIO"), ("open", "EACCES"), ("read", "EIO"), ("read", "EOF"), ("write", "EIO"), ("write", "ENOSPC+"), ("sync", "EIO"),
          ("rename", "EIO"), ("reserve", "ENOSPC+"), ("copy", "EIO"), ("mkdir", "ENOSPC+"), ("close", "EIO"),
          ("alloc", "ENOMEM"), ("alloc", "ENOMEM+")]
# What a file system may lack, and what may happen at any time: the work is done all the same.
HARMLESS = [("read", "EINTR"), ("read", "SHORT"), ("write", "EINTR"), ("write", "SHORT"), ("copy", "SHORT"), ("copy", "EOF"), ("copy", "EINTR"),
            ("copy", "EXDEV+"), ("reserve", "EOPNOTSUPP"), ("link", "EXDEV+"), ("open", "EINTR"), ("reserve", "EINTR"),
            ("rename", "EINVAL"), ("rename", "ENOSYS")]
KILLS = [("write", "KILL"), ("copy", "KILL"), ("sync", "KILL"), ("rename", "KILL")]
INTERRUPTS = [("open", "INT"), ("read", "INT"), ("write", "INT"), ("copy", "INT"), ("sync", "INT"), ("rename", "INT")]
READING = [("open", "EIO"), ("read", "EIO"), ("alloc", "ENOMEM"), ("alloc", "ENOMEM+")] # of a command that writes nothing
SKIPPED = 77


def tree(path):
    """Names and hashes of everything below a path; None when it is not there."""
    if not path.exists():
        return None
    return {str(p.relative_to(path)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "dir"
            for p in sorted(path.rglob("*"))}


class Sweep:
    def __init__(self, shim, mode, source, command):
        self.shim, self.command = shim, command
        self.mode, _, self.too = mode.partition(",")
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="vocabsurgeon-faults-"))
        script, _, sub = source.partition(":")
        self.source = self.work / "made" / sub if script.endswith(".py") else pathlib.Path(source)
        if script.endswith(".py"):
            subprocess.run([sys.executable, script, str(self.work / "made")], check=True)
        self.problems, self.runs, self.interrupted = [], 0, 0
        self.reference = self.printed = None

    def prepare(self):
        """A fresh folder with the inputs; returns (folder, input folder, output folder)."""
        place = pathlib.Path(tempfile.mkdtemp(dir=self.work))
        inputs, out = place / "in", place / "out"
        shutil.copytree(self.source, inputs)
        if self.mode == "force":
            out.mkdir()
            (out / "former").write_text("former\n")
            (out / "receipt.json").write_text("{}\n")
        return place, inputs, out

    def run(self, place, inputs, out, fault):
        log = place / "fired"
        env = dict(os.environ, LD_PRELOAD=self.shim, VS_FAULT_LOG=str(log), LC_ALL="C")
        if fault:
            env["VS_FAULT"] = fault
        if self.too:
            env["VS_FAULT_TOO"] = self.too
        command = [a.replace("{out}", out.name).replace("{dir}", inputs.name) for a in self.command]
        # Relative paths: results name their inputs, and every run has a folder of its own.
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, timeout=120, check=False)
        fired = log.exists()
        if fired:
            log.unlink()
        self.runs += 1
        return done, fired

    def complaints(self, fault, done, inputs, out, before, harmless, how):
        """What is wrong after one run."""
        target = inputs if self.mode == "inplace" else out
        now, names = tree(target), {p.name for p in inputs.parent.iterdir()}
        if self.mode != "inplace" and tree(inputs) != before["in"]:
            yield "an input changed"
        if how == "KILL":
            if self.mode == "new" and now not in (before["target"], self.reference):
                yield "OUT is neither absent nor complete"
            if self.mode == "force" and now not in (before["target"], self.reference):
                yield "OUT is neither the former one nor complete"
            return
        text = done.stderr.decode(errors="replace")
        # The one thing that may stay: what OUT was before --force, when it cannot be removed; it is named.
        kept = {n for n in names if self.mode == "force" and n in text and "is complete, but" in text}
        if names - kept - {"in", "out"} or any(".tmp-" in n or ".partial-" in n for n in tree(inputs)):
            yield f"left behind: {sorted(names - kept - {'in', 'out'}) or 'a temporary file'}"
        if done.returncode == 0:
            if now != self.reference:
                yield "exit 0, but the result is not complete"
            if self.mode == "print" and done.stdout != self.printed:
                yield "exit 0, but something else was printed"
            return
        if harmless:
            yield f"exit {done.returncode}, but this is no reason to fail"
        if how == "INT":
            if done.returncode != 130 or now != before["target"]:
                yield f"exit {done.returncode}, expected 130 and everything as before"
            self.interrupted += 1
            return
        if done.returncode not in (3, 4):
            yield f"exit {done.returncode}, expected 3 or 4"
        if text.count("\n") != 1 or not text.strip():
            yield "the message is not one line"
        if text.strip().endswith(":"):
            yield "the message says nothing"
        if now not in (before["target"], self.reference):
            yield "failed, and the output is neither as before nor complete"

    def sweep(self, group, how, harmless=False):
        count = 0
        for n in range(1, 100000):
            if (n > 24 and n % 11) or (n > 200 and n % 47):
                continue  # the calls in a long loop are alike
            place, inputs, out = self.prepare()
            before = {"in": tree(inputs), "target": tree(inputs if self.mode == "inplace" else out)}
            fault = f"{group}:{n}:{how}"
            done, fired = self.run(place, inputs, out, fault)
            if not fired:
                shutil.rmtree(place)
                break
            count += 1
            for what in self.complaints(fault, done, inputs, out, before, harmless, how):
                self.problems.append(f"{fault}: {what}\n    {done.stderr.decode(errors='replace').strip()}")
            shutil.rmtree(place)
        print(f"{group} {how}: {count} faults")
        return count

    def all(self):
        place, inputs, out = self.prepare()
        done, _ = self.run(place, inputs, out, None)
        self.reference, self.printed = tree(inputs if self.mode == "inplace" else out), done.stdout
        if done.returncode != 0:
            self.problems.append(f"fails without a fault: {done.stderr.decode(errors='replace')}")
            return
        shutil.rmtree(place)
        if self.mode == "print":
            self.check_counts({f: self.sweep(*f) for f in READING}, ({"open"}, {"read"}, {"alloc"}))
            return
        counts = {f: self.sweep(*f) for f in FAULTS}
        # Without exchange of names a rename is all there is: that it fails is reason enough.
        counts.update({f: self.sweep(*f, True) for f in HARMLESS if not (self.too and f[0] == "rename")})
        if self.mode != "inplace":
            counts.update({f: self.sweep(*f) for f in KILLS})
        if pathlib.Path(self.command[0]).name != "stage":  # the library leaves signals to the programs
            counts.update({f: self.sweep(*f) for f in INTERRUPTS})
            if not self.interrupted:
                self.problems.append("no interrupt ended the command")
        self.check_counts(counts, ({"open"}, {"read", "copy"}, {"write"}, {"sync"}, {"rename"}, {"alloc"}))

    def check_counts(self, counts, wanted):
        for needed in wanted:
            if not any(n for (group, _), n in counts.items() if group in needed):
                self.problems.append(f"no fault of {needed} happened: the shim does not reach the program")
        # One call of a group can fail in every way: a way that never came is a mistake of this script or of the shim.
        busy = {group for (group, _), n in counts.items() if n}
        self.problems += [f"{group} {how} never happened, other faults of {group} did" for (group, how), n in counts.items()
                          if not n and group in busy]


def main(argv):
    shim, mode, source = os.path.abspath(argv[1]), argv[2], argv[3]
    command = argv[argv.index("--") + 1:]
    command[0] = os.path.abspath(command[0])
    probe = subprocess.run(command[:1] + ["--version"], env=dict(os.environ, LD_PRELOAD=shim), capture_output=True, check=False)
    if b"ASan runtime does not come first" in probe.stderr:
        print("SKIPPED: a sanitizer owns the allocator, the shim cannot stand before it")
        return SKIPPED
    sweep = Sweep(shim, mode, source, command)
    try:
        sweep.all()
    finally:
        shutil.rmtree(sweep.work)
    print(f"{sweep.runs} runs, {len(sweep.problems)} problems")
    print("\n".join(sweep.problems[:40]))
    return 1 if sweep.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

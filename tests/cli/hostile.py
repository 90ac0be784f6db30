# SPDX-License-Identifier: Apache-2.0
"""hostile.py TOOLS: names of files and keys that are no plain text reach neither a terminal nor a document as they are.

Prints TAP.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))
import fixture

FORBIDDEN = {*range(0, 10), *range(11, 32), 127}


def run(tools, cwd, *words):
    done = subprocess.run([os.path.join(tools, words[0]), *words[1:]], cwd=cwd, capture_output=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


def document(text):
    """Strict: invalid UTF-8 and raw control characters are errors."""
    return json.loads(text.decode("utf-8"))


def keys(tools, root):
    """ESC in keys of config.json, and U+0000 in a token."""
    model = root / "keys"
    rows = fixture.write_tokenizer(model, [("t", "h")], "<|\0end|>")
    fixture.write_model(model, rows)
    config = json.loads((model / "config.json").read_text())
    config["x\x1b[31mred"] = {"vocab_size": rows}
    config["y\x1b[31m_token_id"] = rows + 7
    fixture.write_json(model / "config.json", config)
    for words in (["vocab-inspect", "keys"], ["vocab-check", "keys"], ["vocab-check", "keys", "--base", "base"],
                  ["embed-extend", "keys", "--add", "2", "-n", "-v"], ["offset-patch", "keys", "--add", "2", "-n"]):
        _, out, err = run(tools, root, *words)
        assert not FORBIDDEN & set(out + err), f"{' '.join(words)}: a control character came out: {out + err!r}"
    config.pop("y\x1b[31m_token_id")
    fixture.write_json(model / "config.json", config)
    code, out, err = run(tools, root, "vocab-inspect", "--json", "keys")
    assert code == 0, err
    tokens = [s["token"] for s in document(out)["special_ids"]]
    assert "<|\0end|>" in tokens, f"cut at U+0000: {tokens}"


def paths(tools, root):
    """Paths that are no UTF-8: every document can be read, and the chain goes on."""
    odd = os.fsencode(root) + b"/ger\xffman"
    shutil.copytree(os.fsencode(root / "ext"), odd)
    shutil.copytree(os.fsencode(root / "base"), os.fsencode(root) + b"/b\xffse")
    code, out, err = run(tools, root, "vocab-merge", "base", b"ger\xffman", "--json", "-o", b"m\xff")
    assert code == 0, err
    document(out)
    shutil.copytree(os.fsencode(root) + b"/m\xff", os.fsencode(root / "merged-odd"))
    entries = document((root / "merged-odd" / "vocab-map.json").read_bytes())["new"]
    assert {e["source"] for e in entries} == {"ger\ufffdman"}, entries[:2]
    code, out, err = run(tools, root, "embed-extend", b"b\xffse", "--map", "merged-odd/vocab-map.json", "-n", "--json")
    assert code == 0, err
    document(out)
    code, _, err = run(tools, root, "embed-extend", b"b\xffse", "--map", "merged-odd/vocab-map.json", "-o", "out-odd")
    assert code == 0, err
    document((root / "out-odd" / "receipt.json").read_bytes())
    for words in (["vocab-inspect", "--json", b"b\xffse"], ["vocab-check", "--json", b"b\xffse", "--base", "base"]):
        code, out, err = run(tools, root, *words)
        assert code == 0, err
        document(out)


def names(tools, root):
    """ESC, a line feed and invalid UTF-8 in the names of folders: what is said shows them, and the command that is to be copied works."""
    odd = "n\x1b[31m\n\udcffo 'x"
    shutil.copytree(root / "base", root / odd)
    shutil.copytree(root / "ext", root / ("ext" + odd))
    told = b""
    for words in (["vocab-merge", odd, "ext" + odd, "-o", "m" + odd], ["vocab-merge", odd, "ext" + odd, "-n", "-v"],
                  ["vocab-merge", odd, "ext" + odd, "-o", "m" + odd], ["embed-extend", odd, "--map", f"m{odd}/vocab-map.json", "-o", "o" + odd],
                  ["embed-extend", odd, "--map", f"m{odd}/vocab-map.json", "-o", "o" + odd], ["offset-patch", odd, "--add", "2", "-o", "p" + odd],
                  ["vocab-check", odd, "--prompt", "a", "--dump-logits", f"{odd}/new.npy"]):
        _, out, err = run(tools, root, *words)
        told += out + err
        assert not FORBIDDEN & set(out + err), f"{' '.join(words)!r}: a control character came out: {out + err!r}"
        (out + err).decode("utf-8")
    assert b"wrote m" in told and b"wrote o" in told, told
    following = told.split(b"\nnext: embed-extend ")[1].split(b"\n")[0]
    shown = subprocess.run(["bash", "-c", b"printf '%s\\0' " + following], capture_output=True, check=True).stdout.split(b"\0")
    assert shown[0] == os.fsencode(odd) and shown[2] == os.fsencode(f"m{odd}/vocab-map.json"), shown


def long_name(tools, root):
    """The source of a token is the whole name of the extension's folder, wherever it stands."""
    deep = root / ("d" * 200) / ("e" * 200)
    shutil.copytree(root / "ext", deep)
    code, _, err = run(tools, root, "vocab-merge", "base", f"{deep}//", "-o", "merged-long")
    assert code == 0, err
    entries = document((root / "merged-long" / "vocab-map.json").read_bytes())["new"]
    assert {e["source"] for e in entries} == {"e" * 200}, entries[:1]


def main(argv):
    failed = 0
    cases = [keys, paths, names, long_name]
    print(f"1..{len(cases)}")
    with tempfile.TemporaryDirectory(prefix="vocabsurgeon-hostile-") as folder:
        root = pathlib.Path(folder)
        fixture.main(["", folder])
        for i, case in enumerate(cases):
            try:
                case(os.path.abspath(argv[1]), root)
                print(f"ok {i + 1} - {case.__name__}")
            except (AssertionError, ValueError) as e:
                failed += 1
                print(f"not ok {i + 1} - {case.__name__}")
                print("# " + str(e).replace("\n", "\n# ")[:1500])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))

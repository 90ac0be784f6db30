# SPDX-License-Identifier: Apache-2.0
"""What happens to outputs when the real world gets in the way: full disks, closed ends, signals, a run that is killed.

outputs.py TOOLS_FOLDER      prints TAP

After a refusal or failure the input is as it was and nothing stands beside it. A full disk is a small tmpfs: as root, or in
a user namespace (unshare -rm); skipped aloud where neither is allowed.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from fixture import write_blocks, write_model, write_tokenizer  # noqa: E402

TOOLS = pathlib.Path(sys.argv[1]).resolve()
ENV = dict(os.environ, LC_ALL='C.UTF-8', NO_COLOR='1', ASAN_OPTIONS='exitcode=99', UBSAN_OPTIONS='halt_on_error=1')
PIECE = 4096


def tree(path):
    """Names, and hashes or targets, of everything below a path."""
    return {str(p.relative_to(path)): os.readlink(p) if p.is_symlink() else
            hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() and p.stat().st_size < 1 << 24 else p.stat().st_size
            for p in sorted(path.rglob('*'))}


def run(words, folder, stdout=subprocess.PIPE):
    done = subprocess.run([str(TOOLS / words[0]), *map(str, words[1:])], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, stdout=stdout,
                          stderr=subprocess.PIPE, timeout=300, check=False)
    err = done.stderr.decode(errors='replace')
    assert done.returncode != 99 and 'Sanitizer' not in err and 'runtime error' not in err, err
    return done.returncode, (done.stdout or b'').decode(errors='replace'), err


@contextlib.contextmanager
def inputs():
    with tempfile.TemporaryDirectory(prefix='vs-outputs-') as folder:
        folder = pathlib.Path(folder)
        for name in ('base', 'ext', 'blocks'):
            (folder / name).mkdir()
        write_model(folder / 'base', write_tokenizer(folder / 'base', [('t', 'h'), ('th', 'e'), ('i', 'n')], '<|end|>'))
        write_tokenizer(folder / 'ext', [('s', 'c'), ('sc', 'h'), ('t', 'h'), ('e', 'i')], '<|ende|>')
        write_blocks(folder / 'blocks')
        yield folder


def writers(out, place='.'):
    """The three programs that write, into OUT."""
    base, ext, blocks = (f'{place}/{n}' for n in ('base', 'ext', 'blocks'))
    return {'vocab-merge': ['vocab-merge', base, ext, '-o', out],
            'embed-extend': ['embed-extend', base, '--add', '3', '-o', out],
            'offset-patch': ['offset-patch', blocks, '--add', '2', '-o', out]}


def readers():
    return {'vocab-inspect': ['vocab-inspect', 'base'], 'vocab-check': ['vocab-check', 'base']}


def expect_refusal(folder, words, says, code=4):
    before = tree(folder)
    status, out, err = run(words, folder)
    assert status == code, f'{words}: status {status}, expected {code}: {err}'
    assert says in err and err.count('\n') == 1, f'{words}: {err}'
    assert out == '', f'{words}: printed before it refused: {out}'
    assert tree(folder) == before, f'{words}: changed {sorted(set(tree(folder).items()) ^ set(before.items()))}'


# ---- places that are refused ----

def into_inputs():
    """-o the input itself, inside of it, around it, or with a hard link of one of its files"""
    with inputs() as f:
        for tool in writers('x'):
            source = 'blocks' if tool == 'offset-patch' else 'base'
            expect_refusal(f, writers(source)[tool], 'is the input itself')
            expect_refusal(f, writers(source + '/')[tool] + ['--force'], 'is the input itself')
            expect_refusal(f, writers(source + '/inside')[tool], 'lies in the input directory')
            (f / 'way').symlink_to(source)
            expect_refusal(f, writers('way/inside')[tool], 'lies in the input directory')
            (f / 'way').unlink()
            (f / 'linked').mkdir()
            os.link(f / source / 'config.json', f / 'linked' / 'config.json')
            expect_refusal(f, writers('linked')[tool] + ['--force'], 'the same file, by a link')
            shutil.rmtree(f / 'linked')
            expect_refusal(f, writers(str(f))[tool] + ['--force'], 'holds the input')
        expect_refusal(f, ['vocab-merge', 'base', 'ext', '-o', 'ext', '--force'], 'is the input itself')
        expect_refusal(f, ['embed-extend', 'base', '--tokenizer', 'ext', '-o', 'ext/o'], 'lies in the input directory')


def not_empty():
    """a directory with something in it needs --force; a file is refused always"""
    with inputs() as f:
        (f / 'full').mkdir()
        (f / 'full' / 'mine').write_text('mine')
        for tool, words in writers('full').items():
            expect_refusal(f, words + ['--force'], 'holds mine, but no receipt')
        assert (f / 'full' / 'mine').read_text() == 'mine'
        (f / 'full' / 'config.json').write_text('{}')
        (f / 'file').write_text('file')
        for tool, words in writers('full').items():
            expect_refusal(f, words, 'is not empty; --force replaces it')
            expect_refusal(f, writers('file')[tool] + ['--force'], 'exists and is no directory')
            expect_refusal(f, writers('nowhere/out')[tool], 'cannot open the directory for the output')
            assert run(words + ['--force'], f)[0] == 0 and not (f / 'full' / 'mine').exists()
            assert not list(f.glob('full.partial-*'))


def through_links():
    """OUT may not be a link, dangling or not; links on the way to it are the user's own"""
    with inputs() as f:
        (f / 'elsewhere').mkdir()
        (f / 'link').symlink_to('elsewhere')
        (f / 'dangling').symlink_to('nowhere')
        for tool in writers('x'):
            for name in ('link', 'link/', 'dangling'):
                expect_refusal(f, writers(name)[tool] + ['--force'], 'is a link')
            assert run(writers('link/out')[tool], f)[0] == 0
            assert list(f.glob('elsewhere/out/tokenizer.json' if tool != 'offset-patch' else 'elsewhere/out/config.json'))
            shutil.rmtree(f / 'elsewhere' / 'out')
        shutil.move(f / 'blocks' / 'config.json', f / 'elsewhere' / 'config.json')
        (f / 'blocks' / 'config.json').symlink_to('../elsewhere/config.json')
        expect_refusal(f, ['offset-patch', 'blocks', '--add', '2', '--in-place'], 'is a link')


def hugging_face_cache():
    """nothing is written into a cache, by whatever way it is reached, and its files are not replaced in place"""
    with inputs() as f:
        repo = f / 'hub' / 'models--org--name'
        (repo / 'blobs').mkdir(parents=True)
        shutil.copytree(f / 'blocks', repo / 'snapshots' / 'main')
        (f / 'way').symlink_to(repo / 'snapshots')
        for tool in writers('x'):
            for name in ('hub/models--org--name/snapshots/new', 'hub/models--org--name/blobs/new', 'way/new', 'hub/models--org--name/new'):
                expect_refusal(f, writers(name)[tool], 'Hugging Face cache')
        expect_refusal(f, ['offset-patch', 'hub/models--org--name/snapshots/main', '--add', '2', '--in-place'], 'Hugging Face cache')
        expect_refusal(f, ['offset-patch', 'way/main', '--add', '2', '--in-place'], 'Hugging Face cache')


# ---- full disks ----

@contextlib.contextmanager
def small_disk(path, size):
    path.mkdir(exist_ok=True)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size}', 'tmpfs', str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(['umount', str(path)], check=True)


def on_a_full_disk(tool, words, f, prepare=lambda disk: None):
    """A little larger each time, until the program gets through; returns how often it did not."""
    failures = 0
    for size in range(1, 400):
        with small_disk(f / 'disk', size * PIECE) as disk:
            try:
                prepare(disk)
            except OSError:
                continue  # too small for what is there before
            before, inside = tree(f / 'base'), tree(disk)
            status, _, err = run(words, f)
            assert tree(f / 'base') == before, f'{words}: the input changed'
            if status == 0:
                assert failures, f'{tool}: never failed'
                return failures
            assert status == 4 and 'o space left on device' in err and 'Traceback' not in err, f'{size} pages: {status} {err}'
            assert tree(disk) == inside, f'{words}: left {sorted(set(tree(disk)) ^ set(inside))}'
            failures += 1
    raise AssertionError(f'{tool} never got through')


def full_disk():
    """OUT on a disk that is full: at every page more it fails cleanly, until there is enough room"""
    with inputs() as f:
        for tool, words in writers('disk/out').items():
            on_a_full_disk(tool, words, f)


def full_disk_with_force():
    """the same over a former OUT, which stays until the new one is complete"""
    def former(disk):
        (disk / 'out').mkdir()
        (disk / 'out' / 'former').write_bytes(bytes(3 * PIECE))
        (disk / 'out' / 'receipt.json').write_bytes(b'{}')
    with inputs() as f:
        for tool, words in writers('disk/out').items():
            on_a_full_disk(tool, words + ['--force'], f, former)


def full_disk_in_place():
    """--in-place on a disk that is full"""
    with inputs() as f:
        on_a_full_disk('offset-patch', ['offset-patch', 'disk/blocks', '--add', '2', '--in-place'], f,
                       lambda disk: shutil.copytree(f / 'blocks', disk / 'blocks'))


# ---- standard output ----

def dev_full():
    """a result that cannot be written is status 4, for every program and for help, version and JSON"""
    with inputs() as f, open('/dev/full', 'wb') as full:
        for tool in ('vocab-inspect', 'vocab-check', 'vocab-merge', 'embed-extend', 'offset-patch'):
            for words in (['--help'], ['-h'], ['--version'], ['--help-man'], ['--help-bash'], ['--help-zsh'], ['--help-fish']):
                status, _, err = run([tool, *words], f, full)
                assert status == 4 and 'standard output: No space left on device' in err, f'{tool} {words}: {status} {err}'
        for tool, words in {**readers(), **writers('out')}.items():
            for more in ([], ['--json'], ['-n'], ['-n', '--json'], ['-v']):
                if '-n' in more and tool in readers():
                    continue
                status, _, err = run(words + more, f, full)
                assert status == 4 and 'standard output: No space left on device' in err, f'{words + more}: {status} {err}'
                assert err.count('No space left') == 1, err
                assert not list(f.glob('out.partial-*')), words
                shutil.rmtree(f / 'out', ignore_errors=True)
        status, _, _ = run(['offset-patch', 'blocks', '--check'], f, full)
        assert status == 4


# ---- signals ----

def write_large(folder, megabytes):
    """A model with a table of so many megabytes, as a sparse file, and a norm behind it."""
    folder.mkdir()
    rows = megabytes * 1024
    header = json.dumps({'model.embed_tokens.weight': {'dtype': 'F32', 'shape': [rows, 256], 'data_offsets': [0, rows * 1024]},
                         'model.norm.weight': {'dtype': 'F32', 'shape': [256], 'data_offsets': [rows * 1024, rows * 1024 + 1024]}}).encode()
    with open(folder / 'model.safetensors', 'wb') as w:
        w.write(struct.pack('<Q', len(header)) + header)
        w.truncate(8 + len(header) + rows * 1024 + 1024)
    (folder / 'config.json').write_text(json.dumps({'model_type': 'llama', 'vocab_size': rows, 'hidden_size': 256, 'tie_word_embeddings': True}))


def start(words, folder, hangup=signal.SIG_DFL):
    """hangup: what SIGHUP does at first, whatever these tests themselves run under (nohup)."""
    return subprocess.Popen([str(TOOLS / words[0]), *map(str, words[1:])], cwd=folder, env=ENV, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup))


def wait_for(child, folder, pattern):
    """Until a name appears, or the program ends."""
    while child.poll() is None and not list(folder.glob(pattern)):
        time.sleep(0.0005)


def interrupted(words, folder, number, pattern, delay):
    """Sends the signal when the name has appeared and a little later; True when it came in time."""
    child = start(words, folder)
    wait_for(child, folder, pattern)
    time.sleep(delay)
    child.send_signal(number)
    _, err = child.communicate(timeout=120)
    err = err.decode(errors='replace')
    too_early = (-number,) if '-o' not in words else ()  # before main(): nothing shows when a reader has begun
    assert child.returncode in (0, 130, *too_early), f'{words}: {child.returncode} {err}'
    if child.returncode == 130:
        writes = words[0] not in ('vocab-inspect', 'vocab-check')
        assert err.endswith('interrupted; nothing is left behind\n' if writes else 'interrupted\n'), err
        assert not (folder / 'out').exists() and not list(folder.glob('out*')), sorted(folder.glob('out*'))
    shutil.rmtree(folder / 'out', ignore_errors=True)
    return child.returncode == 130


def signals():
    """SIGINT, SIGTERM and SIGHUP half way: 130, no OUT, nothing left"""
    with inputs() as f:
        write_large(f / 'large', 300)
        (f / 'words').write_text(''.join(f'word{i}\n' for i in range(60000)))
        before = tree(f)
        commands = {'embed-extend': (['embed-extend', 'large', '--rows', 300 * 1024 + 64, '-o', 'out', '-q'], 'out.partial-*'),
                    'embed-extend --verify': (['embed-extend', 'large', '--rows', 300 * 1024 + 64, '--verify', '-o', 'out', '-q'], 'out.partial-*'),
                    'vocab-merge': (['vocab-merge', 'base', '--tokens-file', 'words', '-o', 'out', '-q'], 'out.partial-*'),
                    'vocab-inspect --rows': (['vocab-inspect', 'large', '--rows'], 'large'),
                    'vocab-check': (['vocab-check', 'large', '--device', 'cpu'], 'large')}
        for name, (words, pattern) in commands.items():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                hits = sum(interrupted(words, f, number, pattern, delay) for delay in (0.02, 0.01, 0.05, 0.1, 0.03))
                assert hits, f'{name}: no signal came in time'
        assert tree(f) == before


def nohup():
    """SIGHUP where it is ignored, as under nohup: the work goes on"""
    with inputs() as f:
        write_large(f / 'large', 300)
        child = start(['embed-extend', 'large', '--rows', 300 * 1024 + 64, '-o', 'out', '-q'], f, signal.SIG_IGN)
        wait_for(child, f, 'out.partial-*')
        assert child.poll() is None, 'the signal comes too late'
        child.send_signal(signal.SIGHUP)
        _, err = child.communicate(timeout=120)
        assert child.returncode == 0 and (f / 'out').is_dir(), (child.returncode, err)


def killed():
    """kill -9 at any time: OUT is absent or complete; the next run says what is left, and --force removes it"""
    with inputs() as f:
        write_large(f / 'large', 100)
        words = ['embed-extend', 'large', '--rows', 100 * 1024 + 64, '-o', 'out']
        assert run(words, f)[0] == 0
        complete = tree(f / 'out')
        shutil.rmtree(f / 'out')
        rng, left = random.Random(1), 0
        for _ in range(20):
            child = start(words + ['-q'], f)
            wait_for(child, f, 'out.partial-*')
            time.sleep(rng.random() * 0.2)
            child.kill()
            child.communicate()
            if (f / 'out').exists():
                assert tree(f / 'out') == complete, 'a half-written OUT stands under its final name'
                shutil.rmtree(f / 'out')
            left += bool(list(f.glob('out.partial-*')))
        assert left, 'no run was killed in time'
        partials = sorted(p.name for p in f.glob('out.partial-*'))
        status, _, err = run(words, f)
        assert status == 0 and tree(f / 'out') == complete, err
        for name in partials:
            assert f'{name}: left by a run that was killed; --force removes it\n' in err, err
            assert (f / name).is_dir(), 'it was not asked to remove it'
        expect_refusal(f, words, 'is not empty; --force replaces it')
        (f / 'out.partial-mine').mkdir()
        (f / 'out.partial-abcdef').write_text('a file of that name is nobody\'s leftover')
        status, _, err = run(words + ['--force'], f)
        assert status == 0 and tree(f / 'out') == complete, err
        assert all(f'{name}: left by a run that was killed; removed\n' in err for name in partials), err
        assert sorted(p.name for p in f.glob('out.partial-*')) == ['out.partial-abcdef', 'out.partial-mine']


def killed_beside_a_live_one():
    """a run that is still at work is told apart from a dead one, and is not disturbed"""
    with inputs() as f:
        write_large(f / 'large', 300)
        words = ['embed-extend', 'large', '--rows', 300 * 1024 + 64, '-o', 'out', '-q']
        child = start(words, f)
        wait_for(child, f, 'out.partial-*')
        time.sleep(0.02)
        child.send_signal(signal.SIGSTOP)
        alive = [p.name for p in f.glob('out.partial-*')]
        status, _, err = run(['embed-extend', 'base', '--add', '3', '-o', 'out', '--force'], f)
        assert status == 0 and f'{alive[0]}: another run is writing there\n' in err, err
        child.send_signal(signal.SIGCONT)
        _, err = child.communicate(timeout=120)
        assert child.returncode == 4 and b'appeared while the output was written' in err, err
        assert not list(f.glob('out.partial-*')) and (f / 'out' / 'receipt.json').exists()


def killed_in_place():
    """what a killed --in-place has left makes the next one stop, before it changes anything"""
    with inputs() as f:
        (f / 'blocks' / '.config.json.tmp-abc012').write_text('{}')
        expect_refusal(f, ['offset-patch', 'blocks', '--add', '2', '--in-place'], '.config.json.tmp-abc012: left by a run that was killed')
        (f / 'blocks' / '.config.json.tmp-abc012').unlink()
        assert run(['offset-patch', 'blocks', '--add', '2', '--in-place'], f)[0] == 0


def shrinking_input():
    """an input that becomes shorter while it is read: an error, no OUT"""
    with inputs() as f:
        hits = 0
        for delay in (0.0, 0.01, 0.02, 0.04):
            write_large(f / 'large', 300)
            child = start(['embed-extend', 'large', '--rows', 300 * 1024 + 64, '-o', 'out', '-q'], f)
            wait_for(child, f, 'out.partial-*')
            time.sleep(delay)
            os.truncate(f / 'large' / 'model.safetensors', 4096)
            _, err = child.communicate(timeout=120)
            if child.returncode:
                hits += 1
                assert child.returncode == 3 and (b'shrank' in err or b'changed while it was read' in err), err
                assert not list(f.glob('out*')), sorted(f.glob('out*'))
            shutil.rmtree(f / 'out', ignore_errors=True)
            shutil.rmtree(f / 'large')
        assert hits, 'the input never shrank in time'


CASES = [into_inputs, not_empty, through_links, hugging_face_cache, dev_full, signals, nohup, killed, killed_beside_a_live_one,
         killed_in_place, shrinking_input]
FULL_DISKS = [full_disk, full_disk_with_force, full_disk_in_place]


def may_mount():
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', folder], capture_output=True, check=False).returncode == 0 and \
            subprocess.run(['umount', folder], check=False).returncode == 0


def main(argv):
    """With --mounted: in a mount namespace of our own, where only the full disks are played."""
    if '--mounted' in argv:
        if not may_mount():
            return 77
        for case in FULL_DISKS:
            case()
        return 0
    failed = 0
    for number, case in enumerate(CASES, 1):
        try:
            case()
            print(f'ok {number} - {case.__doc__}', flush=True)
        except AssertionError as e:
            failed += 1
            print(f'not ok {number} - {case.__doc__}\n# ' + str(e).replace('\n', '\n# '), flush=True)
    number = len(CASES) + 1
    what = 'full disks (' + '; '.join(c.__name__ for c in FULL_DISKS) + ')'
    for unshare in (['unshare', '-m'], ['unshare', '-rm']):
        done = subprocess.run([*unshare, sys.executable, __file__, argv[1], '--mounted'], capture_output=True, text=True, check=False) \
            if shutil.which('unshare') else None
        if done and done.returncode in (0, 1) and not done.stderr.startswith('unshare:'):
            print(f'{"ok" if done.returncode == 0 else "not ok"} {number} - {what}')
            failed += done.returncode
            print(''.join(f'# {line}\n' for line in done.stderr.splitlines()[-3:]), end='')
            break
    else:
        print(f'ok {number} - {what} # SKIP this user may not mount a tmpfs')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))

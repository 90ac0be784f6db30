#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""embed-extend where files can share blocks: a loop-mounted image of btrfs and of xfs.

    reflink.py TOOLS_DIR MEGABYTES      prints TAP; size of the model

New blocks are counted by the file system itself (FIEMAP): at most 1.05 times (touched tensors + new rows). A disk that has
room for those, but not for a second model, is enough. The bytes are those that come out where nothing is shared.
Skips aloud where images cannot be made or mounted.
"""
import fcntl
import filecmp
import json
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', 'support'))
from tap import check, end, skip

TOOLS, SIZE = sys.argv[1], int(sys.argv[2]) << 20
COLS, ADDED = 512, 1000


def quiet(*words):
    return subprocess.run(words, capture_output=True, text=True)


def write_shard(path, tensors):
    header, at = {'__metadata__': {'format': 'pt'}}, 0
    for name, shape in tensors:
        size = 2 * shape[0] * shape[1]
        header[name] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    row = b''.join(struct.pack('<H', 0x3c00 + i * 37 % 0x300) for i in range(512 * COLS))
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for left in range(at, 0, -len(row)):
            f.write(row[:left])
    return at


def make_model(folder):
    """A quarter of the bytes is the table, in the first of two shards; nothing is a whole number of blocks."""
    rows, rest = SIZE // 4 // (2 * COLS) + 3, SIZE * 3 // 8 // (2 * COLS) + 5
    shards = {'model-00001-of-00002.safetensors': [('model.embed_tokens.weight', [rows, COLS]), ('model.layers.0.mlp.up_proj.weight', [rest, COLS])],
              'model-00002-of-00002.safetensors': [('model.layers.1.mlp.up_proj.weight', [rest, COLS])]}
    os.mkdir(folder)
    total = sum(write_shard(os.path.join(folder, name), tensors) for name, tensors in shards.items())
    with open(os.path.join(folder, 'model.safetensors.index.json'), 'w', encoding='utf-8') as f:
        json.dump({'metadata': {'total_size': total}, 'weight_map': {t: name for name, ts in shards.items() for t, _ in ts}}, f)
    with open(os.path.join(folder, 'config.json'), 'w', encoding='utf-8') as f:
        json.dump({'model_type': 'qwen2', 'vocab_size': rows, 'tie_word_embeddings': True, 'hidden_size': COLS}, f)
    return 2 * COLS * (rows + ADDED)


def own_bytes(path):
    """Bytes of a file in blocks that no other file has."""
    own, start = 0, 0
    with open(path, 'rb') as f:
        os.fsync(f.fileno())
        while True:
            answer = bytearray(struct.pack('<QQIIII', start, 2**64 - 1 - start, 1, 0, 256, 0) + bytes(56 * 256))
            fcntl.ioctl(f.fileno(), 0xc020660b, answer) # FS_IOC_FIEMAP, after a sync
            count, flags = struct.unpack_from('<I', answer, 20)[0], 0
            for i in range(count):
                logical, _, length = struct.unpack_from('<QQQ', answer, 32 + 56 * i)
                flags = struct.unpack_from('<I', answer, 32 + 56 * i + 40)[0]
                own += 0 if flags & 0x2000 else length # FIEMAP_EXTENT_SHARED
                start = logical + length
            if count == 0 or flags & 1: # FIEMAP_EXTENT_LAST
                return own


def extend(kind, model, out):
    begin = time.monotonic()
    done = quiet(os.path.join(TOOLS, 'embed-extend'), '-q', model, '--add', str(ADDED), '-o', out)
    check(f'{kind}: embed-extend', done.returncode == 0, done.stderr)
    return time.monotonic() - begin


def same(a, b):
    names = sorted(os.listdir(a))
    return names == sorted(os.listdir(b)) and not any(filecmp.cmpfiles(a, b, names, shallow=False)[1:])


def story(kind, mnt, plain):
    model, out, again, copy = (os.path.join(mnt, n) for n in ('model', 'out', 'again', 'copy'))
    needed = make_model(model)
    seconds = extend(kind, model, out)
    own = sum(own_bytes(os.path.join(out, n)) for n in os.listdir(out))
    check(f'{kind}: {own / needed:.4f} of (touched tensors + new rows) are new blocks, limit 1.05', own <= 1.05 * needed, f'{own} {needed}')
    begin = time.monotonic()
    quiet('cp', '-r', '--reflink=never', model, copy)
    os.sync() # what embed-extend says is written is on the disk
    print(f'# {kind}: {SIZE / 1e9:.2f} GB, {seconds:.2f} s, {seconds / (time.monotonic() - begin):.2f} of cp -r and sync', flush=True)
    shutil.rmtree(copy)
    extend(kind, model, plain)
    check(f'{kind}: the same bytes as without shared blocks', same(out, plain))
    shutil.rmtree(out)
    os.sync()
    room = os.statvfs(mnt)
    spare = room.f_bavail * room.f_frsize - needed - SIZE // 4
    with open(os.path.join(mnt, 'filler'), 'wb') as f:
        os.posix_fallocate(f.fileno(), 0, max(spare, 1))
    os.sync()
    room = os.statvfs(mnt)
    check(f'{kind}: the disk has no room for a second model', room.f_bavail * room.f_frsize < 0.9 * SIZE, f'{room.f_bavail * room.f_frsize}')
    extend(kind, model, again)
    check(f'{kind}: still the same bytes', os.path.isdir(again) and same(again, plain))


def file_system(kind, folder):
    image, mnt = os.path.join(folder, kind + '.img'), os.path.join(folder, kind)
    options = {'btrfs': ['-q'], 'xfs': ['-q', '-m', 'reflink=1']}[kind]
    with open(image, 'wb') as f:
        f.truncate(max(512 << 20, 3 * SIZE))
    os.mkdir(mnt)
    if not shutil.which('mkfs.' + kind, path=os.environ.get('PATH', '') + ':/sbin:/usr/sbin'):
        return f'no mkfs.{kind}'
    made = subprocess.run(['mkfs.' + kind, *options, image], capture_output=True, text=True,
                          env={**os.environ, 'PATH': os.environ.get('PATH', '') + ':/sbin:/usr/sbin'})
    if made.returncode:
        return made.stderr.strip().split('\n')[-1]
    mounted = quiet('mount', '-o', 'loop', image, mnt)
    if mounted.returncode:
        return 'cannot mount: ' + mounted.stderr.strip().split('\n')[-1]
    try:
        story(kind, mnt, os.path.join(folder, kind + '-plain'))
    finally:
        quiet('umount', mnt)
    return None


def main():
    if shutil.which('unshare') and 'VS_UNSHARED' not in os.environ and quiet('unshare', '--mount', 'true').returncode == 0:
        os.environ['VS_UNSHARED'] = '1' # mounts end with this process, however it ends
        os.execvp('unshare', ['unshare', '--mount', sys.executable, *sys.argv])
    with tempfile.TemporaryDirectory(prefix='vs-reflink-') as folder:
        for kind in ('btrfs', 'xfs'):
            why = file_system(kind, folder)
            if why:
                skip(kind, why)
    end()


if __name__ == '__main__':
    main()

# SPDX-License-Identifier: Apache-2.0
"""Files of formats that are not read: every program refuses them by name (3), whatever is in them, and leaves nothing behind. GGUF
files are read by two of them, and refused like that by those that write.

foreign.py TOOLS_FOLDER      prints TAP; VS_CORPUS names a folder with real and hostile files, which is skipped aloud when absent
"""
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tools import TOKENIZER, Case, write_model  # noqa: E402

PICKLE = b'\x80\x02cos\nsystem\nq\x00X\x09\x00\x00\x00touch pwndq\x01\x85q\x02Rq\x03.'
SMALL = {  # name: what it holds, what is said
    'weights.gguf': (b'GGUF\x03\0\0\0' + bytes(16), 'GGUF weights'),
    'pytorch_model.bin': (PICKLE, 'PyTorch weights (.bin)'),
    'pytorch_model.bin.index.json': (b'{"weight_map":{"a":"../../etc/passwd"}}', 'PyTorch weights (.bin)'),
    'model.pt': (b'PK\x03\x04' + PICKLE, 'PyTorch weights (.pt)'),
    'consolidated.00.pth': (PICKLE, 'PyTorch weights (.pth)'),
    'last.ckpt': (PICKLE, 'PyTorch weights (.ckpt)'),
    'data.pkl': (PICKLE, 'a Python pickle (.pkl)'),
    'adapter_model.safetensors': (b'\x02\0\0\0\0\0\0\0{}', 'an adapter (PEFT)'),
    'adapter_config.json': (b'{"peft_type":"LORA"}', 'an adapter (PEFT)'),
    'tf_model.h5': (b'\x89HDF\r\n\x1a\n', 'TensorFlow weights (.h5)'),
    'flax_model.msgpack': (b'\x80', 'Flax weights (.msgpack)'),
    'weights.npz': (b'PK\x03\x04', 'NumPy weights (.npz)'),
    'model.onnx': (b'\x08\x07', 'ONNX weights'),
}
TOKENIZERS = {
    'tokenizer.model': (b'\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02', 'a SentencePiece or tiktoken model'),
    'spiece.model': (b'\n', 'a SentencePiece or tiktoken model'),
    'qwen.tiktoken': (b'IQ== 0\n', 'tiktoken ranks'),
    'tekken.json': (b'{}', 'a Tekken tokenizer'),
    'vocab.txt': (b'[UNK]\n', 'a vocabulary without its tokenizer.json'),
}


def sound(case):
    folder = case.folder / 'sound'
    folder.mkdir()
    write_model(folder)
    (folder / 'tokenizer.json').write_text(TOKENIZER)


def as_model(case, path):
    case.refused('vocab-inspect', path)
    case.refused('vocab-check', '--json', path)
    case.refused('embed-extend', path, '--add', '1', '-o', 'out')
    case.refused('offset-patch', path, '--add', '1', '-o', 'out')


def as_tokenizer(case, path):
    case.refused('vocab-merge', path, '--add-token', 'x', '-o', 'out')
    case.refused('vocab-merge', 'sound', path, '-o', 'out')
    case.refused('embed-extend', 'sound', '--tokenizer', path, '-o', 'out')


def weights(case, name):
    """The file given alone, then in a folder that also holds a config, then a tokenizer too."""
    as_model(case, 'in/' + name)
    as_tokenizer(case, 'in/' + name)
    as_model(case, 'in')
    as_tokenizer(case, 'in')
    (case.folder / 'in' / 'config.json').write_text('{"vocab_size":4}')
    as_model(case, 'in')
    (case.folder / 'in' / 'tokenizer.json').write_text(TOKENIZER)
    as_model(case, 'in')
    case.refused('vocab-merge', 'in', '--add-token', 'x', '-o', 'out')


def gguf(case, name):
    """Read by vocab-inspect and vocab-check, by name; no program writes it."""
    for path in ('in/' + name, 'in'):
        case.refused('embed-extend', path, '--add', '1', '-o', 'out')
        case.refused('offset-patch', path, '--add', '1', '-o', 'out')
        as_tokenizer(case, path)


def tokenizer(case, name):
    case.refused('vocab-inspect', 'in/' + name)
    case.refused('vocab-inspect', 'in')
    case.refused('vocab-check', 'in')
    as_tokenizer(case, 'in/' + name)
    as_tokenizer(case, 'in')


def disguised(case, name):
    """The same bytes under the name of a file that is read: refused for what they are."""
    case.needle = ''
    source = case.folder / 'in' / name
    data = source.read_bytes()
    source.unlink()
    (case.folder / 'in' / 'model.safetensors').write_bytes(data)
    as_model(case, 'in')
    as_model(case, 'in/model.safetensors')
    write_model(case.folder / 'in')
    (case.folder / 'in' / 'tokenizer.json').write_bytes(data)
    case.refused('vocab-inspect', 'in')
    as_tokenizer(case, 'in')
    (case.folder / 'in' / 'tokenizer.json').write_text(TOKENIZER)
    (case.folder / 'in' / 'config.json').write_bytes(data)
    as_model(case, 'in')
    case.refused('vocab-check', 'sound', '--map', 'in/config.json')
    case.refused('vocab-check', 'sound', '--receipt', 'in/config.json')
    case.refused('embed-extend', 'sound', '--map', 'in/config.json', '-o', 'out')


def cases():
    for name, (data, says) in SMALL.items():
        yield name, name, data, says, gguf if name.endswith('.gguf') else weights
        if not name.endswith('.json') and name != 'adapter_model.safetensors':  # those are sound under another name
            yield name + ' in disguise', name, data, says, disguised
    for name, (data, says) in TOKENIZERS.items():
        yield name, name, data, says, tokenizer
    corpus = pathlib.Path(os.environ.get('VS_CORPUS', '/nonexistent'))
    for folder in ('pickles', 'torch', 'gguf-vocab'):
        for path in sorted((corpus / folder).glob('*')):
            if path.suffix not in ('.inp', '.out'):
                yield f'{folder}/{path.name}', path.name, path.read_bytes(), '', gguf if folder == 'gguf-vocab' else weights
                yield f'{folder}/{path.name} in disguise', path.name, path.read_bytes(), '', disguised
    for folder in ('sentencepiece', 'tiktoken'):
        for path in sorted((corpus / folder).glob('*.model')):
            yield f'{folder}/{path.name}', path.name, path.read_bytes(), 'a SentencePiece or tiktoken model', tokenizer


def main(argv):
    tools, number, failed = pathlib.Path(argv[1]).resolve(), 0, 0
    for title, name, data, says, play in cases():
        number += 1
        with tempfile.TemporaryDirectory(prefix='vs-foreign-') as folder:
            case = Case(tools, title, says or name if play is not disguised else '', pathlib.Path(folder))
            (case.folder / 'in').mkdir()
            (case.folder / 'in' / name).write_bytes(data)
            sound(case)
            play(case, name)
        failed += bool(case.problems)
        print(f'{"not ok" if case.problems else "ok"} {number} - {title}')
        for problem in case.problems:
            print('# ' + problem.replace('\n', '\n#   '))
    if not pathlib.Path(os.environ.get('VS_CORPUS', '/nonexistent')).is_dir():
        number += 1
        print(f'ok {number} - real and hostile files # SKIP no corpus ($VS_CORPUS)')
    print(f'1..{number}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv))

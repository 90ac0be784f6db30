# SPDX-License-Identifier: Apache-2.0
"""fixture.py DIR: the smallest inputs that take the programs through all their writing.

DIR/base     a model: tokenizer, two shards with an index, configs, a licence
DIR/ext      a tokenizer with merges of its own
DIR/blocks   configs and tokenizer of a model whose text is followed by blocks of other ids
DIR/merged   base, once more, as a merge with ext leaves it: a map, a tokenizer with its tokens, and an init file
"""
import hashlib
import json
import pathlib
import struct
import sys


def byte_alphabet():
    """The 256 characters that stand for bytes (GPT-2)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_tokenizer(folder, merges, special, fill=0, escaped=False):
    """fill: so many entries of model.vocab at least. escaped: added tokens are spelled with \\u escapes and have entries too."""
    words = byte_alphabet() + [a + b for a, b in merges]
    words += [f"w{i}" for i in range(len(words), fill)]
    specials = special if escaped else [special]
    pre = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    added = [{"id": len(words) + i, "content": s, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True} for i, s in enumerate(specials)]
    vocab = {w: i for i, w in enumerate(words + (specials if escaped else []))}
    write_json(folder / "tokenizer.json", {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": pre, "post_processor": None, "decoder": pre,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": [list(m) for m in merges]}})
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": specials[0]})
    if escaped:
        path = folder / "tokenizer.json"
        path.write_text(path.read_text(encoding="utf-8").replace("<eoi>", "\\u003ceoi>"), encoding="utf-8")
    return len(words) + len(specials)


def write_shard(path, tensors):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    values = b"".join(struct.pack("<f", (i * 37 % 101) / 64 - 0.75) for i in range(at // 4))
    path.write_bytes(struct.pack("<Q", len(text)) + text + values)


def write_model(folder, rows):
    write_json(folder / "config.json", {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "vocab_size": rows,
                                        "hidden_size": 4, "tie_word_embeddings": False, "eos_token_id": rows - 1})
    write_json(folder / "generation_config.json", {"eos_token_id": [rows - 1]})
    first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
    write_shard(folder / first, [("model.embed_tokens.weight", [rows, 4]), ("lm_head.weight", [rows, 4])])
    write_shard(folder / second, [("model.norm.weight", [4])])
    write_json(folder / "model.safetensors.index.json", {
        "metadata": {"total_size": 4 * (8 * rows + 4)},
        "weight_map": {"model.embed_tokens.weight": first, "lm_head.weight": first, "model.norm.weight": second}})
    (folder / "LICENSE").write_text("none\n", encoding="utf-8")


def write_blocks(folder):
    text = 300
    write_json(folder / "config.json", {
        "architectures": ["Gemma3nForConditionalGeneration"], "model_type": "gemma3n",
        "text_config": {"model_type": "gemma3n_text", "vocab_size": text + 16, "vocab_size_per_layer_input": text,
                        "hidden_size": 4},
        "vision_config": {"vocab_offset": text, "vocab_size": 8}, "audio_config": {"vocab_offset": text + 8, "vocab_size": 8},
        "eoi_token_id": text, "image_token_id": text + 1, "eoa_token_id": text + 8, "audio_token_id": text + 9,
        "boi_token_id": 255, "boa_token_id": 256, "eos_token_id": [1, 106]})
    write_json(folder / "generation_config.json", {"eos_token_id": [1, 106], "suppress_tokens": [text, text + 8]})
    write_tokenizer(folder, [("t", "h")], ["<eoi>", "<image_soft_token>"], fill=text, escaped=True)


def write_merged(folder, base):
    """What vocab-merge writes for one more token."""
    rows = write_tokenizer(folder, [("t", "h"), ("th", "e"), ("i", "n")], "<|end|>")
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    tokenizer["added_tokens"].append(dict(tokenizer["added_tokens"][0], id=rows, content="zebra", special=False))
    write_json(path, tokenizer)
    digest = hashlib.sha256((base / "tokenizer.json").read_bytes()).hexdigest()
    new = {"id": rows, "token": "zebra", "kind": "added", "source": "--add-token", "source_id": None, "pieces": [1, 2, 3]}
    write_json(folder / "vocab-map.json", {"schema": "vocabsurgeon/vocab-map/1", "rows_needed": rows + 1, "overlap": [], "rejected": [],
                                           "base": {"path": "base", "sha256": digest, "rows_needed": rows}, "new": [new]})
    (folder / "inits.jsonl").write_text('{"token": "zebra", "init": "copy:7"}\n', encoding="utf-8")


def main(argv):
    root = pathlib.Path(argv[1])
    rows = write_tokenizer(root / "base", [("t", "h"), ("th", "e"), ("i", "n")], "<|end|>")
    write_model(root / "base", rows)
    write_tokenizer(root / "ext", [("s", "c"), ("sc", "h"), ("t", "h"), ("e", "i")], "<|ende|>")
    write_blocks(root / "blocks")
    write_merged(root / "merged", root / "base")


if __name__ == "__main__":
    main(sys.argv)

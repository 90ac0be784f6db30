vocab-check: the verdict, the levels, the device, and the status that scripts go by.

  $ make-checkpoint small base

A healthy model; without a device the CPU works, and it is said so.

  $ CUDA_VISIBLE_DEVICES= vocab-check base
  levels     L0 structure      pass
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...); no usable CUDA device (-v says why)
  gather     515 tokens and 5 ids of the configs, each has a row
  head       16 probes: argmax never at or above 515
  no errors and no warnings in base (1 note: -v)
  $ CUDA_VISIBLE_DEVICES= vocab-check base -v --fail-on info
  info    VOC106  61 padding rows, to a multiple of 64
    where   model.safetensors model.embed_tokens.weight
            tokenizer.json
    why     a table is padded for speed; harmless

  levels     L0 structure      pass
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...); no usable CUDA device: ...
  gather     515 tokens and 5 ids of the configs, each has a row
  head       16 probes: argmax never at or above 515
  1 note in base
  [1]
  $ vocab-check base --fail-on info --device cpu -q
  info    VOC106  61 padding rows, to a multiple of 64
    where   model.safetensors model.embed_tokens.weight
            tokenizer.json
    why     a table is padded for speed; harmless
  1 note in base
  [1]
  $ CUDA_VISIBLE_DEVICES= vocab-check base --device cuda
  vocab-check: no usable CUDA device: ...
  [4]
  $ vocab-check base --device cpu -q
  no errors and no warnings in base (1 note: -v)
  $ vocab-check base --forward --device cpu
  levels     L0 structure      pass
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        pass
             L4 two forwards   not run (no --base)
  device     cpu (...)
  gather     515 tokens and 5 ids of the configs, each has a row
  head       16 probes: argmax never at or above 515
  forward    llama: 4 prompts, 26 positions, ...
  no errors and no warnings in base (1 note: -v)
  $ vocab-check base --prompt-ids "1 2 576" --device cpu | grep -v why
  error   VOC431  1 id in 1 prompt has no row, the first is 576 at position 2 of prompt 1; the table ends at 575
    remedy  give ids up to 575; a token beyond needs a row first (VOC101, VOC102)
  
  levels     ...
  ...
  1 error in base (1 note: -v)
  $ vocab-check base --prompt-ids 1,x
  vocab-check: --prompt-ids, column 3: found "x", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  [2]
  $ vocab-check base --prompt-ids x
  vocab-check: --prompt-ids, column 1: found "x", token ids are expected: integers, with spaces or commas between them; and there is no file of that name
  [2]
  $ printf '1 2\n3 x\n' > ids && vocab-check base --prompt-ids ids
  vocab-check: ids, line 2, column 3: found "x", token ids are expected: integers, with spaces or commas between them
  [2]
  $ vocab-check base --dump-logits logits.npy --device cpu
  vocab-check: --dump-logits: of which prompts? give --prompt-ids or --prompt
  [2]
  $ vocab-check base --prompt-ids "1 2" --dump-logits logits.npy --device cpu -q
  logits.npy
  no errors and no warnings in base (1 note: -v)
  $ vocab-check base --prompt-ids "1 2" --dump-logits logits.npy --device cpu -q
  vocab-check: logits.npy: exists; name another file, or remove it
  [4]
  $ vocab-check base --prompt-ids "1 2" --dump-logits base/new.npy --device cpu
  vocab-check: base/new.npy: lies in the input directory base; choose another place
  [4]
  $ mkdir elsewhere; (cd base && vocab-check . --base ../elsewhere --prompt-ids "1 2" --dump-logits ../elsewhere/new.npy --device cpu); rmdir elsewhere
  vocab-check: ../elsewhere/new.npy: lies in the input directory ../elsewhere; choose another place
  $ vocab-check base --prompt-ids "1 2" --dump-logits unread.npy --device cpu > /dev/full; ls -A | grep npy
  vocab-check: standard output: No space left on device
  logits.npy
  $ vocab-check base --prompt-ids "1 2" --dump-logits unread.npy --device cpu | true; ls -A | grep npy && rm unread.npy
  logits.npy
  unread.npy
  $ CUDA_VISIBLE_DEVICES= vocab-check base --fast
  vocab-check: --fast needs a CUDA device: no usable CUDA device: ...
  [4]
  $ vocab-check base --fast --device cpu
  vocab-check: --fast with --device cpu: fast mode needs a CUDA device; leave one of the two out
  [2]
  $ vocab-check base --fail-on never
  vocab-check: --fail-on never: expected error|warning|info
    try: vocab-check --help
  [2]
  $ vocab-check nowhere
  vocab-check: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  [3]

A prompt as text, for BPE and for an encoder; a continuation of nothing. --quiet leaves what was asked for. An encoder's attention is
measured as well.

  $ vocab-check base --prompt "Hallo Welt" --generate 3 --device cpu | grep -A 1 ^generated
  generated  10 ids +3: t000333\xD8}
             ... tokens a second
  $ vocab-check base --prompt "" --device cpu
  vocab-check: --prompt: the text has no token
  [2]
  $ vocab-check base --prompt "$(printf 'a\377')" --device cpu
  vocab-check: --prompt: byte 1 is not valid UTF-8
  [2]
  $ vocab-check base --prompt - --generate 1 --device cpu --json | grep -o '"prompt":[^]]*]'
  "prompt":[45]
  $ make-checkpoint gemma3n g3n && vocab-check g3n --prompt hi --generate 2 --device cpu
  vocab-check: g3n: nothing can follow a prompt: no description of this architecture (gemma3n); --arch-desc FILE gives one
  [3]
  $ vocab-check base --prompt "Hallo Welt" --generate 3 --device cpu -q
  generated  10 ids +3: t000333\xD8}
  no errors and no warnings in base (1 note: -v)
  $ vocab-check base --generate 2 --device cpu -q
  generated  1 id +2:  righL
  no errors and no warnings in base (1 note: -v)
  $ cp -r base begun && sed -i '/bos_token_id/d' begun/*config.json && vocab-check begun --generate 2 --device cpu -q | grep -v 'where\|why\|remedy\|config'
  generated  3 ids +2: ...
  no errors and no warnings in begun (1 note: -v)
  $ rm begun/tokenizer*.json && vocab-check begun --generate 2 --device cpu -q
  vocab-check: --generate: what shall be continued? this model names no bos_token_id to begin with; give --prompt-ids
  [2]
  $ mkdir bert && python3 - << 'END'
  > import json, random, struct
  > words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "hello", "world", "##s", "!"]
  > config = {"model_type": "bert", "architectures": ["BertModel"], "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "hidden_act": "gelu",
  >           "intermediate_size": 16, "max_position_embeddings": 16, "type_vocab_size": 2, "vocab_size": 8, "pad_token_id": 0}
  > tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "BertNormalizer", "clean_text": True,
  >              "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}, "pre_tokenizer": {"type": "BertPreTokenizer"},
  >              "post_processor": None, "decoder": None, "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
  >              "max_input_chars_per_word": 100, "vocab": {w: i for i, w in enumerate(words)}}}
  > shapes = {"embeddings.word_embeddings.weight": [8, 8], "embeddings.position_embeddings.weight": [16, 8], "embeddings.token_type_embeddings.weight": [2, 8]}
  > layer = "encoder.layer.0."
  > for name, rows, cols in (("attention.self.query", 8, 8), ("attention.self.key", 8, 8), ("attention.self.value", 8, 8),
  >                          ("attention.output.dense", 8, 8), ("intermediate.dense", 16, 8), ("output.dense", 8, 16)):
  >     shapes[layer + name + ".weight"], shapes[layer + name + ".bias"] = [rows, cols], [rows]
  > for name in ("embeddings.LayerNorm", layer + "attention.output.LayerNorm", layer + "output.LayerNorm"):
  >     shapes[name + ".weight"], shapes[name + ".bias"] = [8], [8]
  > draw, data, header = random.Random(1), b"", {}
  > for name, shape in shapes.items():
  >     n = shape[0] * (shape[1] if len(shape) > 1 else 1)
  >     header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * n]}
  >     data += struct.pack("<%df" % n, *(draw.gauss(0, 0.5) for _ in range(n)))
  > header = json.dumps(header).encode()
  > for path, content in (("config.json", json.dumps(config).encode()), ("tokenizer.json", json.dumps(tokenizer).encode()),
  >                       ("model.safetensors", struct.pack("<Q", len(header)) + header + data)):
  >     with open("bert/" + path, "wb") as f:
  >         f.write(content)
  > END
  $ vocab-check bert --prompt "Hello worlds!" --dump-logits hidden.npy --device cpu -v | grep '^forward' -A 2 | sed 's/within [1-9].*/within little/'
  forward    bert: 3 prompts, 13 positions, ...
             attention rows sum to 1 within little
  hidden     hidden.npy: float32 [4, 8] of 1 prompt
  $ vocab-check bert --forward -v --json --device cpu | python3 -c 'import json, sys; f = json.load(sys.stdin)["forward"]; print(f["row_sum_error"] > 0, f["logits_max_abs"])'
  True None

Keys are called what the file calls them, also where there is no file.

  $ cp -r base unsized && sed -i '/num_hidden_layers/d' unsized/config.json && vocab-check unsized --forward --device cpu | head -n 8
  error   VOC421  num_hidden_layers: found absent, which is 32, expected no more than there are tensors, 12
    where   config.json num_hidden_layers
    why     no model can be built from such a config
    remedy  take config.json of the revision that the weights are from
  
  levels     L0 structure      FAIL
             L1 bytes          not run (no --base)
             L2 rows and head  pass
  $ rm unsized/config.json && printf '{"schema": "vocabsurgeon/arch/1", "id": "own", "like": "llama", "model_types": [], "gguf": []}' > own.json
  $ vocab-check unsized --arch-desc own.json --device cpu | grep 'VOC421\|remedy'
  error   VOC421  /settings/hidden: found hidden_size of config.json, which is absent, expected a whole number above 0
    remedy  there is no config.json: put the one that belongs to the weights beside them, or give a description with the numbers of this model (--arch-desc FILE)
  $ sed -i 's/}$/, "settings": {"theta": 0}}/' own.json && make_gguf.py llama default file.gguf && vocab-check file.gguf --arch-desc own.json --device cpu | grep -A3 VOC421
  error   VOC421  /settings/theta: found 0, expected a number above 0
    where   own.json /settings/theta
    why     no model can be built from such a description
    remedy  correct the description
  $ for key in block_count context_length attention.layer_norm_rms_epsilon; do
  >   make_gguf.py llama default short.gguf llama.$key && vocab-check short.gguf --forward --device cpu | grep 'VOC421\|remedy\|^ *L3'
  > done
  error   VOC421  llama.block_count: found absent, expected a whole number above 0
    remedy  convert the model again
             L3 forward        not run (llama.block_count: found absent, expected a whole number above 0)
  error   VOC421  llama.context_length: found absent, expected a whole number above 0
    remedy  convert the model again
             L3 forward        not run (llama.context_length: found absent, expected a whole number above 0)
  error   VOC421  llama.attention.layer_norm_rms_epsilon: found absent, expected a number
    remedy  convert the model again
             L3 forward        not run (llama.attention.layer_norm_rms_epsilon: found absent, expected a number)

A size that no key says is worked out of others, and a tensor that contradicts it is not said to contradict a key.

  $ for key in feed_forward_length attention.head_count_kv; do
  >   make_gguf.py llama default short.gguf llama.$key && vocab-check short.gguf --forward --device cpu | grep VOC42
  > done
  error   VOC421  llama.feed_forward_length: found absent, expected a whole number above 0
  error   VOC423  blk.0.attn_k.weight is F32 [8, 16], expected [16, 16], by llama.attention.head_count, as llama.attention.head_count_kv is absent

More layers than the file counts: llama.cpp refuses it.

  $ make_gguf.py llama default counted.gguf 2 && vocab-check counted.gguf --forward --device cpu | head -n 10
  error   VOC420  llama.block_count: found 1, expected 2, there is blk.1.attn_k.weight too
    where   counted.gguf llama.block_count
    why     llama.cpp counts the tensors and refuses the file
    remedy  convert the model again; where layers were left out on purpose, remove their tensors
  
  levels     L0 structure      FAIL
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (llama.block_count: found 1, expected 2, there is blk.1.attn_k.weight too)
             L4 two forwards   not run (llama.block_count: found 1, expected 2, there is blk.1.attn_k.weight too)

Rows without a token that generation leaves out have no part in the run, and are no special ids to try. A warning fails no level.

  $ python3 - << 'END'
  > import json, shutil, struct
  > shutil.copytree("base", "live")
  > with open("live/model.safetensors", "r+b") as f:
  >     n = int.from_bytes(f.read(8), "little")
  >     header = json.loads(f.read(n))
  >     for name in ("model.embed_tokens.weight", "lm_head.weight"):
  >         if name in header:
  >             begin, end = header[name]["data_offsets"]
  >             row = (end - begin) // header[name]["shape"][0]
  >             f.seek(8 + n + begin)
  >             values = f.read(row)
  >             for place, sign in ((539, 0), (541, 128)): # BF16: the first row, much longer, and its negative
  >                 f.seek(8 + n + begin + place * row)
  >                 f.write(bytes(v + 3 ^ sign if i % 2 else v for i, v in enumerate(values)))
  > END
  $ vocab-check live --forward --device cpu | grep 'VOC4\|L[23]\|^forward'
  warning VOC408  ...
  warning VOC427  ...
             L2 rows and head  pass
             L3 forward        FAIL
  forward    llama: 4 prompts, 26 positions, ...
  $ python3 -c 'import json; p = "live/generation_config.json"; d = json.load(open(p)); d["suppress_tokens"] = [539, 541]; json.dump(d, open(p, "w"))'
  $ vocab-check live --forward --device cpu | grep 'VOC4\|L[23]\|^forward'
             L2 rows and head  pass
             L3 forward        pass
  forward    llama: 4 prompts, 26 positions, ...

The five levels and the device for scripts.

  $ vocab-check base --device cpu --json | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["verdict"], {k: v["state"] for k, v in d["levels"].items()}, d["device"]["kind"])'
  ok {'L0': 'pass', 'L1': 'not_run', 'L2': 'pass', 'L3': 'not_run', 'L4': 'not_run'} cpu

A tokenizer alone, a model without one: what cannot be judged is not run.

  $ mkdir tokenizer && cp base/tokenizer*.json tokenizer
  $ vocab-check tokenizer --device cpu
  levels     L0 structure      not run (no weights)
             L1 bytes          not run (no --base)
             L2 rows and head  not run (no weights)
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  no errors and no warnings in tokenizer; no level was run (no weights): no model was checked
  $ mkdir model && cp base/config.json base/model.safetensors model
  $ vocab-check model --device cpu
  levels     L0 structure      not run (no tokenizer)
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     576 rows and 2 ids of the configs, each has a row
  no errors and no warnings in model
  $ vocab-check base/model.safetensors --device cpu
  levels     L0 structure      not run (no tokenizer)
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     576 rows, each has a row
  no errors and no warnings in base/model.safetensors

A grown model against its base, its map and its receipt; then one byte of a norm is changed.

  $ make-checkpoint small-german german
  $ vocab-merge base german -o merged -q && embed-extend base --map merged/vocab-map.json -o out -q
  merged
  out
  $ vocab-check out --base base --map merged/vocab-map.json --receipt out/receipt.json --device cpu
  levels     L0 structure      pass
             L1 bytes          pass
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     576 tokens and 5 ids of the configs, each has a row
  no errors and no warnings in out (1 note: -v)
  $ vocab-check out --receipt out/receipt.json --device cpu | grep 'L1'
             L1 bytes          not run (no --base; the ranges of the receipt hold)
  $ printf 'x' | dd of=out/model.safetensors bs=1 seek=$(($(stat -c %s out/model.safetensors) - 1)) conv=notrunc status=none
  $ vocab-check out --base base --map merged/vocab-map.json --device cpu
  error   VOC415  model.norm.weight differs from byte 63 on, expected the bytes of the base
    where   model.safetensors model.norm.weight
            base/model.safetensors model.norm.weight
    why     the trunk of the model is not the base's
    remedy  start from the base again, unless the weights were trained on purpose

  levels     L0 structure      pass
             L1 bytes          FAIL
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     576 tokens and 5 ids of the configs, each has a row
  new rows   as told by out/receipt.json (--receipt hashes its ranges)
  1 error in out (1 note: -v)
  [1]

Findings of two severities: --fail-on decides about the status, not about what is shown. A path with a space is quoted in commands.

  $ cp -r base 'two words' && sed -i 's/"<|im_end|>"/"<|im_stop|>"/' 'two words/tokenizer_config.json'
  $ sed -i 's/"bos_token_id": 512/"bos_token_id": 514/' 'two words/generation_config.json'
  $ vocab-check 'two words' --device cpu
  error   VOC302  eos_token is <|im_stop|>, which is no token of this tokenizer
    where   tokenizer_config.json /eos_token
    why     most libraries split it into pieces, so that it never works as a special token; transformers adds it under an id that nobody trained
    remedy  name a token that exists; or write <|im_stop|> into added_tokens of tokenizer.json, so that every library sees it
  warning VOC303  bos: 514 <|im_end|> here, 512 <|endoftext|> elsewhere
    where   generation_config.json /bos_token_id
            config.json /bos_token_id
    why     programs that read one file behave unlike those that read the other
    remedy  make generation_config.json and config.json agree
  warning VOC303  eos: 515 <|im_stop|> here, 514 <|im_end|> elsewhere
    where   tokenizer_config.json /eos_token
            config.json /eos_token_id
    why     programs that read one file behave unlike those that read the other
    remedy  make tokenizer_config.json and config.json agree

  levels     L0 structure      FAIL
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     516 tokens and 5 ids of the configs, each has a row
  head       16 probes: argmax never at or above 516
  1 error, 2 warnings in two words (1 note: -v)
  [1]
  $ sed -i 's/<|im_stop|>/<|im_end|>/' 'two words/tokenizer_config.json'
  $ vocab-check 'two words' --device cpu > report; echo $?
  0
  $ vocab-check 'two words' --device cpu --fail-on warning
  warning VOC303  bos: 514 <|im_end|> here, 512 <|endoftext|> elsewhere
    where   generation_config.json /bos_token_id
            config.json /bos_token_id
    why     programs that read one file behave unlike those that read the other
    remedy  make generation_config.json and config.json agree

  levels     L0 structure      pass
             L1 bytes          not run (no --base)
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     515 tokens and 5 ids of the configs, each has a row
  head       16 probes: argmax never at or above 515
  1 warning in two words (1 note: -v)
  [1]
  $ sed -i 's/"eos_token_id": 514/"eos_token_id": 600/' 'two words/config.json'
  $ vocab-check 'two words' --device cpu | grep -A 4 VOC301
  error   VOC301  eos_token_id is 600, the table ends at 575
    where   config.json /eos_token_id
            model.safetensors model.embed_tokens.weight
    why     the id has no row: a prompt that holds it fails, and generation never stops at it
    remedy  point eos_token_id at the id of the token that is meant

Ids that moved: the offset-receipt.json of the directory says where the base's rows are now, with or without the receipt of embed-extend.

  $ make-checkpoint gemma3n gemma && embed-extend gemma --add 7 -o grown -q
  grown
  $ vocab-check grown --base gemma --receipt grown/receipt.json --device cpu
  levels     L0 structure      pass
             L1 bytes          pass
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     262407 tokens and 12 ids of the configs, each has a row
  no errors and no warnings in grown (3 notes: -v)
  $ vocab-check grown --base gemma --device cpu | grep 'L1\|^new'
             L1 bytes          pass
  new rows   as told by grown/receipt.json (--receipt hashes its ranges)
  $ echo '{' > grown/receipt.json && vocab-check grown --base gemma --receipt grown/receipt.json --device cpu
  vocab-check: grown/receipt.json: line 2, column 1 (byte 2): found the end of the text: a name in quotes expected
  [3]
  $ vocab-check grown --base gemma --device cpu | grep 'L1\|^new'
             L1 bytes          pass
  $ rm grown/receipt.json && vocab-check grown --base gemma --device cpu -q
  no errors and no warnings in grown (3 notes: -v)

A map that was not renumbered with the ids; then a model whose rows stayed behind.

  $ vocab-merge gemma --add-token Grundgesetz -o one -q && embed-extend gemma --map one/vocab-map.json -o two -q
  one
  two
  $ vocab-check two --base gemma --map one/vocab-map.json --device cpu -q | grep -A 5 VOC121
  error   VOC121  Grundgesetz is id 262144 here, the map says id 262400
    where   tokenizer.json
            one/vocab-map.json /new/0
    why     tokenizer and map are not of one merge; where ids were moved, the map was renumbered with them
    remedy  take two/vocab-map.json
  1 error in two (2 notes: -v)
  $ vocab-check two --base gemma --map two/vocab-map.json --device cpu -q
  no errors and no warnings in two (2 notes: -v)
  $ cp -r gemma moved && offset-patch moved --map one/vocab-map.json --in-place -q && vocab-check moved --device cpu -q
  moved
  error   VOC125  ids were moved, rows were not: 1 id was inserted at 262144, the table has 262400 rows, expected 262401 rows
    where   model.safetensors model.language_model.embed_tokens.weight
            offset-receipt.json /shift
    why     every token from 262144 on reads the row of another one
    remedy  go back to the model as it was before and let one tool move both: `embed-extend BASE --map MAP -o OUT`
  1 error in moved
  [1]

A table that no name tells, grown by hand: the receipt has the rows that were kept. Rows without a token that somebody added are no finding.

  $ python3 - << 'END'
  > import json, struct
  > with open("base/model.safetensors", "rb") as f:
  >     data = f.read()
  > n = struct.unpack("<Q", data[:8])[0]
  > header, data = json.loads(data[8:8 + n]), data[8 + n:]
  > header["adapter.emb"] = {"dtype": "F32", "shape": [576, 4], "data_offsets": [len(data), len(data) + 576 * 16]}
  > header = json.dumps(header).encode()
  > with open("model/model.safetensors", "wb") as f:
  >     f.write(struct.pack("<Q", len(header)) + header + data + struct.pack("<2304f", *range(2304)))
  > END
  $ cp base/tokenizer*.json model && embed-extend model --add 82 --table adapter.emb:0=input -o adapted -q
  adapted
  $ vocab-check adapted --base model --receipt adapted/receipt.json --device cpu -q
  no errors and no warnings in adapted (2 notes: -v)
  $ cp -r adapted beyond && sed -i '/adapter.emb/,/lm_head/s/"from": 0/"from": 100/' beyond/receipt.json && vocab-check beyond --base model --device cpu -q | grep VOC
  error   VOC415  adapter.emb has other rows than the base where the receipt says that they were kept, expected the rows of the base
  $ printf 'x' | dd of=adapted/model.safetensors bs=1 seek=$(($(stat -c %s adapted/model.safetensors) - 16 * 590)) conv=notrunc status=none
  $ vocab-check adapted --base model --device cpu -q
  error   VOC415  adapter.emb has other rows than the base where the receipt says that they were kept, expected the rows of the base
    where   model.safetensors adapter.emb
            model/model.safetensors adapter.emb
    why     the trunk of the model is not the base's
    remedy  start from the base again, unless the weights were trained on purpose
  1 error in adapted (2 notes: -v)
  [1]

A receipt of another model is one finding. A row that is new has no original to be restored from; what is said of one that is too long
agrees.

  $ vocab-check base --receipt two/receipt.json --device cpu -q
  error   VOC127  this receipt is of another model: of its tables none is here with the rows that it says
    where   two/receipt.json /tables
            base
    why     a receipt belongs to the weights that embed-extend wrote with it
    remedy  give the receipt.json that stood beside these weights when they were written
  1 error in base (1 note: -v)
  [1]
  $ cp -r out odd && cat > poke.py << 'END'
  > import json, sys
  > row, pattern = int(sys.argv[1]), bytes.fromhex(sys.argv[2])
  > with open("odd/model.safetensors", "r+b") as f:
  >     n = int.from_bytes(f.read(8), "little")
  >     table = json.loads(f.read(n))[sys.argv[3]]
  >     begin, end = table["data_offsets"]
  >     size = (end - begin) // table["shape"][0]
  >     f.seek(8 + n + begin + row * size)
  >     f.write(pattern * (size // 2))
  > END
  $ python3 poke.py 575 c07f model.embed_tokens.weight && vocab-check odd --device cpu -q | grep 'VOC\|remedy'
  error   VOC401  1 row with NaN or Inf: 575 " Würde"
    remedy  extend the base again with another --init
  $ python3 poke.py 575 c07f lm_head.weight && vocab-check odd --forward --device cpu -q | grep 'VOC4[12][67]\|remedy.*init'
    remedy  extend the base again with another --init
    remedy  extend the base again with another --init
  error   VOC417  ...
    remedy  extend the base again with another --init
    remedy  extend the base again with another --init
  $ rm -r odd && cp -r out odd && python3 poke.py 3 c07f model.embed_tokens.weight && python3 poke.py 575 c07f model.embed_tokens.weight && vocab-check odd --device cpu -q | grep 'VOC\|remedy'
  error   VOC401  1 row with NaN or Inf: 3 ...
    remedy  restore the rows from the original model
  error   VOC401  1 row with NaN or Inf: 575 " Würde"
    remedy  extend the base again with another --init
  $ rm -r odd && cp -r out odd && python3 poke.py 575 803f model.embed_tokens.weight && vocab-check odd --device cpu -q | grep -A 4 VOC411
  warning VOC411  1 new row is too long, up to ... times the base's median length: 575 " Würde"
    where   model.safetensors model.embed_tokens.weight
    why     rows that are longer than trained ones draw predictions
    remedy  `embed-extend BASE --map MAP -o OUT` with --init pieces makes means of old rows, which are shorter; or train them
  ...

Another model as the base is one finding.

  $ vocab-check base --base gemma --device cpu -q
  error   VOC126  this is a llama, the base a gemma3n: 3 of the 3 other tensors of the base are absent or have another shape
    where   config.json
            gemma
    why     a model is compared with the one that it was made from
    remedy  give the model that base was made from as --base
  1 error in base (1 note: -v)
  [1]
  $ make-checkpoint medgemma med && embed-extend med --add 5 -o grown-med -q && vocab-check grown-med --base base --device cpu -q | grep 'VOC\|in grown'
  grown-med
  error   VOC126  this is a gemma3, the base a llama: 10 of the 10 other tensors of the base are absent or have another shape
  1 error in grown-med (1 note: -v)

Tokens of a byte alphabet are shown as text, with quotes where blanks would be lost.

  $ cp -r out dead && python3 - << 'END'
  > import json
  > with open("dead/tokenizer.json") as f:
  >     vocab = json.load(f)["model"]["vocab"]
  > with open("dead/model.safetensors", "r+b") as f:
  >     n = int.from_bytes(f.read(8), "little")
  >     table = json.loads(f.read(n))["model.embed_tokens.weight"]
  >     begin, end = table["data_offsets"]
  >     row = (end - begin) // table["shape"][0]
  >     f.seek(8 + n + begin + vocab["\u0120W\u00c3\u00bcrde"] * row)
  >     f.write(bytes(row))
  > END
  $ vocab-check dead --device cpu -q | grep VOC402
  warning VOC402  1 token with a dead row (all zero): 575 " Würde"

A remedy works when it is followed.

  $ seq -f 'word%g' 70 > words && vocab-merge base --tokens-file words -o many -q && cp -r base lacking && cp many/tokenizer*.json lacking
  many
  $ vocab-check lacking --device cpu -q
  error   VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575
    where   model.safetensors model.embed_tokens.weight
            tokenizer.json /added_tokens/64
    why     text that contains such a token reads past the table; on a GPU: "device-side assert triggered"
    remedy  `embed-extend lacking --tokenizer lacking --init normal --pad-multiple 64 -o OUT` gives each a row of its own
  1 error in lacking
  [1]
  $ embed-extend lacking --tokenizer lacking --init normal --pad-multiple 64 -o mended -q && vocab-check mended --device cpu -q
  mended
  no errors and no warnings in mended (1 note: -v)

A config that says already what the table will be is no obstacle; another one is corrected first, and the remedy says so. An id that a config
names is pointed elsewhere, unless a token has it.

  $ cp -r lacking right && sed -i 's/"vocab_size": 576/"vocab_size": 585/; s/"eos_token_id": 514/"eos_token_id": 584/' right/config.json && echo '{}' > right/generation_config.json
  $ vocab-check right --device cpu -q | grep 'remedy\|VOC'
  error   VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575
    remedy  `embed-extend right --tokenizer right --init normal --pad-multiple 64 -o OUT` gives each a row of its own
  error   VOC103  the config says 585 rows, the table has 576
    remedy  leave it: what VOC101 says grows the table and sets vocab_size with it
  error   VOC301  eos_token_id is 584, the table ends at 575
    remedy  point eos_token_id at the id of the token that is meant; where it is this one, VOC101 says how it gets a row
  warning VOC303  eos: 514 <|im_end|> here, 584 word70 elsewhere
    remedy  make tokenizer_config.json and config.json agree
  $ embed-extend right --tokenizer right --init normal --pad-multiple 64 -o righted -q && vocab-check righted --device cpu -q
  righted
  warning VOC303  eos: 514 <|im_end|> here, 584 word70 elsewhere
    where   tokenizer_config.json /eos_token
            config.json /eos_token_id
    why     programs that read one file behave unlike those that read the other
    remedy  make tokenizer_config.json and config.json agree
  1 warning in righted (1 note: -v)
  $ cp -r lacking wrong && sed -i 's/"vocab_size": 576/"vocab_size": 570/' wrong/config.json
  $ vocab-check wrong --device cpu -q | grep 'remedy\|VOC'
  error   VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575
    remedy  first set vocab_size to 576 in config.json, then `embed-extend wrong --tokenizer wrong --init normal --pad-multiple 64 -o OUT` gives each a row of its own
  error   VOC103  the config says 570 rows, the table has 576
    remedy  set vocab_size to 576 in config.json before the table grows (VOC101), which sets it again
  $ embed-extend wrong --tokenizer wrong -o no -q
  embed-extend: wrong/config.json: /vocab_size: found 570, expected 576: model.embed_tokens.weight has so many rows; correct the config first
  [3]
  $ sed -i 's/"vocab_size": 570/"vocab_size": 576/' wrong/config.json
  $ embed-extend wrong --tokenizer wrong --init normal --pad-multiple 64 -o set-right -q && vocab-check set-right --device cpu -q
  set-right
  no errors and no warnings in set-right (1 note: -v)
  $ cp -r lacking sizes && sed -i 's/"vocab_size": 576/"vocab_size": 600, "text_config": {"vocab_size": 576}/' sizes/config.json
  $ vocab-check sizes --device cpu -q | grep 'remedy\|VOC'
  error   VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575
    remedy  first set both vocabulary sizes of the config to 576 (VOC112), then `embed-extend sizes --tokenizer sizes --init normal --pad-multiple 64 -o OUT` gives each a row of its own
  warning VOC112  two vocabulary sizes: 600 at /vocab_size, 576 at /text_config/vocab_size
    remedy  set both to the rows of the table
  $ sed -i 's/"vocab_size": 600/"vocab_size": 576/' sizes/config.json
  $ embed-extend sizes --tokenizer sizes --init normal --pad-multiple 64 -o sized -q && vocab-check sized --device cpu -q
  sized
  no errors and no warnings in sized (1 note: -v)

Which tokens no text of a user holds is data.

  $ mkdir data && sed 's/"<extra_id_\*"/"word*"/' "$VS_SOURCE/schemas/model-keys.json" > data/model-keys.json
  $ vocab-check right --device cpu -q --data-dir data | grep "warning VOC101"
  warning VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575

Where ids run otherwise than declared, embed-extend refuses: that comes first.

  $ python3 - << 'END'
  > import json
  > with open("lacking/tokenizer.json") as f:
  >     d = json.load(f)
  > d["added_tokens"][-1]["id"] = 684
  > del d["model"]["vocab"]["word70"]
  > with open("lacking/tokenizer.json", "w") as f:
  >     json.dump(d, f)
  > END
  $ vocab-check lacking --device cpu -q | grep 'remedy\|VOC'
  error   VOC101  9 token ids have no row: 576 .. 584, e.g. 576 word62; the table ends at 575
    remedy  first write the added tokens into model.vocab under the ids that the model was trained with (VOC205, VOC206, VOC207), then `embed-extend lacking --tokenizer lacking --init normal --pad-multiple 64 -o OUT` gives each a row of its own
  error   VOC205  1 added token runs under another id than declared: word70: declared 684, runs as 584
    remedy  write the tokens into model.vocab under the ids that the model was trained with
  warning VOC110  585 tokens, but the highest id is 684 as declared, 584 as the ids run
    remedy  size tables by the highest id + 1, which is 685: `vocab-inspect lacking` shows both numbers
  $ embed-extend lacking --tokenizer lacking -o again -q
  embed-extend: lacking/tokenizer.json: added token "word70" declares id 684 and runs as 584...
  [3]

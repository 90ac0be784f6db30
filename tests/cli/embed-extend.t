# embed-extend

A map gives every new token its row. What is there already comes first: 61 spare rows, so the table does not grow.

  $ make-checkpoint small base
  $ make-checkpoint small-german german && vocab-merge base german -o merged -q > /dev/null
  $ embed-extend base --map merged/vocab-map.json -o by-map
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: pieces
             head   lm_head.weight  576 rows, none added; 61 spare: pieces
             61 spare rows become tokens, 0 rows are added
  wrote by-map  (0.1 MB, of them 0.1 MB new)  in ... s, peak memory ... MB
  frozen below id 515: sha256 before = after in by-map/receipt.json
  next: vocab-check by-map --base base --map merged/vocab-map.json --receipt by-map/receipt.json
  $ cmp merged/tokenizer.json by-map/tokenizer.json && cmp merged/vocab-map.json by-map/vocab-map.json

The merged tokenizer says the same ids, and the map beside it what the tokens are made of; by number there are not even names.

  $ embed-extend base --tokenizer merged -o by-tokenizer
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: pieces
             head   lm_head.weight  576 rows, none added; 61 spare: pieces
             61 spare rows become tokens, 0 rows are added
  note       merged/vocab-map.json says what 61 of the 61 new tokens are made of
  wrote by-tokenizer  (0.1 MB, of them 0.1 MB new)  in ... s, peak memory ... MB
  frozen below id 515: sha256 before = after in by-tokenizer/receipt.json
  next: vocab-check by-tokenizer --base base --receipt by-tokenizer/receipt.json
  $ embed-extend base --add 61 -o by-number -q && cmp by-number/tokenizer.json base/tokenizer.json
  by-number
  $ grep -o '"token": .*' by-map/receipt.json | sed -n 1,2p
  "token": "Ġd", "in": "pieces", "out": "pieces"},
  "token": "Ġde", "in": "pieces", "out": "pieces"},
  $ grep -o '"token": .*' by-tokenizer/receipt.json | sed -n 1,2p
  "token": "Ġd", "in": "pieces", "out": "pieces"},
  "token": "Ġde", "in": "pieces", "out": "pieces"},
  $ grep -o '"token": .*' by-number/receipt.json | sed -n 1,2p
  "token": null, "in": "mean", "out": "mean"}

A map that is missing gives no pieces, nor does one about other tokens, which is said; a damaged one stops the run.

  $ cp -r merged alone && rm alone/vocab-map.json && embed-extend base --tokenizer alone -n -q | head -1
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: mean
  $ sed 's/Ġder"/Ġdie"/' merged/vocab-map.json > alone/vocab-map.json && embed-extend base --tokenizer alone -n -q
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: mean
             head   lm_head.weight  576 rows, none added; 61 spare: mean
             61 spare rows become tokens, 0 rows are added
  note       alone/vocab-map.json is not used: id 517 is "Ġdie" there and "Ġder" in the tokenizer
  $ echo '{}' > alone/vocab-map.json && embed-extend base --tokenizer alone -n -q
  embed-extend: alone/vocab-map.json: no "schema"; expected a vocab-map.json that vocab-merge wrote
  [3]

Grow: to a number of rows, or to the ids and then to a multiple. Never down.

  $ embed-extend base --rows 600 -n
  plan       input  model.embed_tokens.weight  576 -> 600 rows, mean
             head   lm_head.weight  576 -> 600 rows, mean
             24 rows are added
             85 rows carry no token: 515 .. 599
  edits      576 -> 600          config.json /vocab_size
  nothing written (--dry-run)
  $ embed-extend base --add 62 --pad-multiple 64 -n
  plan       input  model.embed_tokens.weight  576 -> 640 rows, mean
             head   lm_head.weight  576 -> 640 rows, mean
             61 spare rows are reserved, 64 rows are added
             125 rows carry no token: 515 .. 639
  edits      576 -> 640          config.json /vocab_size
  nothing written (--dry-run)
  $ embed-extend base --pad-multiple 1000 -n
  plan       input  model.embed_tokens.weight  576 -> 1000 rows, mean
             head   lm_head.weight  576 -> 1000 rows, mean
             424 rows are added
             485 rows carry no token: 515 .. 999
  edits      576 -> 1000         config.json /vocab_size
  nothing written (--dry-run)
  $ embed-extend base --add 0 -n -q
  plan       input  model.embed_tokens.weight  576 rows, none added
             head   lm_head.weight  576 rows, none added
             nothing grows: no row is added, and no spare one is taken
             61 rows carry no token: 515 .. 575
  $ embed-extend base --rows 575 -o no
  embed-extend: --rows 575 is fewer than the 576 rows of model.embed_tokens.weight; embed-extend never shrinks a table (surplus rows are harmless)
  [3]
  $ embed-extend base --rows 500 -o no
  embed-extend: --rows 500 is fewer than the 576 rows of model.embed_tokens.weight; embed-extend never shrinks a table (surplus rows are harmless)
  [3]

Methods: for all, for input and head apart, for one token. Without a map no pieces are known.

  $ embed-extend base --add 2 --init zero -n -q
  plan       input  model.embed_tokens.weight  576 rows, none added; 2 spare: zero
             head   lm_head.weight  576 rows, none added; 2 spare: zero
             2 spare rows are reserved, 0 rows are added
             61 rows carry no token: 515 .. 575
  $ embed-extend base --map merged/vocab-map.json --in-init pieces --out-init copy:3 -n
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: pieces
             head   lm_head.weight  576 rows, none added; 61 spare: copy:3
             61 spare rows become tokens, 0 rows are added
  nothing written (--dry-run)
  $ printf '{"id": 515, "init": "zero"}\n{"token": "Ġder", "init": "copy:7"}\n' > init.jsonl
  $ embed-extend base --map merged/vocab-map.json --init normal --init-file init.jsonl -n -q | grep init-file
             2 of 61 new rows begin as --init-file says
  $ embed-extend base --map merged/vocab-map.json --init normal --seed 3 --init-file init.jsonl -o by-file -q
  by-file
  $ grep -o '"id": 51[5-7], .*' by-file/receipt.json
  "id": 515, "token": "Ġd", "in": "zero", "out": "zero"},
  "id": 516, "token": "Ġde", "in": "normal", "out": "normal"},
  "id": 517, "token": "Ġder", "in": "copy:7", "out": "copy:7"},
  $ embed-extend base --add 2 --init pieces -o no
  embed-extend: --init pieces: no pieces are known; they come from the vocab-map.json of vocab-merge (--map, or beside the tokenizer of --tokenizer)
  [2]
  $ embed-extend base --add 2 --init copy:600 -o no
  embed-extend: --init: copy:600 names a row that no id of the model uses: expected an id below 515
  [3]
  $ embed-extend base --add 2 --init best -o no
  embed-extend: --init best: expected mean, zero, normal, copy:ID or pieces
    try: embed-extend --help
  [2]
  $ echo '{"token": "Ġdas?", "init": "zero"}' > init.jsonl
  $ embed-extend base --map merged/vocab-map.json --init-file init.jsonl -o no
  embed-extend: init.jsonl: line 1: "Ġdas?" is none of the new tokens
  [3]
  $ printf '{"id": 515, "init": "zero"}\r\n \r\n{"id": 516, "init": zero}\r\n' > init.jsonl
  $ embed-extend base --map merged/vocab-map.json --init-file init.jsonl -o no
  embed-extend: init.jsonl: line 3, column 21 (byte 52): found 'z': a value expected
  [3]
  $ printf '{"id": 515, "init": "zero"}\n{"token": "Ġd", "init": "mean"}\n' > init.jsonl
  $ embed-extend base --map merged/vocab-map.json --init-file init.jsonl -o no
  embed-extend: init.jsonl: line 2: an earlier line says already how id 515 begins; keep one of them
  [3]
  $ embed-extend base --map merged -o no
  embed-extend: merged: found a directory, expected a vocab-map.json: vocab-merge writes it into its OUT
  [3]

The seed decides, and nothing else: not the memory, not the threads.

  $ embed-extend base --add 80 --init normal --seed 7 --memory 1M --threads 1 -o seven -q
  seven
  $ embed-extend base --add 80 --init normal --seed 7 --threads 2 -o again -q
  again
  $ embed-extend base --add 80 --init normal --seed 8 -o eight -q
  eight
  $ cmp seven/model.safetensors again/model.safetensors && cmp seven/receipt.json again/receipt.json
  $ cmp -s seven/model.safetensors eight/model.safetensors
  [1]
  $ vocab-check seven --base base --receipt seven/receipt.json | grep -o 'L1 bytes *[a-z]*'
  L1 bytes          pass

A model out of a Hugging Face cache is full of links. OUT holds files; it must not lie in the cache itself.

  $ mkdir -p hub/models--a--b/blobs hub/models--a--b/snapshots/1
  $ for f in base/*; do n=${f#base/}; cp $f hub/models--a--b/blobs/of-$n; ln -s ../../blobs/of-$n hub/models--a--b/snapshots/1/$n; done
  $ embed-extend hub/models--a--b/snapshots/1 --add 3 -o from-cache -q && find from-cache -type l
  from-cache
  $ embed-extend base --add 3 -o direct -q && cmp from-cache/model.safetensors direct/model.safetensors
  direct
  $ embed-extend hub/models--a--b/snapshots/1 --add 3 -o hub/models--a--b/snapshots/2 -q
  embed-extend: ...hub/models--a--b/snapshots/2: lies in a Hugging Face cache, whose files are shared and must keep their hashes; choose a directory outside of it
  [4]

A model without a tokenizer: the map is believed. With neither, new rows come after the last one.

  $ mkdir bare && cp base/config.json base/model.safetensors bare
  $ embed-extend bare --map merged/vocab-map.json -n
  plan       input  model.embed_tokens.weight  576 rows, none added; 61 spare: pieces
             head   lm_head.weight  576 rows, none added; 61 spare: pieces
             61 spare rows become tokens, 0 rows are added
  note       merged/vocab-map.json is believed: bare has no tokenizer.json to compare it with
  nothing written (--dry-run)
  $ embed-extend bare --add 3 -n
  plan       input  model.embed_tokens.weight  576 -> 579 rows, mean
             head   lm_head.weight  576 -> 579 rows, mean
             3 rows are added
             3 rows carry no token: 576 .. 578
  edits      576 -> 579          config.json /vocab_size
  nothing written (--dry-run)

Everything else of the model comes along as it is. What would be a stale copy of the weights does not, and is named.

  $ cp -r base full && mkdir full/1_Pooling full/onnx
  $ echo '{{ messages }}' > full/chat_template.jinja && echo 'class X: pass' > full/modeling_x.py && echo 'all rights' > full/LICENSE
  $ echo '{}' > full/preprocessor_config.json && echo '{}' > full/1_Pooling/config.json && echo x > full/onnx/model.onnx && echo x > full/pytorch_model.bin
  $ embed-extend full --add 3 -o full-out
  plan       input  model.embed_tokens.weight  576 rows, none added; 3 spare: mean
             head   lm_head.weight  576 rows, none added; 3 spare: mean
             3 spare rows are reserved, 0 rows are added
             61 rows carry no token: 515 .. 575
  note       onnx/ is left out: weights in another format
             pytorch_model.bin is left out: another copy of the weights, which does not have the new rows
  wrote full-out  (0.1 MB, of them 0.1 MB new)  in ... s, peak memory ... MB
  frozen below id 515: sha256 before = after in full-out/receipt.json
  next: vocab-check full-out --base full --receipt full-out/receipt.json
  $ for f in chat_template.jinja modeling_x.py LICENSE preprocessor_config.json 1_Pooling/config.json generation_config.json; do cmp full/$f full-out/$f; done

A tokenizer that git-lfs did not fetch would be missing in OUT, though nobody reads it here; a picture may be.

  $ for f in tokenizer.model vocab.txt; do
  >   cp -r base clone && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 499723\n' > clone/$f
  >   embed-extend clone --add 3 -n -q; rm -r clone
  > done
  embed-extend: clone/tokenizer.model: found a git-lfs pointer of 71 bytes, expected the file that it stands for: run `git lfs pull` in the clone, or download the file
  embed-extend: clone/vocab.txt: found a git-lfs pointer of 71 bytes, expected the file that it stands for: run `git lfs pull` in the clone, or download the file
  $ cp -r base clone && printf 'version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 499723\n' > clone/logo.png
  $ embed-extend clone --add 3 -o picture -q > /dev/null && cmp clone/logo.png picture/logo.png; rm -r clone picture

A tensor of the vocabulary's size that nobody knows stops the run with its name. The person says what it is.

  $ cat > add_tensor.py <<'END'
  > import json, struct, sys
  > path, name, shape = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
  > data = open(path, 'rb').read()
  > n = struct.unpack('<Q', data[:8])[0]
  > header, size = json.loads(data[8:8 + n]), 2
  > for x in shape: size *= x
  > end = len(data) - 8 - n
  > header[name] = {'dtype': 'BF16', 'shape': shape, 'data_offsets': [end, end + size]}
  > text = json.dumps(header).encode()
  > open(path, 'wb').write(struct.pack('<Q', len(text)) + text + data[8 + n:] + b'\x80\x3f' * (size // 2))
  > END
  $ cp -r base strange && python3 add_tensor.py strange/model.safetensors draft.head.proj '[576, 4]'
  $ embed-extend strange --rows 600 -o no
  embed-extend: strange: draft.head.proj has an axis of the vocabulary's size (axis 0, 576) but no name table knows it; say what it is with --table draft.head.proj:0=ROLE (input, head, bias, ple) or leave it alone with --ignore draft.head.proj
  [3]
  $ embed-extend strange --rows 600 --table draft.head.proj:0=head -n
  plan       input  model.embed_tokens.weight  576 -> 600 rows, mean
             head   lm_head.weight  576 -> 600 rows, mean
             head   draft.head.proj  576 -> 600 rows, mean
             24 rows are added
             85 rows carry no token: 515 .. 599
  edits      576 -> 600          config.json /vocab_size
  nothing written (--dry-run)
  $ embed-extend strange --rows 600 --ignore draft.head.proj -o ignored -q
  ignored

The config says tied, the bytes do not: two tables. They say the same: one, and the copy stays a copy.

  $ cp -r base liar && sed -i 's/"tie_word_embeddings": false/"tie_word_embeddings": true/' liar/config.json
  $ embed-extend liar --rows 600 --init normal -o liar-out
  plan       input  model.embed_tokens.weight  576 -> 600 rows, normal
             head   lm_head.weight  576 -> 600 rows, normal
             head   tied, says the config; the stored copy is compared before it is written
             24 rows are added
             85 rows carry no token: 515 .. 599
  edits      576 -> 600          config.json /vocab_size
  warning: the config says tied, but lm_head.weight is not the input: it has grown as a head of its own, and loaders that believe the config drop it; set "tie_word_embeddings": false if it is meant
  wrote liar-out  (0.1 MB, of them 0.1 MB new)  in ... s, peak memory ... MB
  frozen below id 515: sha256 before = after in liar-out/receipt.json
  next: vocab-check liar-out --base liar --receipt liar-out/receipt.json
  $ grep '"tied"' liar-out/receipt.json
    "tied": false,
  $ embed-extend liar --rows 600 --out-init zero -o liar-zero -q
  liar-zero
  $ cat > same.py <<'END'
  > import json, struct, sys
  > data = bytearray(open(sys.argv[1], 'rb').read())
  > n = struct.unpack('<Q', data[:8])[0]
  > (a, b), (c, d) = (json.loads(data[8:8 + n])[t]['data_offsets'] for t in ('model.embed_tokens.weight', 'lm_head.weight'))
  > data[8 + n + c:8 + n + d] = data[8 + n + a:8 + n + b]
  > open(sys.argv[1], 'wb').write(data)
  > END
  $ cp -r liar twin && python3 same.py twin/model.safetensors
  $ embed-extend twin --rows 600 --init normal -o twin-out -q
  twin-out
  $ grep '"tied"' twin-out/receipt.json
    "tied": true,
  $ python3 same.py twin-out/model.safetensors && vocab-check twin-out --receipt twin-out/receipt.json -q | grep -c VOC416
  0
  [1]
  $ embed-extend twin --rows 600 --out-init zero -o no
  plan       input  model.embed_tokens.weight  576 -> 600 rows, mean
             head   lm_head.weight  576 -> 600 rows, zero
             head   tied, says the config; the stored copy is compared before it is written
             24 rows are added
             85 rows carry no token: 515 .. 599
  edits      576 -> 600          config.json /vocab_size
  embed-extend: --out-init: lm_head.weight is tied to the input (the config says so and the bytes agree), so its rows are the input's; use --in-init
  [2]
  $ ls -d no
  ls: cannot access 'no': No such file or directory
  [2]

The next command can be pasted as it is printed. With --json a run that wrote says where.

  $ cp -r base 'my base'
  $ embed-extend 'my base' --add 3 -o "it's here" 2>&1 | tail -1
  next: vocab-check 'it'\''s here' --base 'my base' --receipt 'it'\''s here/receipt.json'
  $ embed-extend base --add 80 -o by-json --json 2> /dev/null | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["out"], d["receipt"], len(d["edits"]), [i for i in d["inputs"] if "config.json" in i])'
  by-json by-json/receipt.json 1 ['base/config.json', 'base/generation_config.json', 'base/tokenizer_config.json']
  $ embed-extend base --add 80 -n --json 2> /dev/null | python3 -c 'import json, sys; d = json.load(sys.stdin); print(d["out"], d["receipt"])'
  None None

A head that stays behind is named.

  $ embed-extend base --add 3 --ignore lm_head.weight -n 2> /dev/null | sed -n 2p
             head   lm_head.weight  576 rows, left as it is

-v says for every new token what its row begins as.

  $ embed-extend base --map merged/vocab-map.json --out-init zero -n -q -v | sed -n '/^new/,+1p'
  new        515 " d"  pieces 32 100, head zero
             516 " de"  pieces 32 100 101, head zero
  $ embed-extend base --add 2 -n -q -v
  plan       input  model.embed_tokens.weight  576 rows, none added; 2 spare: mean
             head   lm_head.weight  576 rows, none added; 2 spare: mean
             2 spare rows are reserved, 0 rows are added
             61 rows carry no token: 515 .. 575
  new        515 .. 516  mean

What nobody else may read stays so: the weights, written anew or copied, and the files that are edited.

  $ cp -r base secret && chmod 644 secret/* && chmod 600 secret/*.safetensors secret/config.json && chmod 640 secret/generation_config.json
  $ umask 022; embed-extend secret --add 80 -o kept -q
  kept
  $ stat -c '%a %n' kept/*.json kept/*.safetensors
  600 kept/config.json
  640 kept/generation_config.json
  644 kept/receipt.json
  644 kept/tokenizer.json
  644 kept/tokenizer_config.json
  600 kept/model.safetensors

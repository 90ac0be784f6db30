vocab-inspect: facts, one screen a path.

  $ make-checkpoint small base

  $ vocab-inspect base
  base   llama   safetensors, 1 file, 95.6 KB   (headers and tokenizer only, ... ms)

  tokenizer  byte-level BPE: 512 base + 3 added = 515 tokens, highest id 514, no holes
             ids as declared are the ids that run
  tables     input  model.embed_tokens.weight   576 x 32  BF16
             head   lm_head.weight              576 x 32  BF16
  config     vocab_size 576   config.json
  special    bos 512 <|endoftext|>                   config.json
             eos 514 <|im_end|>                      config.json
             bos 512 <|endoftext|>                   generation_config.json
             eos 514 <|im_end|>, 512 <|endoftext|>   generation_config.json
             bos 512 <|endoftext|>                   tokenizer_config.json
             eos 514 <|im_end|>                      tokenizer_config.json
  surplus    61 rows without a token (align: to a multiple of 64): 515 .. 575

  ids   0 .. 511                                                             512 .. 514  515 .. 575
        [ text 512                                                         ] [ added 3 ] [ spare 61 ]

  room for 61 more tokens before the table must grow
  $ vocab-inspect --rows base | grep -A 4 '^tables'
  tables     input  model.embed_tokens.weight   576 x 32  BF16
                    norm 0.00947 (1 %), 1.11 (median), 1.42 (99 %); 0 zero, 0 NaN, 0 Inf rows
             head   lm_head.weight              576 x 32  BF16
                    norm 0.00955 (1 %), 1.09 (median), 1.41 (99 %); 0 zero, 0 NaN, 0 Inf rows
  config     vocab_size 576   config.json

A tokenizer alone, a file of weights alone, a model without a tokenizer.

  $ vocab-inspect base/tokenizer.json
  base/tokenizer.json   tokenizer alone   (tokenizer and configs only, ... ms)

  tokenizer  byte-level BPE: 512 base + 3 added = 515 tokens, highest id 514, no holes
             ids as declared are the ids that run

  ids   0 .. 511                                                                          512 .. 514
        [ text 512                                                                      ] [ added 3 ]
  $ vocab-inspect base/model.safetensors
  base/model.safetensors   safetensors, 1 file, 95.6 KB   (headers only, ... ms)

  tokenizer  absent
  tables     input  model.embed_tokens.weight   576 x 32  BF16
             head   lm_head.weight              576 x 32  BF16
  config     absent

  ids   0 .. 575
        [ rows 576                                                                                  ]
  $ mkdir model && cp base/config.json base/model.safetensors model && vocab-inspect model
  model   llama   safetensors, 1 file, 95.6 KB   (headers only, ... ms)

  tokenizer  absent
  tables     input  model.embed_tokens.weight   576 x 32  BF16
             head   lm_head.weight              576 x 32  BF16
  config     vocab_size 576   config.json
  special    bos 512   config.json
             eos 514   config.json

  ids   0 .. 575
        [ rows 576                                                                                  ]

One path that cannot be read does not silence the others; the status tells.

  $ vocab-inspect nowhere base/tokenizer.json
  vocab-inspect: nowhere: not found; expected a model directory, a .safetensors or .gguf file or a tokenizer
  base/tokenizer.json   tokenizer alone   (tokenizer and configs only, ... ms)

  tokenizer  byte-level BPE: 512 base + 3 added = 515 tokens, highest id 514, no holes
             ids as declared are the ids that run

  ids   0 .. 511                                                                          512 .. 514
        [ text 512                                                                      ] [ added 3 ]
  [3]

One JSON object a line.

  $ vocab-inspect --json base base/tokenizer.json model | python3 -c 'import json, sys; [print(d["path"], d["surplus"], d["tied"]) for d in map(json.loads, sys.stdin)]'
  base {'rows': 61, 'class': 'align'} {'declared': False, 'stored': None}
  base/tokenizer.json None None
  model None {'declared': False, 'stored': None}

A name that is no UTF-8 is escaped, in JSON too.

  $ cp -r base "$(printf 'odd\377')"
  $ vocab-inspect --json "$(printf 'odd\377')" | python3 -c 'import json, sys; print(json.loads(sys.stdin.buffer.read().decode("utf-8"))["path"])'
  odd�
  $ vocab-check -q "$(printf 'odd\377')"
  no errors and no warnings in odd\xFF (1 note: -v)

Headers only: 200 GB of weights that are holes in the file are not read.

  $ python3 - << 'END'
  > header = b'{"model.embed_tokens.weight": {"dtype": "BF16", "shape": [1000000, 100000], "data_offsets": [0, 200000000000]}} '
  > with open("big.safetensors", "wb") as f:
  >     f.write(len(header).to_bytes(8, "little") + header)
  >     f.truncate(8 + len(header) + 200000000000)
  > END
  $ timeout 20 vocab-inspect big.safetensors
  big.safetensors   safetensors, 1 file, 200.0 GB   (headers only, ... ms)

  tokenizer  absent
  tables     input  model.embed_tokens.weight   1000000 x 100000  BF16
             head   none is stored; the config does not say that it is tied
  config     absent

  ids   0 .. 999999
        [ rows 1000000                                                                              ]

What is missing: ids with no row, a hole in the text, a head that is shorter than the input table.

  $ cp -r base holes && python3 - << 'END'
  > import json
  > with open("holes/tokenizer.json") as f:
  >     d = json.load(f)
  > vocab = d["model"]["vocab"]
  > for old, new in ((511, 600), (510, 590)):
  >     vocab[next(t for t, i in vocab.items() if i == old)] = new
  > with open("holes/tokenizer.json", "w") as f:
  >     json.dump(d, f)
  > END
  $ vocab-inspect holes
  holes   llama   safetensors, 1 file, 95.6 KB   (headers and tokenizer only, ... ms)

  tokenizer  byte-level BPE: 512 base + 3 added = 515 tokens, highest id 600, 86 ids without a token, the first 510
             ids as declared are the ids that run
  tables     input  model.embed_tokens.weight   576 x 32  BF16
             head   lm_head.weight              576 x 32  BF16
  config     vocab_size 576   config.json
  special    bos 512 <|endoftext|>                   config.json
             eos 514 <|im_end|>                      config.json
             bos 512 <|endoftext|>                   generation_config.json
             eos 514 <|im_end|>, 512 <|endoftext|>   generation_config.json
             bos 512 <|endoftext|>                   tokenizer_config.json
             eos 514 <|im_end|>                      tokenizer_config.json
  surplus    2 tokens have no row: 590, 600

  ids   0 .. 511                                                      512 .. 575  576 .. 600
        [ text 510                                                  ] [ added 3 ] [ without a row 2 ]

  vocab-check says more
  $ make-checkpoint qwen2.5-truncated short
  $ vocab-inspect short | tail -4
  ids   0 .. 151642                                                 151643 .. 151664 151665 .. 151935
        [ text 151643                                             ] [ added 22     ] [ spare 271    ]

  the head has 293 rows fewer than the input table: vocab-check says more
  $ vocab-inspect base/config.json
  vocab-inspect: base/config.json: found a file of a model; give the directory that it stands in
  [3]

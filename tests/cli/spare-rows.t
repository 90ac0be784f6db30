# Spare rows that the configs silence

Rows without a token are listed in suppress_tokens, as vocab-check advises (VOC408). They are still free: all tools say so, and the
token that gets one leaves the lists, or it would never come out. A list of which nothing stays is null.

  $ make-checkpoint small base
  $ python3 -c 'import json; print(json.dumps({"eos_token_id": 514, "suppress_tokens": list(range(515, 576)), "begin_suppress_tokens": [515],
  >   "bad_words_ids": [[515], [3, 7], [1, 515]]}))' > base/generation_config.json
  $ vocab-merge base --add-token Hallo -o m
  base       base   515 tokens
  new              1   id 515
                       515 Hallo
  reachable        1   of 1 by text

  rows needed 516; the table of base has 576
  next: embed-extend base --map m/vocab-map.json -o OUT
  wrote m
  $ embed-extend base --map m/vocab-map.json -o x
  plan       input  model.embed_tokens.weight  576 rows, none added; 1 spare: pieces
             head   lm_head.weight  576 rows, none added; 1 spare: pieces
             1 spare row becomes a token, 0 rows are added
             60 rows carry no token: 516 .. 575
  edits      515 -> absent       generation_config.json /suppress_tokens/0
             [515] -> null         generation_config.json /begin_suppress_tokens
             [515] -> absent       generation_config.json /bad_words_ids/0
             [1, 515] -> absent       generation_config.json /bad_words_ids/2
  note       generation_config.json: 1 member of /suppress_tokens goes: new tokens could not be generated
             generation_config.json: 1 member of /begin_suppress_tokens goes: new tokens could not be generated
             generation_config.json: 2 members of /bad_words_ids go: new tokens could not be generated
  wrote x  (0.1 MB, of them 0.1 MB new)  in ... s, peak memory ... MB
  frozen below id 515: sha256 before = after in x/receipt.json
  next: vocab-check x --base base --map m/vocab-map.json --receipt x/receipt.json
  $ head -c 60 x/generation_config.json; tail -c 72 x/generation_config.json
  {"eos_token_id": 514, "suppress_tokens": [516, 517, 518, 5193, 574, 575], "begin_suppress_tokens": null, "bad_words_ids": [[3, 7]]}
  $ vocab-check x --base base --map m/vocab-map.json --receipt x/receipt.json --device cpu
  levels     L0 structure      pass
             L1 bytes          pass
             L2 rows and head  pass
             L3 forward        not run (no --forward)
             L4 two forwards   not run (no --forward)
  device     cpu (...)
  gather     516 tokens and 65 ids of the configs, each has a row
  head       16 probes: argmax never at or above 516
  no errors and no warnings in x (1 note: -v)

The next token takes the next row, in whichever way it is asked for. Rows that are reserved without a token stay silenced.

  $ vocab-merge base --add-token Hallo --add-token Welt -o m2 -q && embed-extend base --tokenizer m2 -n
  m2
  plan       input  model.embed_tokens.weight  576 rows, none added; 2 spare: pieces
             head   lm_head.weight  576 rows, none added; 2 spare: pieces
             2 spare rows become tokens, 0 rows are added
             59 rows carry no token: 517 .. 575
  edits      515 -> absent       generation_config.json /suppress_tokens/0
             516 -> absent       generation_config.json /suppress_tokens/1
             [515] -> null         generation_config.json /begin_suppress_tokens
             [515] -> absent       generation_config.json /bad_words_ids/0
             [1, 515] -> absent       generation_config.json /bad_words_ids/2
  note       m2/vocab-map.json says what 2 of the 2 new tokens are made of
             generation_config.json: 2 members of /suppress_tokens go: new tokens could not be generated
             generation_config.json: 1 member of /begin_suppress_tokens goes: new tokens could not be generated
             generation_config.json: 2 members of /bad_words_ids go: new tokens could not be generated
  nothing written (--dry-run)
  $ embed-extend base --add 10 -n
  plan       input  model.embed_tokens.weight  576 rows, none added; 10 spare: mean
             head   lm_head.weight  576 rows, none added; 10 spare: mean
             10 spare rows are reserved, 0 rows are added
             61 rows carry no token: 515 .. 575
  nothing written (--dry-run)

Ids that other keys name are in use.

  $ cp -r base named && echo '{"eos_token_id": 517, "suppress_tokens": [515, 516]}' > named/generation_config.json
  $ embed-extend named --add 2 -n
  plan       input  model.embed_tokens.weight  576 rows, none added; 2 spare: mean
             head   lm_head.weight  576 rows, none added; 2 spare: mean
             2 spare rows are reserved, 0 rows are added
             58 rows carry no token: 518 .. 575
  nothing written (--dry-run)

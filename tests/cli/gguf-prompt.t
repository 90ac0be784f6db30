vocab-check --prompt on a .gguf file: text is encoded with its keys, as llama.cpp does.

By scores: a token before the prompt, a space before the text and behind a special token, bytes for what is no token.

  $ make_gguf.py llama default scores.gguf
  $ vocab-check scores.gguf --prompt "abc" --device cpu --generate 1 --json | grep -o '"prompt":[^]]*]'
  "prompt":[1,7,8]
  $ vocab-check scores.gguf --prompt "b</s>é" --device cpu --generate 1 --json | grep -o '"prompt":[^]]*]'
  "prompt":[1,3,5,2,3,205,179]

By merges: tokenizer.ggml.pre names the patterns that cut the text first, and whether a token stands before it.

  $ make_gguf.py gpt2 gpt-2 merges.gguf && make_gguf.py gpt2 llama-bpe whole.gguf
  $ vocab-check merges.gguf --prompt "abc a" --device cpu --generate 1 --json | grep -o '"prompt":[^]]*]'
  "prompt":[4,6]
  $ vocab-check whole.gguf --prompt "abc a" --device cpu --generate 1 --json | grep -o '"prompt":[^]]*]'
  "prompt":[7,4,6]
  $ vocab-check merges.gguf --prompt "xyz" --device cpu
  vocab-check: --prompt: the text has no token
  [2]

What is not known is refused, with what is; ids run all the same.
A continuation of nothing begins with bos_token_id, without one with a text.

  $ make_gguf.py gpt2 mine odd.gguf && make_gguf.py t5 default t5.gguf
  $ vocab-check odd.gguf --prompt "abc" --device cpu
  vocab-check: odd.gguf: tokenizer.ggml.pre: found "mine", expected one of the 74 names of gguf-text.json (default, gpt-2, starcoder, falcon, llama3, dbrx, qwen2, qwen35, minicpm5, seed-coder, bailingmoe, exaone-moe, deepseek-coder, deepseek-v3, gpt-4o, tekken, granite-embed-multi-97m, bloom, viking and their like); text is not encoded for this file: give --prompt-ids
  [3]
  $ vocab-check t5.gguf --prompt "abc" --device cpu
  vocab-check: t5.gguf: tokenizer.ggml.model: found "t5", expected one of llama, gpt2, bert; text is not encoded for this file: give --prompt-ids
  [3]
  $ vocab-check odd.gguf --prompt-ids "0 1 2" --generate 1 --device cpu -q
  generated  3 ids +1:  a
  no errors and no warnings in odd.gguf
  $ vocab-check odd.gguf --generate 1 --device cpu -q
  generated  1 id +1: <s>
  no errors and no warnings in odd.gguf
  $ make_gguf.py llama default open.gguf tokenizer.ggml.bos_token_id && make_gguf.py gpt2 mine shut.gguf tokenizer.ggml.bos_token_id
  $ vocab-check open.gguf --generate 1 --device cpu --json | grep -o '"prompt":[^]]*]'
  "prompt":[1,3,94,114,111]
  $ vocab-check shut.gguf --generate 1 --device cpu -q
  vocab-check: --generate: what shall be continued? this model names no bos_token_id to begin with; give --prompt-ids
  [2]

A base of another format is compared by nothing: its ids make none of this model's new.

  $ make-checkpoint small base && echo '{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}' > base/tokenizer.json
  $ vocab-check scores.gguf --base base --forward --device cpu | grep 'L[134] \|^forward' | sed 's/, [0-9.]* s$//'
             L1 bytes          not run (the base is of another format)
             L3 forward        pass
             L4 two forwards   not run (the base is another model)
  forward    llama: 4 prompts, 26 positions

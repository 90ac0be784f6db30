# A copy in another dtype

Bytes say nothing about it; both models run, and values decide. cast.py writes a safetensors file again in F32 (which loses nothing of BF16),
or in F16, with elements of a tensor set to a value before.

  $ make-checkpoint small base && make-checkpoint small-german german && vocab-merge base german -o merged -q && embed-extend base --map merged/vocab-map.json -o out -q
  merged
  out
  $ cat > cast.py << 'END'
  > import json, struct, sys
  > path, to = sys.argv[1:3]
  > name, place, value = (sys.argv[3], int(sys.argv[4]), float(sys.argv[5])) if len(sys.argv) > 3 else (None, 0, 0)
  > with open(path, "rb") as f:
  >     n = int.from_bytes(f.read(8), "little")
  >     header, data = json.loads(f.read(n)), f.read()
  > at, parts, new = 0, [], {}
  > for key, t in header.items():
  >     if key == "__metadata__":
  >         continue
  >     begin, end = t["data_offsets"]
  >     values = [struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(begin, end, 2)]
  >     if key == name:
  >         values[place] = value
  >     form = {"F32": "<f", "F16": "<e"}[to]
  >     part = b"".join(struct.pack(form, v) if to == "F32" or abs(v) < 65520 else b"\0\x7c" for v in values)
  >     new[key] = {"dtype": to, "shape": t["shape"], "data_offsets": [at, at + len(part)]}
  >     parts.append(part)
  >     at += len(part)
  > text = json.dumps(new).encode()
  > text += b" " * (-len(text) % 8)
  > with open(path, "wb") as f:
  >     f.write(len(text).to_bytes(8, "little") + text + b"".join(parts))
  > END
  $ cp -r out wide && python3 cast.py wide/model.safetensors F32 && vocab-check wide --base base --map merged/vocab-map.json --forward --device cpu
  warning VOC128  12 tensors are stored as F32, in the base as BF16
    where   model.safetensors lm_head.weight
            base/model.safetensors lm_head.weight
    why     bytes of two dtypes cannot prove that the values are the base's: fewer bits round them
    remedy  see L4, which compares what both compute; where the dtype was not meant to change, start from the base again

  levels     L0 structure      pass
             L1 bytes          FAIL
             L2 rows and head  pass
             L3 forward        not run (L1 does not pass: both models ran, which is L4)
             L4 two forwards   pass
  device     ...
  gather     576 tokens and 5 ids of the configs, each has a row
  new rows   as told by wide/receipt.json (--receipt hashes its ranges)
  forward    llama: 12 prompts, 87 positions, ...; new tokens take 0.13 of the probability at most, 0.075 on average (KL 0.14); hidden states against the base's: NMSE 0
  1 warning in wide (1 note: -v)
  $ cp -r out half && python3 cast.py half/model.safetensors F16 model.layers.0.mlp.up_proj.weight 3 1e6 && vocab-check half --base base --device cpu --forward -q
  error   VOC418  1 logit of old ids differs from the base's, first at id 29
    where   model.safetensors lm_head.weight
            base/model.safetensors lm_head.weight
    why     the head no longer gives what it gave
    remedy  start from the base again, unless the weights were trained or rounded on purpose
  error   VOC425  5568 hidden values are NaN or Inf, from layer 0 on (old ids too): model.layers.0.mlp.up_proj.weight is Inf at [0, 3]
    where   model.safetensors model.layers.0.mlp.up_proj.weight
    why     every logit behind them is NaN
    remedy  convert the original model again, to BF16 or F32: F16 ends at 65504
  warning VOC128  12 tensors are stored as F16, in the base as BF16
    where   model.safetensors lm_head.weight
            base/model.safetensors lm_head.weight
    why     bytes of two dtypes cannot prove that the values are the base's: fewer bits round them
    remedy  see L4, which compares what both compute; where the dtype was not meant to change, start from the base again
  warning VOC430  the two models part at layer 0; the last hidden states of one are not all numbers
    why     the trunks compute different things
    remedy  start from the base again, unless the weights were trained or rounded on purpose
  2 errors, 2 warnings in half (1 note: -v)
  [1]
  $ cp -r out moved && python3 cast.py moved/model.safetensors F16 model.layers.0.mlp.up_proj.weight 3 1000 && vocab-check moved --base base --device cpu --forward -q
  error   VOC418  1 logit of old ids differs from the base's, first at id 29
    where   model.safetensors lm_head.weight
            base/model.safetensors lm_head.weight
    why     the head no longer gives what it gave
    remedy  start from the base again, unless the weights were trained or rounded on purpose
  error   VOC428  13390 logits of old ids differ from the base's in the run, by up to 6.25, first at id 0
    where   model.safetensors lm_head.weight
    why     the model no longer gives what it gave
    remedy  start from the base again, unless the weights were trained or rounded on purpose
  warning VOC128  12 tensors are stored as F16, in the base as BF16
    where   model.safetensors lm_head.weight
            base/model.safetensors lm_head.weight
    why     bytes of two dtypes cannot prove that the values are the base's: fewer bits round them
    remedy  see L4, which compares what both compute; where the dtype was not meant to change, start from the base again
  warning VOC430  the two models part at layer 0; their last hidden states differ by 1.5 of the square sum
    why     the trunks compute different things
    remedy  start from the base again, unless the weights were trained or rounded on purpose
  2 errors, 2 warnings in moved (1 note: -v)
  [1]

What a script reads of it: the layer as tensors are named, -1 for the embedded tokens, the number of layers for the final norm.

  $ cat > part.py << 'END'
  > import json, sys
  > d = json.load(sys.stdin)
  > print(d["levels"]["L4"]["state"], d["forward"]["first_differing_layer"], d["forward"]["first_differing_stage"])
  > END
  $ for name in model.embed_tokens.weight model.layers.0.mlp.up_proj.weight model.norm.weight; do
  >   rm -r moved && cp -r out moved && python3 cast.py moved/model.safetensors F32 $name 3 9 && vocab-check moved --base base --device cpu --forward --json | python3 part.py
  > done
  fail -1 embedding
  fail 0 layer
  fail 1 final_norm
  $ vocab-check wide --base base --device cpu --forward --json | python3 part.py
  pass None None

# A per-layer table that did not grow

Gemma3n looks each text id up in a second table. An extended model whose second table is still the base's is found, and what the remedy
says cures it: with the map that vocab-merge wrote. The copy in the extended model has other ids, and embed-extend says so.

  $ make-checkpoint gemma3n base && make-checkpoint small-german german && vocab-merge base german -o merged -q && embed-extend base --map merged/vocab-map.json -o bad -q
  merged
  bad
  $ python3 - << 'END'
  > import json
  > with open("bad/model.safetensors", "rb") as f:
  >     n = int.from_bytes(f.read(8), "little")
  >     header, data = json.loads(f.read(n)), f.read()
  > at, parts = 0, []
  > for name, t in header.items():
  >     if name == "__metadata__":
  >         continue
  >     begin, end = t["data_offsets"]
  >     if name.endswith("embed_tokens_per_layer.weight"):
  >         end = begin + (end - begin) // t["shape"][0] * 262144
  >         t["shape"][0] = 262144
  >     t["data_offsets"] = [at, at + end - begin]
  >     parts.append(data[begin:end])
  >     at += end - begin
  > text = json.dumps(header).encode()
  > with open("bad/model.safetensors", "wb") as f:
  >     f.write(len(text).to_bytes(8, "little") + text + b"".join(parts))
  > END
  $ vocab-check bad --forward --device cpu -q
  error   VOC506  the per-layer table has 262144 rows, but the text has 262205 ids
    where   model.safetensors model.language_model.embed_tokens_per_layer.weight
            config.json /vision_config/vocab_offset
    why     ids beyond it silently use row 0
    remedy  `embed-extend BASE --map MAP -o OUT` grows it with the text, BASE being the model before its extension and MAP as vocab-merge wrote it: ids of the copy in an extended model are moved
  1 error in bad (3 notes: -v)
  the model was NOT run: no description of this architecture (gemma3n); --arch-desc FILE gives one
  [1]
  $ embed-extend base --map bad/vocab-map.json -o good -q
  embed-extend: bad/vocab-map.json: id 262144 ("Ġd") is new there, but base already uses it: row 262144 is not free; this copy of the map has ids as they were moved by an extension: give the map that vocab-merge wrote
  [3]
  $ embed-extend base --map merged/vocab-map.json -o good -q && vocab-check good --base base --device cpu -q
  good
  no errors and no warnings in good (2 notes: -v)

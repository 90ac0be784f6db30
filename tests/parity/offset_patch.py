#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What offset-patch and embed-extend write for Gemma3n, read by the peers: ids in the Rust tokenizers library, configs in
transformers, and the states of unmodified model code for text, vision and audio ids.

    offset_patch.py TOOLS_DIR MAKE_CHECKPOINT      prints TAP
"""
import json
import os
import subprocess
import sys
import tempfile
from tap import check, end, skip_all

try:
    import tokenizers
    import torch
    import transformers
    from transformers.models.gemma3n import modeling_gemma3n
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, MAKE = sys.argv[1], sys.argv[2]
P = 262144  # where text ends in Gemma3n


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    check(' '.join(os.path.basename(w) for w in words[:2]), done.returncode == 0, done.stderr.strip())


def ids_moved(before, after, by, new):
    """Every token runs under its old id or the one moved by so many, and added tokens under the id that is written."""
    old = tokenizers.Tokenizer.from_file(os.path.join(before, 'tokenizer.json')).get_vocab()
    now = tokenizers.Tokenizer.from_file(os.path.join(after, 'tokenizer.json'))
    wrong = [t for t, i in old.items() if now.token_to_id(t) != (i if i < P else i + by)]
    with open(os.path.join(after, 'tokenizer.json'), encoding='utf-8') as f:
        declared = [t['content'] for t in json.load(f)['added_tokens'] if now.token_to_id(t['content']) != t['id']]
    check(f'{new} placeholders, {by} ids: the old tokens', not wrong and not declared, f'{wrong[:3]} {declared[:3]}')
    check(f'{new} placeholders, {by} ids: the new ones', [now.token_to_id(f'<|extra_{i}|>') for i in range(new)] == [P + i for i in range(new)])
    text = now.encode('law<|extra_0|> law')
    check(f'{new} placeholders, {by} ids: in a text', P in text.ids, text.tokens)


def numbers(folder):
    c = transformers.AutoConfig.from_pretrained(folder)
    return [c.text_config.vocab_size, c.text_config.vocab_size_per_layer_input, c.vision_config.vocab_offset, c.audio_config.vocab_offset,
            c.image_token_id, c.audio_token_id, c.eoi_token_id, c.eoa_token_id]


def configs(before, after, by):
    old, new = numbers(before), numbers(after)
    check(f'{os.path.basename(before)}: transformers reads every number moved', [n + by for n in old] == new, f'{old} {new}')


# ---- the forward pass ----

TEXT, SEEN, HEARD = 300, 16, 16


class Tower(torch.nn.Module):
    """Stands for the encoders of pictures and sound, which no id goes through."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))


def without_towers(cls, config=None, **_):
    return modeling_gemma3n.Gemma3nTextModel(config) if isinstance(config, transformers.Gemma3nTextConfig) else Tower()


def make_model(folder):
    text = dict(vocab_size=TEXT + SEEN + HEARD, vocab_size_per_layer_input=TEXT, hidden_size=32, num_hidden_layers=4, num_attention_heads=4,
                num_key_value_heads=2, head_dim=8, intermediate_size=48, hidden_size_per_layer_input=8, num_kv_shared_layers=0, laurel_rank=4,
                layer_types=['sliding_attention', 'full_attention'] * 2, activation_sparsity_pattern=[0.0] * 4, sliding_window=16)
    config = transformers.Gemma3nConfig(
        text_config=text, vision_config=dict(vocab_size=SEEN, vocab_offset=TEXT, hidden_size=32), eoi_token_id=TEXT, image_token_id=TEXT + 1,
        audio_config=dict(vocab_size=HEARD, vocab_offset=TEXT + SEEN, hidden_size=32), eoa_token_id=TEXT + SEEN, audio_token_id=TEXT + SEEN + 1,
        boi_token_id=5, boa_token_id=6)
    torch.manual_seed(3)
    model = transformers.Gemma3nForConditionalGeneration(config)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.02)
    model.save_pretrained(folder)


def ask(folder, ids):
    model = transformers.Gemma3nForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        out = model(input_ids=torch.tensor([ids]), output_hidden_states=True)
    return out.hidden_states, out.logits, model


def forward_story(base, out, by):
    """Ids of all three blocks, moved where they moved, give the same states; new ids have rows of their own in both tables."""
    old_ids = [2, 7, 299, TEXT + 3, 8, TEXT + 15, TEXT + SEEN + 2, 9, TEXT + SEEN + 15, 10]
    new_ids = [i if i < TEXT else i + by for i in old_ids]
    states, logits, _ = ask(base, old_ids)
    states2, logits2, model = ask(out, new_ids)
    check('gemma3n: hidden states of text, vision and audio ids are bit-equal', all(torch.equal(a, b) for a, b in zip(states, states2)))
    moved = torch.cat([logits2[..., :TEXT], logits2[..., TEXT + by:]], dim=-1)
    worst = float((logits - moved).abs().max() / logits.abs().max())
    check('gemma3n: logits within 1e-5 of max |logit|', worst <= 1e-5, worst)
    _, answers, _ = ask(out, [2, *range(TEXT, TEXT + by)])
    check('gemma3n: new ids give finite logits', bool(torch.isfinite(answers).all()))
    rows = model.model.language_model.embed_tokens_per_layer.weight
    check('gemma3n: a new id has a row of its own in the per-layer table',
          len(rows) == TEXT + by and not torch.equal(rows[TEXT], rows[0]))
    check('gemma3n: ids that were not moved would be read as others', not torch.equal(ask(out, old_ids)[0][-1], states[-1]))


transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
with tempfile.TemporaryDirectory() as top:
    at = lambda name: os.path.join(top, name)
    patch, extend = os.path.join(TOOLS, 'offset-patch'), os.path.join(TOOLS, 'embed-extend')
    run(MAKE, 'gemma3n', at('full'))
    run(patch, at('full'), '--add', '5', '-o', at('full-patched'))
    ids_moved(at('full'), at('full-patched'), 5, 5)
    configs(at('full'), at('full-patched'), 5)
    # Rows without a token between the new ones and the blocks: ids are no longer dense.
    run(extend, at('full'), '--add', '5', '--pad-multiple', '64', '-o', at('padded'))
    ids_moved(at('full'), at('padded'), 64, 5)
    configs(at('full'), at('padded'), 64)
    # What the file does not say is a class default there and here.
    os.mkdir(at('sparse'))
    with open(os.path.join(at('sparse'), 'config.json'), 'w', encoding='utf-8') as f:
        f.write('{"model_type": "gemma3n"}\n')
    run(patch, at('sparse'), '--add', '1000', '-o', at('sparse-patched'))
    configs(at('sparse'), at('sparse-patched'), 1000)
    modeling_gemma3n.AutoModel.from_config = classmethod(without_towers)
    make_model(at('small'))
    run(extend, at('small'), '--add', '5', '--init', 'normal', '-o', at('small-extended'))
    forward_story(at('small'), at('small-extended'), 5)

end()

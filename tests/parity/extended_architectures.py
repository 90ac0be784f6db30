#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every architecture that schemas/families speaks of and transformers can make: a tiny random model, extended by five
rows, loads as before, and what it says about old ids is what it said. Where the peer stores a shared table once, older
files store each copy of it: those are run too, and the copies are still copies afterwards.

    extended_architectures.py TOOLS_DIR [MODEL_TYPE...]      prints TAP
"""
import os
import shutil
import subprocess
import sys
import tempfile
from tap import check, end, skip_all

try:
    import torch
    import transformers
    from safetensors.torch import load_file, save_file
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, WANTED = sys.argv[1], sys.argv[2:]
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)
ROWS, ADDED = 307, 5
SMALL = dict(vocab_size=ROWS, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, head_dim=8,
             max_position_embeddings=64, pad_token_id=0, bos_token_id=1, eos_token_id=2)
PAIR = dict(d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=48,
            decoder_ffn_dim=48, max_position_embeddings=64, decoder_start_token_id=2, forced_eos_token_id=None)
GPT2 = dict(n_embd=32, n_layer=2, n_head=4, n_positions=64)
T5 = dict(d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4, decoder_start_token_id=0)

# model type: (class of the model, settings beside SMALL)
CAUSAL, MASKED, PAIRED = (getattr(transformers, 'AutoModelFor' + n) for n in ('CausalLM', 'MaskedLM', 'Seq2SeqLM'))
CASES = {
    'llama': (CAUSAL, dict(tie_word_embeddings=False)),
    'llama tied': (CAUSAL, dict(tie_word_embeddings=True)),
    'mistral': (CAUSAL, {}),
    'qwen2': (CAUSAL, dict(tie_word_embeddings=True)),
    'qwen3': (CAUSAL, {}),
    'gemma': (CAUSAL, {}),
    'gemma2': (CAUSAL, {}),
    'gemma3_text': (CAUSAL, {}),
    'phi': (CAUSAL, {}),
    'phi3': (CAUSAL, {}),
    'olmo2': (CAUSAL, {}),
    'granite': (CAUSAL, {}),
    'cohere': (CAUSAL, {}),
    'starcoder2': (CAUSAL, {}),
    'stablelm': (CAUSAL, {}),
    'gpt2': (CAUSAL, GPT2),
    'gpt_bigcode': (CAUSAL, GPT2),
    'gpt_neo': (CAUSAL, dict(num_layers=2, num_heads=4, attention_types=[[['global', 'local'], 1]])),
    'gpt_neox': (CAUSAL, {}),
    'gptj': (CAUSAL, dict(GPT2, rotary_dim=4)),
    'codegen': (CAUSAL, dict(GPT2, rotary_dim=4)),
    'opt': (CAUSAL, dict(ffn_dim=48, word_embed_proj_dim=32)),
    'bloom': (CAUSAL, dict(n_layer=2, n_head=4)),
    'falcon': (CAUSAL, dict(head_dim=None)),
    'mpt': (CAUSAL, dict(d_model=32, n_heads=4, n_layers=2, max_seq_len=64)),
    'mamba': (CAUSAL, dict(state_size=4)),
    'bert': (MASKED, {}),
    'roberta': (MASKED, {}),
    'xlm-roberta': (MASKED, {}),
    'camembert': (MASKED, {}),
    'distilbert': (MASKED, dict(dim=32, n_layers=2, n_heads=4, hidden_dim=48)),
    'electra': (MASKED, dict(embedding_size=32)),
    'albert': (MASKED, dict(embedding_size=16)),
    'mpnet': (MASKED, {}),
    'modernbert': (MASKED, dict(cls_token_id=1, sep_token_id=2)),
    'deberta-v2': (MASKED, {}),
    'xlnet': (CAUSAL, dict(d_model=32, n_layer=2, n_head=4, d_inner=48, max_position_embeddings=None)),
    't5': (PAIRED, T5),
    'mt5': (PAIRED, T5),
    'bart': (PAIRED, PAIR),
    'mbart': (PAIRED, PAIR),
    'marian': (PAIRED, dict(PAIR, decoder_vocab_size=ROWS)),
    'pegasus': (PAIRED, PAIR),
    'm2m_100': (PAIRED, PAIR),
}
SPEECH = transformers.AutoModelForSpeechSeq2Seq
# Models with a vision tower, asked about text alone; what sizes their text is nested in the config.
SEEING = transformers.AutoModelForImageTextToText
SIGLIP = dict(model_type='siglip_vision_model', hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=16,
              patch_size=8)
CLIP = dict(SIGLIP, model_type='clip_vision_model', projection_dim=16)


def seeing(text_type, vision, **more):
    text = {k: v for k, v in {**SMALL, 'model_type': text_type, **more.pop('text', {})}.items() if v is not None}
    return dict({k: None for k in SMALL}, text_config=text, vision_config=vision, **more)


CASES.update({
    'whisper': (SPEECH, dict(PAIR, num_mel_bins=8, max_source_positions=8, max_target_positions=64, begin_suppress_tokens=[2])),
    'gemma3': (SEEING, seeing('gemma3_text', SIGLIP, mm_tokens_per_image=4, image_token_index=5, boi_token_index=6, eoi_token_index=7)),
    'paligemma': (SEEING, seeing('gemma', SIGLIP, image_token_index=2, projection_dim=32, vocab_size=ROWS)),
    'llava': (SEEING, seeing('llama', CLIP, image_token_index=2)),
    'qwen2_vl': (SEEING, seeing('qwen2_vl_text', dict(depth=1, embed_dim=16, hidden_size=32, num_heads=2), image_token_id=2, video_token_id=1,
                                vision_start_token_id=0, vision_end_token_id=0,
                                text=dict(rope_parameters=dict(rope_type='default', mrope_section=[1, 1, 2], rope_theta=1e4)))),
    'idefics3': (SEEING, seeing('llama', dict(SIGLIP, model_type='idefics3_vision'), image_token_id=2, scale_factor=1, pad_token_id=0)),
    'mistral3': (SEEING, seeing('mistral', dict(SIGLIP, model_type='pixtral', head_dim=8), image_token_index=2)),
})


def load(kind, folder):
    model, info = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    return model.eval(), {k: sorted(map(str, v)) for k, v in info.items() if v}


def ask(kind, model, ids):
    given = {'input_ids': ids}
    if kind is PAIRED:
        given['decoder_input_ids'] = ids.flip(1)
    if kind is SPEECH:
        given = {'input_features': torch.linspace(-1, 1, 8 * 16).reshape(1, 8, 16).repeat(len(ids), 1, 1), 'decoder_input_ids': ids}
    with torch.no_grad():
        return model(output_hidden_states=True, **given)


def run(kind, model):
    """All states and the logits for every old id, in rows of 17."""
    out = ask(kind, model, torch.arange(8, 8 + 17 * 17).reshape(17, 17))
    names = ('decoder_hidden_states', 'encoder_hidden_states') if kind in (PAIRED, SPEECH) else ('hidden_states',)
    return [s for n in names for s in out[n]], out.logits


def story(name, kind, settings, folder):
    base, out = os.path.join(folder, 'base'), os.path.join(folder, 'out')
    torch.manual_seed(len(name))
    settings = {k: v for k, v in {**SMALL, **settings}.items() if v is not None}
    config = transformers.AutoConfig.for_model(name.split()[0], **settings)
    made = kind.from_config(config)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(torch.randn_like(p) * 0.02) # biases that are not zero
    made.save_pretrained(base)
    extended(name, kind, base, out)
    copies = os.path.join(folder, 'copies')
    shutil.copytree(base, copies)
    if store_copies(made, copies):
        extended(name + ', every copy stored', kind, copies, os.path.join(folder, 'out2'))


def store_copies(model, folder):
    """Every name of a shared tensor gets its bytes; false when there is none that was left out."""
    path = os.path.join(folder, 'model.safetensors')
    with_copies = {k: v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    if len(with_copies) == len(load_file(path)):
        return False
    save_file(with_copies, path, metadata={'format': 'pt'})
    return True


def groups(folder):
    """Names of the tensors that have the same bytes."""
    same = {}
    for name, t in load_file(os.path.join(folder, 'model.safetensors')).items():
        same.setdefault((t.shape[-1], t.numpy().tobytes()), []).append(name)
    return sorted(sorted(names) for names in same.values())


def extended(name, kind, base, out):
    done = subprocess.run([os.path.join(TOOLS, 'embed-extend'), base, '--add', str(ADDED), '--init', 'normal', '-o', out],
                          capture_output=True, text=True)
    if not check(f'{name}: embed-extend', done.returncode == 0, done.stdout + done.stderr):
        return
    check(f'{name}: copies are copies still', groups(base) == groups(out))
    before, info = load(kind, base)
    after, info2 = load(kind, out)
    check(f'{name}: loads as before', info == info2, f'{info}\n{info2}')
    rows = after.get_input_embeddings().weight.shape[0]
    check(f'{name}: {ADDED} rows more', rows == ROWS + ADDED, rows)
    states, logits = run(kind, before)
    states2, logits2 = run(kind, after)
    check(f'{name}: hidden states are bit-equal', all(torch.equal(a, b) for a, b in zip(states, states2)))
    worst = float((logits - logits2[..., :ROWS]).abs().max() / logits.abs().max())
    check(f'{name}: logits of old ids within 1e-5 of max |logit|', worst <= 1e-5 and logits2.shape[-1] == ROWS + ADDED, f'{worst} {logits2.shape}')
    new = ask(kind, after, torch.arange(ROWS, ROWS + ADDED).reshape(1, ADDED)).logits
    check(f'{name}: new ids give finite logits', bool(torch.isfinite(new).all()))


for name, (kind, settings) in CASES.items():
    if WANTED and name not in WANTED:
        continue
    with tempfile.TemporaryDirectory(prefix='vs-parity-') as folder:
        try:
            story(name, kind, settings, folder)
        except Exception as e: # one architecture that the peer cannot make does not hide the others
            check(name, False, repr(e)[:800])
end()

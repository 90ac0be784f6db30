#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The forward pass against llama.cpp: tiny random models of every decoder that it runs, as F32 GGUF, float32 KV cache.

    forward_llama.py TOOLS_DIR LIBRARY_DIR [NAME...]      prints TAP

LIBRARY_DIR holds the shared libraries of the npm package @node-llama-cpp/linux-x64 (tests/run.sh installs it).
|delta logprob| <= 1e-4; 5e-3 where the model uses GELU, which llama.cpp's CPU backend reads from a table of float16.
"""
import os
import subprocess
import sys
import tempfile
from tap import check, end, skip_all

TOOLS, LIBRARY, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
try:
    import numpy
    import torch
    import transformers
    import llama_cpp
    import to_gguf
    library = llama_cpp.Library(LIBRARY)
except (ImportError, OSError) as missing:
    skip_all(f'no peers: {missing} (see tests/parity/requirements.txt and package.json)')

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(2)
ROWS = 307
SMALL = dict(vocab_size=ROWS, hidden_size=64, num_hidden_layers=5, num_attention_heads=4, num_key_value_heads=2, intermediate_size=96, head_dim=16,
             max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type='llama3', rope_theta=1e4, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=32)
GELU = {'gemma', 'gemma2', 'gemma3_text', 'gpt2', 'gpt_neox', 'phi'}
# name: (model type, settings beside SMALL). What llama.cpp fixes and transformers leaves open is set as llama.cpp has it.
CASES = {
    'llama': ('llama', {}),
    'llama3 rope': ('llama', dict(rope_parameters=LLAMA3)),
    'linear rope': ('llama', dict(rope_parameters=dict(rope_type='linear', rope_theta=1e4, factor=4.0))),
    'mistral': ('mistral', dict(sliding_window=None)),
    'qwen2': ('qwen2', {}),
    'qwen2 tied': ('qwen2', dict(tie_word_embeddings=True)),
    'qwen3': ('qwen3', {}),
    'phi3': ('phi3', dict(num_key_value_heads=4)),
    'phi': ('phi', dict(partial_rotary_factor=0.5)),
    'gemma': ('gemma', {}),
    'gemma2': ('gemma2', dict(sliding_window=8, query_pre_attn_scalar=16)),
    'gemma3_text': ('gemma3_text', dict(sliding_window=8, num_hidden_layers=7, query_pre_attn_scalar=16)),
    'olmo2': ('olmo2', {}),
    'smollm3': ('smollm3', {}),
    'granite': ('granite', dict(attention_multiplier=0.2, embedding_multiplier=3.0, residual_multiplier=0.5, logits_scaling=2.0)),
    'cohere': ('cohere', {}),
    'cohere2': ('cohere2', dict(sliding_window=8)),
    'gpt2': ('gpt2', dict(n_embd=64, n_layer=3, n_head=4, n_positions=128, num_key_value_heads=None, head_dim=None, intermediate_size=None)),
    'gpt_neox': ('gpt_neox', dict(num_key_value_heads=4, rotary_pct=0.25)),
    'mixtral': ('mixtral', dict(num_local_experts=4, sliding_window=None)),
    'qwen2_moe': ('qwen2_moe', dict(num_experts=4, moe_intermediate_size=32, shared_expert_intermediate_size=64, num_experts_per_tok=2)),
    'qwen3_moe': ('qwen3_moe', dict(num_experts=4, moe_intermediate_size=32, num_experts_per_tok=2, norm_topk_prob=True)),
    'gpt_oss': ('gpt_oss', dict(num_local_experts=4, num_experts_per_tok=2, sliding_window=8, rope_parameters=dict(rope_type='default', rope_theta=1e4))),
}
# Keys that a file may lack, but for those without which llama.cpp does not load one of these.
OPTIONAL = {'attention.key_length', 'attention.value_length', 'attention.scale', 'attention.sliding_window', 'attn_logit_softcapping',
            'final_logit_softcapping', 'logit_scale', 'embedding_scale', 'residual_scale', 'rope.dimension_count', 'rope.freq_base', 'rope.freq_base_swa'}
NEEDED = {'granite': {'logit_scale'}, 'cohere2': {'logit_scale', 'attention.sliding_window'}, 'gpt_oss': {'attention.sliding_window'}}


def make(kind, settings, folder):
    """Norms and biases are random too: with 1 and 0 most mistakes would not show."""
    torch.manual_seed(3)
    given = {k: v for k, v in {**SMALL, **settings}.items() if v is not None or k == 'sliding_window'}
    model = transformers.AutoModelForCausalLM.from_config(transformers.AutoConfig.for_model(kind, **given)).float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            one = 0 if p.ndim > 1 or 'bias' in name or kind.startswith('gemma') else 1
            p.copy_(torch.randn_like(p) * (0.15 if p.ndim > 1 else 0.3) + one)
    model.save_pretrained(folder)


def log_softmax(x):
    x = x.astype(numpy.float64)
    x = x - x.max(-1, keepdims=True)
    return x - numpy.log(numpy.exp(x).sum(-1, keepdims=True))


def compare_with(name, omitted, work):
    kind, _ = CASES[name]
    path, dump = os.path.join(work, 'model.gguf'), os.path.join(work, 'logits.npy')
    to_gguf.convert(work, path, omitted)
    ids = torch.randint(0, ROWS, (24,)).tolist()
    done = subprocess.run([os.path.join(TOOLS, 'vocab-check'), path, '--device', 'cpu', '--prompt-ids', ' '.join(map(str, ids)), '--dump-logits', dump],
                          capture_output=True, text=True)
    if not os.path.exists(dump):
        return check(name, False, done.stdout + done.stderr)
    peer = llama_cpp.Model(library, path, n_ctx=64)
    delta = numpy.abs(log_softmax(numpy.load(dump)) - log_softmax(peer.logits(ids))).max()
    peer.close()
    limit = 5e-3 if kind in GELU else 1e-4
    os.remove(dump)
    without = ' without optional keys' if omitted else ''
    return check(f'{name}{without}: |delta logprob| {delta:.1e} of {limit:.0e}', delta <= limit)


def compare(name, work):
    kind, settings = CASES[name]
    make(kind, settings, work)
    compare_with(name, set(), work)
    compare_with(name, OPTIONAL - NEEDED.get(kind, set()), work)


for case in ONLY or CASES:
    with tempfile.TemporaryDirectory() as folder:
        compare(case, folder)
end()

# SPDX-License-Identifier: Apache-2.0
"""A model of transformers as an F32 GGUF file that llama.cpp runs: the same weights for two peers. Test data only: a
vocabulary of ids without text, and no metadata beyond what the forward pass reads.

Layouts that GGUF wants otherwise than transformers stores them, with their source in llama.cpp's converters: q and k
of architectures with adjacent rotary pairs are permuted, Gemma's norms hold 1 + w, GPT-2's Conv1D is transposed, GPT-NeoX's
query_key_value is regrouped, experts are stacked, Llama 3's rope scaling is a tensor of divisors.
"""
import json
import math
import os

import gguf
import numpy
from safetensors.numpy import load_file

ARCH = {'llama': 'LLAMA', 'mistral': 'LLAMA', 'mixtral': 'LLAMA', 'qwen2': 'QWEN2', 'qwen3': 'QWEN3', 'qwen2_moe': 'QWEN2MOE', 'qwen3_moe': 'QWEN3MOE',
        'phi3': 'PHI3', 'phi': 'PHI2', 'gemma': 'GEMMA', 'gemma2': 'GEMMA2', 'gemma3_text': 'GEMMA3', 'olmo2': 'OLMO2', 'smollm3': 'SMOLLM3',
        'granite': 'GRANITE', 'cohere': 'COMMAND_R', 'cohere2': 'COHERE2', 'gpt2': 'GPT2', 'gpt_neox': 'GPTNEOX', 'gpt_oss': 'GPT_OSS'}
PERMUTED = {'llama', 'mistral', 'mixtral', 'smollm3', 'granite'}
GPT2_NAMES = {'wte': 'token_embd', 'wpe': 'position_embd', 'ln_f': 'output_norm', 'ln_1': 'attn_norm', 'ln_2': 'ffn_norm', 'attn.c_attn': 'attn_qkv',
              'attn.c_proj': 'attn_output', 'mlp.c_fc': 'ffn_up', 'mlp.c_proj': 'ffn_down'}


def first(config, *names, default=None):
    return next((config[n] for n in names if config.get(n) is not None), default)


def rope_of(config):
    """(parameters of full attention, of sliding attention) in either spelling."""
    given = first(config, 'rope_parameters', default={})
    full = given.get('full_attention', given)
    if 'full_attention' not in given:
        full = {'rope_theta': config.get('rope_theta', 10000.0), **(config.get('rope_scaling') or {}), **given}
    return full, given.get('sliding_attention', full)


def permute(weight, heads):
    """Half-split rotary pairs (i, i + d/2) become adjacent ones (2i, 2i + 1)."""
    return weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:]).swapaxes(1, 2).reshape(weight.shape)


def llama3_divisors(rope, dim):
    low, high, factor = rope['low_freq_factor'], rope['high_freq_factor'], rope['factor']
    old = rope['original_max_position_embeddings']
    out = []
    for i in range(0, dim, 2):
        wave = 2 * math.pi * rope['rope_theta'] ** (i / dim)
        smooth = (old / wave - low) / (high - low)
        out.append(1.0 if wave < old / high else factor if wave > old / low else 1 / ((1 - smooth) / factor + smooth))
    return numpy.array(out, numpy.float32)


class Converter:
    def __init__(self, folder, out, omitted):
        self.omitted = omitted
        with open(os.path.join(folder, 'config.json'), encoding='utf-8') as f:
            self.config = json.load(f)
        self.tensors = load_file(os.path.join(folder, 'model.safetensors'))
        self.type = self.config['model_type']
        self.arch = getattr(gguf.MODEL_ARCH, ARCH[self.type])
        self.layers = first(self.config, 'num_hidden_layers', 'n_layer')
        self.heads = first(self.config, 'num_attention_heads', 'n_head')
        self.kv_heads = first(self.config, 'num_key_value_heads', default=self.heads)
        self.width = first(self.config, 'hidden_size', 'n_embd')
        self.head_dim = first(self.config, 'head_dim', default=self.width // self.heads)
        self.names = gguf.get_tensor_name_map(self.arch, self.layers)
        self.w = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[self.arch])
        self.stacked = {}

    def write(self):
        self.write_keys()
        for name, tensor in self.tensors.items():
            self.write_tensor(name, numpy.ascontiguousarray(tensor, numpy.float32))
        for name, experts in self.stacked.items():
            self.add(name, numpy.stack([experts[i] for i in range(len(experts))]))
        rope, _ = rope_of(self.config)
        if rope.get('rope_type') == 'llama3':
            self.add('rope_freqs.weight', llama3_divisors(rope, self.head_dim))
        self.w.write_header_to_file()
        self.w.write_kv_data_to_file()
        self.w.write_tensors_to_file()
        self.w.close()

    def key(self, name, value):
        if value is None or name in self.omitted:
            return
        name = f'{gguf.MODEL_ARCH_NAMES[self.arch]}.{name}'
        add = {bool: self.w.add_bool, int: self.w.add_uint32, float: self.w.add_float32, str: self.w.add_string}.get(type(value), self.w.add_array)
        add(name, value)

    def write_keys(self):
        c, w = self.config, self.w
        w.add_tokenizer_model('none')
        rope, sliding = rope_of(c)
        experts = first(c, 'num_local_experts', 'num_experts')
        for name, value in {
            'vocab_size': c['vocab_size'], 'context_length': first(c, 'max_position_embeddings', 'n_positions'), 'embedding_length': self.width,
            'block_count': self.layers, 'feed_forward_length': first(c, 'intermediate_size', 'n_inner', default=4 * self.width),
            'attention.head_count': self.heads, 'attention.head_count_kv': self.kv_heads,
            'attention.key_length': self.head_dim, 'attention.value_length': self.head_dim,
            'attention.layer_norm_rms_epsilon': c.get('rms_norm_eps'),
            'attention.layer_norm_epsilon': first(c, 'layer_norm_epsilon', 'layer_norm_eps'),
            'rope.freq_base': float(rope['rope_theta']), 'rope.dimension_count': self.rotary(rope), 'attention.sliding_window': self.window(),
            'rope.freq_base_swa': float(sliding['rope_theta']) if sliding is not rope else None,
            'attn_logit_softcapping': c.get('attn_logit_softcapping'), 'final_logit_softcapping': c.get('final_logit_softcapping'),
            'logit_scale': first(c, 'logit_scale', 'logits_scaling'), 'attention.scale': c.get('attention_multiplier'),
            'embedding_scale': c.get('embedding_multiplier'), 'residual_scale': c.get('residual_multiplier'),
            'use_parallel_residual': c.get('use_parallel_residual'),
            'expert_count': experts, 'expert_used_count': c.get('num_experts_per_tok') if experts else None,
            'expert_feed_forward_length': c.get('moe_intermediate_size', c.get('intermediate_size') if self.type == 'gpt_oss' else None),
            'expert_shared_feed_forward_length': c.get('shared_expert_intermediate_size'),
            'rope.scaling.original_context_length': rope.get('original_max_position_embeddings', first(c, 'original_max_position_embeddings')),
            'rope.scaling.type': {'linear': 'linear', 'yarn': 'yarn'}.get(rope.get('rope_type')),
            'rope.scaling.factor': rope.get('factor') if rope.get('rope_type') in ('linear', 'yarn') else None,
        }.items():
            self.key(name, value)

    def rotary(self, rope):
        part = first(self.config, 'rotary_pct', 'partial_rotary_factor', default=rope.get('partial_rotary_factor', 1.0))
        return int(self.head_dim * part)

    def window(self):
        sliding = self.type in ('gemma2', 'gemma3_text', 'cohere2', 'gpt_oss', 'phi3', 'mistral')
        return self.config.get('sliding_window') if sliding else None

    def add(self, name, tensor):
        self.w.add_tensor(name, numpy.ascontiguousarray(tensor, numpy.float32))

    def write_tensor(self, name, tensor):
        stem, _, suffix = name.rpartition('.')
        if self.type == 'gpt2':
            return self.write_gpt2(stem.removeprefix('transformer.'), suffix, tensor)
        if '.experts.' in name and self.type != 'gpt_oss':
            return self.stack(stem, suffix, tensor)
        if self.type == 'gpt_oss' and '.mlp.experts.' in name:
            return self.write_gpt_oss(name, tensor)
        if name.endswith(('.masked_bias', '.attention.bias', '.rotary_emb.inv_freq')):
            return None
        if 'sinks' in suffix:
            return self.add(f'blk.{name.split(".")[2]}.attn_sinks.weight', tensor)
        if self.type in PERMUTED and '.q_proj.' in name:
            tensor = permute(tensor, self.heads)
        if self.type in PERMUTED and '.k_proj.' in name:
            tensor = permute(tensor, self.kv_heads)
        if self.type.startswith('gemma') and 'norm' in name:
            tensor = tensor + 1
        if name.endswith(('.query_key_value.weight', '.query_key_value.bias')):
            return self.write_neox(stem, suffix, tensor)
        if stem == 'lm_head' and self.config.get('tie_word_embeddings') and self.type not in ('phi',):
            return None
        return self.add(f'{self.name(stem)}.{suffix}', tensor)

    def name(self, stem):
        name = self.names.get_name(stem)
        assert name, f'{self.type}: no GGUF name for {stem}'
        return name

    def stack(self, stem, suffix, tensor):
        head, _, rest = stem.partition('.experts.')
        number, _, part = rest.partition('.')
        name = self.names.get_name(f'{head}.experts.{part}') or self.names.get_name(f'{head}.experts.{ {"w1": "w1", "w2": "w2", "w3": "w3"}[part]}')
        self.stacked.setdefault(f'{name}.{suffix}', {})[int(number)] = tensor

    def write_gpt2(self, stem, suffix, tensor):
        layer = ''
        if stem.startswith('h.'):
            layer, stem = f'blk.{stem.split(".")[1]}.', stem.split('.', 2)[2]
        if stem not in GPT2_NAMES or (stem == 'attn' and suffix in ('bias', 'masked_bias')):
            return
        if 'c_' in stem and suffix == 'weight':
            tensor = tensor.T
        self.add(f'{layer}{GPT2_NAMES[stem]}.{suffix}', tensor)

    def write_neox(self, stem, suffix, tensor):
        number = stem.split('.')[2]
        parts = tensor.reshape(self.heads, 3, self.head_dim, -1)
        tensor = numpy.concatenate([parts[:, i].reshape(self.heads * self.head_dim, -1) for i in range(3)])
        self.add(f'blk.{number}.attn_qkv.{suffix}', tensor.reshape(-1) if suffix == 'bias' else tensor)

    def write_gpt_oss(self, name, tensor):
        layer, part = name.split('.')[2], name.split('.')[-1]
        bias = part.endswith('_bias')
        suffix = 'bias' if bias else 'weight'
        if not bias:
            tensor = tensor.swapaxes(1, 2)   # [experts, in, out] becomes rows of outputs
        if part.startswith('gate_up'):
            self.add(f'blk.{layer}.ffn_gate_exps.{suffix}', tensor[:, 0::2])
            self.add(f'blk.{layer}.ffn_up_exps.{suffix}', tensor[:, 1::2])
        else:
            self.add(f'blk.{layer}.ffn_down_exps.{suffix}', tensor)


def convert(folder, out, omitted=()):
    """Without the keys that are named, as keys of an architecture are."""
    Converter(folder, out, omitted).write()

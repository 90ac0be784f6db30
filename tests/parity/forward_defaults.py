#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a config leaves out, or sets to null, against transformers: every key of every architecture, one at a time.

    forward_defaults.py TOOLS_DIR [NAME...]      prints TAP

The config is given to transformers' own class, the weights stay. Where no model of these weights comes of it (the class refuses
the config, the weights do not fit its sizes, the pass fails), vocab-check must refuse too; otherwise logits must agree. Keys of
other classes must change nothing, as the class ignores them.
"""
import dataclasses
import json
import os
import shutil
import sys
import tempfile
import forward_models as F
from tap import check, end

CONFIG_MAPPING = F.T.models.auto.configuration_auto.CONFIG_MAPPING
T, torch, SIZES, HEAD = F.T, F.torch, F.SIZES, F.HEAD
torch.set_num_threads(1) # two would wait for each other
PROMPT = [[1, 5, 98, 0, 33, 7, 2, 3, 3, 90, 41, 12, 77]]
SMALL, SMALL_HEAD = dict(SIZES, num_hidden_layers=3), dict(HEAD, num_hidden_layers=3)
MOE = dict(num_experts_per_tok=2, moe_intermediate_size=19)
NEOX = {k: v for k, v in SMALL.items() if k != 'num_key_value_heads'}
YARN = dict(F.YARN, attention_factor=1.25, beta_fast=20.0, beta_slow=2.0, mscale=1.3, mscale_all_dim=0.7, truncate=False)
# of no effect on the pass, or the peer's own business
ASIDE = {'architectures', 'bos_token_id', 'eos_token_id', 'pad_token_id', 'dtype', 'transformers_version', 'use_cache', 'initializer_range', 'model_type',
         'vocab_size', 'attention_dropout', 'hidden_dropout', 'output_router_logits', 'router_aux_loss_coef', 'router_jitter_noise', 'classifier_dropout',
         'pretraining_tp', 'initializer_factor', 'embd_pdrop', 'resid_pdrop', 'attn_pdrop', 'reorder_and_upcast_attn', 'add_cross_attention',
         'type_vocab_size', 'max_position_embeddings', 'n_positions', 'qk_layernorm', 'use_qk_norm', 'summary_type', 'summary_use_proj', 'summary_activation',
         'summary_proj_to_labels', 'summary_first_dropout', 'attention_probs_dropout_prob', 'hidden_dropout_prob', ('gpt_oss', 'hidden_act'),
         ('gpt_neox', 'is_decoder')}
# values unlike those of the classes, so that a default shows
MODELS = {
    'llama': (T.LlamaConfig(**dict(SMALL, rms_norm_eps=0.1, head_dim=10, attention_bias=True, mlp_bias=True, hidden_act='gelu')), None),
    'llama-v4': (T.LlamaConfig(**SMALL, max_position_embeddings=128, rope_parameters=dict(F.LLAMA3, rope_theta=100.0)), F.v4),
    'llama-yarn': (T.LlamaConfig(**SMALL, max_position_embeddings=128, rope_parameters=YARN), None),
    'llama-linear': (T.LlamaConfig(**SMALL, rope_parameters=dict(rope_type='linear', factor=3.0, rope_theta=50.0)), None),
    'mistral': (T.MistralConfig(**dict(SMALL_HEAD, num_key_value_heads=3), sliding_window=4, rms_norm_eps=0.1), F.v4),
    'mixtral': (T.MixtralConfig(**SMALL_HEAD, num_local_experts=5, num_experts_per_tok=3, sliding_window=4, rms_norm_eps=0.1), F.v4),
    'qwen2': (T.Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=4, max_window_layers=1, rms_norm_eps=0.1), F.both(F.v4, F.drop('layer_types'))),
    'qwen2-typed': (T.Qwen2Config(**SMALL, use_sliding_window=True, sliding_window=4, max_window_layers=1), None),
    'qwen2_moe': (T.Qwen2MoeConfig(**SMALL, **MOE, num_experts=7, shared_expert_intermediate_size=23, decoder_sparse_step=2, norm_topk_prob=True), F.v4),
    'qwen2_moe-windows': (T.Qwen2MoeConfig(**dict(SMALL, num_hidden_layers=5), **MOE, num_experts=7, shared_expert_intermediate_size=23, mlp_only_layers=[1], use_sliding_window=True,
                                           sliding_window=4, max_window_layers=3), F.both(F.v4, F.drop('layer_types'))),
    'qwen3': (T.Qwen3Config(**SMALL_HEAD, use_sliding_window=True, sliding_window=4, max_window_layers=1, attention_bias=True), F.both(F.v4, F.drop('layer_types'))),
    'qwen3_moe': (T.Qwen3MoeConfig(**SMALL_HEAD, **MOE, num_experts=7, use_sliding_window=True, sliding_window=4, norm_topk_prob=True, mlp_only_layers=[1]), None),
    'phi': (T.PhiConfig(**SMALL, hidden_act='relu', layer_norm_eps=0.1, rope_parameters=dict(rope_type='default', rope_theta=100.0, partial_rotary_factor=0.67)), F.v4),
    'phi3': (T.Phi3Config(**SMALL, sliding_window=5, rms_norm_eps=0.1), F.v4),
    'phi3-longrope': (T.Phi3Config(**dict(SMALL, hidden_size=48), max_position_embeddings=64, original_max_position_embeddings=8,
                                   rope_parameters=dict(F.longrope(3), partial_rotary_factor=0.75)), F.v4),
    'phi3-longrope-new': (T.Phi3Config(**SMALL, max_position_embeddings=64, original_max_position_embeddings=8, rope_parameters=F.longrope(3)), None),
    'gemma': (T.GemmaConfig(**SMALL_HEAD, hidden_act='gelu', rms_norm_eps=0.1), F.both(F.v4, lambda c: c.update(hidden_act='gelu', hidden_activation='relu'))),
    'gemma2': (T.Gemma2Config(**SMALL_HEAD, query_pre_attn_scalar=13, sliding_window=4, attn_logit_softcapping=3.0, final_logit_softcapping=5.0, hidden_activation='relu'), F.v4),
    'gemma2-off': (T.Gemma2Config(**SMALL_HEAD, query_pre_attn_scalar=13, sliding_window=4, attn_logit_softcapping=None, final_logit_softcapping=None), F.drop('layer_types')),
    'gemma3': (T.Gemma3TextConfig(**SMALL_HEAD, query_pre_attn_scalar=13, sliding_window=4, attn_logit_softcapping=3.0, final_logit_softcapping=5.0), None),
    'gemma3-v4': (T.Gemma3TextConfig(**dict(SMALL_HEAD, num_hidden_layers=7), sliding_window=4,
                                     rope_parameters={'full_attention': dict(rope_type='linear', factor=8.0, rope_theta=1e3),
                                                      'sliding_attention': dict(rope_type='default', rope_theta=1e2)}),
                  F.both(F.v4, F.drop('layer_types'), lambda c: c.update(sliding_window_pattern=3))),
    'olmo2': (T.Olmo2Config(**SMALL, attention_bias=True, rms_norm_eps=0.1), None),
    'olmo3': (T.Olmo3Config(**dict(SMALL, num_hidden_layers=5), sliding_window=4), None),
    'olmo3-v4': (T.Olmo3Config(**dict(SMALL, num_hidden_layers=5), sliding_window=4), F.both(F.v4, F.drop('layer_types'))),
    'smollm3': (T.SmolLM3Config(**dict(SMALL, num_hidden_layers=5), no_rope_layer_interval=3, use_sliding_window=True, sliding_window=4), F.both(F.v4, F.drop('no_rope_layers', 'layer_types'))),
    'smollm3-new': (T.SmolLM3Config(**dict(SMALL, num_hidden_layers=5), no_rope_layers=[1, 0, 1, 1, 0], use_sliding_window=True, sliding_window=4), None),
    'granite': (T.GraniteConfig(**SMALL, embedding_multiplier=3.0, residual_multiplier=0.3, attention_multiplier=0.2, logits_scaling=1.7), F.v4),
    'cohere': (T.CohereConfig(**SMALL, logit_scale=0.3, layer_norm_eps=0.1), F.v4),
    'cohere2': (T.Cohere2Config(**dict(SMALL, num_hidden_layers=5), sliding_window=4, logit_scale=0.3), F.both(F.v4, F.drop('layer_types', 'head_dim'), lambda c: c.update(sliding_window_pattern=4))),
    'gpt2': (T.GPT2Config(vocab_size=99, n_embd=36, n_layer=3, n_head=6, n_positions=32, n_inner=37, activation_function='relu', layer_norm_epsilon=0.1,
                          scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True), None),
    'gpt_neox': (T.GPTNeoXConfig(**NEOX, layer_norm_eps=0.1, use_parallel_residual=False,
                                 rope_parameters=dict(rope_type='default', rope_theta=1000.0, partial_rotary_factor=0.67)),
                 F.both(F.v4, F.renamed('partial_rotary_factor', 'rotary_pct'), F.renamed('rope_theta', 'rotary_emb_base'))),
    'gptj': (T.GPTJConfig(vocab_size=99, n_embd=36, n_layer=3, n_head=3, n_positions=32, rotary_dim=8, n_inner=37, activation_function='relu', layer_norm_epsilon=0.1), None),
    'gpt_oss': (T.GptOssConfig(**SMALL_HEAD, num_local_experts=5, num_experts_per_tok=3, sliding_window=4, max_position_embeddings=128), None),
    'bert': (T.BertConfig(**NEOX | dict(pad_token_id=0), max_position_embeddings=32, layer_norm_eps=0.1, hidden_act='relu'), None),
}
TOGETHER = ('rope', 'rotary', 'partial', 'layer_types', 'sliding', 'use_sliding', 'max_window', 'no_rope', 'original') # of several meanings: tried in each model
seen = set()
# attributes that a model asks its config for though its class has no such field
ASKED = {None: {'head_dim', 'partial_rotary_factor', 'original_max_position_embeddings', 'num_experts', 'layer_types'}, 'gpt2': {'layer_types'}, 'gptj': {'layer_types'}, 'bert': {'layer_types'}}
# keys that some class knows; a class that does not know one computes without it
FOREIGN = {'sliding_window': 3, 'use_sliding_window': True, 'layer_types': ['full_attention'], 'attn_logit_softcapping': 2.0, 'final_logit_softcapping': 2.0, 'query_pre_attn_scalar': 3,
           'attention_multiplier': 0.5, 'residual_multiplier': 0.5, 'embedding_multiplier': 2.0, 'logits_scaling': 3.0, 'logit_scale': 0.5, 'no_rope_layers': [0, 0, 0], 'rotary_pct': 0.34,
           'rotary_emb_base': 50, 'rotary_dim': 2, 'rope_local_base_freq': 7.0, 'original_max_position_embeddings': 5, 'mlp_bias': True, 'attention_bias': True, 'hidden_activation': 'relu',
           'activation_function': 'relu', 'scale_attn_weights': False, 'sliding_window_pattern': 2, 'layer_norm_eps': 0.5, 'layer_norm_epsilon': 0.5, 'rms_norm_eps': 0.5, 'n_head': 2, 'n_inner': 9,
           'head_dim': 2, 'partial_rotary_factor': 0.6, 'num_experts': 3, 'num_experts_per_tok': 1, 'is_decoder': True, 'use_bidirectional_attention': True, 'use_parallel_residual': False, 'qkv_bias': False}


def fitting(config, weights):
    """The model of this config when it has exactly these weights; None otherwise. Built without storage first: defaults are large."""
    kind = T.AutoModel if config.model_type == 'bert' else T.AutoModelForCausalLM
    config._experts_implementation = 'eager'
    with torch.device('meta'):
        shapes = {name: x.shape for name, x in kind.from_config(config, attn_implementation='eager').state_dict().items()}
    if set(shapes) != set(weights) or any(weights[name].shape != shape for name, shape in shapes.items()):
        return None # the peer itself only warns of weights that it has no place for
    model = kind.from_config(config, attn_implementation='eager').float().eval()
    tied = getattr(config, 'tie_word_embeddings', False) and kind is T.AutoModelForCausalLM
    model.load_state_dict({name: x for name, x in weights.items() if name in shapes and not (tied and name == 'lm_head.weight')}, strict=False)
    return model


def theirs(text, weights, layers, known):
    try:
        config = T.AutoConfig.for_model(**json.loads(json.dumps(text)))
        means = json.dumps(config.to_dict(), sort_keys=True, default=str)
        if means not in known:
            known[means] = None # also where it raises
            model = fitting(config, weights) if config.num_hidden_layers == layers else None
            known[means] = model and F.expect(model, PROMPT)
        return known[means]
    except Exception: # whatever it is, no model comes of this config
        return None


def changed(text):
    """(what was done, the config): each key absent, null; keys that the class does not know."""
    for key in sorted(key for key in text if key not in ASIDE and (text['model_type'], key) not in ASIDE):
        if not key.startswith(TOGETHER) and (text['model_type'], key) in seen:
            continue
        seen.add((text['model_type'], key))
        for what, value in (('absent', None), ('null', None)):
            other = dict(text, **{key: value})
            if what == 'absent':
                del other[key]
            yield f'{key} {what}', other
    for at in ('rope_parameters', 'rope_scaling'):
        inner = text.get(at) or {}
        for sub in [inner] if 'full_attention' not in inner else inner.values():
            for key in list(sub):
                kept = sub.pop(key)
                yield f'{at}/{key} absent', text
                sub[key] = None
                yield f'{at}/{key} null', text
                sub[key] = kept
    if (text['model_type'], None) not in seen:
        seen.add((text['model_type'], None))
        yield 'foreign keys added', dict(text, **foreign(text))


def foreign(text):
    known = {field.name for field in dataclasses.fields(CONFIG_MAPPING[text['model_type']])} | set(text) | ASKED.get(text['model_type'], ASKED[None])
    return {key: value for key, value in FOREIGN.items() if key not in known}


def one(name, config, change, work):
    model_dir, out = os.path.join(work, 'model'), os.path.join(work, 'out.npy')
    path = os.path.join(model_dir, 'config.json')
    shutil.rmtree(model_dir, ignore_errors=True)
    weights = F.build(name, config, change, model_dir).state_dict()
    with open(path, encoding='utf-8') as f:
        text = json.load(f)
    bad, runs, refused, known = [], 0, 0, {}
    for what, other in [('as it is', text), *changed(text)]:
        with open(path, 'w', encoding='utf-8') as f:
            json.dump(other, f)
        expected = theirs(other, weights, config.num_hidden_layers, known)
        ours, said = F.run(model_dir, PROMPT, out, '-v')
        runs += 1
        refused += expected is None
        if expected is None and what == 'as it is':
            bad.append('the peer refuses the model itself')
        elif ours is None and 'not computed here' in said:
            continue
        elif (ours is None) != (expected is None):
            bad.append(f'{what}: {"refused, the peer runs it" if ours is None else "run, the peer refuses"}: ' + next((x for x in said.splitlines() if 'VOC4' in x or 'error' in x), ''))
        elif ours is not None and (ours.shape != expected.shape or not ((ours - expected) ** 2).sum() <= F.NMSE * (expected ** 2).sum()):
            bad.append(f'{what}: NMSE {((ours - expected) ** 2).sum() / (expected ** 2).sum():.2g}')
    check(f'{name}: {runs} configs, {refused} of them refused', not bad, '\n'.join(bad))


def main():
    work = tempfile.mkdtemp(prefix='vs-defaults-')
    try:
        for name, (config, change) in MODELS.items():
            if not F.ONLY or name in F.ONLY:
                one(name, config, change, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    end()


main()

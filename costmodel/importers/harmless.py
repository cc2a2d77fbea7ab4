"""Keys of a configuration that change no figure of ours, whatever their value.

A key that is neither here, nor read by its family's adapter, nor left at the default of its class is
refused. So a name is only here when no family gives it a meaning that changes a count; a test
perturbs every key of every family and compares with what transformers builds.
"""

from __future__ import annotations

import re

HARMLESS = frozenset(
    """
    _attn_implementation _attn_implementation_internal _commit_hash _name_or_path 
    architectures attn_implementation auto_map bad_words_ids begin_suppress_tokens bos_token
    chunk_size_feed_forward classifier_dropout classifier_activation clip_qkv custom_pipelines
    decoder_start_token_id diversity_penalty do_sample dtype early_stopping
    embd_pdrop emb_pdrop encoder_no_repeat_ngram_size eos_token exponential_decay_length_penalty finetuning_task
    forced_bos_token_id forced_eos_token_id forced_decoder_ids gradient_checkpointing
    id2label initializer_factor initializer_range init_device init_std is_decoder keys_to_ignore_at_inference
    label2id layer_norm_eps layer_norm_epsilon layernorm_epsilon length_penalty max_length max_new_tokens
    min_length mlp_activation_checkpoint model_type no_repeat_ngram_size norm_eps norm_epsilon num_beam_groups num_beams
    num_labels num_return_sequences output_attentions output_hidden_states output_past output_router_logits
    output_scores prefix pretraining_tp problem_type remove_invalid_values repetition_penalty
    resid_pdrop return_dict return_dict_in_generate rms_norm_eps rope_parameters rope_scaling rope_theta
    scale_attn_weights scale_embedding sep_token_id sep_token suppress_tokens task_specific_params temperature
    tf_legacy_loss tokenizer_class top_p torch_dtype torchscript
    transformers_version typical_p unk_token_id unsloth_fixed unsloth_version use_bfloat16 use_cache
    use_flash_attn variance_epsilon z_loss_coef zero_loss_coef
    final_logit_softcapping query_pre_attn_scalar attention_multiplier
    embedding_multiplier residual_multiplier logits_scaling logit_scale routed_scaling_factor norm_topk_prob
    rope_local_base_freq rope_interleave rope_interleaved ep_size seq_aux aux_loss_alpha router_aux_loss_coef router_aux_loss_weight
    topk_method router_jitter_noise input_jitter_noise router_z_loss_coef hidden_act hidden_activation activation_function
    rotary_emb_base rotary_base rope_base router_dtype router_bias_update_speed load_balance_coeff
    original_max_position_embeddings mscale_all_dim
    moe_renormalize residual_in_fp32 rescale_prenorm_residual use_mambapy use_associative_scan use_mamba_kernels num_logits_to_keep
    time_step_min time_step_max time_step_floor time_step_limit time_step_scale time_step_init_scheme
    mamba_norm_before_gate lm_head_multiplier mlp_multipliers key_multiplier attention_out_multiplier
    attention_in_multiplier ssm_multipliers ssm_in_multiplier ssm_out_multiplier
    """.split()
)  # fmt: skip

_PATTERN = re.compile(
    r".*(?:_dropout|_dropout_p|_dropout_prob|_drop|_dropout_rate|_pdrop|_token_id|_token_ids|_token_index|dropout|layerdrop"
    r"|_aux_loss_coef|_aux_loss|_initializer_range|_loss_coef|_loss_weight|_init_std|_eps|_epsilon|_init_scale)"
)


def is_harmless(key: str) -> bool:
    """Say whether no value of a key changes a figure."""
    return key in HARMLESS or _PATTERN.fullmatch(key) is not None

"""Keys of a configuration that change no figure of ours, whatever their value.

A key that is neither here, nor read by its family's adapter, nor left at the default of its class is
refused. So a name is only here when no family gives it a meaning that changes a count; a test
perturbs every key of every family and compares with what transformers builds.
"""

from __future__ import annotations

import re

HARMLESS = frozenset(
    """
    _attn_implementation _attn_implementation_autoset _attn_implementation_internal _commit_hash
    _flash_attn_2_enabled _name_or_path _num_labels _pre_quantization_dtype activation_function
    add_bos_token add_eos_token architectures attention_in_multiplier attention_multiplier
    attention_out_multiplier attn_implementation auto_map aux_loss_alpha bad_words_ids begin_suppress_tokens
    bos_token cache_implementation chunk_size_feed_forward classifier_activation classifier_dropout clip_qkv
    custom_pipelines decoder_start_token_id diversity_penalty do_sample dtype early_stopping emb_pdrop
    embd_pdrop embedding_multiplier encoder_no_repeat_ngram_size eos_token ep_size
    exponential_decay_length_penalty final_logit_softcapping finetuning_task for_llm_compressor
    forced_bos_token_id forced_decoder_ids forced_eos_token_id gradient_checkpointing hidden_act
    hidden_activation id2label init_device init_std initializer_factor initializer_range input_jitter_noise
    is_composition is_decoder is_llama_config key_multiplier keys_to_ignore_at_inference label2id
    layer_norm_eps layer_norm_epsilon layernorm_epsilon length_penalty lm_head_multiplier load_balance_coeff
    logit_scale logits_scaling mamba_norm_before_gate max_length max_new_tokens max_sequence_length
    min_length mlp_activation_checkpoint mlp_multipliers model_name model_type moe_renormalize
    mscale_all_dim no_repeat_ngram_size norm_eps norm_epsilon norm_topk_prob num_beam_groups num_beams
    num_labels num_logits_to_keep num_return_sequences original_max_position_embeddings output_attentions
    output_hidden_states output_past output_router_logits output_scores pad_token prefix pretraining_tp
    problem_type quantization query_pre_attn_scalar remove_invalid_values repetition_penalty
    rescale_prenorm_residual resid_pdrop residual_in_fp32 residual_multiplier return_dict
    return_dict_in_generate rms_norm_eps rope_base rope_interleave rope_interleaved rope_local_base_freq
    rope_parameters rope_scaling rope_theta rotary_base rotary_emb_base routed_scaling_factor
    router_aux_loss_coef router_aux_loss_weight router_bias_update_speed router_dtype router_jitter_noise
    router_z_loss_coef scale_attn_weights scale_embedding sep_token sep_token_id seq_aux ssm_in_multiplier
    ssm_multipliers ssm_out_multiplier summary_activation summary_proj_to_labels summary_type
    summary_use_proj suppress_tokens task_specific_params temperature tf_legacy_loss time_step_floor
    time_step_init_scheme time_step_limit time_step_max time_step_min time_step_scale tokenizer_class
    tokenizer_name top_p topk_method torch_dtype torchscript transformers.js_config transformers_version
    typical_p unk_token_id unsloth_fixed unsloth_version use_associative_scan use_bfloat16 use_cache
    use_flash_attention use_flash_attn use_mamba_kernels use_mambapy variance_epsilon z_loss_coef
    zero_loss_coef
    """.split()  # noqa: SIM905  (names are easier to read and to merge)
)

_PATTERN = re.compile(
    r".*(?:_dropout|_dropout_p|_dropout_prob|_drop|_dropout_rate|_pdrop|_token_id|_token_ids|_token_index|dropout|layerdrop"
    r"|_aux_loss_coef|_aux_loss|_initializer_range|_loss_coef|_loss_weight|_init_std|_router_dtype|_eps|_epsilon|_init_scale)"
)


# Activations that learn numbers: under whatever key, a family must count them or refuse.
LEARNED = ("prelu", "xielu")


def is_harmless(key: str, value: object = None) -> bool:
    """Say whether no value of a key changes a figure, or this one does not."""
    if isinstance(value, str) and value in LEARNED:
        return False
    return key in HARMLESS or _PATTERN.fullmatch(key) is not None

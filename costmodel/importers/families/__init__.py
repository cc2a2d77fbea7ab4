"""Adapters: which function reads which model type. A module is imported only for its own types."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import MappingProxyType
from typing import TypeAlias

from costmodel.importers.config import Config
from costmodel.importers.draft import Draft

Adapter: TypeAlias = Callable[[Config], Draft]

# module -> the model types that its functions read. A function has the name of its type, unless one follows ``=``.
MODULES = {
    "audio": """
        clvp csm dia gradium_phonon_tts=pocket_tts higgs_audio_v2 kyutai_speech_to_text moshi musicgen
        musicgen_melody pocket_tts
    """,
    "bart": """
        bart bigbird_pegasus blenderbot blenderbot-small fsmt m2m_100=m2m marian mbart mvp nllb-moe
        pegasus=blenderbot plbart=bart seamless_m4t=seamless seamless_m4t_v2=seamless
    """,
    "blt": "blt",
    "bert": """
        bert bert-generation big_bird camembert=roberta data2vec-text=roberta electra ernie git
        megatron-bert rembert roberta roberta-prelayernorm roc_bert roformer xlm-roberta-xl xlm-roberta=roberta
        xmod
    """,
    "cohere": "cohere cohere2",
    "cpmant": "cpmant",
    "deepseek": "deepseek_v3 kimi_k2=deepseek_v3",
    "deepseek_v4": "deepseek_v4 deepseek_ref=deepseek_v4",
    "delta": "bailing_hybrid kimi_linear olmo_hybrid qwen3_5_moe_text qwen3_5_text qwen3_next",
    "doge": "doge",
    "experts": """
        dbrx ernie4_5_moe ernie4_5_vl_moe_text=ernie4_5_vl_moe flex_olmo gpt_oss granitemoe granitemoe_swa
        granitemoeshared=granitemoe hunyuan_v1_moe jetmoe mixtral olmoe phimoe qwen2_moe qwen3_moe
    """,
    "gemma": "gemma gemma2 gemma3_text vaultgemma",
    "gemma_n": """
        gemma3n_text gemma4_assistant gemma4_text gemma4_unified_assistant=gemma4_assistant gemma4_unified_text
    """,
    "glm_vl": "glm4v_moe_text=glm4v_moe glm4v_text=glm4v glm_image_text=glm_image glm_ocr_text=glm_ocr",
    "gpt": "biogpt bloom ctrl gpt-sw3=gpt2 gpt2 gpt_bigcode gpt_neo mpt openai-gpt=openai opt xglm",
    "hrm": "hrm_text",
    "inkling": "inkling2_text inkling_text",
    "kimi_k3": "kimi_k3.text=kimi_k3_text",
    "kosmos": "kosmos_2_5_text_model=kosmos2_5 kosmos_2_text_model=kosmos2",
    "latent": """
        axk1 axk2 deepseek_v2 deepseek_v32 glm4_moe_lite glm_moe_dsa hy_v4 longcat_flash minicpm3 mistral4
        mistral_large4_text=mistral_large4 youtu
    """,
    "layer_norms": """
        codegen falcon gpt_neox gpt_neox_japanese gptj jais2 nemotron persimmon phi stablelm starcoder2
    """,
    "linear": "minimax minimax_m1=minimax minimax_text_01=minimax recurrent_gemma rwkv xlstm zaya",
    "llama": """
        emu3_text_model=llama granite4_vision_text=llama granite_docling_text=llama internlm3=llama llama
        ministral3=mistral mistral qwen2 qwen3
    """,
    "llama_like": """
        apertus arcee bitnet cwm diffllama ernie4_5 exaone4 exaone4_5_text=exaone4 glm glm4 granite
        granite_swa helium hunyuan_v1_dense hyperclovax iquestcoder ministral nanochat phi3 seed_oss smollm3
    """,
    "masked": "flaubert modernbert-decoder xlm",
    "mimo_v2": "mimo_v2",
    "minimax_m3": "minimax_m3 minimax_m3_vl_text=minimax_m3",
    "mixed_heads": "dots3_note_text=dots3_note step3p5",
    "multimodal": """
        aria_text=aria chameleon cohere_compass_text=cohere_compass cosmos3_edge_text=cosmos3_edge
        molmo2_text=molmo2 phi4_multimodal voxtral_realtime_text=voxtral_realtime
    """,
    "muse": "muse_glimmer_text muse_spark_text",
    "next_generation": "glm5_next_text qwen4_exp_text",
    "ocr": """
        deepseek_ocr2_text=deepseek_ocr2 hunyuan_vl_text=hunyuan_vl paddleocr_vl_text=paddleocr_vl
        unlimited_ocr_text=unlimited_ocr
    """,
    "olmo": "olmo olmo2 olmo3",
    "qwen_vl": """
        qwen2_5_omni_text=qwen2_vl qwen2_5_vl_text=qwen2_vl qwen2_vl_text=qwen2_vl
        qwen3_omni_moe_text=qwen3_vl_moe qwen3_vl_moe_text=qwen3_vl_moe qwen3_vl_text=qwen3_vl
    """,
    "speech": "moonshine moonshine_streaming speech_to_text whisper",
    "readers": "blip mllama mllama_text_model=mllama_text pix2struct pp_formulanet trocr",
    "remote": """
        RefinedWeb=falcon_40b RefinedWebModel=falcon_7b Yi=plain aquila=plain baichuan chatglm exaone internlm
        internlm2 mimo minicpm nemotron-nas orion phi-msft phi3_v=phi4mm phi4mm qwen xverse=internlm2
    """,
    "remote_experts": "arctic bailing_moe bailing_moe_v2 deepseek grok-1 hunyuan",
    "short_conv": "lfm2 lfm2_moe lfm3",
    "sigmoid_experts": "dots1 glm4_moe hy_v3 minimax_m2 solar_open",
    "state_space": "bamba falcon_h1 falcon_mamba granitemoehybrid jamba mamba mamba2 nemotron_h",
    "t5": "longt5 mt5=t5 pop2piano switch_transformers=switch t5 umt5",
    "t5gemma": "t5gemma t5gemma2",
    "transcribers": "canary cohere_asr",
    "windowed_experts": "afmoe beam cohere2_moe exaone_moe flint kolibri1 laguna llama4_text mellum mimo_v2_flash",
    "wrappers": """
        aria=wrapper audioflamingo3=wrapper aya_vision=wrapper blip-2=wrapper cohere2_vision=wrapper
        cohere_compass=wrapper cosmos3_edge=wrapper cosmos3_omni=wrapper deepseek_ocr2=wrapper
        deepseek_vl=wrapper deepseek_vl_hybrid=wrapper dots3_note=wrapper emu3=wrapper
        ernie4_5_vl_moe=wrapper exaone4_5=wrapper fast_vlm=wrapper florence2=wrapper
        fun_asr_nano=wrapper fuyu gemma3=wrapper gemma3n=wrapper gemma4=wrapper
        gemma4_unified=wrapper glm46v=wrapper glm4v=wrapper glm4v_moe=wrapper glm5_next=wrapper
        glm_image=wrapper glm_ocr=wrapper glmasr=wrapper glmga=wrapper got_ocr2=wrapper
        granite4_vision=wrapper granite_docling=wrapper granite_speech=wrapper
        granite_speech_plus=wrapper hunyuan_vl=wrapper hyperclovax_vision_v2=wrapper
        idefics2=wrapper idefics3=wrapper inkling2=wrapper inkling_mm_model=wrapper
        instructblip=wrapper instructblipvideo=wrapper
        internvl=wrapper janus=wrapper kimi_k25=wrapper kimi_k3=wrapper kosmos-2=wrapper kosmos-2.5=wrapper
        lfm2_vl=wrapper lfm3_vl=wrapper lighton_ocr=wrapper llama4=wrapper llava=wrapper
        llava_next=wrapper llava_next_video=wrapper llava_onevision=wrapper minicpm_ocr=wrapper
        minicpmv4_6=wrapper minicpmv4_7=wrapper minimax_m3_vl=wrapper mistral3=wrapper
        mistral_large4=wrapper molmo2=wrapper moss_transcribe_diarize=wrapper muse_glimmer=wrapper
        muse_spark=wrapper musicflamingo=wrapper nemo_speechlm=wrapper ovis2 paddleocr_vl=wrapper
        paligemma perception_lm=wrapper pi0 pp_chart2table=wrapper qianfan_ocr=wrapper
        qwen2_5_omni=wrapper qwen2_5_omni_thinker=wrapper qwen2_5_vl=wrapper qwen2_audio=wrapper
        qwen2_vl=wrapper qwen3_5=wrapper qwen3_5_moe=wrapper qwen3_asr=wrapper
        qwen3_omni_moe=wrapper qwen3_omni_moe_thinker=wrapper qwen3_vl=wrapper qwen3_vl_moe=wrapper
        qwen4_exp=wrapper shieldgemma2=wrapper smolvlm=wrapper step3p7=wrapper unlimited_ocr=wrapper vibevoice=wrapper
        vibevoice_asr=wrapper video_llama_3=wrapper video_llava=wrapper vipllava=wrapper
        voxtral=wrapper voxtral_realtime=wrapper
    """,
    "xlnet": "xlnet",
    "zamba": "zamba zamba2",
}


def _table() -> dict[str, tuple[str, str]]:
    """Return module and function of every model type."""
    found = {}
    for module, types in MODULES.items():
        for entry in types.split():
            model_type, _, function = entry.partition("=")
            found[model_type] = module, function or model_type.replace("-", "_").replace(".", "_")
    return found


TABLE = MappingProxyType(_table())


def adapter(model_type: str) -> Adapter:
    """Return the function that reads a model type.

    Raises:
        KeyError: there is none.
    """
    module, function = TABLE[model_type]
    found: Adapter = getattr(import_module(f"{__name__}.{module}"), function)
    return found

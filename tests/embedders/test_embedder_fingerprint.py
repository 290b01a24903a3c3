from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.errors import ConfigurationError, FingerprintMismatch
from corpus.seams import Embedder
from index.embedders.registry import describe_embedder, load_embedder
from index.fingerprint import embedder_fingerprint, require_pin, weights_digest

_NAME = "all-MiniLM-L6-v2"


def of(folder: Path) -> str:
    return describe_embedder(f"path:{folder}").fingerprint


def edit(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    value = json.loads(path.read_text()) if path.exists() else {}
    change(value)
    path.write_text(json.dumps(value))


def test_a_renamed_and_moved_copy_is_the_same_space(model_copy: Path) -> None:
    original = describe_embedder(_NAME).fingerprint
    moved = model_copy.with_name("quite-another-name")
    model_copy.rename(moved)
    assert of(moved) == original
    assert describe_embedder("sentence-transformers/all-MiniLM-L6-v2").fingerprint == original


def test_labels_inside_the_files_do_not_count(model_copy: Path) -> None:
    before = of(model_copy)
    edit(model_copy / "config.json", lambda c: c.update(_name_or_path="renamed", transformers_version="9", dtype="x"))
    edit(model_copy / "tokenizer_config.json", lambda c: c.update(name_or_path="renamed"))
    (model_copy / "README.md").write_text("another text")
    assert of(model_copy) == before


def test_one_changed_byte_of_the_weights_is_another_space(model_copy: Path) -> None:
    before = of(model_copy)
    weights = model_copy / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.unlink()
    weights.write_bytes(data)
    assert of(model_copy) != before


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("1_Pooling/config.json", lambda c: c.update(pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)),
        ("sentence_bert_config.json", lambda c: c.update(max_seq_length=128)),
        ("sentence_bert_config.json", lambda c: c.update(do_lower_case=True)),
        ("tokenizer_config.json", lambda c: c.update(do_lower_case=False)),
        ("config.json", lambda c: c.update(layer_norm_eps=1e-6)),
        ("config.json", lambda c: c.update(hidden_act="relu")),
        ("config.json", lambda c: c.update(position_embedding_type="relative_key")),
        ("sentence_bert_config.json", lambda c: c.update(processing_kwargs={"text": {"padding": "max_length"}})),
        ("sentence_bert_config.json", lambda c: c.update(module_output_name="pooler_output")),
        ("tokenizer_config.json", lambda c: c.update(strip_accents=True)),
        ("special_tokens_map.json", lambda c: c.update(unk_token="[PAD]")),
        ("added_tokens.json", lambda c: c.update({"<new>": 30522})),
    ],
)
def test_every_setting_that_changes_a_vector_is_another_space(
    model_copy: Path, file: str, change: Callable[[dict[str, object]], object]
) -> None:
    before = of(model_copy)
    edit(model_copy / file, change)
    assert of(model_copy) != before


def test_any_flipped_byte_of_the_weights_is_another_space_and_flipping_it_back_is_the_first_again(
    model_copy: Path,
) -> None:
    before = of(model_copy)
    weights = model_copy / "model.safetensors"
    original = weights.read_bytes()
    weights.unlink()
    seen = {before}
    for place in (0, 9, len(original) // 3, len(original) // 2, len(original) - 1):
        data = bytearray(original)
        data[place] ^= 1 << (place % 8)
        weights.write_bytes(data)
        seen.add(of(model_copy))
    assert len(seen) == 6
    weights.write_bytes(original)
    assert of(model_copy) == before


def test_the_order_of_modules_behind_the_pooling_is_part_of_the_space(model_copy: Path) -> None:
    """Normalising before a Dense layer and behind it are two models."""
    dense = {"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"}
    (model_copy / "3_Dense").mkdir()
    (model_copy / "3_Dense" / "config.json").write_text(json.dumps({"in_features": 384, "out_features": 64}))
    (model_copy / "3_Dense" / "model.safetensors").write_bytes(b"weights")
    path = model_copy / "modules.json"
    first, pooling, normal = json.loads(path.read_text())
    plain, found = of(model_copy), set()
    for order in ([first, pooling, normal, dense], [first, pooling, dense, normal], [first, pooling, dense]):
        path.write_text(json.dumps(order))
        found.add(of(model_copy))
    assert len(found | {plain}) == 4
    assert describe_embedder(f"path:{model_copy}").dimension == 64
    (model_copy / "3_Dense" / "model.safetensors").write_bytes(b"Weights")
    assert of(model_copy) not in found


def test_a_prefix_that_is_the_default_is_refused(model_copy: Path) -> None:
    """sentence-transformers would put it before every text, without a word."""
    config = model_copy / "config_sentence_transformers.json"
    edit(config, lambda c: c.update(prompts={"retrieval": "find: ", "other": "x"}, default_prompt_name="retrieval"))
    with pytest.raises(ConfigurationError, match=r"prefixes.*'find: '"):
        describe_embedder(f"path:{model_copy}")
    edit(config, lambda c: c.update(default_prompt_name=None))
    assert of(model_copy) == describe_embedder(_NAME).fingerprint


def test_a_model_without_normalisation_is_another_space(model_copy: Path) -> None:
    before = of(model_copy)
    path = model_copy / "modules.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:2]))
    assert of(model_copy) != before


def test_a_changed_vocabulary_is_another_space(model_copy: Path) -> None:
    before = of(model_copy)
    path = model_copy / "tokenizer.json"
    path.write_text(path.read_text().replace('"water"', '"wafer"', 1))
    assert of(model_copy) != before


def test_the_same_dimension_is_no_guard(minilm: Embedder, other_weights: Embedder) -> None:
    assert other_weights.dimension == minilm.dimension
    assert other_weights.fingerprint != minilm.fingerprint


def test_describing_and_loading_agree_and_precision_is_not_part_of_the_space(
    minilm: Embedder, minilm_fp32: Embedder, wordllama: Embedder
) -> None:
    for embedder in (minilm, minilm_fp32, wordllama):
        space = describe_embedder(embedder.model)
        assert embedder.fingerprint == space.fingerprint == embedder_fingerprint(embedder.parts)
        assert (embedder.dimension, embedder.max_tokens) == (space.dimension, space.max_tokens)
    assert minilm.runtime["dtype"] in ("bf16", "fp32")
    assert minilm_fp32.runtime["dtype"] == "fp32"


def test_describing_imports_no_model_library() -> None:
    code = (
        "import sys\n"
        "from index.embedders.registry import describe_embedder\n"
        "describe_embedder('all-MiniLM-L6-v2'); describe_embedder('wordllama-256')\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'tokenizers', 'safetensors', 'wordllama'}\n"
        "sys.exit(repr(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_replaced_file_is_digested_again(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"one")
    first = weights_digest(path)
    path.write_bytes(b"other")
    assert weights_digest(path) != first


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.booleans()), min_size=1), st.data())
def test_the_order_of_parts_does_not_count_and_every_value_does(parts: dict[str, object], data: st.DataObject) -> None:
    backwards = dict(reversed(parts.items()))
    assert embedder_fingerprint(backwards) == embedder_fingerprint(parts)
    name = data.draw(st.sampled_from(sorted(parts)))
    assert embedder_fingerprint({**parts, name: [parts[name]]}) != embedder_fingerprint(parts)


def test_a_pin_is_checked_and_a_label_is_not() -> None:
    found = describe_embedder("wordllama-256").fingerprint
    for revision in (None, "", "v2", "sha256:" + found[:8], found[:12], found, "0" * 40):
        assert describe_embedder("wordllama-256", revision=revision).fingerprint == found
    for revision in ("sha256:" + "0" * 8, "0" * 12, "0" * 64):
        with pytest.raises(FingerprintMismatch, match=r"pins another.*sha256:" + found[:12]):
            describe_embedder("wordllama-256", revision=revision)
        with pytest.raises(FingerprintMismatch):
            load_embedder("wordllama-256", revision=revision)


@given(st.text(alphabet="0123456789abcdef", min_size=12, max_size=64).filter(lambda pin: len(pin) != 40))
def test_a_pin_holds_exactly_for_prefixes(pin: str) -> None:
    require_pin("m", pin, pin.ljust(64, "0"))
    other = ("0" if pin[0] != "0" else "1") + pin[1:]
    with pytest.raises(FingerprintMismatch):
        require_pin("m", pin, other.ljust(64, "0"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "modules.json").unlink(), "modules.json"),
        (lambda folder: (folder / "model.safetensors").unlink(), "safetensors"),
        (lambda folder: (folder / "config.json").write_text("{"), "config.json"),
        (lambda folder: (folder / "config.json").write_text("[]"), "no JSON object"),
        (lambda folder: (folder / "modules.json").write_text('[{"type": "evil.Code", "path": ""}]'), "evil.Code"),
        (
            lambda folder: (folder / "config_sentence_transformers.json").write_text('{"prompts": {"query": "q: "}}'),
            "prefixes",
        ),
    ],
)
def test_an_unusable_folder_says_what_is_wrong(
    model_copy: Path, change: Callable[[Path], object], message: str
) -> None:
    change(model_copy)
    with pytest.raises(ConfigurationError, match=message):
        describe_embedder(f"path:{model_copy}")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match="Did you mean 'all-MiniLM-L6-v2'"):
        load_embedder("all-MiniLM-L6")

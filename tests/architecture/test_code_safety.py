"""The product makes no code, file or connection of what others wrote, and reads in no thread that may outlive it."""

from __future__ import annotations

from pathlib import Path

import pytest
from architecture.code_rules import findings, unsafe_loader_names

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("corpus", "contracts", "provenance", "index", "ingestion", "console", "dags", "examples", "docs")
MODULES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

EXCEPTIONS = {
    ("ingestion/sandbox.py", "pickle"): "messages between a worker and the process that started it, over their own "
    "pipes; what a worker says is read by an unpickler that makes values of our types and calls nothing",
    ("ingestion/sandbox.py", "network"): "a local socket to the process that workers are forked from",
    ("ingestion/cradle.py", "network"): "the other end of that socket",
    ("index/embedders/http.py", "network"): "embedding endpoints, which the operator declares in the settings",
    ("examples/demo/airflow_process.py", "network"): "finds a free port for it",
    ("console/web/serve.py", "network"): "listens, where the operator says; it connects to nothing",
    ("ingestion/web/fetch.py", "network"): "the source over HTTP, whose connections are judged",
    ("ingestion/web/pinned.py", "network"): "judges them",
    ("ingestion/web/address.py", "network"): "resolves names, to judge the addresses",
    ("index/search.py", "faiss"): "the one place that calls FAISS; who calls it verifies first",
    ("index/reader.py", "faiss"): "after every file was compared with the digest that was signed",
    ("index/rewrite.py", "faiss"): "on bytes that `verified_bytes` compared with the signed digest",
    ("index/candidates.py", "faiss"): "on bytes that were compared with the candidate's digest",
    ("index/unsealed.py", "faiss"): "on a file that this process has just written",
    ("ingestion/release_gates.py", "faiss"): "after `verify_version`, and on a file that this process has just written",
    ("ingestion/nearness.py", "faiss"): "after `verify_version`",
    ("dags/plugins/stemma_console.py", "network"): "Airflow's own application, inside this process; no connection",
    ("examples/demo/airflow_api.py", "network"): "the demo asks the Airflow that it started, on this machine",
}

UNSAFE = {
    "import pickle": "pickle",
    "from joblib import load": "pickle",
    "import dill as d": "pickle",
    "import pandas as pd\npd.read_pickle(x)": "pickle",
    "import numpy as np\nnp.load(x, allow_pickle=True)": "pickle",
    "import numpy as np\nnp.load(x, allow_pickle=flag)": "pickle",
    "import torch\ntorch.load(x)": "pickle",
    "import torch\ntorch.load(x, weights_only=False)": "pickle",
    "eval(x)": "eval",
    "exec(x)": "eval",
    "__import__(x)": "eval",
    "m.from_pretrained(x, trust_remote_code=True)": "eval",
    "import yaml\nyaml.load(x)": "yaml",
    "import yaml\nyaml.load(x, Loader=yaml.UnsafeLoader)": "yaml",
    "import yaml\nyaml.load(x, yaml.FullLoader)": "yaml",
    "from yaml import unsafe_load\nunsafe_load(x)": "yaml",
    "import yaml\nread = yaml.unsafe_load\nread(x)": "yaml",
    "import subprocess\nsubprocess.run(x, shell=True)": "shell",
    "import os\nos.system(x)": "shell",
    "import tempfile\ntempfile.mktemp()": "mktemp",
    "from lxml import etree\netree.fromstring(x)": "xml",
    "from lxml import etree\netree.parse(x)": "xml",
    "from lxml import etree\netree.XMLParser()": "xml",
    "from lxml import etree\netree.XMLParser(resolve_entities=False)": "xml",
    "from lxml import etree\netree.XMLParser(resolve_entities=True, no_network=True, load_dtd=False)": "xml",
    "from lxml import etree\netree.HTMLParser()": "xml",
    "from lxml import etree\netree.iterparse(x)": "xml",
    "import xml.etree.ElementTree as ET": "xml",
    "from xml.dom import minidom": "xml",
    "import faiss\nfaiss.read_index(x)": "faiss",
    "from index import search\nsearch.map_index(x)": "faiss",
    "import zipfile\nzipfile.ZipFile(x).extractall(y)": "archive",
    "import tarfile": "archive",
    "import requests": "network",
    "from urllib.request import urlopen": "network",
    "from urllib import request": "network",
    "import ssl\ncontext.verify_mode = ssl.CERT_NONE": "tls",
    "client(verify=False)": "tls",
    "file.iter_batches(batch_size=9)": "threads",
    "file.read(columns=x)": "threads",
    "file.read_row_group(1, use_threads=True)": "threads",
    "import pyarrow.parquet as pq\npq.read_table(x)": "threads",
    "import pyarrow.parquet as pq\npq.ParquetFile(x)": "threads",
    "import jinja2\njinja2.Environment()": "markup",
    "from jinja2 import Environment\nEnvironment(autoescape=False)": "markup",
}
SAFE = (
    "import yaml\nyaml.load(x, Loader=yaml.CSafeLoader)",
    "import yaml\nyaml.safe_load(x)",
    "import re\nre.compile(x)",
    "from lxml.etree import XMLParser\nXMLParser(resolve_entities=False, no_network=True, load_dtd=False)",
    "from lxml import etree\netree.fromstring(x, parser)",
    "import numpy as np\nnp.load(x, allow_pickle=False)",
    "import torch\ntorch.load(x, weights_only=True)",
    "import subprocess\nsubprocess.run([x], check=True)",
    "from urllib.parse import urlsplit",
    "file.iter_batches(use_threads=False)",
    "file.read()",
    "from jinja2 import Environment\nEnvironment(autoescape=True)",
)


@pytest.mark.parametrize(("code", "rule"), UNSAFE.items())
def test_each_unsafe_construct_is_seen(code: str, rule: str) -> None:
    assert rule in {found for found, _, _ in findings(code)}


@pytest.mark.parametrize("code", SAFE)
def test_what_is_safe_is_let_be(code: str) -> None:
    assert list(findings(code)) == []


def test_the_code_has_no_unsafe_construct_without_a_reason_and_no_reason_without_one() -> None:
    used: set[tuple[str, str]] = set()
    bare: list[str] = []
    for path in MODULES:
        name = path.relative_to(ROOT).as_posix()
        for rule, line, what in findings(path.read_text("utf-8")):
            used.add((name, rule))
            if (name, rule) not in EXCEPTIONS:
                bare.append(f"{name}:{line} {rule}: {what}")
    assert bare == []
    assert sorted(EXCEPTIONS.keys() - used) == [], "these exceptions are not needed any more"


def test_every_loader_of_yaml_that_is_named_is_a_safe_one() -> None:
    """Loaders are named by `getattr` where PyYAML may lack its compiled half."""
    named = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in MODULES
        if "yaml" in (text := path.read_text("utf-8"))
        for name in unsafe_loader_names(text)
    }
    assert named == set()
    assert list(unsafe_loader_names('import yaml\nx = getattr(yaml, "UnsafeLoader")')) == ["UnsafeLoader"]

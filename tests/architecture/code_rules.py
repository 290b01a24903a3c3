"""Reads a module's syntax tree and names the calls that turn bytes of others into code, files or connections."""

from __future__ import annotations

import ast
from collections.abc import Iterator

UNSAFE_MODULES = {
    "pickle": "pickle", "_pickle": "pickle", "cPickle": "pickle", "dill": "pickle", "joblib": "pickle",
    "cloudpickle": "pickle", "shelve": "pickle", "marshal": "pickle",
    "xml.etree": "xml", "xml.dom": "xml", "xml.sax": "xml", "xml.parsers": "xml", "plistlib": "xml", "xmlrpc": "xml",
    "requests": "network", "httpx": "network", "httpx2": "network", "httpcore2": "network", "httpcore": "network",
    "aiohttp": "network", "urllib.request": "network", "urllib3": "network", "http.client": "network",
    "ftplib": "network", "telnetlib": "network", "smtplib": "network", "socket": "network",
    "tarfile": "archive", "telnetlib3": "network", "paramiko": "network",
}  # fmt: skip
UNSAFE_CALLS = {
    "eval": "eval", "exec": "eval", "compile": "eval", "__import__": "eval", "builtins.eval": "eval",
    "builtins.exec": "eval", "code.interact": "eval", "runpy.run_path": "eval", "runpy.run_module": "eval",
    "yaml.unsafe_load": "yaml", "yaml.full_load": "yaml", "yaml.unsafe_load_all": "yaml", "yaml.full_load_all": "yaml",
    "os.system": "shell", "os.popen": "shell", "subprocess.getoutput": "shell", "subprocess.getstatusoutput": "shell",
    "pandas.read_pickle": "pickle", "pandas.eval": "eval", "torch.hub.load": "eval", "numpy.fromregex": "eval",
    "tempfile.mktemp": "mktemp", "os.tempnam": "mktemp",
    "shutil.unpack_archive": "archive",
    "faiss.read_index": "faiss", "faiss.deserialize_index": "faiss", "faiss.read_index_binary": "faiss",
    "ssl._create_unverified_context": "tls",
    "index.search.load_index": "faiss", "index.search.map_index": "faiss",
}  # fmt: skip
PARSERS = {"lxml.etree.XMLParser": "xml", "lxml.etree.HTMLParser": "xml", "lxml.etree.XMLPullParser": "xml"}
READS = ("lxml.etree.fromstring", "lxml.etree.parse", "lxml.etree.XML", "lxml.etree.HTML", "lxml.etree.fromstringlist")
UNPROTECTED = ("lxml.etree.iterparse", "lxml.html.fromstring", "lxml.html.parse", "lxml.etree.XSLT", "lxml.objectify")
SAFE_LOADERS = ("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader")
TRUE_IS_UNSAFE = {
    "shell": "shell",
    "allow_pickle": "pickle",
    "trust_remote_code": "eval",
    "resolve_entities": "xml",
    "load_dtd": "xml",
    "dtd_validation": "xml",
}
FALSE_IS_UNSAFE = {
    "no_network": "xml",
    "weights_only": "pickle",
    "autoescape": "markup",
    "verify": "tls",
    "check_hostname": "tls",
}
PARQUET_READS = (".iter_batches", ".read_row_group", ".read_row_groups", "pyarrow.parquet.read_table")
YAML_READS = ("yaml.load", "yaml.load_all", "yaml.compose", "yaml.parse", "yaml.scan")


def findings(source: str) -> Iterator[tuple[str, int, str]]:
    """Yields (rule, line, what) for each unsafe construct of a module."""
    tree = ast.parse(source)
    names = _names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules(node):
                yield from ((rule, node.lineno, module) for rule in _of_module(module))
        elif isinstance(node, ast.Call):
            called = _dotted(node.func, names)
            yield from ((rule, node.lineno, called) for rule in _of_call(called, node, names))
        elif isinstance(node, ast.Attribute | ast.Name) and _dotted(node, names) == "ssl.CERT_NONE":
            yield "tls", node.lineno, "ssl.CERT_NONE"


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    module = node.module or ""
    return [module, *(f"{module}.{alias.name}" for alias in node.names)]


def _of_module(module: str) -> set[str]:
    return {rule for name, rule in UNSAFE_MODULES.items() if module == name or module.startswith(f"{name}.")}


def _names(tree: ast.Module) -> dict[str, str]:
    """Name in this module to the dotted name that it was imported from."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                found[alias.asname or whole] = whole
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name | ast.Attribute):
            # A second name for the same thing, such as `load = yaml.unsafe_load`.
            value = _dotted(node.value, found)
            found |= {target.id: value for target in node.targets if isinstance(target, ast.Name) and value}
    return found


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value, names)
        return f"{inner}.{node.attr}" if inner else f"?.{node.attr}"
    return ""


def _of_call(called: str, node: ast.Call, names: dict[str, str]) -> Iterator[str]:
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    if called in UNSAFE_CALLS:
        yield UNSAFE_CALLS[called]
    if called.endswith((".extractall", ".extract")):
        yield "archive"
    if called.startswith(UNPROTECTED) or (called in READS and len(node.args) < 2 and "parser" not in given):
        yield "xml"
    if called in PARSERS and not _protected(called, given):
        yield "xml"
    if called in YAML_READS and not _safe_loader(node, given, names):
        yield "yaml"
    if called == "torch.load" and not _is(given.get("weights_only"), wanted=True):
        yield "pickle"
    if _in_threads(called, given):
        yield "threads"
    if (
        called.endswith(".Environment")
        and called.startswith("jinja2")
        and not _is(given.get("autoescape"), wanted=True)
    ):
        yield "markup"
    yield from (rule for name, rule in TRUE_IS_UNSAFE.items() if name in given and not _is(given[name], wanted=False))
    yield from (rule for name, rule in FALSE_IS_UNSAFE.items() if name in given and _is(given[name], wanted=False))


def _protected(called: str, given: dict[str, ast.expr]) -> bool:
    if called.endswith("HTMLParser"):
        return _is(given.get("no_network"), wanted=True)
    off = all(_is(given.get(name), wanted=False) for name in ("resolve_entities", "load_dtd"))
    return off and _is(given.get("no_network"), wanted=True)


def _in_threads(called: str, given: dict[str, ast.expr]) -> bool:
    """Whether a call may read Parquet in threads of Arrow, which can outlive Python."""
    if called == "pyarrow.parquet.ParquetFile":
        return not _is(given.get("pre_buffer"), wanted=False)
    reads = called.endswith(PARQUET_READS) or (called.endswith(".read") and "columns" in given)
    return reads and not _is(given.get("use_threads"), wanted=False)


def _is(node: ast.expr | None, *, wanted: bool) -> bool:
    return isinstance(node, ast.Constant) and node.value is wanted


def _safe_loader(node: ast.Call, given: dict[str, ast.expr], names: dict[str, str]) -> bool:
    """A loader is safe by its name, or where it is a name of the module whose definition says so."""
    loader = given.get("Loader") or (node.args[1] if len(node.args) > 1 else None)
    if loader is None:
        return False
    return any(_dotted(loader, names).endswith(f".{name}") for name in SAFE_LOADERS) or isinstance(loader, ast.Name)


def unsafe_loader_names(source: str) -> Iterator[str]:
    """Yields every loader of PyYAML that a module names and that is none of the safe ones."""
    for node in ast.walk(ast.parse(source)):
        named = node.value if isinstance(node, ast.Constant) else getattr(node, "attr", None)
        if isinstance(named, str) and named.endswith("Loader") and named.isidentifier() and named not in SAFE_LOADERS:
            yield named

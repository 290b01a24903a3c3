"""The certificates whose C2PA signers a project trusts: a folder of PEM files, read at the edge."""

from __future__ import annotations

from pathlib import Path

from corpus.errors import ConfigurationError

SUFFIX = ".pem"


def read_anchors(folder: Path) -> str:
    """Returns the certificates of a folder as one PEM text, in the order of the file names.

    Args:
        folder: Holds `*.pem`, one or more certificates each; a folder that is not there holds none.

    Raises:
        ConfigurationError: A file holds no certificate, or cannot be read.
    """
    files = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return "".join(_certificates(file) for file in files)


def _certificates(file: Path) -> str:
    from cryptography import x509  # noqa: PLC0415 - only a project that trusts somebody reads certificates
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    try:
        found = x509.load_pem_x509_certificates(file.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file} holds no certificate that can be read ({error}). The folder of the setting c2pa_anchors holds PEM "
            "certificates of roots whose C2PA signers you trust; mend the file or take it out."
        ) from error
    return "".join(each.public_bytes(Encoding.PEM).decode("ascii") for each in found)

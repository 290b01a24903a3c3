"""The error tree of Stemma. Every error we raise on purpose is one of these.

StemmaError
├── ConfigurationError      usage, settings, or an environment that cannot work      exit 2
│   ├── FilterError         a search names a filter, operator or value that is none   exit 2
│   └── ContractError       a contract that is invalid or unknown                     exit 2
│       └── ContractBlocked a rule stopped the run, nothing is published              exit 1
├── SourceError             a source could not give a document                        exit 4
│   ├── SourceUnavailable   retryable
│   ├── TornRead            retryable: the file changed while it was read
│   └── SourceGone
├── ParseError              bytes that no parser can turn into text                   exit 1
├── IntegrityError          something is not what its digest or signature says        exit 3
│   ├── DigestMismatch
│   ├── SignatureInvalid
│   └── FingerprintMismatch
├── ReleaseError            a version that may not be published                       exit 1
│   ├── GateFailed
│   ├── ApprovalMissing
│   └── ConcurrentRelease   retryable
├── EvaluationStale         golden items whose evidence no longer holds                exit 1
├── EmbedderUnavailable     retryable: a model behind HTTP did not answer               exit 4
├── ContaminationAlarm      a served version whose searches find too much AI text      exit 1
├── StoreError              a home that is full, or may not be written or read         exit 4
│   └── StoreUnavailable    retryable: the place did not answer, or throttled
└── CatalogError            the system of record refused or is unreachable            exit 4
    └── CatalogUnavailable  retryable: the connection was lost, or others were writing

A message names the bad value, the valid ones, and the next step. Trouble with one document is a
`Decision`, not an exception that reaches an edge.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_INTEGRITY = 3
EXIT_UNAVAILABLE = 4


class StemmaError(Exception):
    """Base of every deliberate error.

    Attributes:
        retryable: Whether the same call may succeed later without anyone changing anything.
        exit_code: The exit status that the command line ends with.
    """

    retryable: ClassVar[bool] = False
    exit_code: int = EXIT_FINDINGS


class ConfigurationError(StemmaError):
    """Usage, settings, or an environment that cannot work."""

    exit_code = EXIT_USAGE


class FilterError(ConfigurationError):
    """A search names a filter, an operator or a value that there is not."""


class ContractError(ConfigurationError):
    """A contract that is invalid, unknown, or that blocked a run.

    Args:
        message: What is wrong, with valid values and the next step.
        problems: Every problem found, one line each, so that all can be mended at once.
    """

    def __init__(self, message: str, problems: tuple[str, ...] = ()) -> None:
        super().__init__("\n".join((message, *(f"  {problem}" for problem in problems))))
        self.problems = problems


class ContractBlocked(ContractError):
    """A rule with `onFail: block` failed: the run stops and nothing is published."""

    exit_code = EXIT_FINDINGS


class SourceError(StemmaError):
    """A source could not give what it lists."""

    exit_code = EXIT_UNAVAILABLE


class SourceUnavailable(SourceError):
    """The source did not answer; the same call may work later."""

    retryable = True


class TornRead(SourceError):
    """The bytes changed while they were being read."""

    retryable = True


class SourceGone(SourceError):
    """The document was listed but is no longer there."""


class ParseError(StemmaError):
    """Bytes that no parser can turn into text.

    Args:
        message: What is wrong, in words for the owner of the document.
        code: Stable reason code, for example `encrypted` or `truncated`.
    """

    def __init__(self, message: str, code: str = "unparseable") -> None:
        super().__init__(message)
        self.code = code


class IntegrityError(StemmaError):
    """Something is not what its digest, signature or fingerprint says."""

    exit_code = EXIT_INTEGRITY


class DigestMismatch(IntegrityError):
    """Bytes whose digest differs from the recorded one."""


class SignatureInvalid(IntegrityError):
    """A signature that is missing, made by an untrusted key, or wrong."""


class FingerprintMismatch(IntegrityError):
    """Vectors, chunks or models of two different spaces were about to meet."""


class ReleaseError(StemmaError):
    """A version that may not be published."""


class GateFailed(ReleaseError):
    """A gate found the candidate version not fit to be served."""


class ApprovalMissing(ReleaseError):
    """A version that not enough persons have approved yet."""


class ConcurrentRelease(ReleaseError):
    """Somebody else moved the alias first."""

    retryable = True


class EvaluationStale(StemmaError):
    """Fewer golden items hold in a served version than its contract asks."""


class EmbedderUnavailable(StemmaError):
    """A model behind HTTP did not answer, or is asked too often; the same call may work later."""

    retryable = True
    exit_code = EXIT_UNAVAILABLE


class ContaminationAlarm(StemmaError):
    """A served version whose searches find too much AI text, or text made of answers."""


class StoreError(StemmaError):
    """A home that is full, or that may not be written or read."""

    exit_code = EXIT_UNAVAILABLE


class StoreUnavailable(StoreError):
    """The place of a home did not answer, or refused for now; the same call may work later."""

    retryable = True


class CatalogError(StemmaError):
    """The system of record refused the change or cannot be reached."""

    exit_code = EXIT_UNAVAILABLE


class CatalogUnavailable(CatalogError):
    """The connection to the system of record was lost, or others were writing; the same call may work later."""

    retryable = True

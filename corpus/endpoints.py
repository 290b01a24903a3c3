"""Declared HTTP endpoints: where a model is served, how it may be asked, and which key opens it.

A declaration holds the name of an environment variable, never the key. `secret` is the one place that reads
the variable, when a client is opened; nothing keeps what it returns but the client's own header.
"""

from __future__ import annotations

import os
import re
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from corpus.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What an endpoint may be called in stemma.toml, and after `remote:` in a contract."""

# Capitals only: a key that was pasted here by mistake is refused, and not repeated in a message.
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


class Endpoint(BaseModel):
    """One embedding model behind an OpenAI-compatible HTTP endpoint, as `[embedders.NAME]` of stemma.toml declares it.

    `provider`, `model`, `revision` and `dimension` say which space it is; all else says how to ask, and may
    change without a new space.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    provider: str = Field(min_length=1, description="Who answers for the model, such as openai or our-gpu-team.")
    model: str = Field(min_length=1, description="Name of the model, as the server knows it.")
    revision: str = Field(default="", description="Your label for its weights; another label is another space.")
    dimension: int = Field(ge=1, le=65_536, description="Numbers per vector that the server answers with.")
    url: str = Field(description="Address that `/embeddings` is added to, such as https://api.example.com/v1.")
    api_key_env: str = Field(default="", description="Environment variable that holds the key; never the key itself.")
    encoding: Literal["float", "base64"] = Field(
        default="base64", description="How vectors travel; base64 is about a quarter of the bytes."
    )
    send_dimensions: bool = Field(default=False, description="Ask for `dimension` numbers, where the model can.")
    max_tokens: int = Field(default=0, ge=0, description="Tokens that the model reads; 0 for unknown.")
    batch_size: int = Field(default=64, ge=1, le=2048, description="Texts in one request.")
    in_flight: int = Field(
        default=1, ge=1, le=64, description="Requests that one process may have under way at once, within the limits."
    )
    requests_per_minute: float = Field(default=0, ge=0, description="Most requests a minute; 0 for no limit.")
    tokens_per_minute: float = Field(
        default=0, ge=0, description="Most tokens a minute, estimated at one per four bytes; 0 for no limit."
    )
    connect_seconds: float = Field(default=10, gt=0, description="Longest wait for a connection.")
    timeout_seconds: float = Field(default=60, gt=0, description="Longest wait for one whole answer.")
    attempts: int = Field(default=6, ge=1, le=50, description="How often one request is tried in all.")
    longest_wait_seconds: float = Field(
        default=60, gt=0, description="Longest pause before another try, also where the server asks for a longer one."
    )
    price_per_million_tokens: float = Field(default=0, ge=0, description="Price, in the currency that you count in.")

    @field_validator("url")
    @classmethod
    def _plain_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http:// or https:// address")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError(
                "must hold no user, password, query or fragment: it is logged. Name the key's variable in api_key_env"
            )
        return value.rstrip("/")

    @field_validator("api_key_env")
    @classmethod
    def _variable_name(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError("must be the name of an environment variable, in capitals, and not the key itself")
        return value

    def secret(self) -> str:
        """Returns the key; empty where the endpoint needs none.

        Raises:
            ConfigurationError: The variable is not set, or holds what cannot be sent in a header.
        """
        if not self.api_key_env:
            return ""
        key = os.environ.get(self.api_key_env, "").strip()
        if not key:
            raise ConfigurationError(
                f"the environment variable {self.api_key_env} (api_key_env of {self.provider}/{self.model}) is not "
                "set. Set it to the key of the endpoint."
            )
        if not key.isascii() or not key.isprintable():
            raise ConfigurationError(
                f"the environment variable {self.api_key_env} holds characters that no key has. Set it to the key of "
                "the endpoint."
            )
        return key

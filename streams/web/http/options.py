"""Where the views listen, who may read them and which workers they may ask."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from streams.errors import ConfigError

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

_TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_TOKEN_MIN = 16
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?")
_MAKE_TOKEN = "write one with: openssl rand -hex 32 > FILE"


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Checked at once: an unsafe or impossible combination raises ConfigError.

    ``peers`` are normalised to ``scheme://host:port`` without repeats.
    """

    host: str = "127.0.0.1"
    """Name or address to listen on. Anything but loopback needs a token."""
    port: int = 5003
    """0 to 65535; 0 lets the system choose."""
    token: SecretStr | None = None
    """Bearer token that is shown to peers, and taken from them and from readers."""
    tokens_file: Path | None = None
    """File of the tokens of people and services. With neither, no reader must show one."""
    peers: tuple[str, ...] = ()
    """The only workers this one may ask, e.g. ``http://worker-2:5003``; may contain its own
    address, so that all workers can share one list."""
    allowed_hosts: tuple[str, ...] = ()
    """Names under which readers and peers reach this worker, without port. The listening
    address and the loopback names are always allowed."""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(
                "no such port", field="web.port", value=self.port, remedy="use 0 to 65535"
            )
        if self.token is None and self.tokens_file is None and not is_loopback(self.host):
            raise ConfigError(
                "the views would be open to the network without a token",
                field="web.host",
                value=self.host,
                remedy=f"set web.token_file ({_MAKE_TOKEN}), or listen on 127.0.0.1",
            )
        if self.peers and self.tokens_file is not None and self.token is None:
            raise ConfigError(
                "workers cannot ask one another: people have tokens, workers have none",
                field="web.token_file",
                value="",
                remedy=_MAKE_TOKEN,
            )
        for name in self.allowed_hosts:
            _require_host_name(name)
        object.__setattr__(self, "peers", peer_addresses(self.peers))

    @classmethod
    def load(
        cls,
        *,
        host: str = "127.0.0.1",
        port: int = 5003,
        token_file: str = "",
        tokens_file: str = "",
        peers: Iterable[str] = (),
        allowed_hosts: Iterable[str] = (),
    ) -> WebOptions:
        """Options with the token read from ``token_file``; an empty name means no token."""
        return cls(
            host=host,
            port=port,
            token=read_token(Path(token_file)) if token_file else None,
            tokens_file=Path(tokens_file) if tokens_file else None,
            peers=tuple(peers),
            allowed_hosts=tuple(allowed_hosts),
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``; unknown names count as reachable."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(path: Path) -> SecretStr:
    """The bearer token in a file of one line; ConfigError never shows its content."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not ASCII"
        raise ConfigError(
            f"the token file cannot be read: {reason}",
            field="web.token_file",
            value=str(path),
            remedy=_MAKE_TOKEN,
        ) from None
    if len(text) < _TOKEN_MIN or not _TOKEN.fullmatch(text):
        raise ConfigError(
            f"no usable token in the file (one line, {_TOKEN_MIN} or more of A-Z a-z 0-9 -._~+/)",
            field="web.token_file",
            value=str(path),
            remedy=_MAKE_TOKEN,
        )
    return SecretStr(text)


def peer_addresses(urls: Iterable[str]) -> tuple[str, ...]:
    """``scheme://host:port`` of each, in order, without repeats; ConfigError when one is unfit."""
    return tuple(dict.fromkeys(_peer_address(url) for url in urls))


def _peer_address(url: str) -> str:
    problem = ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _bad_peer(url, str(error)) from None
    if "@" in parts.netloc:
        # The value may hold a password.
        raise _bad_peer(f"{parts.scheme}://***@{host}", "credentials in it are not allowed")
    if not url.isascii() or not url.isprintable() or " " in url:
        problem = "only printable ASCII is allowed"
    elif parts.scheme not in ("http", "https"):
        problem = "the scheme must be http or https"
    elif not _is_host(host):
        problem = "there is no host name or address"
    elif not port:
        problem = "there is no port"
    elif parts.path not in ("", "/") or parts.query or parts.fragment:
        problem = "path, query and fragment are not allowed"
    elif _is_unfit(host):
        problem = "link-local, multicast and unspecified addresses are not allowed"
    if problem:
        raise _bad_peer(url, problem)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _bad_peer(url: str, problem: str) -> ConfigError:
    return ConfigError(
        f"not the address of a worker: {problem}",
        field="web.peers",
        value=url,
        remedy="write it as http://HOST:PORT or https://HOST:PORT",
    )


def _is_host(host: str) -> bool:
    if _HOST.fullmatch(host):
        return True
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False


def _is_unfit(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_link_local or address.is_multicast or address.is_unspecified


def _require_host_name(name: str) -> None:
    if not _is_host(name):
        raise ConfigError(
            "not a host name",
            field="web.allowed_hosts",
            value=name,
            remedy="write the name or address alone: no scheme, port or wildcard",
        )

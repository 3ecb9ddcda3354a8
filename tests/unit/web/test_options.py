from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.errors import ConfigError
from streams.web import WebOptions
from streams.web.http.options import peer_addresses, read_token
from tests.kits.web.group import TOKEN


def test_the_default_is_loopback_without_a_token() -> None:
    options = WebOptions.load()

    assert (options.host, options.port, options.token) == ("127.0.0.1", 5003, None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert WebOptions(host=host).token is None


@pytest.mark.parametrize("host", ["10.0.0.1", "0", "::", "worker-1", "", "::ffff:10.0.0.1"])
def test_the_network_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebOptions(host=host)

    assert (caught.value.field, caught.value.value) == ("web.host", host)
    assert "web.token_file" in caught.value.remedy
    assert WebOptions(host=host, token=SecretStr(TOKEN)).host == host


@pytest.mark.parametrize("port", [-1, 65536])
def test_ports_have_a_range(port: int) -> None:
    with pytest.raises(ConfigError, match=r"web\.port"):
        WebOptions(port=port)


def test_the_token_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")

    options = WebOptions.load(host="10.0.0.1", token_file=str(file))

    assert options.token is not None
    assert options.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(options)
    assert TOKEN not in str(options)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"hunter2", b"hunter2 hunter3 hunter4 hunter5", b"x" * 20 + b"\nhunter2",
     b"\xff\xfe hunter2 hunter3 hunter4", b"na\xc3\xafve-token-of-some-length"],
)  # fmt: skip
def test_a_file_without_a_usable_token_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)

    with pytest.raises(ConfigError) as caught:
        read_token(file)

    assert (caught.value.field, caught.value.value) == ("web.token_file", str(file))
    assert caught.value.remedy
    for word in content.decode("latin-1").split():
        assert word not in caught.value.message


def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        WebOptions.load(token_file=str(tmp_path / "none"))


def test_peers_are_normalised_in_order() -> None:
    urls = ["http://b:5003/", "https://a.example:8443", "http://[::1]:5003", "HTTP://B:5003"]

    assert peer_addresses(urls) == (
        "http://b:5003",
        "https://a.example:8443",
        "http://[::1]:5003",
    )


@pytest.mark.parametrize(
    "url",
    ["", "b:5003", "//b:5003", "ftp://b:21", "file:///etc/passwd", "http://b", "http://:5003",
     "http://b:0", "http://b:99999", "http://b:x", "http://b:5003/path", "http://b:5003?q=1",
     "http://b:5003#f", "http://user@b:5003", "http://b :5003", "http://b\n:5003",
     "http://[b:5003", "http://b\u0131:5003", "http://-b:5003", "http://b%2f:5003",
     "http://169.254.169.254:80", "http://[fe80::1]:5003", "http://224.0.0.1:5003",
     "http://0.0.0.0:5003", "http://b\\@c:5003"],
)  # fmt: skip
def test_an_unfit_peer_is_refused_at_start(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        WebOptions(peers=("http://fine:5003", url))

    assert caught.value.field == "web.peers"
    assert "HOST:PORT" in caught.value.remedy


def test_credentials_in_a_peer_are_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        WebOptions(peers=("http://user:hunter2@b:5003",))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["*", "*.example", "http://b", "b:5003", "", "a b"])
def test_allowed_hosts_are_plain_names(name: str) -> None:
    with pytest.raises(ConfigError, match=r"web\.allowed_hosts"):
        WebOptions(allowed_hosts=(name,))

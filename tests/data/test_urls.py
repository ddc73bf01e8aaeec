import pytest

from magenta_sketch.data.urls import is_url, join_url
from magenta_sketch.errors import DataError


@pytest.mark.parametrize(
    "base, name, expected",
    [
        ("http://h/x", "a.npz", "http://h/x/a.npz"),
        ("http://h/x/", "a b.npz", "http://h/x/a%20b.npz"),
        ("https://h", "sub/a.npz", "https://h/sub/a.npz"),
        ("http://h/x?key=1", "a.npz", "http://h/x/a.npz?key=1"),
        ("http://h/x/", "%2e%2e?a#.npz", "http://h/x/%252e%252e%3Fa%23.npz"),
    ],
)
def test_join_url(base, name, expected):
    assert join_url(base, name) == expected


def test_is_url():
    assert is_url("http://h/x") and is_url("HTTPS://h/x")
    assert not is_url("datasets") and not is_url("/data/http") and not is_url("C:\\data")
    with pytest.raises(DataError, match=r"http\(s\)"):
        is_url("s3://bucket/x")
    with pytest.raises(DataError, match="without a host"):
        join_url("http:///x", "a.npz")

"""Fixtures of the tests of data sets' sources."""

import pytest
from ndjson_files import record, write


@pytest.fixture
def owls(tmp_path):
    return write(tmp_path / "owls.ndjson", [record(key) for key in range(300)])

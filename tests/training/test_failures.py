"""What goes wrong, in one line."""

import sys

import pytest

from magenta_sketch._backend import tf
from magenta_sketch.training import failures


@pytest.mark.skipif(sys.platform != "linux", reason="the message is that of Linux")
def test_reason_is_the_gist_of_tensorflows_message(tmp_path):
    with pytest.raises(tf.errors.OpError) as caught:
        tf.io.write_file(str(tmp_path / "no" / "folder" / ("x" * 300)), "text")
    assert failures.reason(caught.value) == "File name too long"

"""The file of a model: what is in it, byte for byte, and what cannot be written."""

import numpy as np
import pytest
from model_files import read_model

from magenta_sketch.config import RunConfig
from magenta_sketch.errors import PageError
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.web.model_file import model_bytes

CELLS = [("lstm", "layer_norm"), ("hyper", "lstm"), (None, "hyper")]


def model(encoder="lstm", decoder="lstm", **changes):
    sizes = {"enc_rnn_size": 3, "dec_rnn_size": 5, "z_size": 4, "num_mixture": 2}
    cells = {"dec_model": decoder, "conditional": encoder is not None}
    cells |= {"enc_model": encoder} if encoder else {}
    about = {"max_seq_len": 30, "normalizing_factor": 12.5, "seed": 3}
    return TrainedModel(SketchRNN(RunConfig.of(**sizes | cells | about | changes)))


@pytest.mark.parametrize("encoder, decoder", CELLS)
def test_every_weight_is_there_bit_by_bit(encoder, decoder):
    trained = model(encoder, decoder)
    weights = {one.path: one.numpy() for one in trained.model.trainable_weights}
    header, arrays = read_model(model_bytes(trained, name="twig"))
    assert arrays.keys() == weights.keys() and len(weights) > 7
    for name, array in arrays.items():
        assert array.shape == weights[name].shape and array.dtype == np.float32
        assert array.tobytes() == weights[name].tobytes(), name
    assert any(np.ptp(array) > 0 for array in arrays.values())
    expected = {"conditional": encoder is not None, "dec_model": decoder}
    expected |= {"z_size": 4 if encoder else 0, "num_mixture": 2}
    expected |= {"max_seq_len": 30, "normalizing_factor": 12.5, "name": "twig"}
    assert {name: header[name] for name in expected} == expected


def test_float16_has_half_the_size():
    trained = model()
    _, arrays = read_model(model_bytes(trained, name="twig"))
    header, half = read_model(model_bytes(trained, name="twig", dtype="float16"))
    assert header["dtype"] == "float16"
    assert 2 * sum(a.nbytes for a in half.values()) == sum(a.nbytes for a in arrays.values())
    for name, array in arrays.items():
        np.testing.assert_array_equal(half[name], array.astype(np.float16))


def test_how_z_enters_the_decoder():
    header, _ = read_model(model_bytes(model(), name="a"))
    assert (header["tanh_z"], header["decoder_z_scale"], header["scale"]) == (False, 1.0, 1.0)
    header, _ = read_model(model_bytes(model(decoder_z_scale=2.5, scale=4.0), name="a"))
    assert (header["tanh_z"], header["decoder_z_scale"], header["scale"]) == (False, 2.5, 4.0)
    assert read_model(model_bytes(model(tanh_z=True), name="a"))[0]["tanh_z"] is True


def test_more_values_and_names_of_any_letters():
    # Names of different lengths put the arrays at different places.
    for name in ("鳥", "é", "a", "ab", "abc", '"</script>'):
        header, arrays = read_model(model_bytes(model(), name=name, size=3.5, plane=None))
        assert (header["name"], header["size"], header["plane"]) == (name, 3.5, None)
        assert len(arrays) > 7


def test_weights_that_cannot_be_written():
    trained = model()
    bias = trained.model.decoder.output_bias
    bias.assign(np.full(bias.shape, 70000.0, np.float32))
    assert model_bytes(trained, name="a")
    with pytest.raises(PageError, match="decoder/output_bias are too large for float16: use --we"):
        model_bytes(trained, name="a", dtype="float16")
    bias.assign(np.full(bias.shape, np.inf, np.float32))
    for dtype in ("float32", "float16"):
        with pytest.raises(PageError, match="output_bias are not finite: train it anew with"):
            model_bytes(trained, name="a", dtype=dtype)

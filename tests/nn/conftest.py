"""Fixtures for the tests of the network."""

import types

import numpy as np
import pytest

from magenta_sketch.nn import recurrence
from magenta_sketch.nn.decoder import Decoder


@pytest.fixture
def spy(monkeypatch):
    """Records each run of a cell, and what reaches each output layer; all batch first but masks."""
    seen = types.SimpleNamespace(runs=[], output_inputs=[])
    run, both_ways, output = recurrence.run, recurrence.run_both_ways, Decoder.output

    def batch_first(x):
        return np.transpose(x, [1, 0, 2])

    def note(cell, inputs, state, mask, outputs=None):
        mask = None if mask is None else mask.numpy()
        seen.runs.append(
            types.SimpleNamespace(cell=cell, inputs=inputs, state=state, mask=mask, outputs=outputs)
        )

    def spying_run(cell, inputs, initial_state, *, constant=None, keep_mask=None, **keywords):
        result = run(
            cell, inputs, initial_state, constant=constant, keep_mask=keep_mask, **keywords
        )
        found = batch_first(inputs)
        if constant is not None:
            shape = [*found.shape[:2], constant.shape[-1]]
            found = np.concatenate([found, np.broadcast_to(constant[:, None], shape)], axis=-1)
        note(cell, found, initial_state, keep_mask, batch_first(result[0]))
        return result

    def spying_both_ways(cells, inputs, lengths, initial_states, *, keep_masks, **keywords):
        for cell, state, mask in zip(cells, initial_states, keep_masks, strict=True):
            note(cell, batch_first(inputs), state, mask)
        return both_ways(cells, inputs, lengths, initial_states, keep_masks=keep_masks, **keywords)

    def spying_output(self, h, product_dtype=None):
        seen.output_inputs.append(batch_first(h))
        return output(self, h, product_dtype)

    monkeypatch.setattr(recurrence, "run", spying_run)
    monkeypatch.setattr(recurrence, "run_both_ways", spying_both_ways)
    monkeypatch.setattr(Decoder, "output", spying_output)
    return seen

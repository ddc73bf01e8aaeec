"""Parity with the reference implementation, as `test_golden`, in programs that XLA compiles."""

import numpy as np
import pytest
from goldens import DATA, KL_WEIGHT, Golden
from slow import slow_but
from test_golden import NAMES

from magenta_sketch._backend import tf


@pytest.fixture(scope="module", params=slow_but(NAMES, "uncond_lstm"))
def golden(request):
    local = DATA / f"{request.param}.npz"
    if local.exists():
        return Golden(local, jit="on")
    shared = request.getfixturevalue("shared")  # skips, with the reason, when it is absent
    return Golden(shared / "golden" / f"{request.param}.npz", jit="on")


def test_costs_and_gradients(golden):
    golden.reset()
    model = golden.model
    variables = [v.value for v in model.trainable_variables]

    @tf.function(jit_compile=True, autograph=False)
    def compute():
        with tf.GradientTape() as tape:
            reconstruction, masked, kl = golden.mean_losses(model, static=True)
            cost, kl_cost = model.cost(reconstruction, kl, KL_WEIGHT)
        return (cost, kl_cost, reconstruction, masked), tape.gradient(cost, variables)

    costs, gradients = compute()
    for name, found in zip(("cost", "kl_cost", "r_cost_train", "r_cost_eval"), costs, strict=True):
        assert float(found) == pytest.approx(float(golden.out(name)), abs=1e-5)
    golden.assert_gradients(gradients)


@pytest.mark.slow
def test_cost_trajectory(golden):
    """21 steps with Adam, in the training program's own step."""
    expected = golden.out("cost_trajectory")
    train_step = golden.train_step()
    assert train_step.uses_xla
    found = [float(golden.run(train_step).cost) for _ in expected]
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)

"""Sketch-RNN with lstm cells in JAX, as one compiled program. For comparison only.

It has the sizes, recurrent dropout, loss and optimizer of the model. Its encoder reads sketches to
the end of the padding. JAX is not a dependency of magenta_sketch: `available` says if it is there.
"""

from __future__ import annotations

import importlib.util
import math
import os
from typing import Any

import numpy as np

PRECISION = {"float32": "highest", "tf32": "tensorfloat32", "bfloat16": "default"}


def available() -> bool:
    """Return whether JAX is installed."""
    return importlib.util.find_spec("jax") is not None


class JaxStep:
    """A training step; call it with a `Batch`. ``number_type``: a key of `PRECISION`."""

    def __init__(self, config: Any, number_type: str):
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        import jax

        self.jax, self.hparams, self.number_type = jax, config.hparams, number_type
        self.parameters = self._initial()
        zeros = jax.tree.map(np.zeros_like, self.parameters)
        self.moments, self.number = (zeros, zeros), 0
        self._compiled = jax.jit(self._update, donate_argnums=(0, 1))

    def __call__(self, batch: Any) -> float:
        self.number += 1
        with self.jax.default_matmul_precision(PRECISION[self.number_type]):
            self.parameters, self.moments, cost = self._compiled(
                self.parameters, self.moments, batch.strokes, self.number
            )
        return float(cost)

    def _initial(self) -> dict[str, np.ndarray]:
        hps, random = self.hparams, np.random.default_rng(0)
        encoder, decoder, z = hps.enc_rnn_size, hps.dec_rnn_size, hps.z_size
        shapes = {
            "forward": (5 + encoder, 4 * encoder),
            "backward": (5 + encoder, 4 * encoder),
            "mu": (2 * encoder, z),
            "presig": (2 * encoder, z),
            "state": (z, 2 * decoder),
            "decoder": (5 + z + decoder, 4 * decoder),
            "output": (decoder, 3 + 6 * hps.num_mixture),
        }
        found = {}
        for name, (rows, columns) in shapes.items():
            found[name] = (random.normal(size=(rows, columns)) / math.sqrt(rows)).astype("float32")
            found[f"{name}_bias"] = np.zeros(columns, "float32")
        return found

    def _product(self, x: Any, matrix: Any) -> Any:
        if self.number_type != "bfloat16":
            return x @ matrix
        jnp = self.jax.numpy
        return (x.astype(jnp.bfloat16) @ matrix.astype(jnp.bfloat16)).astype(jnp.float32)

    def _lstm(self, p: dict, name: str, x: Any, state: Any, key: Any) -> tuple[Any, Any]:
        """Run over x [time, batch, width]; return the last state and all outputs."""
        jnp, nn = self.jax.numpy, self.jax.nn
        width = x.shape[-1]
        keep = self.hparams.recurrent_keep_prob
        mask = self.jax.random.bernoulli(key, keep, (*x.shape[:2], state[0].shape[-1])) / keep
        before = self._product(x, p[name][:width]) + p[f"{name}_bias"]

        def time_step(state: Any, now: Any) -> tuple[Any, Any]:
            (h, c), (added, kept) = state, now
            i, j, f, o = jnp.split(self._product(h, p[name][width:]) + added, 4, axis=-1)
            c = c * nn.sigmoid(f + 1.0) + nn.sigmoid(i) * jnp.tanh(j) * kept
            h = jnp.tanh(c) * nn.sigmoid(o)
            return (h, c), h

        return self.jax.lax.scan(time_step, state, (before, mask))

    def _cost(self, p: dict, strokes: Any, key: Any) -> Any:
        jnp, hps = self.jax.numpy, self.hparams
        keys = self.jax.random.split(key, 4)
        points = jnp.swapaxes(strokes, 0, 1)
        inputs, target = points[:-1], points[1:]
        zeros = (jnp.zeros((strokes.shape[0], hps.enc_rnn_size)),) * 2
        (forward, _), _ = self._lstm(p, "forward", target, zeros, keys[0])
        (backward, _), _ = self._lstm(p, "backward", target[::-1], zeros, keys[1])
        last = jnp.concatenate([forward, backward], axis=-1)
        mu, presig = (last @ p[name] + p[f"{name}_bias"] for name in ("mu", "presig"))
        z = mu + jnp.exp(0.5 * presig) * self.jax.random.normal(keys[2], mu.shape)
        state = tuple(jnp.split(jnp.tanh(z @ p["state"] + p["state_bias"]), 2, axis=-1))
        with_z = jnp.concatenate(
            [inputs, jnp.broadcast_to(z, (*inputs.shape[:2], z.shape[-1]))], axis=-1
        )
        _, outputs = self._lstm(p, "decoder", with_z, state, keys[3])
        offset, pen = self._point_losses(
            self._product(outputs, p["output"]) + p["output_bias"], target
        )
        kl = -0.5 * jnp.mean(1.0 + presig - mu**2 - jnp.exp(presig))
        return jnp.mean(offset + pen) + 0.5 * jnp.maximum(kl, 0.2)

    def _point_losses(self, output: Any, target: Any) -> tuple[Any, Any]:
        jnp, nn = self.jax.numpy, self.jax.nn
        pi, mu1, mu2, s1, s2, corr = jnp.split(output[..., 3:], 6, axis=-1)
        rho = jnp.tanh(corr) * 0.999
        a, b = (target[..., 0:1] - mu1) / jnp.exp(s1), (target[..., 1:2] - mu2) / jnp.exp(s2)
        rest = 1.0 - rho**2
        log_normal = -0.5 * (a**2 + b**2 - 2.0 * rho * a * b) / rest - s1 - s2
        log_normal -= 0.5 * jnp.log(rest) + math.log(2.0 * math.pi)
        log_density = nn.logsumexp(nn.log_softmax(pi) + log_normal, axis=-1)
        offset = -jnp.logaddexp(log_density, math.log(1e-6)) * (1.0 - target[..., 4])
        pen = -jnp.sum(target[..., 2:] * nn.log_softmax(output[..., :3]), axis=-1)
        return offset, pen

    def _update(self, p: dict, moments: tuple, strokes: Any, number: Any) -> tuple[Any, Any, Any]:
        jnp, tree = self.jax.numpy, self.jax.tree
        key = self.jax.random.key(number)
        cost, gradients = self.jax.value_and_grad(self._cost)(p, strokes, key)
        gradients = tree.map(lambda g: jnp.clip(g, -1.0, 1.0), gradients)
        first = tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], gradients)
        second = tree.map(lambda m, g: 0.999 * m + 0.001 * g**2, moments[1], gradients)
        rate = 1e-3 * jnp.sqrt(1.0 - 0.999**number) / (1.0 - 0.9**number)
        p = tree.map(lambda v, m, s: v - rate * m / (jnp.sqrt(s) + 1e-8), p, first, second)
        return p, (first, second), cost

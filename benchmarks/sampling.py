"""Measure how many sketches are drawn a second, and the time of sketches that end early.

    python benchmarks/sampling.py                   both tables
    python benchmarks/sampling.py --runs=20         more runs of each, for a better median

Untrained models of the default size (512 units, z 128, M 20) draw each sketch to 250 points. GFLOP
counts the matrix products for each point: recurrent, point and output. (The product of z is
computed once for each sketch.) The peak is that of large float32 products. It is measured before
each row, to show if the machine is busy.
"""

import argparse

import numpy as np
from measure import machine, matmul_peak, parse, repeat, seconds, summary, table

POINTS = 250
# Magenta's implementation, one sketch at a time: 0.384 s for 250 points with the default model,
# measured on 2 cores (AMD EPYC).
REFERENCE = 1 / 0.384  # sketches a second
BATCHES = {"lstm": (1, 10, 100, 1000), "layer_norm": (1, 100), "hyper": (1, 100)}
AT_ONCE = 100  # sketches in the table of early ends
END = 2  # index of the end-of-sketch logit in the output vector
NEVER, ALWAYS = -100.0, 200.0  # that logit, and what to add to it for a certain end


def endless_decoder(cell: str):
    """Return an untrained `PointDecoder` whose sketches never end."""
    from magenta_sketch.config import HParams
    from magenta_sketch.inference.sampler import PointDecoder
    from magenta_sketch.nn.sketch_rnn import SketchRNN

    decoder = SketchRNN(HParams(dec_model=cell, enc_rnn_size=8)).decoder
    bias = decoder.output_bias.numpy()
    bias[END] = NEVER
    decoder.output_bias.assign(bias)
    return PointDecoder(decoder)


def gflop_a_point(decoder) -> float:
    """Return the GFLOP of the matrix products for one point of one sketch, without that of z."""
    numbers = np.prod(decoder.output_kernel.shape)
    for weight in decoder.rnn_cell.weights:
        if len(weight.shape) > 1:
            numbers += np.prod(weight.shape)
        if weight.name == "kernel":
            numbers -= decoder.z_size * weight.shape[-1]
    return 2e-9 * float(numbers)


def latents(batch: int) -> np.ndarray:
    """Return random latent vectors [batch, 128]."""
    return np.random.default_rng(0).normal(size=(batch, 128)).astype("float32")


def by_batch_size(runs: int) -> None:
    """Print sketches per second for each cell and batch size."""
    from magenta_sketch.inference.sampler import Sampler

    print(f"reference (lstm, one sketch at a time): {REFERENCE:.1f} sketches/s\n")
    rows = []
    for cell, batches in BATCHES.items():
        decoder = endless_decoder(cell)
        gflop = gflop_a_point(decoder.decoder)
        for batch in batches:
            sampler, z = Sampler(decoder), latents(batch)

            def draw(sampler=sampler, z=z):
                assert {len(x) for x in sampler.decode(z, max_seq_len=POINTS)} == {POINTS}

            peak = matmul_peak()
            first = seconds(draw)
            median, low, high = summary(repeat(draw, runs))
            speed = gflop * batch * POINTS / median
            rows.append(
                [
                    cell,
                    batch,
                    f"{first:.2f}",
                    f"{1e3 * median / POINTS:.2f}",
                    f"{batch / median:.1f}",
                    f"{batch / high:.1f} to {batch / low:.1f}",
                    f"{batch / median / REFERENCE:.1f}x",
                    f"{speed:.0f} of {peak:.0f}",
                    f"{100 * speed / peak:.0f} %",
                ]
            )
    headers = (
        "cell|at once|first call, s|ms a point|sketches/s|quartiles|/ reference|GFLOP/s|of peak"
    )
    table(headers.split("|"), rows)


def early_ends(runs: int) -> None:
    """Print the time of a batch with 90 % early ends, and of one without."""
    from magenta_sketch._backend import tf
    from magenta_sketch.inference.sampler import Context, PointDecoder, Sampler

    class EndingDecoder(PointDecoder):
        """A decoder whose sketch i ends at point ``ends[i]``."""

        def __init__(self, decoder, ends):
            super().__init__(decoder)
            self.ends = tf.constant(ends, tf.float32)

        def initial_state(self, z, batch):
            return [tf.zeros([batch]), *super().initial_state(z, batch)]

        def context(self, z, batch):
            own, shared = super().context(z, batch)
            return Context((self.ends, own), shared)

        def step(self, points, context, state):
            (ends, own), (t, *state) = context.own, state
            output, state = super().step(points, Context(own, context.shared), state)
            logit = ALWAYS * tf.cast(t >= ends, tf.float32)[:, None]
            return output + logit * tf.one_hot([END], output.shape[-1]), [t + 1, *state]

    random = np.random.default_rng(1)
    never = np.full(AT_ONCE, POINTS)
    early = np.where(np.arange(AT_ONCE) % 10 > 0, random.integers(1, 25, AT_ONCE), POINTS)
    decoder, z = endless_decoder("lstm").decoder, latents(AT_ONCE)

    def drawer(ends):
        sampler = Sampler(EndingDecoder(decoder, ends))

        def draw():
            drawn = sampler.decode(z, max_seq_len=POINTS)
            assert [len(sketch) for sketch in drawn] == list(ends)

        draw()  # compiles
        return draw

    whole, partly = drawer(never), drawer(early)
    pairs = [(seconds(whole), seconds(partly)) for _ in range(runs)]
    rows = []
    for name, times, ends in zip(
        ("none ends early", "90 % end within 25 points"),
        zip(*pairs, strict=True),
        (never, early),
        strict=True,
    ):
        median, low, high = summary(times)
        share = np.minimum(ends + 1, POINTS).sum() / (
            POINTS * AT_ONCE
        )  # the end is a time step too
        columns = [f"{median:.3f}", f"{low:.3f} to {high:.3f}", f"{100 * share:.0f} %"]
        rows.append([name, *columns, f"{AT_ONCE / median:.0f}"])
    median, low, high = summary([partly / whole for whole, partly in pairs])
    print(f"\n{AT_ONCE} sketches at once, lstm, at most {POINTS} points:\n")
    table(["", "seconds", "quartiles", "steps needed", "sketches/s"], rows)
    print(f"\nratio of the two, of paired runs: {median:.2f} ({low:.2f} to {high:.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each (default 7)")
    runs = parse(parser).runs
    print(machine())
    by_batch_size(runs)
    early_ends(runs)


if __name__ == "__main__":
    main()

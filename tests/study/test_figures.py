import xml.etree.ElementTree as ET

import made_up
import numpy as np
import pytest
from magenta_sketch.study.figures.learning import mean_line
from magenta_sketch.study.summary import summarise

from magenta_sketch.study.figures import pictures


def drawn(result):
    return {one.name: one for one in pictures(result, summarise(result))}


@pytest.fixture(scope="module")
def by_scale():
    result = made_up.study()
    return result, drawn(result)


def test_a_scale_study_has_all_figures_and_each_is_svg(by_scale):
    _, found = by_scale
    assert set(found) == {
        *("curves_masked_recon", "curves_kl", "matrix_masked_recon", "sigma", "effective_noise"),
        *("kl", "active_units", "signal_to_noise", "latent_mean", "latent_variance"),
        *("latent_actual_variance", "latent_mu_variance", "reconstruction_distances"),
        *("new_distances", "ended"),
    }
    for one in found.values():
        assert ET.fromstring(one.svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert one.alt and one.title and one.caption
        assert b"dc:date" not in one.svg


def test_the_text_of_a_figure_has_its_numbers(by_scale):
    result, found = by_scale
    values = [
        run.measures.matrix["masked_recon"][4]
        for run in result.runs
        if run.trial.setting.label == "scale 0.5"
    ]
    assert f"{np.mean(values):.2f}" in found["matrix_masked_recon"].alt.split(";")[0]


def test_a_run_that_stopped_early_does_not_bend_the_mean(monkeypatch):
    # Two seeds; one ends at half the steps with a loss of its own.
    import matplotlib.axes

    lines, bands = [], []
    plot, fill = matplotlib.axes.Axes.plot, matplotlib.axes.Axes.fill_between
    monkeypatch.setattr(
        matplotlib.axes.Axes,
        "plot",
        lambda self, *a, **k: (lines.append((a, k)), plot(self, *a, **k))[1],
    )
    monkeypatch.setattr(
        matplotlib.axes.Axes,
        "fill_between",
        lambda self, *a, **k: (bands.append(a), fill(self, *a, **k))[1],
    )
    figure = __import__("matplotlib.figure").figure.Figure()
    style = {"color": "black", "marker": "o", "label": "x"}
    mean_line([{0: 1.0, 10: 2.0, 20: 3.0}, {0: 3.0, 20: 5.0}], **style).draw(figure.subplots())
    mean_line([{0: 1.0, 10: 2.0, 20: 3.0}, {0: 3.0, 10: 4.0}], **style).draw(figure.subplots())
    (steps, mean), _ = lines[0]
    np.testing.assert_allclose([steps, mean], [[0, 10, 20], [2, 3, 4]])  # 4 at step 10, between
    (steps, mean), _ = lines[1]
    np.testing.assert_allclose([steps, mean], [[0, 10, 20], [2, 3, 3]])
    steps, low, high = bands[1]  # where there are two
    np.testing.assert_allclose(steps, [0, 10])
    np.testing.assert_allclose(high - low, 2 * np.std([1, 3], ddof=1))


@pytest.mark.slow
@pytest.mark.parametrize("sweep", [("data_set=[_a$x$.npz],[漢.npz]",), ("conditional=1,0",)])
def test_axes_that_are_no_numbers(sweep):
    result = made_up.study(sweep, seeds=(0, 1, 2))
    assert {"curves_masked_recon", "kl", "new_distances"} <= set(drawn(result))


@pytest.mark.slow
def test_a_grid_has_heat_maps_and_small_multiples():
    found = drawn(made_up.study(("scale=1,2", "z_size=8,16"), seeds=(0, 1)))
    assert {"grid_masked_recon", "grid_kl_implied", "grid_novelty"} <= set(found)
    assert {"curves_kl_z_size-8", "curves_kl_z_size-16", "latent_mean_z_size-8"} <= set(found)


def test_unconditional_models_have_no_latent_figures():
    found = drawn(made_up.study(("dec_rnn_size=64,128",), conditional=False, seeds=(0,)))
    assert set(found) == {"curves_masked_recon", "new_distances", "ended"}


def test_nothing_measured_draws_nothing_but_curves():
    result = made_up.study(("scale=1,2",), seeds=(0,))
    for run in result.runs:
        result = made_up.without(result, run.trial.name)
    assert set(drawn(result)) == {"curves_masked_recon", "curves_kl"}

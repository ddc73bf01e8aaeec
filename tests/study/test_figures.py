"""The figures of a report."""

import dataclasses
import xml.etree.ElementTree as ET

import made_up
import numpy as np
import pytest

from magenta_sketch.drawing.line_plot import Level
from magenta_sketch.measures import linear_theory
from magenta_sketch.study import curves, figures, lines, wording
from magenta_sketch.study.figures import pictures

OVER_SETTINGS = {
    *("loss", "information", "bound", "active_units", "signal_to_noise", "sigma"),
    *("new_sketches", "reconstructions"),
}
ALL = OVER_SETTINGS | {
    *("rate_distortion", "factors", "matrix", "active_curve", "kl", "learning"),
}
OTHERS = ("scale=2,kl_mu_weight=0.25 vs scale=1", "scale=4,kl_mu_weight=0.0625 vs scale=1",
          "kl_weight=0.1 vs scale=2")  # fmt: skip


def svg_of(picture):
    root = ET.fromstring(picture.svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return root


@pytest.fixture
def plots(monkeypatch):
    """Figures are described and not drawn: the arguments of each, by the name of the figure."""
    found = {}

    def keep(name, *arguments, **others):
        found[name] = (arguments, others)
        return b"<svg xmlns='http://www.w3.org/2000/svg'/>"

    for module in (curves, figures):
        monkeypatch.setattr(module, "line_plot", keep)
    monkeypatch.setattr(figures, "heat_map", keep)
    return found


def described(result):
    return {one.name: one for one in pictures(result)}


def lines_of(plots, name):
    return {line.label: line for line in plots[name][0][1] if hasattr(line, "label")}


def setting(result, label):
    (found,) = (one for one in result.plan.settings() if one.label == label)
    return found


# ------------------------------------------------------------------------------- what is drawn


def test_a_study_of_scale_has_all_figures(plots):
    found = described(made_up.study())
    assert set(found) == ALL == set(plots)
    assert all(one.alt and one.title and one.caption for one in found.values())


@pytest.mark.slow
def test_figures_are_svg_with_a_title():
    for one in pictures(made_up.study(seeds=(0, 1), others=OTHERS)):
        root = svg_of(one)
        assert float(root.get("width").removesuffix("pt")) > 100
        assert b"dc:date" not in one.svg and b"<script" not in one.svg
        assert len(one.svg) > 3000


def test_a_figure_is_svg():
    (picture,) = (
        curves._over_settings(made_up.study(seeds=(0, 1)), one)
        for one in curves._OVER_SETTINGS
        if one.name == "loss"
    )
    assert svg_of(picture) is not None and b"dc:date" not in picture.svg


def test_the_text_of_a_figure_has_its_numbers(plots):
    result = made_up.study(others=OTHERS)
    found = described(result)
    for name, label, scalar in (
        ("loss", "scale 0.5, own noise", "masked_recon"),
        ("information", "scale 4, rate, scaled prior", "rate_scaled"),
        ("bound", "scale 2, aggregate prior", "bound_aggregate"),
        ("new_sketches", "scale 1, standard prior", "f_standard"),
        ("active_units", "scale 2, kl_mu_weight 0.25, active units", "active_units"),
    ):
        of = setting(result, label.rpartition(", ")[0].replace(", rate", ""))
        value = wording.number(result.estimate(of, scalar).value)
        assert f"{label}: {value}" in found[name].alt, name
    rate, loss = (
        wording.number(result.estimate(setting(result, "scale 4"), name).value)
        for name in ("mutual_information", "masked_recon")
    )
    assert f"scale 4: {rate}, {loss}" in found["rate_distortion"].alt
    values = result.at_noise(setting(result, "scale 0.5"), 4.0)
    assert wording.number(values.mean()) in found["matrix"].alt.split(";")[0]
    sizes = result.factor(setting(result, "scale 4"), "size")
    assert wording.number(sizes.mean()) in found["factors"].alt


def test_points_are_means_with_their_intervals(plots):
    result = made_up.study(seeds=range(4))
    described(result)
    line = lines_of(plots, "loss")["z = mu"]
    np.testing.assert_array_equal(line.x, [0.5, 1, 2, 4])
    found = [result.estimate(one, "masked_recon_without_noise") for one in result.plan.settings()]
    np.testing.assert_array_equal(line.y, [one.value for one in found])
    np.testing.assert_array_equal(line.y_ends, [[f.low for f in found], [f.high for f in found]])


def test_one_seed_has_points_without_bars(plots):
    described(made_up.study(seeds=(0,)))
    assert np.isnan(lines_of(plots, "loss")["own noise"].y_ends).all()


def test_a_setting_without_results_has_no_point(plots):
    result = made_up.study(seeds=(0,))
    described(made_up.without(result, "scale-2_seed-0"))
    np.testing.assert_array_equal(lines_of(plots, "loss")["own noise"].x, [0.5, 1, 4])
    assert "scale 2" not in {line.label for line in plots["kl"][0][1]}


def test_the_matrix_has_models_in_rows_and_noises_in_columns(plots):
    result = made_up.study(seeds=(0, 1, 2), others=OTHERS)
    described(result)
    (_, table, texts), how = plots["matrix"]
    assert how["rows"] == ["0.5", "1", "2", "4"] == how["columns"][1:] and how["columns"][0] == "0"
    for row, one in zip(table, result.plan.settings(), strict=False):
        expected = [result.at_noise(one, noise).mean() for noise in result.settings.noises]
        assert row == pytest.approx(expected)
    assert texts[0][0][0] == wording.number(table[0][0], 3) and texts[0][0][1].startswith("± ")


def at_any_scale(seed, scale, **given):
    return made_up.measures(seed, scale=scale or 1.0, **given)


def test_the_theory_is_drawn_beside_signal_to_noise(plots):
    result = made_up.study(("scale=0,0.5,1,2",), seeds=(0, 1), measured=at_any_scale)
    described(result)
    line = lines_of(plots, "signal_to_noise")["theory, from scale 1"]
    np.testing.assert_array_equal(line.x, [0.5, 1, 2])
    runs = [run.measures.latent for run in result.runs_of(setting(result, "scale 1"))]
    expected = []
    for scale in (0.5, 1.0, 2.0):
        made = [
            linear_theory.predict(run["mu_variance"], np.sqrt(run["sigma_square"]), scale)
            for run in runs
        ]
        expected.append(
            np.mean([np.sqrt(m.mu_variance.mean()) / (scale * m.sigma.mean()) for m in made])
        )
    np.testing.assert_allclose(line.y, expected)
    assert "theory, from scale 1" not in lines_of(plots, "loss")


def test_no_theory_without_models_of_scale_1(plots):
    described(made_up.study(("scale=0.5,2",), seeds=(0,)))
    assert "theory, from scale 1" not in lines_of(plots, "signal_to_noise")


def test_real_drawings_are_a_grey_level_if_there_is_one_data_set(plots):
    described(made_up.study(seeds=(0,)))
    levels = [line for line in plots["reconstructions"][0][1] if isinstance(line, Level)]
    assert levels == [Level(0.52)]
    real = {"a.npz": {"chamfer_others": 0.5}, "b.npz": {"chamfer_others": 0.9}}
    described(made_up.study(("data_set=a.npz,b.npz",), seeds=(0,), baselines=real))
    assert not any(isinstance(line, Level) for line in plots["reconstructions"][0][1])


def test_units_above_a_threshold(plots):
    result = made_up.study(seeds=(0, 1))
    described(result)
    line = lines_of(plots, "active_curve")["scale 2"]
    at = int(np.argmin(np.abs(np.log(np.asarray(line.x) / 0.01))))
    assert line.x[at] == pytest.approx(0.01)
    assert line.y[at] == result.estimate(setting(result, "scale 2"), "active_units").value


def test_dimensions_are_sorted_in_each_run_before_the_mean_over_seeds(plots):
    result = made_up.study(seeds=(0, 1, 2))
    described(result)
    rows = [sorted(run.measures.latent["kl"], reverse=True)
            for run in result.runs_of(setting(result, "scale 1"))]  # fmt: skip
    np.testing.assert_allclose(lines_of(plots, "kl")["scale 1"].y, np.mean(rows, axis=0))


def test_a_learning_curve_is_over_the_steps_that_all_seeds_have(plots):
    result = made_up.study(("scale=1,2",), seeds=(0, 1))
    short = [
        dataclasses.replace(run, history=[r for r in run.history if r["step"] not in (200, 2000)])
        if run.trial.seed
        else run
        for run in result.runs
    ]
    described(dataclasses.replace(result, runs=short))
    line = lines_of(plots, "learning")["scale 2"]
    assert list(line.x) == [0, *range(400, 1801, 200)]
    losses = [
        [
            row["masked_recon"]
            for row in run.history
            if row["step"] == 400 and row["split"] == "valid"
        ]
        for run in result.runs_of(setting(result, "scale 2"))
    ]
    assert line.y[1] == pytest.approx(np.mean(losses))
    assert line.spread[1] == pytest.approx(np.std(losses))


def test_controls_are_lines_of_their_own_where_there_is_one_curve(plots):
    described(made_up.study(seeds=(0, 1), others=OTHERS))
    assert set(lines_of(plots, "active_units")) == {
        *("scale alone", "kl_mu_weight", "kl_weight 0.1")
    }
    assert set(lines_of(plots, "loss")) == {"own noise", "z = mu"}
    assert "kl_mu_weight" in lines_of(plots, "rate_distortion")
    for name in ("kl", "active_curve", "learning"):
        assert set(lines_of(plots, name)) == {f"scale {s}" for s in ("0.5", "1", "2", "4")}


# ---------------------------------------------------------------------------- other studies


SWEEPS = [("data_set=[_a$x$.npz],[漢.npz]",), ("conditional=1,0",), ("scale=1,2", "z_size=8,16")]


@pytest.mark.parametrize("sweep", SWEEPS)
def test_axes_of_any_kind(sweep, plots):
    found = described(made_up.study(sweep, seeds=(0, 1)))
    assert {"loss", "kl", "new_sketches", "learning", "rate_distortion"} <= set(found)
    if sweep == SWEEPS[0]:
        ticks = plots["loss"][0][2].ticks
        assert list(ticks.values()) == ["_a$x$.npz", "漢.npz"]


@pytest.mark.slow
@pytest.mark.parametrize("sweep", SWEEPS)
def test_axes_of_any_kind_are_drawn(sweep):
    for one in pictures(made_up.study(sweep, seeds=(0, 1, 2))):
        svg_of(one)


def test_settings_without_a_sweep(plots):
    found = described(made_up.study((), (0, 1), others=("scale=1", "scale=2", "kl_weight=0.1")))
    assert set(found) == ALL
    assert list(lines_of(plots, "active_units")["scale alone"].x) == [1, 2]


def test_unconditional_models_have_no_latent_figures(plots):
    found = described(made_up.study(("dec_rnn_size=64,128",), conditional=False, seeds=(0,)))
    assert set(found) == {"loss", "new_sketches", "learning"}
    assert list(lines_of(plots, "new_sketches")) == ["dec_rnn_size alone"]


def test_without_measures_only_the_learning_curves_are_drawn(plots):
    result = made_up.study(("scale=1,2",), seeds=(0,))
    for run in result.runs:
        result = made_up.without(result, run.trial.name)
    assert set(described(result)) == {"learning"}


def test_numbers_that_were_not_measured_are_left_out(plots):
    def measured(seed, scale, **given):
        noise = {"signal_to_noise": None} if scale == 0 else {}
        made = made_up.measures(seed, scale=scale or 1.0, **given, **noise, factor_r2=None)
        return dataclasses.replace(made, factors={}, masked_recon=[None] * 5)

    found = described(made_up.study(("scale=0,1,2",), seeds=(0, 1), measured=measured))
    assert ALL - set(found) == {"factors", "matrix"}
    assert list(lines_of(plots, "signal_to_noise")["scale alone"].x) == [1, 2]


# ------------------------------------------------------------------------------------- lines


def families(result):
    return {
        one.label: [(setting.label, one.x[setting]) for setting in one.settings]
        for one in lines.families(result)
    }


def test_lines_join_settings_that_set_the_same():
    found = families(made_up.study(("scale=2,0.5,1",), (0,), others=OTHERS))
    assert found["scale alone"] == [("scale 0.5", 0.5), ("scale 1", 1.0), ("scale 2", 2.0)]
    assert found["kl_mu_weight"] == [
        ("scale 2, kl_mu_weight 0.25", 2.0),
        ("scale 4, kl_mu_weight 0.0625", 4.0),
    ]


def test_settings_of_one_value_of_the_axis_stand_at_their_partners():
    others = [f"scale=1,kl_weight={w} vs scale={s}" for w, s in ((0.2, 2), (0.8, 4), (0.1, 0.5))]
    found = families(made_up.study(seeds=(0,), others=others))
    assert found["scale 1, kl_weight"] == [
        ("scale 1, kl_weight 0.1", 0.5),
        ("scale 1, kl_weight 0.2", 2.0),
        ("scale 1, kl_weight 0.8", 4.0),
    ]


def test_a_setting_that_leaves_the_axis_out_stands_at_the_value_of_all_runs():
    found = families(made_up.study(("scale=1,2",), (0,), ("kl_weight=0.1",)))
    assert found["kl_weight 0.1"] == [("kl_weight 0.1", 1.0)]
    found = families(
        made_up.study(("z_size=8,16",), (0,), ("kl_weight=0.1",), measured=made_up.measures)
    )
    assert found["kl_weight 0.1"] == [("kl_weight 0.1", 128.0)]


def test_a_second_axis_has_a_line_for_each_value():
    found = families(made_up.study(("scale=1,2", "z_size=8,16"), (0,)))
    assert list(found) == ["z_size 8", "z_size 16"]
    assert [x for _, x in found["z_size 16"]] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("sweep", "logarithmic"),
    [
        ("scale=0.5,1,2", True),
        ("scale=1,2,3", False),
        ("scale=0,1,8", False),
        ("dec_model=lstm,hyper", False),
    ],
)
def test_the_axis_is_logarithmic_where_numbers_are_far_apart(sweep, logarithmic):
    ticks, found = lines.positions(made_up.study((sweep,), (0,), measured=at_any_scale))
    assert found is logarithmic
    if sweep.startswith("dec_model"):
        assert ticks == {0.0: "lstm", 1.0: "hyper"}

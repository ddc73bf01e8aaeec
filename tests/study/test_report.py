"""The report of a study: its page and the files beside it."""

import csv
import dataclasses
import html.parser
import json
import math
import pathlib
import xml.etree.ElementTree as ET

import made_up
import pytest

from magenta_sketch.errors import RunError
from magenta_sketch.measures.scalars import PRIORS, SCALARS
from magenta_sketch.study import report, wording
from magenta_sketch.study.export import comparisons_csv, read_results, results_csv, results_json
from magenta_sketch.study.figures import Picture


class Page(html.parser.HTMLParser):
    """What a page refers to, its tags, its tables as text, and its text."""

    def __init__(self, path):
        super().__init__()
        self.references, self.tags, self.titles, self.ids, self.alts = [], [], [], [], []
        self.tables, self.text = [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.references += [attrs[name] for name in ("src", "href", "srcset") if name in attrs]
        self.titles += [attrs["title"]] if "title" in attrs else []
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.alts += [attrs.get("alt")] if tag == "img" else []
        self.alts += [attrs.get("aria-label")] if tag == "svg" else []
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")

    def handle_data(self, data):
        self.text += data
        if self.tables and self.tables[-1] and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data

    def row(self, first):
        """The cells of all rows with this first cell, from all tables."""
        rows = [row for table in self.tables for row in table if row and row[0] == first]
        return [plain(cell) for row in rows for cell in row[1:]]


def plain(text):
    """A text without no-break spaces and places for a break."""
    return text.strip().replace("\u00a0", " ").replace("\u200b", "")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><title>A title</title></svg>\n'


@pytest.fixture
def no_figures(monkeypatch):
    """Reports are written without figures, which take time and have tests of their own."""
    monkeypatch.setattr(report, "pictures", lambda _: [])


def setting(result, label):
    (found,) = (one for one in result.plan.settings() if one.label == label)
    return found


def values(result, label, name):
    return result.values(setting(result, label), name)


def written_of(result, tmp_path):
    paths = report.write_report(tmp_path, result)
    return {path.name: path for path in paths}, Page(tmp_path / "index.html")


def rows_of(content):
    return list(csv.DictReader(content.decode("utf-8").splitlines()))


OTHERS = ("scale=2,kl_mu_weight=0.25 vs scale=1", "scale=1,kl_tolerance=0")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study with controls and a failed run, its report's folder, the paths and the page."""
    result = made_up.study(seeds=range(8), others=OTHERS)
    result = made_up.without(result, "scale-2_seed-1", message="the loss became <nan>")
    folder = tmp_path_factory.mktemp("study") / "report"
    drawn = [
        Picture(name, f"Title of {name}", f"Numbers of {name}", f"Caption of {name}.", SVG)
        for name in ("loss", "kl")
    ]
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(report, "pictures", lambda _: drawn)
        paths = report.write_report(folder, result)
    return result, folder, paths, Page(folder / "index.html")


def test_all_files_are_named(written):
    _, folder, paths, _ = written
    assert paths[0] == folder / "index.html"
    assert sorted(paths) == sorted(folder.iterdir())
    assert {path.name for path in paths} == {
        *("index.html", "results.csv", "comparisons.csv", "results.json", "loss.svg", "kl.svg"),
        *("ladder.svg", "reconstructions_with_noise.svg", "reconstructions_without_noise.svg"),
        *(f"new_{prior}.svg" for prior in PRIORS),
    }
    for path in folder.glob("*.svg"):
        assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"


# -------------------------------------------------------------------------------------- numbers


def test_csv_has_a_row_for_each_run_with_every_number(written):
    result, folder, _, _ = written
    rows = {row["run"]: row for row in rows_of((folder / "results.csv").read_bytes())}
    assert list(rows) == [run.trial.name for run in result.runs]
    for run in result.runs:
        row, config = rows[run.trial.name], result.plan.config(run.trial)
        assert [row["scale"], row["kl_mu_weight"], row["kl_tolerance"]] == [
            f"{config[name]:g}" for name in ("scale", "kl_mu_weight", "kl_tolerance")
        ]
        assert (row["seed"], row["status"]) == (str(run.trial.seed), run.status)
        assert float(row["seconds"]) == run.seconds
        if run.measures is None:
            assert {row[name] for name in ("step", "factor_r2_size", *SCALARS)} == {""}
            continue
        assert int(row["step"]) == run.measures.step
        for name, value in run.measures.scalars.items():
            assert (float(row[name]) if row[name] else None) == value
        for noise, value in zip(("0", "0.5", "1", "2", "4"), run.measures.masked_recon,
                                strict=True):  # fmt: skip
            assert float(row[f"masked_recon_at_noise_{noise}"]) == value
        for name, value in run.measures.factors.items():
            assert float(row[f"factor_r2_{name}"]) == value


def test_comparisons_csv_has_a_row_for_each_measure_and_pair_of_settings(written):
    result, folder, _, _ = written
    rows = rows_of((folder / "comparisons.csv").read_bytes())
    partners = {
        one.label: partner.label
        for one in result.plan.settings()
        if (partner := result.plan.partner(one))
    }
    assert {(row["setting"], row["compared with"]) for row in rows} == set(partners.items())
    assert list(dict.fromkeys(row["measure"] for row in rows)) == list(filter(result.has, SCALARS))
    assert len(rows) == len(partners) * len(list(filter(result.has, SCALARS)))
    for row in rows:
        found = result.comparisons(row["measure"])[setting(result, row["setting"])]
        numbers = (*found.difference, found.p, *found.improvement[:3], found.smallest)
        names = ("estimate", "low", "high", "n", "p", "probability greater", "probability low",
                 "probability high", "smallest")  # fmt: skip
        assert [float(row[name]) for name in names] == list(map(float, numbers))
        scalar = SCALARS[row["measure"]]
        assert row["kind"] == ("ratio" if scalar.is_ratio else "difference")
        assert row["margin"] == ("" if scalar.margin is None else str(scalar.margin))
        assert (row["verdict"], row["text"]) == (found.verdict, wording.compared(found))
    assert {row["verdict"] for row in rows} == {"greater", "less", "equal", "undecided"}


def test_json_has_what_made_the_study_and_all_numbers(written):
    result, folder, _, _ = written
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in ("command", "data", "baselines", "versions", "began", "ended", "machine"):
        assert found[name] == getattr(result, name)
    assert found["plan"]["seeds"] == list(range(8)) and len(found["plan"]["others"]) == 2
    assert found["runs"][0]["hparams"]["z_size"] == 16
    for name in ("scalars", "latent", "factors", "masked_recon", "step"):
        assert found["runs"][0][name] == getattr(result.runs[0].measures, name)
    assert "drawings" not in found["runs"][0] and "history" not in found["runs"][0]
    failed = [run for run in found["runs"] if run["status"] == "failed"]
    assert [run["message"] for run in failed] == ["the loss became <nan>"]
    rows = rows_of((folder / "comparisons.csv").read_bytes())
    assert [row["text"] for row in rows] == [row["text"] for row in found["comparisons"]]


def test_json_is_read_again(written, tmp_path):
    result, folder, _, _ = written
    again = read_results(folder / "results.json")
    assert (again.plan, again.settings, again.data) == (result.plan, result.settings, result.data)
    assert again.comparisons("masked_recon") == result.comparisons("masked_recon")
    assert results_csv(again) == results_csv(result)
    assert results_json(again) == results_json(result)
    # The tables and figures can be made from it, and there are no drawings.
    assert not again.runs[0].measures.drawings and not again.runs[0].history


@pytest.mark.parametrize("text", [None, "", "{}", "[]", '{"plan": 1}'])
def test_another_file_is_no_study(tmp_path, text):
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match="is no results.json of a study"):
        read_results(path)


def test_a_run_that_is_not_of_the_plan_is_refused(written, tmp_path):
    _, folder, _, _ = written
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    found["runs"][0]["name"] = "scale-9_seed-0"
    (tmp_path / "results.json").write_text(json.dumps(found))
    with pytest.raises(RunError, match="scale-9_seed-0"):
        read_results(tmp_path / "results.json")


def test_numbers_of_one_seed_that_do_not_exist_are_empty():
    result = made_up.study(("scale=1,2",), (5,))
    row = rows_of(comparisons_csv(result))[0]
    assert [row[name] for name in ("low", "high", "p", "smallest")] == [""] * 4
    assert float(row["estimate"]) and row["n"] == "1" and row["verdict"] == "undecided"
    (first, *_) = json.loads(results_json(result))["comparisons"]
    assert first["low"] is first["p"] is None


def test_without_results_the_files_of_numbers_are_still_valid():
    result = made_up.without(made_up.study(("scale=1",), (0,)), "scale-1_seed-0", "waiting", "")
    assert comparisons_csv(result) == b""
    (row,) = rows_of(results_csv(result))
    assert row["status"] == "waiting" and row["recon"] == ""
    assert json.loads(results_json(result))["comparisons"] == []


# ----------------------------------------------------------------------------------- the page


def test_the_tables_have_estimates_with_intervals_and_n(written):
    result, _, _, page = written
    for label in ("scale 0.5", "scale 4", "scale 2, kl_mu_weight 0.25"):
        row = page.row(label)
        for name in ("masked_recon", "chamfer_with_noise", "novelty_standard", "rate_scaled"):
            expected = result.estimate(setting(result, label), name)
            assert plain(wording.with_interval(expected)) in row, name
        assert row[0] == "8"
    assert page.row("scale 2")[0] == "7"
    assert "0.300" in page.row("real drawings")


def test_the_tables_of_comparisons_are_those_of_the_file(written):
    result, _, _, page = written
    found = result.comparisons("signal_to_noise")
    rows = [row for table in page.tables for row in table if table[0][:2] == HEAD]
    assert len(rows) == sum(
        1 + len(result.comparisons(name)) for name in filter(result.has, SCALARS)
    )
    label = "scale 2, kl_mu_weight 0.25"
    one = found[setting(result, label)]
    cells = [label, "scale 1", wording.compared(one), "8", wording.number(one.p)]
    cells += [wording.with_interval(one.improvement), wording.number(one.smallest)]
    assert list(map(plain, cells)) in [list(map(plain, row)) for row in rows]


HEAD = ["setting", "compared with"]


def test_the_first_screen_has_claims_and_no_controls(written):
    result, _, _, page = written
    first = plain(page.text[: page.text.index("All measures of each setting")])
    answer = first[: first.index("A mean with its 95 % interval")]
    reference = result.estimate(setting(result, "scale 1"), "masked_recon")
    said = f"(nats/point): {wording.with_interval(reference)} at scale 1;"
    assert plain(said) in " ".join(answer.split())
    assert "at scale 4" in answer and "n = 7–8 pairs" in answer
    assert "kl_mu_weight" not in answer and "kl_tolerance" not in answer
    assert "kl_mu_weight" in page.text and "in the controls and in their seed" in " ".join(
        first.split()
    )


def test_failed_runs_are_named_with_their_message(written):
    _, _, _, page = written
    assert "1 of 48 runs has no results" in page.text
    (row,) = (row for table in page.tables for row in table if "failed" in row)
    assert row[:3] == ["scale 2", "1", "failed"]
    assert [cell.strip() for cell in row[-2:]] == ["runs/scale-2_seed-1", "the loss became <nan>"]


def test_the_page_needs_nothing_but_itself(written):
    _, folder, _, page = written
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert page.references
    for reference in page.references:
        inside = reference.startswith(("#", "data:image/svg+xml;base64,"))
        assert inside or (folder / reference).is_file(), reference
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "url(" not in text and "@import" not in text
    assert len(page.ids) == len(set(page.ids))
    assert {r[1:] for r in page.references if r.startswith("#")} <= set(page.ids)
    for name in ("results.csv", "comparisons.csv", "results.json", "kl.svg", "ladder.svg"):
        assert name in page.references


def test_every_drawing_and_figure_has_a_description(written):
    _, _, _, page = written
    assert page.tags.count("img") == 2 and all(page.alts)
    assert {"Numbers of loss", "Numbers of kl"} < set(page.alts)
    drawings = [one for one in page.alts if not one.startswith("Numbers of")]
    assert set(drawings) <= set(page.titles)
    assert len(drawings) == page.tags.count("svg") > 100


def test_every_test_sketch_is_drawn_for_every_swept_setting(written):
    result, folder, _, page = written
    indices = result.runs[0].measures.test_indices
    for index in indices:
        assert f"test sketch {index}, the original" in page.titles
        for scale in ("0.5", "1", "2", "4"):
            start = f"test sketch {index}, reconstructed by the model of scale {scale} (seed 0), "
            ends = [title.removeprefix(start) for title in page.titles if title.startswith(start)]
            assert sorted(ends) == ["z = mu", f"z = mu + {scale} · sigma · eps"]
    ladder = f"test sketch {indices[0]}, model of scale 2 (seed 0), at noise "
    assert {f"{ladder}{noise}" for noise in ("0", "0.5", "1", "2", "4")} < set(page.titles)
    for prior in PRIORS:
        what = f"new sketch 4, {prior} prior, drawn by the model of scale 4 (seed 0)"
        assert what in page.titles
    assert not any("kl_mu_weight" in title for title in page.titles)
    for name, count in (
        ("reconstructions_with_noise", 5 * 4),
        ("ladder", 4 * 6),
        ("new_scaled", 16),
    ):
        grid = ET.parse(folder / f"{name}.svg").getroot()
        assert len([e for e in grid.iter() if e.get("class") == "sketch"]) == count


def test_drawings_are_of_a_seed_with_results_for_all_settings(tmp_path, no_figures):
    result = made_up.without(made_up.study(("scale=1,2",), (3, 5)), "scale-2_seed-3")
    _, page = written_of(result, tmp_path)
    assert any("model of scale 1 (seed 5)" in title for title in page.titles)
    assert not any("(seed 3)" in title for title in page.titles)
    result = made_up.without(result, "scale-1_seed-5")
    _, page = written_of(result, tmp_path)
    assert any("model of scale 1 (seed 3)" in title for title in page.titles)
    assert "Models of different seeds, because no seed has results for all settings" in page.text


@pytest.mark.slow
def test_equal_results_give_equal_files(tmp_path):
    result = made_up.study(seeds=(0, 1, 2), others=OTHERS)
    first, again = (report.write_report(tmp_path / name, result) for name in ("one", "two"))
    assert [path.name for path in again] == [path.name for path in first]
    assert len(first) > 20
    for one, two in zip(first, again, strict=True):
        assert one.read_bytes() == two.read_bytes(), one.name


@pytest.mark.slow
def test_figures_of_an_earlier_report_go_and_others_stay(tmp_path):
    report.write_report(tmp_path, made_up.study(("z_size=8,16",), seeds=(0,)))
    assert (tmp_path / "kl.svg").exists()
    mine = tmp_path / "mine.svg"
    mine.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "notes.txt").write_text("mine")
    paths = report.write_report(
        tmp_path, made_up.study(("dec_rnn_size=8,9",), seeds=(0,), conditional=False)
    )
    assert sorted(tmp_path.iterdir()) == sorted([*paths, mine, tmp_path / "notes.txt"])
    assert not (tmp_path / "kl.svg").exists()


def test_names_are_text_and_never_markup(tmp_path, no_figures):
    result = made_up.study(("data_set=[<u>.npz],[a&b.npz]",), seeds=(0,), command="<i>&</i>")
    result = made_up.without(result, result.runs[1].trial.name, message="<script>alert(1)</script>")
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    assert not {"u", "i", "script"} & set(page.tags)
    assert "data_set <u>.npz" in page.text and "<script>alert(1)</script>" in page.text
    assert "<i>&</i>" in page.text


def test_different_data_sets_have_grids_of_their_own(tmp_path, no_figures):
    one = {"names": ["a.npz"], "fingerprint": "ab" * 32, "train": 7000}
    result = made_up.study(
        ("data_set=a.npz,b.npz",),
        seeds=(0,),
        data={"a.npz": one, "b.npz": one | {"train": 8000}},
        baselines={"a.npz": {"novelty": 0.123}, "b.npz": {"novelty": 0.456}},
    )
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    assert "Reconstructions without noise (z = mu), a.npz" in page.text
    assert "Reconstructions without noise (z = mu), b.npz" in page.text
    assert (tmp_path / "reconstructions_with_noise_2.svg").exists()
    assert "0.123" in page.row("real drawings, a.npz")
    assert "0.456" in page.row("real drawings, b.npz")
    assert "7,000" in page.text and "8,000" in page.text


def test_one_seed_has_no_intervals(tmp_path, no_figures):
    result = made_up.study(seeds=(5,))
    _, page = written_of(result, tmp_path)
    row = page.row("scale 1")
    assert row[0] == "1"
    assert not any("[" in cell for cell in row)
    assert f"{values(result, 'scale 1', 'novelty_standard')[0]:.3f}" in row
    claims = page.text[: page.text.index("A mean with its")]
    assert "n = 1 pair" in plain(claims) and "▲" not in claims and "▼" not in claims


@pytest.mark.slow
def test_a_grid_has_a_row_for_each_pair(tmp_path, no_figures):
    result = made_up.study(("scale=1,2", "z_size=8,16"), seeds=(0, 1, 2))
    _, page = written_of(result, tmp_path)
    for label in ("scale 1, z_size 8", "scale 2, z_size 16"):
        found = result.estimate(setting(result, label), "chamfer_repeats")
        assert plain(wording.with_interval(found)) in page.row(label)
    assert "scale and z_size" in page.text


def test_a_study_of_settings_alone(tmp_path, no_figures):
    result = made_up.study((), (0, 1), others=("kl_weight=0.1", "kl_weight=0.4,scale=2"))
    _, page = written_of(result, tmp_path)
    assert "What does several settings do to a Sketch-RNN?" in page.text
    assert "at kl_weight 0.4, scale 2" in page.text
    assert any("model of kl_weight 0.4, scale 2 (seed 0)" in title for title in page.titles)


def test_an_unconditional_study_has_its_losses_and_new_sketches(tmp_path, no_figures):
    result = made_up.study(("dec_rnn_size=64,128",), conditional=False)
    found, page = written_of(result, tmp_path)
    assert set(found) == {
        *("index.html", "results.csv", "comparisons.csv", "results.json", "new_standard.svg")
    }
    assert "Reconstruction loss as in training (nats/point):" in page.text
    names = {plain(cell) for table in page.tables for cell in table[0]}
    assert {"recon"} < {name.removesuffix("nats/point") for name in names}
    assert not any("mutual_information" in name for name in names)
    row = rows_of(found["results.csv"].read_bytes())[0]
    assert row["kl"] == row["masked_recon_at_noise_0"] == ""
    assert float(row["novelty_standard"]) == result.runs[0].measures.scalars["novelty_standard"]


def test_a_study_without_any_result_says_so(tmp_path, no_figures):
    result = made_up.study(("scale=1,2",), seeds=(0,))
    for run in result.runs:
        result = made_up.without(result, run.trial.name, "waiting", "")
    result = dataclasses.replace(
        result, runs=[dataclasses.replace(run, history=[]) for run in result.runs]
    )
    report.write_report(tmp_path, result)
    assert "No run has results yet" in Page(tmp_path / "index.html").text
    assert not list(tmp_path.glob("*.svg"))


def test_numbers_that_are_not_finite_are_no_numbers(tmp_path, no_figures):
    def measured(seed, scale, **given):
        cost = math.nan if scale == 1 else 1.0
        made = made_up.measures(seed, scale=scale, **given, cost=cost, kl=None)
        made.masked_recon[0] = None
        return dataclasses.replace(made, latent=made.latent | {"sigma": [None] * 16})

    found, page = written_of(made_up.study(("scale=1,2",), measured=measured), tmp_path)
    values = json.loads(found["results.json"].read_text(encoding="utf-8"))
    assert values["runs"][0]["scalars"]["cost"] is None
    assert not any(row["measure"] in ("cost", "kl") for row in values["comparisons"])
    assert "nan" not in page.text.split() and "–" in page.row("scale 1")


def test_a_page_of_many_long_sketches_is_cut_and_its_files_are_not(
    tmp_path, monkeypatch, no_figures
):
    monkeypatch.setattr(report, "_MOST_POINTS", 150)
    report.write_report(tmp_path, made_up.study(("scale=1,2",), seeds=(0,)))
    page = Page(tmp_path / "index.html")
    assert "more rows in the file" in page.text
    grid = ET.parse(tmp_path / "reconstructions_with_noise.svg").getroot()
    assert len([e for e in grid.iter() if e.get("class") == "sketch"]) == 3 * 4
    shown = [title for title in page.titles if "z = mu + 2 · sigma" in title]
    assert 1 <= len(shown) < 4


def test_the_template_is_packaged():
    text = (pathlib.Path(report.__file__).parents[2] / "setup.py").read_text(encoding="utf-8")
    assert '"magenta_sketch.study": ["static/*"]' in text and '"jinja2>=' in text

import csv
import dataclasses
import html.parser
import json
import math
import pathlib
import statistics
import xml.etree.ElementTree as ET

import made_up
import pytest

from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study import report


class Page(html.parser.HTMLParser):
    """What a page refers to, its tags, its tables as text, and its text."""

    def __init__(self, path):
        super().__init__()
        self.references, self.tags, self.titles, self.ids = [], [], [], []
        self.tables, self.text = [], ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.references += [attrs[name] for name in ("src", "href", "srcset") if name in attrs]
        self.titles += [attrs["title"]] if "title" in attrs else []
        self.ids += [attrs["id"]] if "id" in attrs else []
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
        """The rows of all tables that begin with a cell, put together."""
        rows = [row for table in self.tables for row in table if row and row[0] == first]
        return [cell.strip().replace("\u00a0", " ") for row in rows for cell in row[1:]]


@pytest.fixture
def no_figures(monkeypatch):
    """Reports are written without what takes the time; figures have tests of their own."""
    monkeypatch.setattr(report, "pictures", lambda *_: [])


def values(result, label, name):
    return [
        run.measures.scalars[name]
        for run in result.runs
        if run.trial.setting.label == label and run.measures is not None
    ]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study with a failed run, its report's folder and the page."""
    result = made_up.without(made_up.study(), "scale-2_seed-1", message="the loss became <nan>")
    folder = tmp_path_factory.mktemp("study") / "report"
    paths = report.write_report(folder, result)
    return result, folder, paths, Page(folder / "index.html")


def test_all_files_are_named(written):
    _, folder, paths, _ = written
    assert paths[0] == folder / "index.html"
    assert sorted(paths) == sorted(folder.iterdir())
    assert {"results.csv", "results.json", "kl.svg", "reconstructions_with_noise.svg"} <= {
        path.name for path in paths
    }
    for path in folder.glob("*.svg"):
        ET.parse(path)


def test_csv_has_a_row_for_each_run_with_every_number(written):
    result, folder, _, _ = written
    with open(folder / "results.csv", newline="", encoding="utf-8") as file:
        rows = {row["run"]: row for row in csv.DictReader(file)}
    assert list(rows) == [run.trial.name for run in result.runs]
    for run in result.runs:
        row = rows[run.trial.name]
        assert row["scale"] == f"{dict(run.trial.setting.values)['scale']:g}"
        assert (row["seed"], row["status"]) == (str(run.trial.seed), run.status)
        assert float(row["seconds"]) == run.seconds
        if run.measures is None:
            assert row["masked_recon"] == row["step"] == ""
            continue
        assert int(row["step"]) == run.measures.step
        for name in SCALARS:
            assert float(row[name]) == run.measures.scalars[name]
        for name in ("recon", "masked_recon", "cost"):
            for noise, value in zip(("0", "0.5", "1", "2", "4"), run.measures.matrix[name],
                                    strict=True):  # fmt: skip
                assert float(row[f"{name}_at_noise_{noise}"]) == value


def test_json_has_what_made_the_study_and_its_summary(written):
    result, folder, _, _ = written
    found = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for name in ("command", "data", "baselines", "versions", "began", "ended", "machine"):
        assert found[name] == getattr(result, name)
    assert found["plan"]["seeds"] == [0, 1, 2]
    assert found["runs"][0]["hparams"]["z_size"] == 16
    assert found["runs"][0]["latent"] == result.runs[0].measures.latent
    assert "drawings" not in found["runs"][0]
    failed = [run for run in found["runs"] if run["status"] == "failed"]
    assert [run["message"] for run in failed] == ["the loss became <nan>"]
    for entry in found["summary"]:
        label = f"scale {entry['swept']['scale']:g}"
        for name in SCALARS:
            expected = values(result, label, name)
            assert entry["scalars"][name]["n"] == len(expected)
            assert entry["scalars"][name]["mean"] == pytest.approx(statistics.fmean(expected))
            assert entry["scalars"][name]["spread"] == pytest.approx(statistics.stdev(expected))


def test_the_table_has_mean_spread_and_n(written):
    result, _, _, page = written
    for label in ("scale 0.5", "scale 4"):
        row = page.row(label)
        for name, decimals in (("masked_recon", 3), ("chamfer_with_noise", 3), ("novelty", 3)):
            mean = statistics.fmean(values(result, label, name))
            spread = statistics.stdev(values(result, label, name))
            text = f"{mean:.{decimals}f} ± {spread:.{decimals}f}".replace("-", "−")
            assert text in row, name
        assert row[0] == "3"
    assert page.row("scale 2")[0] == "2 of 3"
    assert "0.300" in page.row("real drawings")


def test_failed_runs_are_named_with_their_message(written):
    _, _, _, page = written
    assert "1 of 12 runs has no results" in page.text
    (row,) = (row for table in page.tables for row in table if "failed" in row)
    assert row[:3] == ["2", "1", "failed"]
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


def test_every_test_sketch_is_drawn_for_every_setting(written):
    result, folder, _, page = written
    indices = result.runs[0].measures.test_indices
    for index in indices:
        assert f"test sketch {index}, the original" in page.titles
        for scale in ("0.5", "1", "2", "4"):
            start = f"test sketch {index}, reconstructed by the model of scale {scale} (seed 0), "
            ends = [title.removeprefix(start) for title in page.titles if title.startswith(start)]
            assert sorted(ends) == ["z = mu", f"z = mu + {scale} · sigma · eps"]
    half = len(indices) // 2
    way = f"interpolation from test sketch {indices[0]} to {indices[half]}, drawing 1 of 5"
    assert f"{way}, model of scale 4 (seed 0)" in page.titles
    grid = ET.parse(folder / "reconstructions_with_noise.svg").getroot()
    groups = [e for e in grid.iter() if e.get("class") == "sketch"]
    assert len(groups) == 5 * len(indices)


@pytest.mark.slow
def test_equal_results_give_equal_files(written, tmp_path):
    result, folder, paths, _ = written
    again = report.write_report(tmp_path, result)
    assert [path.name for path in again] == [path.name for path in paths]
    for path in paths:
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


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
    result = made_up.study(("data_set=[<b>.npz],[a&b.npz]",), seeds=(0,), command="<i>&</i>")
    result = made_up.without(result, result.runs[1].trial.name, message="<script>alert(1)</script>")
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    assert not {"b", "i", "script"} & set(page.tags)
    assert "data_set <b>.npz" in page.text and "<script>alert(1)</script>" in page.text
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
    assert "0.123" in page.row("real drawings, data_set a.npz")
    assert "0.456" in page.row("real drawings, data_set b.npz")
    assert "7,000" in page.text and "8,000" in page.text


def test_one_seed_has_no_spread(tmp_path, no_figures):
    result = made_up.study(seeds=(5,))
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    row = page.row("scale 1")
    assert row[0] == "1"
    assert not any("±" in cell for cell in row)
    assert f"{values(result, 'scale 1', 'novelty')[0]:.3f}" in row


def test_a_grid_has_a_row_for_each_pair(tmp_path, no_figures):
    result = made_up.study(("scale=1,2", "z_size=8,16"), seeds=(0, 1, 2))
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    for label in ("scale 1, z_size 8", "scale 2, z_size 16"):
        mean = statistics.fmean(values(result, label, "chamfer_repeats"))
        assert any(cell.startswith(f"{mean:.3f} ±") for cell in page.row(label))


def test_an_unconditional_study_has_no_latent_section(tmp_path, no_figures):
    result = made_up.study(("dec_rnn_size=64,128",), conditional=False)
    report.write_report(tmp_path, result)
    page = Page(tmp_path / "index.html")
    assert "latent" not in page.ids and "matrix" not in page.ids
    assert "new_sketches.svg" in page.references
    assert not any("reconstruct" in name for name in page.references)
    text = (tmp_path / "results.csv").read_text(encoding="utf-8")
    row = next(csv.DictReader(text.splitlines()))
    assert row["kl"] == "" and float(row["novelty"]) == result.runs[0].measures.scalars["novelty"]


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
    def measured(seed, **given):
        made = made_up.measures(seed, **given, cost=math.nan, kl=None)
        made.matrix["recon"][0] = None
        return dataclasses.replace(made, latent=made.latent | {"sigma": [None] * 16})

    report.write_report(tmp_path, made_up.study(("scale=1,2",), measured=measured))
    found = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert found["runs"][0]["scalars"]["cost"] is None
    assert found["summary"][0]["scalars"]["kl"] == {"mean": None, "spread": None, "n": 0}


def test_a_page_of_many_long_sketches_is_cut_and_its_files_are_not(
    tmp_path, monkeypatch, no_figures
):
    monkeypatch.setattr(report, "_MOST_POINTS", 150)
    report.write_report(tmp_path, made_up.study(("scale=1,2",), seeds=(0,)))
    page = Page(tmp_path / "index.html")
    assert "more rows in the file" in page.text
    grid = ET.parse(tmp_path / "reconstructions_with_noise.svg").getroot()
    assert len([e for e in grid.iter() if e.get("class") == "sketch"]) == 3 * 4


def test_the_template_is_packaged():
    text = (pathlib.Path(report.__file__).parents[2] / "setup.py").read_text(encoding="utf-8")
    assert '"magenta_sketch.study": ["static/*"]' in text and '"jinja2>=' in text

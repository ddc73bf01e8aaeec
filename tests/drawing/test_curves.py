"""The training curve's picture."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from slow import slow_but

from magenta_sketch.drawing import curves


def run(steps=200, kl=1.0, **schedules):
    history = []
    for step in range(20, steps + 1, 20):
        row = {"step": step, "split": "train", "cost": 1.0, "recon": 100 / step, "kl": kl * 0.5}
        history.append(row | schedules)
        if step % 100 == 0:
            for split in ("valid", "test"):
                history.append({"step": step, "split": split, "recon": 120 / step, "kl": kl * 0.6})
    return history


def panels_of(history, title=None, tolerance=None):
    figure = curves._curve_figure(history, title, tolerance)
    return {axes.get_ylabel(): axes for axes in figure.axes}


def test_the_curve_has_a_line_for_training_and_points_for_the_rest():
    panels = panels_of(run(lr=1e-3, klw=0.1), "a run", 0.2)
    assert list(panels) == ["reconstruction loss", "KL", "learning rate", "KL weight"]
    lines = {line.get_label(): line for line in panels["reconstruction loss"].lines}
    assert list(lines) == ["train", "valid", "test"]
    assert lines["train"].get_xdata().tolist() == list(range(20, 201, 20))
    assert lines["valid"].get_ydata() == pytest.approx([1.2, 0.6])
    assert lines["valid"].get_linestyle() == "None" and lines["valid"].get_marker() != "None"
    assert panels["reconstruction loss"].get_title() == "a run"
    assert any("tolerance 0.2" in text.get_text() for text in panels["KL"].texts)
    assert any(np.allclose(line.get_ydata(), 0.2) for line in panels["KL"].lines)


@pytest.mark.parametrize(
    "history, labels",
    [
        (run(kl=0.0, lr=1e-3, klw=0.1), ["reconstruction loss", "learning rate"]),
        (run(kl=0.0), ["reconstruction loss"]),
        (run(), ["reconstruction loss", "KL"]),
        ([{"step": 1, "split": "train", "recon": 1.0}], ["reconstruction loss"]),
        ([], ["reconstruction loss"]),
    ],
)
def test_panels_without_content_are_left_out(history, labels):
    assert list(panels_of(history, tolerance=0.2)) == labels


def test_gaps_are_skipped_and_rows_sorted():
    history = [
        {"step": 40, "split": "train", "recon": 2.0},
        {"step": 20, "split": "train", "recon": 3.0},
        {"step": 60, "split": "train", "recon": float("nan")},
        {"step": 80, "split": "train", "recon": None, "kl": 0.0},
        {"step": 90, "split": "train"},
    ]
    (line,) = panels_of(history)["reconstruction loss"].lines
    assert line.get_xdata().tolist() == [20, 40] and line.get_ydata().tolist() == [3, 2]


def test_a_single_measurement_is_visible():
    panels = panels_of(run(20, lr=1e-3, klw=0.1))
    for panel in panels.values():
        assert all(line.get_marker() not in (None, "None") for line in panel.lines)


@pytest.mark.parametrize(
    "suffix, start", [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".PNG", b"\x89PNG")]
)
@pytest.mark.parametrize("history", slow_but([run(lr=1e-3, klw=0.1), run(20), []], []))
def test_the_extension_decides_the_form(tmp_path, suffix, start, history):
    target = tmp_path / f"curve{suffix}"
    curves.save_training_curve(target, history, title="run", kl_tolerance=0.2)
    first = target.read_bytes()
    assert first.startswith(start)
    if suffix == ".svg":
        assert ET.parse(target).getroot().tag.endswith("svg")
        curves.save_training_curve(target, history, title="run", kl_tolerance=0.2)
        assert target.read_bytes() == first

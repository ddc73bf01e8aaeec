"""The page of `sketch_rnn_convert web` in Chromium: the sheet, and going on with a drawing."""

import json
import pathlib
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from page import BRIEF, LINE, LONG, PEN, SIX_CLASSES, TOUCH

pytestmark = pytest.mark.slow  # Chromium


def positions(data):
    return np.array([pair.split() for pair in data[1:].split("L")], float)


def test_drawing_on_and_on_with_the_server_gone(site, open_page, tmp_path):
    page, stop = open_page(site())
    assert page.one("h1").text.lower() == page.browser.title == "twigs"
    stop()
    page.draw(*LINE)
    page.wait_for_ways()
    assert len(page.panels()) == 6 and len(page.paths("you")) == 1
    # They differ, and each goes on from the same drawing.
    ways = page.ways()
    before = {path.get_attribute("d") for path in page.all("#panels path.before")}
    assert len(set(ways)) == 6 and len(before) == 1 and all(ways)

    page.panels()[2].click()
    page.wait_for_ways()
    assert "".join(page.paths("model")) == ways[2]
    page.draw((0.0, 0.3), (0.2, 0.2))
    page.wait_for_ways()
    page.panels()[0].click()
    page.wait_for_ways()
    drawn = page.paths("you"), page.paths("model")
    assert len(drawn[0]) == 2 and len("".join(drawn[1])) > len(ways[2])

    file = page.saves("svg", tmp_path / "saved")
    svg = ET.parse(file).getroot()
    assert (file.name, svg.tag) == ("twigs.svg", "{http://www.w3.org/2000/svg}svg")
    paths = svg.findall("{*}path")
    assert [path.get("d") for path in paths if path.get("class") == "you"] == drawn[0]
    assert [path.get("d") for path in paths if path.get("class") == "model"] == drawn[1]
    x, y, width, height = map(float, svg.get("viewBox").split())
    points = np.concatenate([positions(path.get("d")) for path in paths])
    assert (points > [x, y]).all() and (points < [x + width, y + height]).all()

    states = [(0, ""), (1, ""), (1, ways[2]), (2, ways[2]), (2, "".join(drawn[1]))]
    for expected in states[-2::-1]:
        page.one("#undo").click()
        assert (len(page.paths("you")), "".join(page.paths("model"))) == expected
    assert not page.one("#undo").is_enabled()
    assert not page.one("[data-save=svg]").is_enabled()
    for expected in states[1:]:
        page.one("#redo").click()
        assert (len(page.paths("you")), "".join(page.paths("model"))) == expected
    assert not page.one("#redo").is_enabled()
    assert page.outside() == [] and page.complaints() == []


@pytest.mark.parametrize("kind", [TOUCH, PEN])
def test_a_finger_and_a_pen_draw(site, open_page, kind):
    page, _ = open_page(site())
    page.draw(*LINE, kind=kind)
    page.wait_for_ways()
    # Where it was drawn: the middle of the sheet is (0, 0), its shorter side 340 units.
    (data,) = page.paths("you")
    corners = 340 * np.array(LINE)
    distances = np.linalg.norm(positions(data)[:, None] - corners, axis=-1)
    assert (distances.min(axis=0) < 2.0).all()
    page.draw((0.2, 0.2), kind=kind)  # a tap is a dot
    page.wait_for_ways()
    assert len(page.paths("you")) == 2
    assert page.complaints() == []


def test_a_new_line_puts_an_end_to_what_was_being_drawn(site, open_page):
    page, _ = open_page(site(units=256))
    page.draw(*LINE)
    page.wait(page.panels)
    held = page.draw((0.0, 0.3), (0.2, 0.2), lift=False)
    assert page.panels() == [] and len(page.paths("you")) == 2
    held.clear_actions()  # and lifts
    page.wait_for_ways()
    before = {path.get_attribute("d") for path in page.all("#panels path.before")}
    assert before == {"".join(page.paths("you"))} and page.complaints() == []


def test_a_way_is_picked_before_it_is_done(site, open_page):
    page, _ = open_page(site(straight=True))
    # Pressed as soon as its first point is there.
    page.browser.execute_script(
        """
        const button = document.querySelectorAll("#panels .panel")[3];
        const first = new MutationObserver(() => {
          if (!button.querySelector(".model").getAttribute("d")) return;
          first.disconnect();
          window.pressedAt = button.querySelector(".model").getAttribute("d").split("L").length;
          button.click();
        });
        first.observe(button, { attributes: true, subtree: true, attributeFilter: ["d"] });
        """
    )
    page.draw((0.0, 0.0), (0.0, 0.1))
    # It is taken when it is done, with all the points there is room for.
    page.wait_status("cannot continue")
    assert page.browser.execute_script("return window.pressedAt") < 5
    (data,) = page.paths("model")
    assert len(positions(data)) > 30 and page.complaints() == []
    # A screen reader is told what is on the sheet.
    assert page.one("#told").get_attribute("textContent") == "A drawing of 2 lines"
    page.one("#undo").click()
    assert page.one("#told").get_attribute("textContent") == "A drawing of 1 line"


def test_the_model_begins_and_says_when_it_is_finished(site, open_page):
    page, _ = open_page(site(pen=BRIEF))
    assert "let the model start" in page.status and page.one("#more").text == "Let it start"
    page.one("input[value='0'] + span").click()  # all the rest

    def ended():
        page.one("#more").click()
        page.wait(lambda: "Click one" in page.status or "is finished" in page.status)
        return [p for p in page.panels() if "finished" in p.get_attribute("aria-label")]

    page.wait(ended)[0].click()
    page.wait_status("The model says the drawing is finished")
    assert "says the drawing is finished" in page.instead() and page.one("#more").is_enabled()
    points = np.concatenate([positions(data) for data in page.paths("model")])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    assert np.abs(middle).max() < 0.1 and page.panels() == []
    page.one("#more").click()
    assert page.instead() == ""
    page.one("#clear").click()
    assert page.paths("model") == [] and page.one("#invitation").is_displayed()
    assert page.instead() == ""
    assert page.complaints() == []


def test_the_models_points_on_the_page(site, open_page):
    # A typical drawing, here forty steps to the right, is 255 units of the page across.
    page, _ = open_page(site(straight=True))
    page.one("#more").click()
    page.wait_for_ways()
    page.panels()[0].click()
    page.wait_status("cannot continue")
    (data,) = page.paths("model")
    steps = np.arange(LONG + 1)[:, None] / LONG - 0.5
    np.testing.assert_allclose(positions(data), steps * [255, 127.5], atol=0.1)


def test_a_drawing_as_long_as_the_model_knows_them(site, open_page):
    page, _ = open_page(site())
    zigzag = [(-0.2 + 0.01 * i, 0.02 * (-1) ** i) for i in range(LONG + 1)]
    page.draw(*zigzag[:-1])
    page.wait_for_ways()  # room for one point more
    page.one("#clear").click()
    page.draw(*zigzag)
    page.wait_status(f"has {LONG} points, and the model draws at most {LONG}")
    assert page.panels() == [] and not page.one("#more").is_enabled()
    page.draw((0.0, 0.1), (0.01, 0.1))
    page.wait_status(f"has {LONG + 2} points, and the model draws at most {LONG}")
    assert "draws at most" in page.instead() and "Undo" in page.instead()
    page.one("#undo").click()
    page.wait_status("draws at most")
    page.one("#undo").click()
    page.wait_status("Draw the first line")
    assert page.instead() == "" and page.one("#more").is_enabled()
    assert page.complaints() == []


def test_a_pick_that_leaves_no_room(site, open_page, browser):
    from selenium.webdriver.common.keys import Keys

    page, _ = open_page(site(straight=True))
    page.draw((0.0, 0.0), (0.0, 0.1))
    page.wait_for_ways()
    assert page.instead() == ""
    page.panels()[0].send_keys(Keys.ENTER)
    page.wait_status("cannot continue")
    assert f"has {LONG} points, and the model draws at most {LONG}" in page.instead()
    assert not page.one("#more").is_enabled()
    # The keyboard goes on from what is left to press.
    page.wait(lambda: browser.switch_to.active_element == page.one("#undo"))
    page.one("#undo").send_keys(Keys.ENTER)
    page.wait_for_ways()
    assert page.instead() == "" and len(page.panels()) == 6 and page.complaints() == []


@pytest.mark.parametrize("width, height", [(1280, 657), (400, 800)])
def test_a_panels_words_leave_its_drawing_whole(site, open_page, window, width, height):
    window(width, height)
    page, _ = open_page(site(pen=BRIEF))
    page.draw((-0.2, -0.4), (0.2, -0.4), (0.2, 0.4), (-0.2, 0.4))
    page.one("input[value='0'] + span").click()  # all the rest

    def with_words():
        page.one("#more").click()
        page.wait(lambda: "Click one" in page.status or "is finished" in page.status)
        return [p for p in page.panels() if p.find_element("css selector", ".note").text]

    for panel in page.wait(with_words):
        left, top, right, bottom = page.box(panel)
        note = page.box(panel.find_element("css selector", ".note"))
        drawing = page.box(panel.find_element("css selector", "svg"))
        assert drawing[3] <= note[1] and note[3] <= bottom and note[2] <= right
        assert left <= drawing[0] and top <= drawing[1] and drawing[3] - drawing[1] > 60
        for path in panel.find_elements("css selector", "path"):
            assert page.box(path)[3] <= note[1]


def test_how_much_a_click_adds(site, open_page):
    page, _ = open_page(site())
    page.draw(*LINE)
    page.wait_for_ways()
    assert {way.count("M") for way in page.ways()} == {3}
    for value, most in (("1", 1), ("0", LONG)):
        before = page.ways()
        page.one(f"input[value='{value}'] + span").click()
        page.wait(lambda before=before: "Click one" in page.status and page.ways() != before)
        strokes = {way.count("M") for way in page.ways()}
        assert (strokes == {1}) if most == 1 else min(strokes) > 3


def test_a_large_drawing_is_one_of_larger_units(site, open_page):
    page, _ = open_page(site())
    units = []
    for size in (0.2, 1.0):
        page.draw(*[(size * (-0.3 + 0.1 * i), 0.1 * size * (-1) ** i) for i in range(7)])
        page.wait_for_ways()
        units.append(float(page.one("#mode").get_attribute("data-unit")))
        page.one("#clear").click()
    assert units[1] > 1.2 * units[0]


def test_by_keyboard_in_the_dark_without_motion(site, open_page, browser):
    from selenium.webdriver.common.keys import Keys

    page, _ = open_page(site())
    features = [
        {"name": "prefers-color-scheme", "value": "dark"},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        page.one("#more").send_keys(Keys.ENTER)
        page.wait_for_ways()
        page.panels()[1].send_keys(Keys.ENTER)
        page.wait_for_ways()
        assert page.paths("model")
        moving = "return getComputedStyle(document.querySelector('path.fresh')).animationName"
        ground = "return getComputedStyle(document.body).backgroundColor"
        assert browser.execute_script(moving) == "none"
        assert browser.execute_script(ground) == "rgb(19, 20, 23)"
        page.one("body").send_keys(Keys.CONTROL, "z")
        page.wait_status("Draw the first line")
        assert not page.paths("model")
        page.one("body").send_keys(Keys.CONTROL, Keys.SHIFT, "z")
        page.wait_for_ways()
        assert page.paths("model")
        page.one("#clear").send_keys(Keys.ENTER)  # it is disabled then, and gives its focus away
        assert browser.switch_to.active_element == page.one("#undo")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.mark.parametrize("width", [360, 1280, 2560])
@pytest.mark.parametrize("name", [None, SIX_CLASSES])
def test_nothing_reaches_beyond_the_window(site, open_page, browser, window, width, name):
    window(width, 800)
    page, _ = open_page(site(name=name))
    page.draw(*LINE)
    page.wait_for_ways()
    root = "return document.documentElement"
    wide = [browser.execute_script(f"{root}.{name}") for name in ("scrollWidth", "clientWidth")]
    assert wide[0] == wide[1] <= width
    # The same drawing in a window of another shape.
    before = page.paths("you")
    window(max(1000 - width // 2, 500), 800)
    view = browser.execute_script("return document.querySelector('#surface').viewBox.baseVal")
    x, y, w, h = (view[name] for name in ("x", "y", "width", "height"))
    assert page.paths("you") == before
    assert (x, y) == pytest.approx((-w / 2, -h / 2)) and min(w, h) >= 340


@pytest.mark.parametrize("size", [(1024, 600), (1280, 657), (1280, 800), (1920, 1080)])
@pytest.mark.parametrize("name", [None, SIX_CLASSES])
def test_drawing_needs_no_scrolling(site, open_page, browser, window, size, name):
    window(*size)
    page, _ = open_page(site(name=name))
    page.draw(*LINE)
    page.wait_for_ways()
    needed = (
        "h1, #surface, #status, .tools > button, summary, #more, #panels .panel, fieldset span, "
    )
    needed += "[role=tab], #sentence, #temperature-help"
    boxes = [page.box(element) for element in page.all(needed)]
    assert len(boxes) == 3 + 3 + 1 + 1 + 6 + 3 + 5 + 1 + 1
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
    # None of them lies over another.
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = np.maximum(one[:2], other[:2]) >= np.minimum(one[2:], other[2:]) - 1.0
            assert apart.any(), (one, other)
    # And what is drawn on is large, what is looked at large enough.
    left, top, right, bottom = page.box(page.one("#surface"))
    assert min(right - left, bottom - top) >= 0.55 * size[1]
    for panel in page.panels():
        left, top, right, bottom = page.box(panel)
        assert min(right - left, bottom - top) >= 80


@pytest.mark.parametrize(
    "name, heading",
    [
        ("twigs", "Twigs"),
        ("iPad", "iPad"),
        ("kanji_vg", "kanji_vg"),
        ("all birds", "all birds"),
        (SIX_CLASSES, SIX_CLASSES),
    ],
)
def test_a_word_of_small_letters_becomes_a_heading(site, open_page, tmp_path, name, heading):
    # Nothing but the name is looked at: the folder of another, with its name changed.
    folder = pathlib.Path(shutil.copytree(site(), tmp_path / "named"))
    settings = json.loads((folder / "settings.json").read_text())
    settings["models"][0]["name"] = name
    (folder / "settings.json").write_text(json.dumps(settings))
    page, _ = open_page(folder)
    assert (page.one("h1").text, page.browser.title) == (heading, name)
    style = "return getComputedStyle(document.querySelector('h1'), '::first-letter').textTransform"
    assert page.browser.execute_script(style) == "none"


MODEL = "models/twigs.sketchrnn"


def _cut(folder: pathlib.Path):
    file = folder / MODEL
    file.write_bytes(file.read_bytes()[:4000])


@pytest.mark.parametrize(
    "damage, reason",
    [
        (lambda folder: (folder / MODEL).unlink(), f"{MODEL}: 404"),
        (lambda folder: (folder / "settings.json").unlink(), "settings.json: 404"),
        (_cut, "the model file is cut short"),
        (lambda folder: (folder / MODEL).write_bytes(b"[" * 99), "this is not a model file"),
        (lambda folder: (folder / "worker.js").unlink(), "worker.js: 404"),
    ],
    ids=["no model", "no settings", "half a model", "another file", "no worker"],
)
def test_what_is_missing_is_said_on_the_page(site, open_page, tmp_path, damage, reason):
    # A folder of its own, that Chromium has not seen whole.
    folder = pathlib.Path(shutil.copytree(site(), tmp_path / "damaged"))
    damage(folder)
    page, _ = open_page(folder, ready=False)
    page.wait_status("This page cannot draw: ")
    assert reason in page.status
    page.draw(*LINE)
    assert page.paths("you") == [] and not page.one("#more").is_enabled()
    uncaught = [entry for entry in page.complaints() if "Uncaught" in entry["message"]]
    assert uncaught == []


def test_without_webassembly_it_draws_too(site, open_page, tmp_path):
    folder = pathlib.Path(shutil.copytree(site(), tmp_path / "plain"))
    (folder / "network.wasm").unlink()
    page, _ = open_page(folder)
    assert page.one("body").get_attribute("data-backend") == "cpu"
    page.draw(*LINE)
    page.wait_for_ways()
    assert all(page.ways())

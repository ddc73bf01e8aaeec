"""What can be done with a drawing on the page: mimic, noise, morph, map; and several models."""

import pathlib
import shutil

import numpy as np
import pytest
from page import LINE, LONG, MOUSE, TOUCH

pytestmark = pytest.mark.slow  # Chromium

ROOF = [(-0.3, 0.2), (0.0, -0.3), (0.3, 0.2), (-0.3, 0.2)]


def drawn(page):
    """How many small drawings the map shows."""
    return sum(bool(path.get_attribute("d")) for path in page.all("#map path.small"))


def test_the_model_redraws_a_drawing(two_models, open_page):
    page, _ = open_page(two_models("site"))
    page.mode("mimic")
    assert "Draw something" in page.instead()
    assert "turns your drawing into 6 numbers" in page.one("#sentence").text
    page.draw(*LINE)
    page.wait_for_ways()
    copies = page.ways()
    assert len(set(copies)) == 6 and page.instead() == ""
    page.one("#more").click()  # others
    page.wait(lambda: page.status.startswith("Click one") and set(page.ways()) != set(copies))
    chosen = page.ways()[1]
    page.panels()[1].click()
    # It is on the sheet, in place of the line, and in its middle.
    assert page.paths("you") == [] and len(page.paths("model")) == chosen.count("M")
    page.wait_for_ways()
    page.one("#undo").click()
    assert len(page.paths("you")) == 1 and page.complaints() == []


def test_the_drawings_follow_the_noise(two_models, open_page):
    page, _ = open_page(two_models("site"))
    page.draw(*LINE)
    page.wait_for_ways()
    page.mode("noise")
    page.wait_for_ways()
    at_1 = page.ways()

    def at(scale):
        before = page.ways()
        page.slide("scale", scale)
        page.wait(lambda: page.status.startswith("Click one") and page.ways() != before)
        return page.ways()

    # While it moves, each step of the slider is drawn when the one before is complete.
    seen = page.browser.execute_async_script(
        """
        const done = arguments[0];
        const slider = document.getElementById("scale");
        const path = document.querySelector("#panels path.model");
        const seen = new Set();
        let moves = 0;
        const timer = setInterval(() => {
          seen.add(path.getAttribute("d"));
          slider.value = 1 + (moves % 20) / 10;
          slider.dispatchEvent(new Event("input"));
          moves += 1;
          if (moves < 150) return;
          clearInterval(timer);
          done([...seen]);
        }, 16);
        """
    )
    assert len(seen) > 3 and all(seen)  # and never an empty panel
    at_4, at_0 = at(4), at(0)
    assert page.one("#scale-value").text == "0.0"
    assert all(len({*same}) == 3 for same in zip(at_0, at_1, at_4, strict=True))
    assert at(1) == at_1  # the noise itself stays, only its size changes
    page.mode("mimic")
    page.wait_for_ways()
    assert page.ways() == at_0
    page.slide("temperature", 0.9)
    page.wait(lambda: page.status.startswith("Click one") and page.ways() != at_0)
    assert page.complaints() == []


def test_from_a_first_drawing_to_a_second(two_models, open_page, browser):
    page, _ = open_page(two_models("site"))
    page.mode("morph")
    page.wait_status("Draw the first drawing")
    page.draw(*LINE)
    page.one("#first").click()
    page.wait_status("Now draw the second one")
    page.one("#clear").click()
    page.draw(*ROOF)
    page.one("#second").click()
    page.wait_status("Move the slider")
    frames = []
    for position in (0, 0.5, 1):
        page.slide("position", position)
        frames.append(page.one("#frame path.model").get_attribute("d"))
    assert len(set(frames)) == 3 and all(frames)
    page.one("#play").click()
    page.wait(lambda: page.one("#position").get_attribute("value") not in ("0", "1"))
    page.one("#play").click()
    assert page.one("#play").text == "Play"
    page.slide("position", 1)
    page.one("#frame button").click()  # onto the sheet
    assert page.paths("you") == [] and len(page.paths("model")) == frames[2].count("M")
    assert page.complaints() == []


def test_the_drawing_under_the_finger(two_models, open_page):
    from selenium.webdriver.common.actions.action_builder import ActionBuilder
    from selenium.webdriver.common.actions.pointer_input import PointerInput

    page, _ = open_page(two_models("site"))
    page.draw(*LINE)
    page.mode("map")
    page.wait_status("Drag over the map")
    assert drawn(page) > 40
    # Whole drawings, whatever a click adds in "go on".
    strokes = [path.get_attribute("d").count("M") for path in page.all("#map path.small")]
    assert np.median(strokes) > 3
    # The visitor's own drawing is on the map.
    assert page.one("#map .mine").get_attribute("visibility") == "visible"
    assert not page.one("#more").is_enabled()

    def drag(kind, *places, lift=True):
        pointer = PointerInput(kind, kind)
        actions = ActionBuilder(page.browser, mouse=pointer, duration=10)
        for number, place in enumerate(places):
            actions.pointer_action.move_to(page.one("#map"), *place)
            if not number:
                actions.pointer_action.pointer_down()
        if lift:
            actions.pointer_action.pointer_up()
        actions.perform()

    drag(MOUSE, (-100, -60), lift=False)
    here = page.one("#map path.model")
    page.wait(lambda: here.get_attribute("d"))
    first = here.get_attribute("d")
    drag(MOUSE, (120, 80))
    page.wait(lambda: here.get_attribute("d") != first)
    page.wait_status("Drag over the map")
    second = here.get_attribute("d")
    seen = page.browser.execute_async_script(
        """
        const done = arguments[0];
        const map = document.getElementById("map");
        const box = map.getBoundingClientRect();
        const send = (type, share) => map.dispatchEvent(new PointerEvent(type, {
          pointerId: 1, button: 0, clientX: box.left + share * box.width, clientY: box.top + 150,
        }));
        map.setPointerCapture = () => {};
        const seen = new Set();
        let moves = 0;
        send("pointerdown", 0.1);
        const timer = setInterval(() => {
          seen.add(map.querySelector("path.model").getAttribute("d"));
          send("pointermove", 0.1 + 0.8 * (moves / 90));
          moves += 1;
          if (moves < 90) return;
          clearInterval(timer);
          send("pointerup", 0.9);
          done([...seen]);
        }, 16);
        """
    )
    assert len(seen) > 5  # it follows while the finger moves
    page.wait_status("Drag over the map")
    drag(TOUCH, (0, 0), (-100, -60))
    page.wait(lambda: here.get_attribute("d") not in ("", second))
    page.wait_status("Drag over the map")
    shown = here.get_attribute("d")
    page.one("#map").send_keys("\ue012")  # arrow left
    page.wait(lambda: here.get_attribute("d") != shown)
    page.wait_status("Drag over the map")
    lines = here.get_attribute("d").count("M")
    assert page.one("#more").text == "Put it on the sheet"
    page.one("#more").click()
    assert page.paths("you") == [] and len(page.paths("model")) == lines
    assert page.complaints() == []


def test_a_model_without_an_encoder_says_what_it_cannot(two_models, open_page):
    from selenium.webdriver.support.ui import Select

    page, _ = open_page(two_models("site"))
    assert page.one("h1").text == "Seeing"
    Select(page.one("#model")).select_by_visible_text("blind")
    page.wait(lambda: page.one("h1").text == "Blind")
    page.wait_status("Draw the first line")
    page.draw(*LINE)
    page.wait_for_ways()
    assert any(page.ways())
    for mode in ("mimic", "noise", "morph", "map"):
        page.mode(mode)
        assert "no encoder" in page.one("#instead").text, mode
        assert "or another model" in page.one("#instead").text
        assert not page.one("#more").is_enabled()
        assert not page.one("#map").is_displayed() and not page.one("#morph").is_displayed()
    page.mode("go on")
    page.wait_for_ways()
    Select(page.one("#model")).select_by_visible_text("seeing")
    page.wait(lambda: page.one("h1").text == "Seeing")
    page.mode("mimic")
    page.wait_for_ways()
    assert page.complaints() == []


def test_a_model_whose_data_are_not_known_has_no_map(site, open_page):
    page, _ = open_page(site())
    page.mode("map")
    assert (
        "There is no map of this model: the drawings it was trained on were not" in page.instead()
    )
    page.mode("noise")
    page.draw(*LINE)
    page.wait_for_ways()
    assert page.complaints() == []


def test_a_drawing_that_is_too_long_to_encode(two_models, open_page):
    page, _ = open_page(two_models("site"))
    zigzag = [(-0.4 + 0.02 * i, 0.1 * (-1) ** i) for i in range(LONG + 2)]
    page.draw(*zigzag)
    page.wait_status("cannot continue")
    for mode in ("mimic", "noise"):
        page.mode(mode)
        assert f"the model knows drawings of at most {LONG}" in page.instead()
    page.mode("map")
    page.wait_status("Drag over the map")
    assert page.one("#map .mine").get_attribute("visibility") == "hidden"
    page.one("#undo").click()
    page.mode("mimic")
    assert "Draw something" in page.instead() and page.complaints() == []


def test_sliders_and_models_while_a_model_loads(two_models, open_page, browser):
    page, _ = open_page(two_models("site"))
    page.draw(*LINE)
    page.mode("noise")
    page.wait_for_ways()
    # Both models one after the other, and a slider in between, without waiting.
    browser.execute_script(
        """
        const [model, scale] = ["model", "scale"].map((id) => document.getElementById(id));
        for (const value of [1, 0, 1, 0]) {
          model.value = value;
          model.dispatchEvent(new Event("change"));
          scale.value = value + 1;
          scale.dispatchEvent(new Event("input"));
        }
        """
    )
    page.wait(lambda: page.one("h1").text == "Seeing" and "Click one" in page.status)
    assert all(page.ways()) and page.complaints() == []


def test_a_model_that_cannot_be_loaded_leaves_the_one_before(two_models, open_page, tmp_path):
    from selenium.webdriver.support.ui import Select

    folder = pathlib.Path(shutil.copytree(two_models("site"), tmp_path / "one"))
    (folder / "models" / "blind.sketchrnn").unlink()
    page, _ = open_page(folder)
    Select(page.one("#model")).select_by_visible_text("blind")
    page.wait_status("blind could not be loaded: models/blind.sketchrnn: 404")
    assert page.one("h1").text == "Seeing"
    page.draw(*LINE)
    page.wait_for_ways()
    assert any(page.ways()) and page.one("#model").get_attribute("value") == "0"


def test_modes_by_keyboard(two_models, open_page, browser):
    from selenium.webdriver.common.keys import Keys

    page, _ = open_page(two_models("site"))
    page.one("[role=tab][aria-selected=true]").send_keys(Keys.ARROW_LEFT)
    assert page.one("[role=tab][aria-selected=true]").text == "Map"
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element.text == "Mimic"
    assert page.one("#sentence").text.startswith("The model turns your drawing into")


@pytest.mark.parametrize("mode", ["go on", "mimic", "noise", "morph", "map"])
@pytest.mark.parametrize("size", [(360, 740), (1280, 720), (1920, 1080), (2560, 1300)])
def test_every_mode_fits_the_window(two_models, open_page, browser, window, mode, size):
    window(*size)
    page, _ = open_page(two_models("site"))
    page.draw(*LINE)
    page.wait_for_ways()
    page.mode(mode)
    root = "return document.documentElement"
    wide = [browser.execute_script(f"{root}.{name}") for name in ("scrollWidth", "clientWidth")]
    assert wide[0] == wide[1]
    shown = {"morph": "#morph", "map": "#map"}.get(mode, "#panels")
    left, top, right, bottom = page.box(page.one(shown))
    assert 0 <= left < right <= size[0] and min(right - left, bottom - top) > 150
    if size[0] > 860:  # beside the sheet, and without scrolling
        assert bottom <= size[1] and page.box(page.one("#more"))[3] <= size[1]
    boxes = np.array([page.box(one) for one in page.all("[role=tab]")])
    assert (boxes[:, 3] - boxes[:, 1] >= 32).all()  # large enough for a finger

"""What leaves the page: pictures, data, links, a collection; and the page that is one file."""

import json

import numpy as np
import pytest
from page import LINE, Page
from selenium.webdriver.support.ui import Select

from magenta_sketch.data import read_npz
from magenta_sketch.data.sources import building, finding
from magenta_sketch.data.sources.options import Options

pytestmark = pytest.mark.slow  # Chromium


def drawing(page):
    """Two lines of the visitor, and some of the model between them."""
    page.draw(*LINE)
    page.wait_for_ways()
    page.panels()[2].click()
    page.wait_for_ways()
    page.draw((0.0, 0.3), (0.2, 0.2))
    page.wait_for_ways()


def converted(paths, out):
    """The sketches that `sketch_rnn_convert data` reads, of all splits."""
    inputs = [source for path in paths for source in finding.find(str(path))]
    building.build(inputs, out, Options(), lambda line: None)
    (file,) = out.glob("*.npz")
    return [sketch for split in read_npz(file).values() for sketch in split]


def polylines(paths):
    return [np.array([pair.split() for pair in d[1:].split("L")], float) for d in paths]


def test_pictures(site, open_page, tmp_path):
    from PIL import Image

    page, _ = open_page(site())
    drawing(page)
    with Image.open(page.saves("png", tmp_path / "saved")) as png:
        assert png.format == "PNG" and max(png.size) == 1024
        pixels = np.asarray(png.convert("RGB")).reshape(-1, 3)
    paper, *inks = (255, 255, 255), (0x1F, 0x21, 0x26), (0xC2, 0x3B, 0x14)
    assert (pixels == paper).all(axis=1).mean() > 0.5
    assert all((pixels == ink).all(axis=1).sum() > 100 for ink in inks)

    with Image.open(page.saves("gif", tmp_path / "saved")) as gif:
        assert gif.format == "GIF" and max(gif.size) == 400
        ink = []
        for frame in range(gif.n_frames):
            gif.seek(frame)
            ink.append(int((np.asarray(gif.convert("L")) < 200).sum()))
    # Stroke by stroke: each frame has more ink than the one before.
    assert len(ink) > 5 and all(a <= b for a, b in zip(ink, ink[1:], strict=False))
    assert ink[0] < 0.2 * ink[-1] and page.complaints() == []


def test_the_drawing_as_data_and_back(site, open_page, tmp_path):
    page, _ = open_page(site())
    drawing(page)
    saved = tmp_path / "saved"
    records = []
    for _ in range(3):  # of a class with three drawings each split has one
        file = page.saves("json", saved)
        records += json.loads(file.read_text())
        file.rename(file.with_name(f"{len(records)}.json"))
    assert {record["word"] for record in records} == {"twigs"} and file.name == "twigs.json"
    found = converted(sorted(saved.iterdir()), tmp_path / "out")
    assert len(found) == 3
    sketch = found[0]
    for one, record in zip(found, records, strict=True):
        np.testing.assert_allclose(one, record["stroke3"], atol=0.01)
    # It is what is on the sheet: each line's ends, the model's points, and where lines begin.
    shown = polylines([path.get_attribute("d") for path in page.all("#surface path")])
    lifts = np.flatnonzero(sketch[:, 2] > 0.5)
    assert len(lifts) == len(shown) >= 3
    ends = np.cumsum(sketch[:, :2], axis=0)[lifts] + shown[0][0]
    np.testing.assert_allclose(ends, [line[-1] for line in shown], atol=0.1)


def test_a_link_holds_the_drawing(site, open_page, browser):
    page, _ = open_page(site())
    drawing(page)
    shown = [
        (p.get_attribute("class").split()[0], p.get_attribute("d"))
        for p in page.all("#surface path")
    ]
    page.one("#more-tools summary").click()
    page.one("[data-save=link]").click()
    page.wait(lambda: "the drawing" in page.status)
    address = browser.current_url
    assert len(address) < 2000
    again = Page(browser, address)
    again.wait_ready()
    again.wait_for_ways()
    found = [
        (p.get_attribute("class").split()[0], p.get_attribute("d"))
        for p in page.all("#surface path")
    ]
    assert [by for by, _ in found] == [by for by, _ in shown]
    for (_, one), (_, other) in zip(found, shown, strict=True):
        np.testing.assert_allclose(*polylines([one, other]), atol=0.26)  # rounded to halves
    browser.execute_script("location.hash = arguments[0]", "#yAAAAUAAU")
    page.wait(lambda: len(again.all("#surface path")) == 1)  # a link in a page that is open
    for damaged in ("#x", "#y", "#yA", "#y!!", "#yAAAA.", "#y________________"):
        page = Page(browser, address.partition("#")[0] + damaged)
        page.wait_ready()
        page.wait_status("This link holds no drawing that can be read")
        assert page.all("#surface path") == [] and page.complaints() == []


def test_a_link_names_the_model(two_models, open_page, browser):
    page, _ = open_page(two_models("site"))
    first = browser.title
    Select(page.one("#model")).select_by_index(1)
    page.wait(lambda: browser.title != first)
    second = browser.title
    page.wait_ready()
    page.draw((0.0, 0.0), (0.0, 0.1))
    page.wait_for_ways()
    page.one("#more-tools summary").click()
    page.one("[data-save=link]").click()
    page.wait(lambda: "the drawing" in page.status)
    address = browser.current_url
    again = Page(browser, address)
    again.wait_ready()
    assert browser.title == second and len(again.all("#surface path")) == 1
    assert Select(again.one("#model")).first_selected_option.text == second
    # In a page that is open, and of a model that this page does not have.
    drawing = address.partition("#")[2].partition("&")[0]
    browser.execute_script("location.hash = arguments[0]", f"{drawing}&model={first}")
    page.wait(lambda: browser.title == first)
    again = Page(browser, f"{address.partition('#')[0]}#{drawing}&model=another")
    again.wait_ready()
    assert browser.title == first and len(again.all("#surface path")) == 1
    assert page.complaints() == []


def test_a_collection_becomes_a_data_set(site, open_page, browser, tmp_path):
    page, _ = open_page(site())
    assert not page.one("#export").is_enabled()
    page.draw(*LINE)
    page.one("#more-tools summary").click()
    page.one("#keep").click()
    page.wait_status("1 so far")
    page.draw((0.0, 0.3), (0.2, 0.2))
    page.one("#more-tools summary").click()
    page.one("#keep").click()
    page.wait_status("2 so far")
    page.one("#keep").click()
    page.wait_status("3 so far")
    # It is still there when the page is opened again.
    again = Page(browser, browser.current_url)
    again.wait_ready()
    file = again.saves("#export", tmp_path / "saved")
    records = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({record["key_id"] for record in records}) == 3
    sketches = converted([file], tmp_path / "out")
    assert sorted(int(sketch[:, 2].sum()) for sketch in sketches) == [1, 2, 2]
    browser.execute_script("window.confirm = () => true")
    again.one("#forget").click()
    assert "(0)" in again.one("#export").get_attribute("textContent")
    assert again.complaints() == []
    browser.execute_script("Storage.prototype.setItem = () => { throw new Error('blocked'); }")
    again.draw(*LINE)
    again.one("#more-tools").get_attribute("open") or again.one("#more-tools summary").click()
    again.one("#keep").click()
    again.wait_status("does not let the page store drawings")


def test_one_file_opens_from_disk(two_models, browser, tmp_path):
    file = two_models("two.html")
    assert sorted(file.parent.iterdir()) == [file]
    page = Page(browser, file.as_uri())
    page.wait_ready()
    assert page.one("body").get_attribute("data-backend") == "wasm"
    page.draw(*LINE)
    page.wait_for_ways()
    for mode in ("mimic", "noise"):
        page.mode(mode)
        page.wait_for_ways()
        assert all(page.ways())
    page.mode("morph")
    page.one("#first").click()
    page.draw((0.0, 0.3), (0.2, 0.2))
    page.one("#second").click()
    page.wait_status("Move the slider")
    assert page.one("#frame path.model").get_attribute("d")
    page.mode("map")
    page.wait_status("Drag over the map")
    assert page.saves("svg", tmp_path / "saved").name == "seeing.svg"
    page.saves("gif", tmp_path / "saved")
    text = page.saves("#licences", tmp_path / "saved").read_text()
    assert "TensorFlow.js" in text and "Apache License" in text and "gifenc" in text
    Select(page.one("#model")).select_by_visible_text("blind")
    page.wait(lambda: page.one("h1").text == "Blind")
    page.mode("go on")
    page.wait_for_ways()
    assert page.outside() == [] and page.complaints() == []


def test_scripts_of_others_do_not_run(two_models, site, browser, serve):
    address, _ = serve(site())
    for place in (two_models("two.html").as_uri(), address):
        page = Page(browser, place)
        page.wait_ready()
        browser.execute_script(
            "const made = document.createElement('script');"
            "made.textContent = 'window.stolen = 1'; document.body.append(made);"
            "document.body.insertAdjacentHTML('beforeend', "
            "'<img src=x onerror=\"window.stolen = 2\">')"
        )
        assert browser.execute_script("return window.stolen ?? null") is None
        sent = browser.execute_async_script(
            "fetch('https://example.org/').then(() => arguments[0]('sent'), "
            "(error) => arguments[0](String(error)))"
        )
        assert "Failed to fetch" in sent
        assert any("Content Security Policy" in e["message"] for e in page.complaints())

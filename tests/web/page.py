"""The page as a test uses it: what it does there, and what it sees."""

import json

MOUSE, TOUCH, PEN = "mouse", "touch", "pen"


LONG = 40  # max_seq_len


FACTOR = 30.0  # normalizing factor


TWIGS = (0.0, 2.0, -30.0)  # never ends, lifts often: every way to go on has strokes


BRIEF = (3.0, 0.0, 2.0)  # some points and an end


SIX_CLASSES = "apple, donut, bus, table, calculator, power_outlet"


LINE = [(-0.3, 0.0), (-0.1, -0.2), (0.1, 0.0), (0.3, -0.2)]


class Page:
    """What a test does on the page, and what it sees there."""

    def __init__(self, browser, address):
        self.browser = browser
        browser.get("about:blank")  # another fragment alone would not load the page again
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # what is older is not ours
        browser.get(address)

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        return self.browser.find_element("css selector", selector)

    def wait(self, condition):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, 30, poll_frequency=0.05).until(lambda _: condition())

    def wait_ready(self):
        self.wait(lambda: self.one("body").get_attribute("data-state") == "ready")

    @property
    def status(self):
        return self.one("#status").text

    def wait_status(self, text):
        self.wait(lambda: text in self.status)

    def wait_for_ways(self):
        """Waits until all ways to go on are drawn."""
        self.wait_status("Click one")

    def mode(self, name):
        self.one(f"[role=tab][data-mode='{name}']").click()

    def slide(self, name, value):
        """Moves a slider, and holds it there."""
        script = """
        const [slider, value] = arguments;
        slider.value = value;
        slider.dispatchEvent(new Event("input"));
        """
        self.browser.execute_script(script, self.one(f"#{name}"), value)

    def ways(self):
        """What is drawn in the panels: the attributes d."""
        return [path.get_attribute("d") for path in self.all("#panels path.model")]

    def saves(self, kind, folder):
        """The file that a button of the menu saves."""
        folder.mkdir(exist_ok=True)
        before = set(folder.iterdir())
        how = {"behavior": "allow", "downloadPath": str(folder)}
        self.browser.execute_cdp_cmd("Browser.setDownloadBehavior", how)
        self.one("#more-tools").get_attribute("open") or self.one("#more-tools summary").click()
        self.one(kind if kind.startswith("#") else f"[data-save={kind}]").click()

        def new():
            found = [one for one in folder.iterdir() if one not in before]
            if any(one.name.endswith((".crdownload", ".tmp")) for one in found):
                return []
            return [one for one in found if one.stat().st_size]  # empty ones only keep the name

        (file,) = self.wait(new)
        return file

    def draw(self, *points, kind=MOUSE, lift=True):
        """A line through points, in shares of the sheet's shorter side from its middle."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        sheet = self.one("#surface")
        side = min(sheet.size["width"], sheet.size["height"])
        actions = ActionBuilder(self.browser, mouse=PointerInput(kind, kind), duration=10)
        pointer = actions.pointer_action
        for number, (x, y) in enumerate(points):
            pointer.move_to(sheet, round(x * side), round(y * side))
            if not number:
                pointer.pointer_down()
        if lift:
            pointer.pointer_up()
        actions.perform()
        return actions

    def paths(self, by):
        return [path.get_attribute("d") for path in self.all(f"#surface path.{by}")]

    def panels(self):
        return self.all("#panels .panel:not(:disabled)")

    def outside(self):
        """Addresses asked for that are neither on loopback nor within the page."""
        asked = []
        for entry in self.browser.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        inside = ("http://127.0.0.1:", "blob:", "data:", "file:")
        return [url for url in asked if not url.startswith(inside)]

    def box(self, element):
        """What an element covers in the window, in CSS pixels: left, top, right, bottom."""
        script = "return arguments[0].getBoundingClientRect().toJSON()"
        box = self.browser.execute_script(script, element)
        return tuple(box[side] for side in ("left", "top", "right", "bottom"))

    def instead(self):
        """What is said in the place of the panels, of which none is seen then; else ""."""
        seen = [panel.is_displayed() for panel in self.all("#panels .panel")]
        text = self.one("#instead").text
        assert len(set(seen)) == 1 and seen[0] == (not text)
        return text

    def complaints(self):
        entries = self.browser.get_log("browser")
        return [entry for entry in entries if entry["level"] not in ("INFO", "DEBUG")]

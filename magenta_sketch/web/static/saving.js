// What leaves the page: pictures, data, a link, the visitor's collection, and the licences.

import { isInside, readFile } from "./client.js";
import { forget, keep, kept, ndjson } from "./collection.js";
import { gif, offer, png, record, svgText, toLink } from "./output.js";

const fileName = (name, ending) => (
  `${name.replace(/[^\p{L}\p{N}_-]+/gu, "-") || "drawing"}.${ending}`);

async function copyLink(lines, name, say) {
  window.history.replaceState(null, "", `#${toLink(lines, name)}`);
  if (window.location.protocol === "file:") {
    say("The page's address now holds the drawing. It works only with this file on this computer.");
    return;
  }
  const copied = await navigator.clipboard?.writeText(window.location.href)
    .then(() => true, () => false);
  say(copied ? "The link is copied: it holds the drawing."
    : "The page's address now holds the drawing: copy it from there.");
}

const SAVERS = {
  svg: (lines, name) => offer(svgText(lines, name), "image/svg+xml", fileName(name, "svg")),
  png: async (lines, name) => offer(await png(lines), "image/png", fileName(name, "png")),
  gif: (lines, name) => offer(gif(lines), "image/gif", fileName(name, "gif")),
  json: (lines, name) => offer(`${JSON.stringify([record(lines, name)])}\n`, "application/json",
    fileName(name, "json")),
  link: copyLink,
};

export class SaveMenu {
  /** @param page at(id), say(text), drawing(): the sheet's lines, name(): of the model. */
  constructor(page) {
    this.page = page;
    const { at, say, drawing, name } = page;
    this.savers = [...document.querySelectorAll("[data-save]")];
    this.savers.forEach((button) => {
      button.addEventListener("click", () => {
        Promise.resolve(SAVERS[button.dataset.save](drawing(), name(), say))
          .catch((error) => say(`That could not be saved: ${error.message}.`));
      });
    });
    at("keep").addEventListener("click", () => this.#keep());
    at("export").addEventListener("click", () => {
      offer(ndjson(), "application/x-ndjson", "kept.ndjson");
    });
    at("forget").addEventListener("click", () => {
      const count = kept().length;
      const what = count === 1 ? "the drawing" : `the ${count} drawings`;
      if (!window.confirm(`Delete ${what} that this browser keeps?`)) return;
      forget();
      this.tell();
    });
    at("licences").addEventListener("click", async (event) => {
      if (!isInside("licences/NOTICE")) return; // an ordinary link
      event.preventDefault();
      const texts = await Promise.all(["licences/NOTICE", "licences/LICENSE"].map(readFile));
      offer(new Blob([texts[0], "\n\n", texts[1]], { type: "text/plain" }), "", "licences.txt");
    });
    const menu = at("more-tools");
    document.addEventListener("click", (event) => {
      if (!menu.contains(event.target)) menu.open = false;
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !menu.open) return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }

  #keep() {
    const { say, drawing, name } = this.page;
    try {
      say(`Kept in this browser: ${keep(drawing(), name())} so far.`);
    } catch {
      say("This browser does not let the page store drawings. Save it as JSON instead.");
    }
    this.tell();
  }

  /** Update the buttons. */
  tell() {
    const { at, drawing } = this.page;
    const empty = !drawing().length;
    for (const button of [...this.savers, at("keep")]) button.disabled = empty;
    const count = kept().length;
    at("export").textContent = `Export kept drawings (${count})`;
    at("export").disabled = at("forget").disabled = !count;
  }
}

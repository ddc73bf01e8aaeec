// A list of tabs, of which one is selected: by a click, or by the arrow keys.

export class Tabs {
  /**
   * @param list the element with the role tablist. panel: the one with the role tabpanel.
   * @param labels name -> the text of its tab. choose: called with the name of a tab to select.
   */
  constructor(list, panel, labels, choose) {
    Object.assign(this, { panel, tabs: new Map() });
    const names = Object.keys(labels);
    for (const name of names) {
      const tab = document.createElement("button");
      Object.assign(tab, {
        type: "button", textContent: labels[name], id: `tab-${name.replace(" ", "-")}`,
      });
      tab.dataset.mode = name;
      tab.setAttribute("role", "tab");
      tab.setAttribute("aria-controls", panel.id);
      tab.addEventListener("click", () => choose(name));
      this.tabs.set(name, tab);
    }
    list.replaceChildren(...this.tabs.values());
    list.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!by) return;
      choose(names[(names.indexOf(this.selected) + by + names.length) % names.length]);
      this.tab.focus();
    });
  }

  /** The tab that is selected. */
  get tab() {
    return this.tabs.get(this.selected);
  }

  select(name) {
    this.selected = name;
    for (const [other, tab] of this.tabs) {
      tab.setAttribute("aria-selected", other === name);
      tab.tabIndex = other === name ? 0 : -1;
    }
    this.panel.setAttribute("aria-labelledby", this.tab.id);
  }

  /** Mark the tabs that are of no use. missing: whether, from a name. */
  mark(missing) {
    for (const [name, tab] of this.tabs) tab.classList.toggle("missing", missing(name));
  }
}

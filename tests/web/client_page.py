"""@magenta/sketch, unmodified, on a page in Chromium, for tests that compare it with ours."""

import shutil

PAGE = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script src=%s></script>"


def open_client(browser, sketch_js, serve, folder):
    """Open a page that is served from a folder, with the client: (the folder, `run`).

    ``run(script, *arguments)`` runs a script there, which finds the client as `ms` and what is in
    the folder by its name, and returns what the script passes to its last argument, `done`.
    """
    shutil.copy(sketch_js, folder)
    (folder / "page.html").write_text(PAGE % sketch_js.name, encoding="utf-8")
    address, _ = serve(folder)
    browser.get(f"{address}page.html")

    def run(script, *arguments):
        found = browser.execute_async_script(script, *arguments)
        assert not isinstance(found, str), found
        return found

    return folder, run

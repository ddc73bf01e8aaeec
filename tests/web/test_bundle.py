"""The page's scripts, made with npm and esbuild as they are."""

import shutil
import subprocess

import pytest

from magenta_sketch.web import bundle

pytestmark = pytest.mark.slow  # npm


def test_it_is_made_once_and_kept(node_modules, tmp_path, monkeypatch):
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "cache"))
    lines = []
    made = bundle.from_npm(report=lines.append)
    assert len(lines) == 1 and made == bundle.from_folder(node_modules)
    monkeypatch.setenv("PATH", "")
    assert bundle.from_npm(report=lines.append) == made and len(lines) == 1


def test_it_is_all_that_a_browser_needs(node_modules, tmp_path):
    made = bundle.from_folder(node_modules)
    assert bundle.from_folder(node_modules.parent) == made
    assert made.versions == bundle.PACKAGES
    assert made.wasm.startswith(b"\0asm")
    assert 1_000 < len(made.app) < 200_000 < len(made.worker) < 1_000_000
    for name in ("app", "worker"):
        file = tmp_path / f"{name}.js"
        file.write_bytes(getattr(made, name))
        subprocess.run([shutil.which("node"), "--check", file], check=True)
    # TensorFlow.js is in it: its kernels have these names.
    assert b"BatchMatMul" in made.worker
    assert b"BatchMatMul" not in made.app

"""What stands for the page's npm packages where the real ones would take long."""

import json

from magenta_sketch.web import bundle

WASM = b"\0asm stand-in"
# Copies scripts in place of bundling them. Like the real one, it must find the packages.
ESBUILD = """#!/bin/sh
PATH=/bin:/usr/bin
test -e node_modules/gifenc/package.json || exit 1
for one in "$@"; do
  case "$one" in --outdir=*) out="${one#--outdir=}" ;; esac
done
mkdir -p "$out"
for one in "$@"; do
  case "$one" in *.js) cp "$one" "$out/" ;; esac
done
"""


def make_node_modules(folder, esbuild=ESBUILD, version="9.8.7"):
    """Make a folder node_modules with packages of a version, and an esbuild that is a script."""
    for name in bundle.PACKAGES:
        (folder / name).mkdir(parents=True)
        (folder / name / "package.json").write_text(json.dumps({"version": version}))
    wasm = folder / "@tensorflow" / "tfjs-backend-wasm" / "dist" / "tfjs-backend-wasm-simd.wasm"
    wasm.parent.mkdir()
    wasm.write_bytes(WASM)
    put_esbuild(folder, esbuild)
    return folder


def put_esbuild(folder, script):
    """Put a script in the place of esbuild."""
    file = folder / ".bin" / "esbuild"
    file.parent.mkdir(exist_ok=True)
    file.write_text(script)
    file.chmod(0o755)

"""CITATION.cff names the version that the package has."""

import pathlib

import yaml

import magenta_sketch


def test_the_version_is_the_package_s():
    path = pathlib.Path(__file__).resolve().parents[1] / "CITATION.cff"
    citation = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == magenta_sketch.__version__

"""Packaging; everything else is configured in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent
INIT = (HERE / "magenta_sketch" / "__init__.py").read_text(encoding="utf-8")

setup(
    name="magenta-sketch",
    version=re.search(r'^__version__ = "(.+)"$', INIT, re.MULTILINE).group(1),
    description="Sketch-RNN in TensorFlow 2 and Keras 3, with Magenta's command line",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["magenta_sketch", "magenta_sketch.*"]),
    package_data={
        "magenta_sketch.study": ["static/*"],
        "magenta_sketch.web": ["static/*", "static/vendor/*"],
    },
    install_requires=[
        "absl-py>=2.0",
        "cssselect2>=0.8",
        "defusedxml>=0.7",
        "filelock>=3.12",
        "jinja2>=3.1",
        "kanjivg>=20260714",  # the quick start's drawings (CC BY-SA 3.0)
        "keras>=3.5",
        "matplotlib>=3.7",
        "numpy>=1.26",
        "orjson>=3.10",
        "platformdirs>=4",
        "requests>=2.31",
        "scipy>=1.11",
        "simplification",
        "svgpathtools>=1.8",
        "svgwrite>=1.4",
        "tensorboard>=2.18",  # newer TensorFlow no longer brings it, and tf.summary needs it
        "tensorflow>=2.18",
        "tinycss2>=1.4",
        "tqdm>=4.66",
    ],
    extras_require={
        "ray": ["ray>=2.50"],  # sketch_rnn_sweep --ray_address; tested with 2.60
        "test": [
            "hypothesis>=6",
            "import-linter>=2.7",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "selenium>=4.11",
        ],
    },
    entry_points={
        "console_scripts": [
            "sketch_rnn_train = magenta_sketch.cli.train:run",
            "sketch_rnn_convert = magenta_sketch.cli.convert:run",
            "sketch_rnn_draw = magenta_sketch.cli.draw:run",
            "sketch_rnn_sweep = magenta_sketch.cli.sweep:run",
        ]
    },
)

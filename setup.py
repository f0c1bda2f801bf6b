"""Which folders a wheel holds: the package, and inside it `data/` and `configs/` as `shipped/`.

As packages of their own the two would take names that are everybody's. `ovseg_jax/disk/shipped.py`
finds them in both places.
"""

from setuptools import find_namespace_packages, setup

SHIPPED = ("configs", "data")

packages = find_namespace_packages(include=["ovseg_jax", "ovseg_jax.*"])
folders = {}
for name in SHIPPED:
    folders[f"ovseg_jax.shipped.{name}"] = name
    inner = [f"{name}.{found}" for found in find_namespace_packages(name)]
    packages += [f"ovseg_jax.shipped.{found}" for found in (name, *inner)]

setup(packages=packages, package_dir=folders)

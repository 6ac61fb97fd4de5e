"""Text is compressed for clients that accept it, and an edited file is new at the next load."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from config import STATIC_DIR
from handlers.application import Messenger
from handlers.assets import StaticAssets, accepts_gzip, without_comments
from tests.support.people import Answer, Visitor

GZIP = {"Accept-Encoding": "gzip, deflate, br"}
# What each script consists of, line by line, according to the parser that ESLint uses.
TOKENS = """
    import { readFileSync } from "node:fs";
    import { tokenize } from "espree";
    const options = { ecmaVersion: "latest", sourceType: "module", loc: true };
    const told = ({ type, value, loc }) => [type, value, loc.start.line];
    const tokens = (script) => tokenize(script, options).map(told);
    const sides = JSON.parse(readFileSync(0, "utf8"));
    console.log(JSON.stringify(sides.map((scripts) => scripts.map(tokens))));
"""
RAW = {"decompress_response": False}  # as transferred


async def fetched(visitor: Visitor, path: str, headers: dict[str, str] | None = None) -> Answer:
    return await visitor.get(path, headers=headers or {}, **RAW)


@pytest.mark.parametrize("name", ["index.html", "app.js", "styles/base.css", "favicon.svg"])
@pytest.mark.gen_test
async def test_text_is_compressed_for_clients_that_accept_it(visitor: Visitor, name: str) -> None:
    content = (STATIC_DIR / name).read_bytes()
    packed, plain = await fetched(visitor, f"/{name}", GZIP), await fetched(visitor, f"/{name}")
    assert packed.headers["Content-Encoding"] == "gzip"
    sent = without_comments(content) if name.endswith(".js") else content
    assert gzip.decompress(packed.body) == sent
    assert len(packed.body) == int(packed.headers["Content-Length"]) < len(content)
    assert "Content-Encoding" not in plain.headers
    assert plain.body == content
    for answer in (packed, plain):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Cache-Control"] == "no-cache"


def test_a_script_without_its_comments_is_the_same_script_on_the_same_lines() -> None:
    scripts = [path.read_bytes() for path in STATIC_DIR.rglob("*.js")]
    lean = [without_comments(script) for script in scripts]
    assert sum(map(len, lean)) < 0.8 * sum(map(len, scripts))
    tokens = subprocess.run(
        ["node", "--input-type=module", "--eval", TOKENS],
        input=json.dumps([[script.decode() for script in side] for side in (scripts, lean)]),
        capture_output=True,
        check=True,
        cwd=STATIC_DIR.parent,
        text=True,
    )
    before, after = json.loads(tokens.stdout)
    assert before == after
    assert len(before) == len(scripts)


@pytest.mark.gen_test
async def test_each_representation_has_its_own_etag_and_304(
    visitor: Visitor,
) -> None:
    packed, plain = await fetched(visitor, "/app.js", GZIP), await fetched(visitor, "/app.js")
    etags = packed.headers["Etag"], plain.headers["Etag"]
    assert etags[0] != etags[1]
    for accepts, etag in zip((GZIP, {}), etags, strict=True):
        again = await fetched(visitor, "/app.js", {**accepts, "If-None-Match": f'"x", W/{etag}'})
        assert (again.status, again.body) == (304, b"")
        assert (again.headers["Etag"], again.headers["Vary"]) == (etag, "Accept-Encoding")
        assert "Content-Encoding" not in again.headers
    other = await fetched(visitor, "/app.js", {**GZIP, "If-None-Match": etags[1]})
    assert other.status == 200


@pytest.mark.gen_test
async def test_head_has_the_length_that_get_would_send(visitor: Visitor) -> None:
    for accepts in (GZIP, {}):
        get = await fetched(visitor, "/app.js", accepts)
        head = await visitor.ask("HEAD", "/app.js", headers=accepts, **RAW)  # type: ignore[arg-type]
        assert (head.status, head.body) == (200, b"")
        for name in ("Content-Length", "Content-Encoding", "Etag", "Vary", "Content-Type"):
            assert head.headers.get(name) == get.headers.get(name)


@pytest.mark.gen_test
async def test_neither_pictures_nor_answers_nor_streams_are_compressed(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    for path in ("/api/auth_user", "/api/conversations", "/nothing.js"):
        answer = await jane.get(path, headers=GZIP, **RAW)
        assert "Content-Encoding" not in answer.headers, path
    async with jane.stream(Accept_Encoding="gzip") as stream:
        assert "content-encoding" not in {name.lower() for name in stream.headers}


@pytest.mark.gen_test
async def test_an_edited_file_is_new_at_the_next_load(
    app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "app.js").write_text("as(it, was);\n" * 20)
    app.services.assets = StaticAssets(tmp_path)
    before = await fetched(visitor, "/app.js", GZIP)
    (tmp_path / "app.js").write_text("as(it, is);\n" * 20)
    (tmp_path / "new.js").write_text("// was not there before")
    after = await fetched(visitor, "/app.js", {**GZIP, "If-None-Match": before.headers["Etag"]})
    assert after.status == 200
    assert gzip.decompress(after.body) == b"as(it, is);\n" * 20
    assert (await fetched(visitor, "/new.js")).body == b"// was not there before"
    (tmp_path / "app.js").unlink()
    assert (await fetched(visitor, "/app.js")).status == 404


@pytest.mark.gen_test
async def test_a_link_that_leads_outside_is_not_followed(
    app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "static").mkdir()
    (tmp_path / "secret.txt").write_text("a secret")
    (tmp_path / "static" / "link.txt").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "static" / "inside.txt").write_text("for everyone")
    app.services.assets = StaticAssets(tmp_path / "static")
    assert (await fetched(visitor, "/inside.txt")).body == b"for everyone"
    assert (await fetched(visitor, "/link.txt")).status == 404


@pytest.mark.parametrize(
    ("header", "accepts"),
    [
        ("", False),
        ("gzip", True),
        ("br;q=1, GZIP ; q=0.5", True),
        ("deflate, x-gzip", True),
        ("identity", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000, deflate", False),
        ("gzip;q=0.001", True),
        ("notgzip", False),
        (";;,,q=0;", False),
    ],
)
def test_the_weights_of_accept_encoding_count(header: str, accepts: bool) -> None:
    assert accepts_gzip(header) is accepts

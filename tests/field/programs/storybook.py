"""Storybook: its manager's page, its index, and the WebSocket between server and page."""

from __future__ import annotations

import json

from tests.field.install import Npm
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask

STORY = "export default { title: 'Field' };\nexport const One = () => 'TIME';\n"


def serve(kit: Kit) -> int:
    port = kit.free_port()
    folder = kit.folder / "site"
    (folder / ".storybook").mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"name": "site", "private": true, "type": "module"}\n')
    (folder / ".storybook" / "main.js").write_text(
        "export default { stories: ['../*.stories.js'], framework: '@storybook/html-vite',\n"
        f"  core: {{ disableTelemetry: true, allowedHosts: ['{kit.host}'] }},\n"
        f"  viteFinal: (config) => ({{ ...config, server: {{ ...config.server, allowedHosts: ['{kit.host}'] }} }})\n"
        "};\n"
    )
    (folder / "field.stories.js").write_text(STORY)
    options = ["dev", "--port", str(port), "--host", "127.0.0.1", "--ci", "--no-open"]
    options += ["--exact-port", "--no-version-updates"]
    kit.start(kit.bin("storybook"), *options, port=port, cwd=folder, env={"STORYBOOK_DISABLE_TELEMETRY": "1"})
    return port


def visit(way: Way) -> Outcome:
    page = ask(way, "/")
    index = json.loads(ask(way, "/index.json", during=way.cut).body)
    frame = ask(way, "/iframe.html")
    return {
        "page": f"{page.status} {'</html>' in page.text}",
        "stories": sorted(index["entries"]),
        "frame": frame.status,
    }


PROGRAM = Program(
    "storybook",
    "Storybook (dev)",
    "its page, the index of stories, the frame in which they are shown",
    serve,
    visit,
    needs=Npm("storybook@9", "@storybook/html-vite@9", "vite@6"),
    notes="needs allowedHosts of its builder (viteFinal)",
)

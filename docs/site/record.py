"""Records the results behind the example reports, and the pictures of them: `python docs/site/record.py [WHAT…]`.

WHAT is a kind of result, or `pictures`; all by default. Runs the tutorial's commands in a scratch clone, some four
minutes on a quiet machine; a result that the machine was too busy for is left as it was. The pictures need chromium.
"""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from example_reports import EXAMPLES, KINDS, write_example_reports
from rich.console import Console
from rich.text import Text

from perfcli.report.console import to_console
from perfcli.report.reported import document_of, load_reported

ROOT: Final = Path(__file__).parent.parent.parent
PICTURES: Final = ROOT / "docs" / "pictures"
TUTORIAL: Final = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
RESULTS: Final = {
    "before": "run visits.yaml --duration 10s --engine main",
    "run": "run visits.yaml --duration 10s",
    "compare": "compare before.json run.json",
    "sweep": "run visits.yaml --sweep setup.pets=50,100,200,400,800 --sweep load.rate=50/s,100/s "
    "--set 'thresholds=[success_rate == 100%, lost_writes == 0]'",
    "ab": "ab visits.yaml --base main",
    "profile": "profile visits.yaml --iterations 1000",
    "capacity": "capacity visits.yaml --set setup.pets=2000 --engine main --engine . --max-time 1m",
    "scaling": "scaling database_load",
}
"""The command that writes each result; `before` is only for `compare`."""
_TOO_BUSY: Final = 4
TERMINAL: Final = {
    "digipal-perf run visits.yaml": "run",
    "digipal-perf ab visits.yaml --base main": "ab",
}
"""What the picture of a terminal shows: commands, and the results that they print."""
# rich's own format fetches its font from another host
SVG: Final = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{terminal_width}" height="{terminal_height}" fill="#0d1117" rx="8"/>
<g transform="translate(12, 12) scale(0.98)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def main() -> None:
    """Record what was asked for."""
    wanted = sys.argv[1:] or [*KINDS, "pictures"]
    if kinds := [kind for kind in RESULTS if kind in wanted or (kind == "before" and "compare" in wanted)]:
        with tempfile.TemporaryDirectory() as folder:
            _record(Path(folder) / "clone", kinds)
    if "pictures" in wanted:
        _draw_terminal()
        with tempfile.TemporaryDirectory() as folder:
            _photograph(Path(folder))


def _record(clone: Path, kinds: list[str]) -> None:
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(["git", "switch", "--quiet", "--force-create", "main"], cwd=clone, check=True)
    (scenario,) = re.findall(r"^```yaml\n(.*?)^```$", TUTORIAL, re.MULTILINE | re.DOTALL)
    (clone / "visits.yaml").write_text(scenario, encoding="utf-8")
    change = next(iter(re.findall(r"<<'EOF'\n(.*?)^EOF$", TUTORIAL, re.MULTILINE | re.DOTALL)))
    subprocess.run(["git", "apply"], cwd=clone, input=change, text=True, check=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DIGIPAL_PERF_RUN_RETRIES": "5"}
    for kind in kinds:
        print(f"digipal-perf {RESULTS[kind]}", flush=True)
        seed = [] if kind == "compare" else ["--seed", "1"]
        command = [sys.executable, "-m", "perfcli", *shlex.split(RESULTS[kind]), "--json", f"{kind}.json", *seed]
        done = subprocess.run(command, cwd=clone, env=environment, check=False)
        if kind in KINDS and done.returncode != _TOO_BUSY:
            result = json.loads((clone / f"{kind}.json").read_text(encoding="utf-8"))
            text = json.dumps(result, ensure_ascii=False, separators=(",", ":"))
            (EXAMPLES / f"{kind}.json").write_text(f"{text}\n", encoding="utf-8")


def _draw_terminal() -> None:
    """Draw what a terminal shows, as SVG."""
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    for command, kind in TERMINAL.items():
        console.print(Text.assemble(("$ ", "green"), (command, "bold")))
        (result,) = load_reported([EXAMPLES / f"{kind}.json"])
        console.print(to_console(document_of(result), brief=True))
        console.print()
    (PICTURES / "terminal.svg").write_text(
        console.export_svg(title="", code_format=SVG, unique_id="terminal"), encoding="utf-8"
    )


def _photograph(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.chromium import Browser

    write_example_reports(folder)
    browser = Browser(folder / "profile")
    try:
        browser.open(folder / "run.html")
        browser.command("Emulation.setScrollbarsHidden", hidden=True)
        for scheme in ("light", "dark"):
            browser.show(1280, scheme=scheme)
            # charts are drawn when they come near the screen
            browser.command("Emulation.setDeviceMetricsOverride", **_SCREEN, deviceScaleFactor=1, mobile=False)
            browser.wait_for("document.querySelectorAll('.js-plotly-plot .main-svg').length > 9")
            picture = browser.command("Page.captureScreenshot", clip={"x": 0, "y": 0, **_SCREEN, "scale": 0.75})
            (PICTURES / f"report-{scheme}.png").write_bytes(base64.b64decode(picture["data"]))
    finally:
        browser.close()


_SCREEN: Final = {"width": 1280, "height": 1960}


if __name__ == "__main__":
    main()

"""The page of a cohort: one HTML file that loads nothing, with what to look at first on top."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

from ..segmentation_file import COLORS
from .case_loop import CaseReport

MOST_PICTURES = 400
"""More would make the page too large for a browser; the other cases are in the table."""

NOTICE = "Not a medical device. For research only: results must be checked by someone who can."

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;margin:0 auto;max-width:76rem;padding:1.5rem;color:#1b1f23;background:#fff}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .6rem}
.notice{background:#fff3cd;border-left:4px solid #b58100;padding:.5rem .8rem;margin:.8rem 0}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:.8rem}
.card{border:1px solid #d0d7de;border-radius:6px;padding:.6rem;overflow-wrap:anywhere}
.card.first{border-color:#b58100}.card.failed{border-color:#c62828}
.card img,.card .none{width:100%;height:10rem;object-fit:contain;background:#000;border-radius:4px;display:block}
.card .none{color:#c9d1d9;display:flex;align-items:center;justify-content:center}
.card i{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em}
.name{font-weight:600;margin:.4rem 0 0}.why{color:#8a4b00}.failed .why{color:#b3261e}p{margin:.2rem 0}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d0d7de;padding:.25rem .5rem;text-align:left}
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}.notice{background:#3a2f0b}
.card,td,th{border-color:#3d444d}.why{color:#e3b341}.failed .why{color:#ff8a80}}
"""


def page_text(reports: Sequence[CaseReport], reasons: Sequence[str], order: Sequence[int], title: str) -> str:
    """Return the page.

    Parameters
    ----------
    reports
        What became of every case.
    reasons
        For each, why it should be looked at, "" for no reason.
    order
        Numbers of the cases, those to look at first in front.
    title
        What was done.
    """
    first = [index for index in order if reasons[index]]
    rest = [index for index in order if not reasons[index]]
    room = max(MOST_PICTURES - len(first), 0)
    cards = [_section("Look at these first", first[:MOST_PICTURES], reports, reasons)]
    cards.append(_section("The others", rest[:room], reports, reasons))
    left_out = len(reports) - min(len(first), MOST_PICTURES) - len(rest[:room])
    if left_out:
        cards.append(f"<p>{left_out} more cases are in summary.csv.</p>")
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        f'<h1>{escape(title)}</h1><div class="notice">{NOTICE}</div>\n'
        f"<p>{_counts(reports)}</p>\n" + "\n".join(cards) + "\n</body></html>\n"
    )


def in_ml(volume: float) -> str:
    """Return a volume [ml] in words, as exact as one can be drawn."""
    return f"{volume:.0f} ml" if volume >= 100 else f"{volume:.3g} ml"


def _counts(reports: Sequence[CaseReport]) -> str:
    found = [sum(report.status == status for report in reports) for status in ("done", "kept", "failed", "waiting")]
    names = ("done now", "kept from before", "failed", "not done yet")
    said = ", ".join(f"{count} {name}" for count, name in zip(found, names, strict=True) if count)
    return f"{len(reports)} cases: {said}."


def _section(title: str, chosen: Sequence[int], reports: Sequence[CaseReport], reasons: Sequence[str]) -> str:
    if not chosen:
        return ""
    cards = "\n".join(_card(reports[index], reasons[index]) for index in chosen)
    return f'<h2>{title} ({len(chosen)})</h2>\n<div class="cards">\n{cards}\n</div>'


def _card(report: CaseReport, reason: str) -> str:
    kind = "card failed" if report.status == "failed" else "card first" if reason else "card"
    said = [f'<p class="name">{escape(report.job.case.name)}</p>']
    for number, part in enumerate(report.record.structures if report.record else ()):
        quality = "" if part.quality is None else f", quality {part.quality:.2f}"
        said.append(f"<p>{_dot(number)}{escape(part.label)}: {in_ml(part.ml)}{quality}</p>")
    if reason:
        said.append(f'<p class="why">{escape(reason)}</p>')
    return f'<div class="{kind}">{_picture(report)}{"".join(said)}</div>'


def _dot(number: int) -> str:
    """Return a dot in the colour that the outline of a structure has in the picture."""
    red, green, blue = (round(255 * part) for part in COLORS[number % len(COLORS)])
    return f'<i style="background:#{red:02x}{green:02x}{blue:02x}"></i>'


def _picture(report: CaseReport) -> str:
    try:
        content = report.job.files.picture.read_bytes() if report.record else b""
    except OSError:
        content = b""
    if not content:
        return f'<div class="none">{"no result" if report.status == "failed" else "no picture"}</div>'
    name = escape(f"Slice of {report.job.case.name} with outlines", quote=True)
    return f'<img alt="{name}" src="data:image/png;base64,{base64.b64encode(content).decode()}">'

"""The customer's own words in a message: without markup, quoted replies, signatures and footers.

selectolax reads HTML as a browser does; quotequail knows how mail programs quote, reply and forward, in a dozen
languages. What no library knows well enough (a list in a ticket is no signature) are the formulas below: English and
German.
"""

import html
import re

import quotequail
from selectolax.lexbor import LexborHTMLParser, LexborNode

LONGEST = 100_000
"""Characters of a message that are read: hostile markup takes time by the square of its depth."""

INVISIBLE = re.compile("[\u200b\u200c\u200d\ufeff\u00ad]")

TAG = re.compile(
    r"</?(a|b|blockquote|body|br|div|em|font|h[1-6]|html|i|li|ol|p|pre|span|strong|table|td|tr|u|ul)\b[^<>]*>",
    re.IGNORECASE,
)
"""One of these makes a text HTML; `a < b` and `<name@example.com>` do not."""

UNSEEN = (
    "head, style, script, title, template, noscript, .gmail_signature, .moz-signature, #Signature, "
    '#AppleMailSignature, [style*="display:none"], [style*="display: none"], [hidden]'
)
LINES = (
    "address, article, blockquote, dd, div, dl, dt, fieldset, footer, form, h1, h2, h3, h4, h5, h6, header, hr, li, "
    "main, ol, p, pre, section, table, tr, ul"
)
"""Elements that begin a line of their own and end it."""


def _any_of(*formulas: str) -> re.Pattern[str]:
    return re.compile("|".join(formulas), re.IGNORECASE)


SIGNED = _any_of(
    r"^\s*(-- ?|\u2013|\u2014)\s*$",  # RFC 3676, and what programs make of it
    r"^\W*(best|cheers|regards|sincerely|mfg|vg|lg)[\s,.!]*$",
    r"^\W*((with )?(best|kind|warm(est)?|many)( personal)? (regards|wishes|greetings)|thanks and regards|all the best|"
    r"yours (sincerely|faithfully|truly)|sincerely yours)\b[^.!?]{0,40}$",
    r"^\W*(mit (freundlichen|besten|lieben|herzlichen|vielen) gr(ü|ue)(ß|ss)en|hochachtungsvoll|"
    r"(viele|beste|liebe|freundliche|sch(ö|oe)ne) gr(ü|ue)(ß|ss)e)\b[^.!?]{0,40}$",
)
"""A line from which on a message is signed, unless it is the first."""

BY_PROGRAM = _any_of(
    r"^\W*sent (from|via|with) (my )?(mobile|iphone|ipad|android|samsung|galaxy|outlook|yahoo|gmail|proton)\b",
    r"^\W*get outlook for",
    r"^\W*(diese nachricht wurde )?von meine[mr] .{2,40} gesendet",
    r"^\W*(gesendet (von|mit) |outlook f(ü|ue)r .{2,20} (beziehen|herunterladen))",
    r"^\W*(caution|external|warning|achtung|vorsicht|extern)\b.{0,40}(sender|e-?mail|message|nachricht|absender)",
    r"^\W*\[external\]",
    r"^\W*##-? ?(please|bitte) ",  # Zendesk's line above which people answer
)
"""A line that a program wrote."""

FOOTER = _any_of(
    r"\b(this|(the )?(information|contents?|material)( contained)? (in|of) this) (e-?\s?mail|message|communication)\b"
    r"[^.]{0,200}\b(confidential|privileged|intended|proprietary|legally)",
    r"\b(confidentiality|legal|privacy|disclaimer|privileged)( and \w+)? (notice|note|statement)\b",
    r"^\W*(disclaimer|haftungsausschluss)\b",
    r"\bintended (solely|only|exclusively) for (the )?(use|addressee|recipient|named|person|individual)",
    r"\bif you (are not|have received|received) (the (intended|named)|this (e-?mail|message|communication) in error)",
    r"\bdiese (e-?\s?mail|nachricht)\b[^.]{0,200}\b(vertraulich|ausschlie(ß|ss)lich|rechtlich gesch(ü|ue)tzt)",
    r"\bwenn sie nicht der (richtige|vorgesehene|beabsichtigte) (adressat|empf(ä|ae)nger)",
    r"\bconsider the environment before printing",
    r"\b(virus-?free|scanned (for|by) .{0,20}virus|auf viren (ü|ue)?berpr(ü|ue)ft)",
    r"\b(click|klicken).{0,20}\b(unsubscribe|abmelden|abbestellen)|\bunsubscribe from (this|these|our)",
    r"\b(registered (office|in england)|sitz der gesellschaft|amtsgericht .{2,30}hrb|handelsregister|"
    r"gesch(ä|ae)ftsf(ü|ue)hrer:)",
)
"""Where a paragraph says one of these, the rest of it is a footer."""


def customer_words(message: str) -> str:
    """What the customer wrote in a message of text or HTML; empty where nothing of it is theirs."""
    message = message[:LONGEST]
    text = _of_html(message) if TAG.search(message) else html.unescape(message)
    text = INVISIBLE.sub("", text).replace("\u00a0", " ").replace("\r\n", "\n").replace("\r", "\n")
    return _without_footers(_unsigned(_unquoted(text))).strip()


def _of_html(message: str) -> str:
    """The text that a reader of the HTML sees, a line per block; quoted blocks begin each line with `>`."""
    if "<pre" not in message.lower():
        message = re.sub(r"\s+", " ", message)  # to a browser a line break is a blank
    tree = LexborHTMLParser(message)
    for node in tree.css(UNSEEN):
        node.decompose()
    for node in tree.css("br"):
        node.replace_with("\n")
    for node in tree.css(LINES):
        node.insert_before("\n")
        node.insert_after("\n")
    for node in reversed(tree.css("p")):
        node.insert_after("\n")
    for node in reversed(tree.css("blockquote")):  # the inner ones first
        node.replace_with(f"\n{_quoted(node)}\n")
    root = tree.body or tree.root
    lines = [line.strip() for line in _text(root).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _text(node: LexborNode | None) -> str:
    return "" if node is None else node.text(deep=True)


def _quoted(node: LexborNode) -> str:
    return "\n".join(f"> {line.strip()}" for line in _text(node).split("\n") if line.strip())


def _unquoted(text: str) -> str:
    """The text without what it quotes. A message that only forwards another is read as that one."""
    for _ in range(3):  # a reply may stand below the quote, and quote again
        found = quotequail.unwrap(text)
        if found is None:
            break
        own = "\n\n".join(found[part] for part in ("text_top", "text_bottom") if part in found)
        if not own and found["type"] == "forward":
            own = found.get("text", "")
        text = own
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith(">"))


def _unsigned(text: str) -> str:
    """The text up to its signature, without the lines that programs write."""
    lines = [line for line in text.strip().split("\n") if not BY_PROGRAM.match(line)]
    end = next((n for n, line in enumerate(lines) if n and SIGNED.match(line)), len(lines))
    return "\n".join(lines[:end])


def _without_footers(text: str) -> str:
    """The text without the legal and advertising part of any paragraph, from the line on which it begins."""
    kept = []
    for paragraph in re.split(r"\n\s*\n", text):
        found = FOOTER.search(paragraph)
        kept.append(paragraph[: paragraph.rfind("\n", 0, found.start()) + 1] if found else paragraph)
    return "\n\n".join(part.strip() for part in kept if part.strip())

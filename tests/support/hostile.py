"""Texts as customers, and people who mean harm, write them: each is data wherever it goes (TRU-4).

`LEGAL` can be stored; `UNSTORABLE` cannot, by PostgreSQL at least. `COMMANDS` is what no terminal may be sent.
"""

import re

ESC, BEL, CSI, OSC, ST = "\x1b", "\x07", "\x9b", "\x9d", "\x9c"

LEGAL = {
    "script": "<script>alert('x')</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "comment": "--><svg/onload=alert(1)><!--",
    "entity": "&lt;b&gt; &amp; &#x3c;i&#x3e;",
    "color": f"{ESC}[31mred{ESC}[0m",
    "clear": f"{ESC}[2J{ESC}[H{ESC}cgone",
    "title": f"{ESC}]0;owned{BEL}",
    "link": f"{ESC}]8;;https://evil.example{ESC}\\click{ESC}]8;;{ESC}\\",
    "clipboard": f"{ESC}]52;c;cm0gLXJmIC8={BEL}",
    "eight_bit": f"{CSI}31m{OSC}0;owned{ST}",
    "controls": "a\x01b\x08c\x0bd\x0ce\x0ef\x7fg\x85h",
    "overwrite": "Good Ltd\rEvil Ltd",
    "override": "Acme \u202egnp.exe\u202c",
    "isolate": "\u2066Acme\u2069 \u2067txet\u2069",
    "arabic": "شركة الأمل",
    "hebrew": "חברת תקווה",
    "zero_width": "Ac\u200bme\u200d\ufeff",
    "formula": '=HYPERLINK("https://evil.example","pay")',
    "command": "=cmd|' /C calc'!A0",
    "plus": "+1+1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(1+9)*cmd|' /C calc'!A0",
    "tab_formula": "\t=1+1",
    "path": "../../../../etc/passwd",
    "windows_path": "..\\..\\C:\\con.txt",
    "absolute": "/etc/passwd",
    "long": "x" * 10_000,
    "lines": "Acme\nkeepwell: all is well\n\nBcc: everybody@evil.example",
    "separators": "Acme\u2028next\u2029paragraph",
    "header": "Acme\r\nBcc: everybody@evil.example",
    "calendar": "Acme\nEND:VEVENT\nBEGIN:VEVENT;x,y",
    "quotes": "O'Brien \"and\" `sons`",
    "backslash": "a\\b\\n\\x1b\\u001b",
    "emoji": "🚀👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿",
    "combining": "Z̷͎̈́a̸͙̓l̵͖̂g̶͈͗o̷͉͑",
    "percent": "%s %n %d %(name)s 100%",
    "braces": "{0} {name!r} {0.__class__} ${HOME}",
    "jinja": "{{ 7 * 7 }}{% for x in y %}",
    "sql": "'; DROP TABLE ledger_events; --",
    "sql_text": "' OR 1=1 /* \" */",
    "markdown": "[x](javascript:alert(1)) **b** | c | ~~~",
    "shell": "$(reboot) `reboot` ; reboot | reboot",
    "json": '{"a": [1, null]}',
    "csv": 'a,"b;c\td',
    "rich": "[bold red]x[/bold red] [link=https://evil.example]y[/link]",
    "null": "null",
    "nan": "nan",
    "blank": "\u00a0",
    "number": "1e309",
    "glob": "*?[a-z]",
    "option": "--help",
}  # fmt: skip

UNSTORABLE = {"nul": "Ac\x00me", "nul_alone": "\x00", "surrogate": "Ac\ud800me", "undecodable": "Ac\udcffme"}

COMMANDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Kept apart from the product's own list: what one forgets the other does not."""


def obeyed(text: str) -> list[str]:
    """What of an output a terminal would obey."""
    return sorted({repr(character) for character in COMMANDS.findall(text)})

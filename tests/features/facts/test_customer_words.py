"""The same words have the same sentiment whatever wraps them, and only the customer's words count (FEA-5)."""

from itertools import product

import pytest

from keepwell.features.facts.customer_words import LONGEST, customer_words
from keepwell.features.facts.text import text_sentiment

FIRST, SECOND = (
    "The export failed again and nobody has answered us for two weeks.",
    "This is terrible and we are angry.",
)
WORDS = f"{FIRST} {SECOND}"
REPLY = "Great to hear from you!\nHappy to help, thank you so much.\nHave a wonderful day."
QUOTED = "\n".join(f"> {line}" for line in REPLY.split("\n"))
BLOCK = f"<blockquote>{REPLY}</blockquote>"

HEADS = {
    "gmail": "On Tue, 2 Jun 2026 at 10:01, Support <help@example.com> wrote:",
    "gmail, wrapped": "On Tue, 2 Jun 2026 at 10:01, The Excellent Support Team of Company\n<help@example.com> wrote:",
    "gmail, German": "Am Di., 2. Juni 2026 um 10:01 Uhr schrieb Support <help@example.com>:",
    "thunderbird, German": "Am 02.06.26 um 10:01 schrieb Support:",
    "gmail, French": "Le mar. 2 juin 2026 à 10:01, Support <help@example.com> a écrit :",
}
OUTLOOK = {
    "english": "From: Support <help@example.com>\nSent: Tuesday, June 2, 2026 10:01 AM\nTo: Kim\nSubject: RE: Export",
    "german": "Von: Support <help@example.com>\nGesendet: Dienstag, 2. Juni 2026 10:01\nAn: Kim\nBetreff: AW: Export",
    "english, ruled": f"{'_' * 32}\nFrom: Support\nSent: Tuesday\nTo: Kim\nSubject: RE: Export",
    "original": "-----Original Message-----\nFrom: Support\nSent: Tuesday\nTo: Kim\nSubject: RE: Export",
    "original, German": "-----Ursprüngliche Nachricht-----\nVon: Support\nGesendet: Dienstag\nAn: Kim\nBetreff: AW",
}
SIGNATURES = [
    "-- \nBest regards\nExcellent Software Ltd - happy customers, great service, best in class",
    "--\nKim, a happy customer", "Best regards,\nKim\nExcellent Ltd", "Kind regards, Kim\nGreat Ltd", "Cheers,\nKim",
    "Mit freundlichen Grüßen\nKim\nExcellent GmbH", "Viele Grüße, Kim\nGreat GmbH", "Sent from my iPhone",
    "Get Outlook for iOS", "Von meinem iPhone gesendet", "Gesendet von Outlook für Android",
]  # fmt: skip
FOOTERS = [
    "This email and any attachments are confidential and intended solely for the use of the individual addressed.",
    "CONFIDENTIALITY NOTICE: the happy few may read this. If you have received this email in error, please delete it.",
    "The information contained in this message is privileged.\nPerfect security is our great pleasure.",
    "Diese E-Mail enthält vertrauliche und rechtlich geschützte Informationen.",
    "Please consider the environment before printing this great email.",
    "Excellent GmbH, Sitz der Gesellschaft: Bremen, Amtsgericht Bremen HRB 1234",
]
BANNERS = ["CAUTION: This email originated from outside of the great organization.", "[EXTERNAL] a good message",
           "##- Please type your reply above this line -##"]  # fmt: skip


def html_of(head: str) -> str:
    return head.replace("<", "&lt;").replace(">", "&gt;").replace("\n", "<br>\n")


MESSAGES = {
    "text": WORDS,
    "zendesk": f'<div class="zd-comment" dir="auto"><p dir="auto">{WORDS}</p></div>',
    "outlook": "<html><head><style>p.Great{margin:0cm;font:good}</style></head><body><p class=Great>"
    f"{FIRST.replace(' ', '&nbsp;', 2)}\n</p><p>{SECOND.replace('terrible', '<b>terrible</b>')}</p></body></html>",
    "line breaks": f"{FIRST}<br/>{SECOND}",
    "wrapped source": f"<p>{WORDS.replace(' and', chr(10) + 'and')}</p>",
    "hidden": f'<div style="display:none">Great, wonderful!</div><p>{WORDS}</p><script>great()</script>',
    "plain in pre": f"<pre>{WORDS}\n\n{HEADS['gmail']}\n{QUOTED}</pre>",
    "below a quote": f"{HEADS['gmail']}\n{QUOTED}\n\n{WORDS}",
    "between quotes": f"{QUOTED}\n\n{FIRST}\n\n> Have a great, wonderful day\n\n{SECOND}",
    "one quoted line": f"{WORDS}\n> Great to hear!",
    "forwarded alone": f"---------- Forwarded message ---------\nFrom: Kim\nDate: Tue\nSubject: x\nTo: us\n\n{WORDS}",
    "windows lines": f"{FIRST}\r\n{SECOND}\r\n\r\n{HEADS['gmail']}\r\n{QUOTED}",
    "outlook on the web": f'<div>{WORDS}</div><hr><div id="divRplyFwdMsg"><b>From:</b> Support<br><b>Sent:</b> Tuesday'
    f"<br><b>To:</b> Kim<br><b>Subject:</b> RE: x</div><div>{REPLY}</div>",
    "outlook, German html": f'<div class="WordSection1"><p>{WORDS}<o:p></o:p></p><div style="border:none;border-top:'
    'solid #E1E1E1 1.0pt"><p><b>Von:</b> Support &lt;help@example.com&gt;<br><b>Gesendet:</b> Di.<br><b>An:</b> Kim'
    f"<br><b>Betreff:</b> AW: x</p></div><p>{REPLY}</p></div>",
    "thunderbird, below": f'<div class="moz-cite-prefix">{html_of(HEADS["thunderbird, German"])}<br></div>{BLOCK}'
    f'<p>{WORDS}</p><div class="moz-signature">-- <br>a great company</div>',
    "quote in a quote": f"<p>{WORDS}</p><blockquote>{REPLY}<blockquote>Perfect!</blockquote>Best!</blockquote>",
    **{f"under {name}": f"{WORDS}\n\n{head}\n{QUOTED}" for name, head in HEADS.items()},
    **{
        f"html under {name}": f'<div dir="ltr">{WORDS}</div><br><div class="gmail_quote"><div class="gmail_attr">'
        f"{html_of(head)}<br></div>{BLOCK}</div>"
        for name, head in HEADS.items()
    },
    **{f"under outlook, {name}": f"{WORDS}\n\n{head}\n\n{REPLY}" for name, head in OUTLOOK.items()},
    **{f"signed {n}": f"{WORDS}\n\n{signature}" for n, signature in enumerate(SIGNATURES)},
    **{f"html signed {n}": f"<p>{WORDS}</p><p>{html_of(signature)}</p>" for n, signature in enumerate(SIGNATURES)},
    **{f"footer {n}": f"{WORDS}\n\n{footer}" for n, footer in enumerate(FOOTERS)},
    **{f"html footer {n}": f"<p>{WORDS}</p><p>{html_of(footer)}</p>" for n, footer in enumerate(FOOTERS)},
    **{f"banner {n}": f"{banner}\n{WORDS}" for n, banner in enumerate(BANNERS)},
}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_same_words_have_the_same_sentiment(name: str) -> None:
    """HTML, quoted replies, signatures, footers and banners are not the customer's words (FEA-5)."""
    assert " ".join(customer_words(MESSAGES[name]).split()) == WORDS


def test_markup_inside_a_word_list_does_not_hide_it() -> None:
    """A bold word is the word (FEA-5)."""
    assert text_sentiment("<p>This is <b>terrible</b>.</p>") == text_sentiment("This is terrible.") == -1.0


@pytest.mark.parametrize(("wrap", "footer"), list(product(("{0}\n\n{1}", "<p>{0}</p><p>{1}</p>"), FOOTERS[:3])))
def test_a_foreign_text_with_an_english_footer_reads_as_missing(wrap: str, footer: str) -> None:
    """The language is that of the customer's words (FEA-5)."""
    assert text_sentiment(wrap.format("Der Export geht schon wieder nicht, und niemand antwortet uns.", footer)) is None


@pytest.mark.parametrize("text", [f"{HEADS['gmail']}\n{QUOTED}", "<p></p>", "<br>", QUOTED, "\u200b", "", "   "])
def test_a_message_without_own_words_has_none(text: str) -> None:
    """Somebody else's words are no sentiment of the customer's (FEA-5)."""
    assert customer_words(text) == ""
    assert text_sentiment(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "Hello,\n- the export fails\n- the login is terrible\nFix it.", "Thanks, but this is terrible.\nIt fails.",
        "Best practice is ignored.\nBest tools fail, too.", "Response time < 5 s & > 3 s is terrible.",
        "I wrote on Monday:\nnothing works.", "Write to <kim@example.com>\nor call.", "Regards the export: it fails.",
    ],
)  # fmt: skip
def test_a_customers_own_words_stay(text: str) -> None:
    """A list is no signature, a comparison no markup, a polite word no end (FEA-5)."""
    assert customer_words(text) == text


def test_a_character_reference_is_its_character() -> None:
    """Also in a text that has no markup (FEA-5)."""
    assert customer_words("It&#39;s slow &amp; terrible") == "It's slow & terrible"


@pytest.mark.parametrize("text", ["On " * 9_000, "\n" * 20_000, "<" * 20_000, "Best regards " * 5_000, "> " * 9_000,
                                  "<div>" * 3_000, "<blockquote>" * 500, "this email " * 5_000])  # fmt: skip
def test_a_hostile_text_takes_no_time(text: str) -> None:
    """One row must not hold up a run; of an endless message the beginning is read (FEA-5)."""
    customer_words(text)
    assert len(customer_words("word " * LONGEST)) <= LONGEST

"""Invented names: companies, people, industries, countries. Any likeness to real ones is coincidence."""

from collections.abc import Mapping, Sequence


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split())


FIRST = _words(
    "Amber Apex Arbor Ash Aspen Atlas Aurora Azure Basil Beacon Birch Blue Bramble Bridge Bright Bronze Cedar Chalk "
    "Cinder Clear Clover Cobalt Copper Coral Crown Crystal Dawn Delta Drift Dune Eagle East Echo Elder Ember Emerald "
    "Fair Falcon Fern Field Flint Forge Fox Frost Gale Garnet Glen Gold Granite Green Grove Harbor Haven Hazel Heath "
    "High Hollow Iron Ivory Jade Juniper Keen Kestrel Key Lake Lark Laurel Light Lime Linden Lynx Maple Marble Marsh "
    "Meadow Mill Mint Mist Moon Moss Müller North Nova Oak Ocean Olive Onyx Opal Orchard Otter Owl Pearl Pebble Pine "
    "Pioneer Plum Polar Prairie Quartz Quill Raven Red Reed Ridge River Robin Rose Rowan Ruby Sage Salt Sand Sapphire "
    "Sea Shadow Silver Sky Slate Snow South Spring Spruce Star Steel Stone Storm Summit Swan Swift Thistle Thorn "
    "Thunder Tidal Timber Topaz Umber Vale Velvet Violet West Willow Wind Winter Wolf Wren Zephyr Zürn"
)
SECOND = _words(
    "acre bank bay beck bell berg bloom born bourne bow brook burn bury by cliff combe cote crest croft dale dean dell "
    "don end fall field fleet fold ford fort gate gill gin glade gold grave hall ham hampton haven hay head helm "
    "hill hold holm holt house hurst keep kirk land lea leigh line ling lock lodge low mark mead mere mill mont moor "
    "more mount mouth nell ness park path peak pike point pool port quay rake rath rick ridge rise rock row sand scar "
    "sea set shaw shire shore side stead stock stone stow strand stream ters thorpe thwaite ton tor tree vale view "
    "ville wall ward water way well wick wood worth yard"
)
LAST_WORDS: Mapping[str, Sequence[str]] = {
    "Software": ("Software", "Systems", "Labs", "Cloud"),
    "Manufacturing": ("Works", "Manufacturing", "Tools GmbH", "Components"),
    "Financial services": ("Capital", "Credit Union", "Advisers", "Insurance"),
    "Healthcare": ("Clinics", "Health", "Care Group", "Diagnostics"),
    "Retail": ("Stores", "Outfitters", "Market", "& Sons"),
    "Education": ("College", "Academy", "University", "Schools Trust"),
    "Logistics": ("Logistics", "Freight", "Couriers", "Shipping"),
    "Professional services": ("Partners", "Consulting", "& Co.", "Legal"),
}
INDUSTRIES = tuple(LAST_WORDS)
INDUSTRY_SHARES = (0.2, 0.14, 0.12, 0.12, 0.12, 0.1, 0.08, 0.12)
EDUCATION = INDUSTRIES.index("Education")

COUNTRIES: Mapping[str, tuple[float, str]] = {
    "US": (0.44, "USD"), "CA": (0.05, "USD"), "AU": (0.04, "USD"), "GB": (0.14, "GBP"), "DE": (0.10, "EUR"),
    "FR": (0.07, "EUR"), "ES": (0.05, "EUR"), "NL": (0.04, "EUR"), "IE": (0.03, "EUR"), "IT": (0.04, "EUR"),
}  # fmt: skip
"""ISO country: share of the accounts, currency of their contracts."""

GIVEN = _words(
    "Ada Amir Ana Anders Aoife Bea Ben Carla Chen Clara Dan Dara Elena Emil Eva Farid Finn Grace Hana Hugo Ines Ivan "
    "Jana Jonas Kai Kira Lars Lea Leo Lina Luca Maya Mei Milo Nadia Nils Nora Omar Petra Priya Rafa Rosa Sam Sara "
    "Sean Sofia Tara Theo Uma Vera"
)
FAMILY = _words(
    "Abbott Alvarez Bauer Becker Bell Byrne Castro Cohen Costa Dahl Diaz Dubois Evans Farah Ferrari Garcia Gruber "
    "Haas Hansen Ito Jansen Kaya Keller Khan Kim Kowalski Larsen Lopez Marino Meyer Moreau Murphy Nagy Novak Nowak "
    "O'Brien O'Neill Okafor Osei Patel Petrov Quinn Rossi Sato Silva Singh Tanaka Vogel Weber Yilmaz Zhang"
)


def company(number: int, industry: str) -> str:
    """Name of the account with this number (from 1); no two accounts share one."""
    pairs = len(FIRST) * len(SECOND)
    # A step without a common divisor visits every pair once before any comes back.
    pair = (number * 7919) % pairs
    stem = FIRST[pair % len(FIRST)] + SECOND[pair // len(FIRST)]
    words = LAST_WORDS[industry]
    again = (number - 1) // pairs
    return f"{stem} {words[number % len(words)]}" + (f" {again + 1}" if again else "")


def person(number: int) -> str:
    """Name of the employee with this number (from 0)."""
    people = len(GIVEN) * len(FAMILY)
    pick = (number * 1009) % people
    again = number // people
    return f"{GIVEN[pick % len(GIVEN)]} {FAMILY[pick // len(GIVEN)]}" + (f" {again + 1}" if again else "")

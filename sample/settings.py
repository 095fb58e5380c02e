"""Parameters of the sample company: its customers, their health, contracts and churn.

`x` is the latent health: about 1 for a contented account, below 0 for one in trouble. Ranges are inclusive.
"""

from typing import Literal

from pydantic import Field

from keepwell.sample.signal_settings import (
    BillingSettings,
    CommercialSettings,
    Frozen,
    Range,
    RelationSettings,
    SupportSettings,
    UsageSettings,
)

ContactMode = Literal["off", "policy", "random"]
"""Who is contacted: nobody, whom the policy names, or half of those below the mark at random."""


class Segment(Frozen):
    """How one segment differs from the others. Defaults are those of mid-market."""

    name: str = Field(description="as in accounts.segment")
    share: float = Field(default=0.35, description="share of all accounts, 0..1")
    seats: float = Field(default=18.0, description="median seats at the start")
    seat_spread: float = Field(default=0.45, description="standard deviation of log seats")
    seat_price: float = Field(default=720.0, description="USD per seat and year, list price")
    plan: str = Field(default="Business", description="as in contracts.plan")
    accounts_per_csm: int = Field(default=60, description="accounts that one CSM owns")
    monthly: float = Field(default=0.0, description="share on open-ended, monthly auto-renewing contracts, 0..1")
    multi_year: float = Field(default=0.06, description="share on terms of two or three years, 0..1")
    trial: float = Field(default=0.10, description="share that began with a trial, 0..1")
    churn: float = Field(default=0.0054, description="notices per month at x = 0, far from a renewal")
    tickets: float = Field(default=1.1, description="tickets per month at x = 1")
    meeting_days: int = Field(default=30, description="days between regular meetings; 0: none")
    review_days: int = Field(default=182, description="days between executive business reviews; 0: none")
    emails: float = Field(default=3.0, description="emails per month")
    asked: int = Field(default=2, description="people asked in each NPS wave")
    people: tuple[int, ...] = Field(
        default=(1, 1, 1, 1, 1), description="executives, sponsors, champions, admins, users known"
    )
    contacts: float = Field(
        default=0.5, description="probability per month that an account deep in trouble is contacted, 0..1"
    )


SEGMENTS = (
    Segment(name="digital-touch", share=0.55, seats=4.0, seat_spread=0.55, seat_price=360.0, plan="Starter",
            accounts_per_csm=400, monthly=0.7, multi_year=0.0, trial=0.35, churn=0.0185, tickets=0.6, meeting_days=0,
            review_days=0, emails=2.0, asked=1, people=(0, 0, 1, 1, 0), contacts=0.1),
    Segment(name="mid-market"),
    Segment(name="enterprise", share=0.10, seats=62.0, seat_price=1080.0, plan="Enterprise", accounts_per_csm=20,
            multi_year=0.25, trial=0.02, churn=0.0028, tickets=2.6, meeting_days=14, review_days=91, emails=5.0,
            asked=3, people=(1, 1, 2, 1, 3), contacts=0.7),
)  # fmt: skip


class BookSettings(Frozen):
    """The customers and when they joined."""

    chunk: int = Field(default=500, description="accounts generated at once; part of the seed, not of the machine")
    spare: float = Field(default=2.0, gt=1, description="candidates per account; some leave before the record")
    tenure_months: int = Field(default=84, description="customers have come for so many months before the first day")
    settle_days: int = Field(default=14, description="no account starts in the last so many days")
    prospect_days: Range = Field(
        default=(20, 90), description="days from the first record of an account to its first contract"
    )
    long_terms: tuple[int, ...] = Field(default=(24, 36), description="lengths of a multi-year contract, months")
    trial_days: Range = Field(default=(14, 30), description="length of a trial, days")
    subsidiary: float = Field(default=0.06, description="share with a parent company in the book, 0..1")
    never_used: float = Field(default=0.02, description="share that never log in, 0..1")
    skipped_onboarding: float = Field(default=0.25, description="share that skip onboarding, 0..1")
    opt_out: float = Field(default=0.06, description="share that asked for no automated email, 0..1")
    price_spread: float = Field(default=0.25, description="standard deviation of log price")
    fewest_csms: int = Field(default=2, ge=2, description="CSMs of a segment, at least; one can follow another")
    new_owner: float = Field(default=0.22, description="probability per year that the CSM changes")
    promoted: float = Field(default=0.03, description="share that change to the next larger segment, 0..1")
    fx_rates: dict[str, float] = Field(default={"EUR": 1.08, "GBP": 1.27}, description="USD for one unit")


class HealthSettings(Frozen):
    """The latent weekly health x: level + wandering - slides (+ recoveries)."""

    level: float = Field(default=1.35, description="mean of the accounts' own levels, x")
    level_spread: float = Field(default=0.35, description="standard deviation of the levels, x")
    onboarding_drop: float = Field(default=0.5, description="how much lower one lives that skipped onboarding, x")
    half_life: float = Field(default=18.0, description="weeks after which half of a deviation is gone")
    wander: float = Field(default=0.42, description="standing deviation of the wandering, x")
    slides_per_year: float = Field(default=0.24, description="slow slides per account and year")
    slide_slots: int = Field(default=8, description="most slides in one life")
    slide_weeks: Range = Field(default=(20, 44), description="length of a slide, weeks")
    slide_depth: tuple[float, float] = Field(default=(1.0, 2.6), description="depth of a slide, x")
    recovers: float = Field(default=0.4, description="share of slides that recover, 0..1")
    recovery_weeks: Range = Field(default=(8, 18), description="length of a recovery, weeks")
    champion_led: float = Field(
        default=0.3, description="share of first slides on record that begin as the champion leaves, 0..1"
    )
    champion_days: int = Field(
        default=14, description="how far the champion's leaving lies from the slide's start, days"
    )
    champion_seen: float = Field(default=0.7, description="share of those departures that the company records, 0..1")
    leaving_drop: float = Field(default=0.6, description="fall on the day on which an account gives notice, x")


class ChurnSettings(Frozen):
    """How an account in trouble churns."""

    steepness: float = Field(default=1.0, description="fall of the log odds per unit of x, far from a renewal")
    renewal: float = Field(default=2.6, description="rise of the log odds at a renewal, at x = 0")
    renewal_steepness: float = Field(default=0.5, description="further fall of the log odds per unit of x at a renewal")
    near_days: Range = Field(default=(45, 150), description="a renewal is wholly near, and not yet near, days ahead")
    never_used: float = Field(default=0.5, description="rise of the log odds for an account that never logged in")
    highest: float = Field(default=0.5, description="largest probability to leave in one week, 0..1")
    settle_days: int = Field(default=45, description="nobody leaves in the first so many days")
    declares: float = Field(default=0.95, description="share that give notice; the contracts of others run out, 0..1")
    lapse_weeks: float = Field(default=14.0, description="weeks of hazard that a contract running out stands for")
    notice_min_days: int = Field(default=5, description="too late for a notice in the last so many days")
    early_exit: float = Field(default=0.08, description="share of notices that end the contract before its term, 0..1")
    early_exit_days: int = Field(default=30, description="days from such a notice to the end")
    monthly_exit_days: Range = Field(default=(5, 31), description="days from notice to end, monthly contracts")
    season: tuple[float, float] = Field(
        default=(1.0, 1.0), description="odds of a notice in midsummer and at the turn of the year, times the usual"
    )


class ContractSettings(Frozen):
    """Contract terms, renewals and sizes."""

    signed_before: Range = Field(default=(0, 20), description="days from signing to the first start")
    renewed_before: Range = Field(default=(0, 45), description="days from signing a renewal to its start")
    late_renewal: float = Field(default=0.05, description="share of renewals that start late, 0..1")
    late_days: Range = Field(default=(1, 20), description="days a late renewal is late")
    auto_renew: float = Field(default=0.3, description="share of fixed terms that renew by themselves, 0..1")
    addon: float = Field(default=0.5, description="probability of an add-on per year for a delighted account, 0..1")
    addon_turn: float = Field(default=1.3, description="x at which half of that probability is left")
    addon_slope: float = Field(default=2.0, description="logit of that probability per unit of x")
    addon_when: tuple[float, float] = Field(default=(0.15, 0.8), description="when in the term an add-on starts, 0..1")
    module: float = Field(default=0.4, description="share of add-ons that are a module rather than seats, 0..1")
    addon_size: tuple[float, float] = Field(default=(0.12, 0.4), description="size of an add-on, share of the contract")
    grows: float = Field(default=0.2, description="probability to grow at a renewal for a delighted account, 0..1")
    grows_slope: float = Field(default=1.0, description="logit of that probability per unit of x, from addon_turn")
    growth: tuple[float, float] = Field(default=(1.1, 1.35), description="factor of seats")
    shrinks: float = Field(
        default=0.5, description="probability to shrink at a renewal for an account in deep trouble, 0..1"
    )
    shrinks_slope: float = Field(default=-2.0, description="logit of that probability per unit of x")
    shrinkage: tuple[float, float] = Field(default=(0.5, 0.85), description="factor of seats")
    uplift: tuple[float, float] = Field(default=(0.0, 0.06), description="rise of the price at a renewal, share")


class ContactSettings(Frozen):
    """Contacts by CSMs and their effects."""

    mode: ContactMode = Field(default="policy", description="off, by policy, or randomized below the mark")
    mark: float = Field(default=45.0, description="old score below which an account is worked on")
    random_share: float = Field(default=0.5, description="randomized: probability of a contact below the mark, 0..1")
    width: float = Field(default=6.0, description="how sharp that mark is, points of the old score")
    rest_months: int = Field(default=3, description="months without a further contact after one")
    lift: float = Field(default=0.6, description="rise of the health by a contact, x")
    harm: float = Field(default=0.5, description="fall of the health of a sleeping dog by a contact, x")
    sleeping_months: float = Field(
        default=30.0, description="tenure from which an open-ended contract is a sleeping dog, months"
    )
    confounded: float = Field(
        default=0.0,
        description="rise of the log odds of a contact per unit of what only the CSM knows; 0: switched off",
    )
    confounded_churn: float = Field(
        default=0.5, description="rise of the log odds of leaving per unit of that, where it is switched on"
    )


class PlantedSettings(Frozen):
    """Data oddities, planted for readers of the data to find."""

    outage_months: int = Field(default=17, description="the outage lay so many months before the last day")
    outage_days: int = Field(default=24, description="length of the outage, days")
    outage_use: float = Field(default=0.45, description="use during the outage, share of the usual")
    outage_tickets: float = Field(default=2.5, description="tickets during the outage, times the usual")
    renamed_months: int = Field(default=20, description="the event was renamed so many months before the last day")
    renamed: tuple[str, str] = Field(default=("exports", "exports-v2"), description="name before and after")


class EpisodeSettings(Frozen):
    """Flagged episodes: accounts on the day that they were flagged."""

    health: tuple[float, float] = Field(default=(-0.3, 0.6), description="latent health when flagged: mean, deviation")
    open_ended: float = Field(default=0.45, description="share on open-ended contracts, 0..1")
    open_ended_rise: float = Field(default=1.2, description="rise of their log odds: no renewal stops them")
    tenure_months: tuple[float, float] = Field(default=(2.0, 54.0), description="months under contract, from and to")
    seen: tuple[float, float, float] = Field(
        default=(62.0, 12.0, 7.0), description="health score at x = 0, per x, deviation"
    )
    use_drift: float = Field(default=0.1, description="log change of use per unit of x, without a contact")
    use_per_x: float = Field(default=0.5, description="log change of use per unit of effect")
    use_noise: float = Field(default=0.3, description="standard deviation of log use")


class CompanySettings(Frozen):
    """All parameters of the sample company."""

    segments: tuple[Segment, ...] = Field(default=SEGMENTS, description="smallest first")
    book: BookSettings = Field(default=BookSettings(), description="who the customers are")
    health: HealthSettings = Field(default=HealthSettings(), description="how they fare")
    churn: ChurnSettings = Field(default=ChurnSettings(), description="how they leave")
    contracts: ContractSettings = Field(default=ContractSettings(), description="what they buy")
    usage: UsageSettings = Field(default=UsageSettings(), description="how they use it")
    support: SupportSettings = Field(default=SupportSettings(), description="what they ask")
    billing: BillingSettings = Field(default=BillingSettings(), description="how they pay")
    relations: RelationSettings = Field(default=RelationSettings(), description="how they talk")
    commercial: CommercialSettings = Field(default=CommercialSettings(), description="deals, the old score, notes")
    contacts: ContactSettings = Field(default=ContactSettings(), description="what is done about them")
    episodes: EpisodeSettings = Field(default=EpisodeSettings(), description="flagged episodes for studies of effect")
    planted: PlantedSettings = Field(default=PlantedSettings(), description="what is odd about the data")


def company_with(contacts: ContactMode, confounder: bool) -> CompanySettings:
    """The sample company with these contacts; a confounder drives both contacts and churn and is not recorded."""
    return CompanySettings(contacts=ContactSettings(mode=contacts, confounded=1.0 if confounder else 0.0))


def with_few_seats(company: CompanySettings, max_seats: float) -> CompanySettings:
    """The company with so many seats per account in the median, at most: fewer rows of usage for the same signals."""
    segments = tuple(s.model_copy(update={"seats": min(s.seats, max_seats)}) for s in company.segments)
    return company.model_copy(update={"segments": segments})

"""Settings of what people do with a score: tiers, actions, alert rules and their clocks."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from keepwell.playbook.working_hours import WorkingHours
from keepwell.values.setting_types import (
    Amount,
    Count,
    CountOrZero,
    Days,
    DaysOrZero,
    Hours,
    HoursOrZero,
    Number,
    Points,
    Positive,
    Section,
    Share,
    Weeks,
    WholeMinutes,
    WholeMinutesOrZero,
    Windows,
)

DATA_OWNER = "data owner"


class OwnerSettings(Section):
    """Who stands in where the data names nobody, and who holds a role."""

    default_csm: str = Field("unassigned", description="owner of accounts without a CSM")
    roles: Mapping[str, tuple[str, ...]] = Field(
        {}, description="people by role: manager, director, finance, executive, product, technical, data owner"
    )

    @property
    def data_owner(self) -> str:
        """Who answers a data alert: the first who holds the role, else the role."""
        return next(iter(self.roles.get(DATA_OWNER, ())), DATA_OWNER)


class TierSettings(Section):
    """Response tiers; the most urgent reason wins."""

    immediate_below: Points = Field(50, description="health points; below: immediate intervention")
    automated_above: Points = Field(80, description="health points; above: automated health-check email")
    urgent_risk: Share = Field(0.5, description="risk from which the tier is immediate, whatever health says")
    outreach_business_days: DaysOrZero = Field(3, description="business days from entering the tier to the outreach")
    automated_business_days: DaysOrZero = Field(5, description="business days from entering the tier to the email")
    holidays: tuple[date, ...] = Field((), description="days that are no business days")

    @model_validator(mode="after")
    def _in_order(self) -> "TierSettings":
        if self.immediate_below > self.automated_above:
            raise ValueError("immediate_below must not be above automated_above: a health would be in both tiers")
        return self


class Clocks(Section):
    """Hours from when an alert reaches people to each step of the response."""

    acknowledge_hours: Hours = Field(2, description="acknowledged")
    assess_hours: Hours = Field(4, description="assessed")
    plan_hours: Hours = Field(24, description="plan documented")
    contact_hours: Hours = Field(48, description="customer contacted")
    follow_up_hours: Hours = Field(72, description="followed up")


class Team(Section):
    """CSMs who work other hours than the rest."""

    csms: tuple[str, ...] = Field(description="names of its CSMs, as the accounts have them", min_length=1)
    hours: WorkingHours = WorkingHours()


class GuardSettings(Section):
    """When a measure has moved for the book at once, so that the alerts that rest on it are held."""

    window_days: Days = Field(7, description="days within which a measure moves; whole weeks, or weekdays count")
    share: Share = Field(
        0.25, description="share of accounts for which it got worse less that for which it got better, or the reverse"
    )
    back_share: Share = Field(0.125, description="the same, below which it is back where it was before it moved")
    min_change: Amount = Field(
        0.1, description="change of an account that counts, robust standard deviations across the book"
    )
    min_standard_errors: Amount = Field(5, description="standard errors that the share must be above 0 (small books)")
    min_accounts: Count = Field(50, description="accounts that have the measure on both days, at least")
    usual_windows: Windows = Field(4, description="earlier windows from which is known what is usual")
    min_windows: Windows = Field(2, description="of them, how many must be stored before anything can be told")
    join_days: DaysOrZero = Field(28, description="days in which what moves later joins the same data alert")
    back_days: DaysOrZero = Field(2, description="days that the measures must be back before a data alert closes")
    max_days: DaysOrZero = Field(120, description="days after which the new level counts as the usual one")

    @model_validator(mode="after")
    def _back_below_moved(self) -> "GuardSettings":
        if self.back_share > self.share:
            raise ValueError("back_share must not be above share: what has moved is not back")
        return self


class AlertSettings(Section):
    """The alert rules and an alert's life."""

    silent_days: DaysOrZero = Field(14, description="days without usage that open `no_usage`")
    silent_minimum_tenure_days: DaysOrZero = Field(14, description="days of contract before silence counts")
    health_below: Points = Field(50, description="health points that open `health_low`")
    health_low_hours: Hours = Field(24, description="hours until the director must have it")
    drop_points: Positive = Field(15, description="points below the window's highest that open `health_drop`")
    drop_window_days: DaysOrZero = Field(30, description="days of stored scores in which the highest is sought")
    ticket_priorities: tuple[str, ...] = Field(
        ("urgent", "critical"), description="priorities that open `urgent_ticket`"
    )
    ticket_review_hours: Hours = Field(4, description="hours until the CSM must have reviewed an urgent ticket")
    cool_down_days: DaysOrZero = Field(14, description="days after a closing in which the same condition opens nothing")
    gone_days: DaysOrZero = Field(7, description="days that a cause must be gone before its alert closes")
    event_lookback_days: DaysOrZero = Field(7, description="days back in which an event that arrived late still opens")
    storm_alerts: CountOrZero = Field(50, description="alerts opened in one run, beyond which they become one digest")
    storm_share: Share = Field(0.2, description="the same as a share of the book")
    storm_minimum: CountOrZero = Field(10, description="alerts below which the share does not count (small books)")
    catch_up_days: DaysOrZero = Field(31, description="missed days that are made up, in order; before them only events")
    guard: GuardSettings = GuardSettings()
    clocks: Clocks = Clocks()
    hours: WorkingHours = WorkingHours()
    teams: Mapping[str, Team] = Field({}, description="teams with hours of their own, by name")

    def hours_of(self, owner: str) -> WorkingHours:
        """The hours of the owner's team; those of everybody else where no team names the owner."""
        return next((team.hours for team in self.teams.values() if owner in team.csms), self.hours)


class ReviewSettings(Section):
    """A sprint of the expert review."""

    accounts: Count = Field(36, description="accounts of a sprint; all of a smaller book")
    agreeing_share: Share = Field(0.25, description="share of them where risk and health agree, 0..1")
    min_reviewed: CountOrZero = Field(
        30, description="accounts forecast and then revealed before a sprint can be signed"
    )
    max_score_age_days: DaysOrZero = Field(7, description="days after which published scores are too old to begin with")
    open_days: DaysOrZero = Field(30, description="days from the beginning in which forecasts are taken")


class Action(Section):
    """One entry of the playbook: when it applies, and what to do by when."""

    name: str = Field(description="what to do, in the imperative or as a noun")
    owner: Literal["csm", "manager", "director", "finance", "executive", "product", "technical", "automation"]
    tiers: tuple[Literal["immediate", "outreach", "automated"], ...] = Field(
        description="tiers in which it applies", min_length=1
    )
    components: tuple[str, ...] = Field((), description="components of the leading factor; empty: any")
    features: tuple[str, ...] = Field((), description="features of the leading factor; empty: any")
    segments: tuple[str, ...] = Field((), description="segments in which it applies; empty: any")
    renewal_within_days: DaysOrZero | None = Field(
        None, description="only where the contract renews within so many days"
    )
    risk_from: Share | None = Field(None, description="only from this chance of churn on; never where there is none")
    expansion_from: Share | None = Field(None, description="the same for expansion")
    advocacy_from: Share | None = Field(None, description="the same for advocacy")
    grows: bool = Field(False, description="an upsell or a reference: never while an alert of the account is open")
    within_days: DaysOrZero | None = Field(None, description="calendar days to act; empty: as the tier says")
    because: str = Field(description="why this action answers this cause, for the CS director who edits the file")
    talking_points: tuple[str, ...] = Field((), description="what to bring up with the customer")
    kind: str | None = Field(None, description="kind of intervention that it begins, as they are recorded; empty: none")


class NeedSettings(Section):
    """Which team is needed for which component; the owner of the playbook's action is needed as well."""

    technical: tuple[str, ...] = Field(("support",), description="components that need the technical team")
    product: tuple[str, ...] = Field(("adoption",), description="components that need the product team")
    finance: tuple[str, ...] = Field(("billing",), description="components that need finance")


class OutreachSettings(Section):
    """Week 2 of the month: whom to call, who calls, and when."""

    calls_per_week: CountOrZero = Field(15, description="calls of a CSM in the week: the capacity")
    capacity: Mapping[str, CountOrZero] = Field({}, description="the same for single CSMs, by name")
    calls_per_day: Count = Field(3, description="calls of a CSM on one day")
    call_minutes: WholeMinutes = Field(45, description="minutes of a call")
    minutes_between: WholeMinutesOrZero = Field(
        15, description="minutes before each call, for preparing and writing down"
    )
    notice_hours: HoursOrZero = Field(
        8, description="hours from the week's first midnight (UTC) to the first call, so that it can be seen before"
    )
    hold_out_share: Annotated[Share, Field(le=0.5)] = Field(
        0.0, description="share of the accounts to call that a lot leaves alone, to see what calls are worth; 0: none"
    )
    hold_out_high_value: bool = Field(False, description="whether the lot is drawn for accounts of high value too")
    share_calls: bool = Field(True, description="whether colleagues with room take the calls of a CSM who has none")
    unavailable_from: Mapping[str, date] = Field(
        {}, description="CSMs who left or are away, by name: their first day without calls"
    )
    full_decline: Positive = Field(30, description="health points lost within a month that weigh in full")
    min_severity: Share = Field(0.25, description="weight of an account that has lost none, or of which none is known")
    renewal_days: Days = Field(90, description="days before a renewal in which its nearness counts")
    renewal_weight: Amount = Field(0.5, description="what a renewal today adds to the priority, as a share")
    needs: NeedSettings = NeedSettings()


class WorkSettings(Section):
    """Week 3 of the month: the words in which people record what they did."""

    reached: tuple[str, ...] = Field(
        ("reached", "resolved", "intends_to_leave"),
        description="outcomes of a call in which the customer was spoken to",
    )
    not_reached: tuple[str, ...] = Field(
        ("no_answer", "postponed", "refused"), description="outcomes of a call in which the customer was not spoken to"
    )
    causes: tuple[str, ...] = Field(
        (
            "product_defect", "slow_support", "missing_feature", "low_adoption", "onboarding", "champion_left", "price",
            "budget", "competitor", "merger", "no_need", "other",
        ),
        description="root causes that can be recorded",
    )  # fmt: skip
    max_override_days: Days = Field(90, description="days for which a person may set an account's health")
    kinds: tuple[str, ...] = Field(
        ("technical_fix", "training", "support", "executive", "commercial"), description="kinds of intervention"
    )
    max_backdate_days: Days = Field(
        730, description="days back in which something recorded may have happened; before them it is a wrong year"
    )
    max_file_mb: Count = Field(50, description="megabytes of a file that `work import` takes in, at most")
    cause_days: DaysOrZero = Field(90, description="days after which a root cause that was found says nothing any more")


class WeeklySettings(Section):
    """The weekly review: what is told, and which healthy accounts could be asked to expand."""

    days: Days = Field(7, description="days that the review looks back on")
    max_staleness_days: DaysOrZero = Field(
        7, description="days by which the stored scores that are compared with may be older"
    )
    trend_weeks: Weeks = Field(13, description="earlier reviews whose bands are shown as a trend")
    max_items: Count = Field(25, description="items of a section that the page lists; the mart holds all")
    past_days: Days = Field(365, description="days of interventions that the success rate looks at")
    confidence: Share = Field(0.90, description="confidence of the interval of the success rate, 0..1")
    min_observations: Count = Field(10, description="cases that something learnt must rest on, at least")
    candidates: CountOrZero = Field(20, description="healthy accounts without a deal that are named, at most")
    deals: tuple[str, ...] = Field(("expansion",), description="kinds of opportunities that are the pipeline")
    closed_stages: tuple[str, ...] = Field(("won", "lost"), description="stages in which a deal is over")
    min_signs: Count = Field(
        2, description="signs that a candidate must show, at least, where no model tells of expansion"
    )
    seats_used: Share = Field(0.9, description="sign: share of the paid seats in use, at least, 0..1")
    usage_rise: Number = Field(0.1, description="sign: rise of use, last 28 days against the 28 before, share")
    promoter_from: Number = Field(9, description="sign: mean NPS answer of the last year, at least, 0..10")


class EscalationSettings(Section):
    """Week 4 of the month: what goes to an executive."""

    recent_days: Days = Field(31, description="days back in which a missed plan or failed work still counts")
    answer_days: DaysOrZero = Field(3, description="days from the week's first to the executive's answer")
    max_items: Count = Field(20, description="escalations, suggestions and losses on the page, at most, of each")

"""Settings of the response to a score: tiers, actions, alert rules and their deadlines."""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from keepwell.playbook.rule_settings import Clocks, OwnRule, Role
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

DATA_OWNER, ML_OWNER = "data owner", "ml owner"
RuleName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]


class OwnerSettings(Section):
    """The default owner of accounts, and who has which role."""

    default_csm: str = Field("unassigned", description="owner of accounts without a CSM")
    roles: Mapping[str, tuple[str, ...]] = Field(
        {},
        description="people by role: manager, director, finance, executive, product, technical, data owner, ml owner",
    )

    @property
    def data_owner(self) -> str:
        """Who answers a data alert: the first person with the role, else the role."""
        return next(iter(self.roles.get(DATA_OWNER, ())), DATA_OWNER)

    @property
    def ml_owner(self) -> str:
        """Who answers an alert about a model: the first person with the role, else the role."""
        return next(iter(self.roles.get(ML_OWNER, ())), ML_OWNER)


class TierSettings(Section):
    """Response tiers; the most urgent reason wins."""

    immediate_below: Points = Field(50, description="health below this: immediate intervention, points")
    automated_above: Points = Field(80, description="health above this: automated check-in email, points")
    urgent_risk: Share = Field(0.5, description="risk from which the tier is immediate, whatever the health, 0..1")
    outreach_business_days: DaysOrZero = Field(3, description="business days from entering the tier to the outreach")
    automated_business_days: DaysOrZero = Field(5, description="business days from entering the tier to the email")
    holidays: tuple[date, ...] = Field((), description="dates that are not business days")

    @model_validator(mode="after")
    def _in_order(self) -> "TierSettings":
        if self.immediate_below > self.automated_above:
            raise ValueError("immediate_below must not be above automated_above: a health would be in both tiers")
        return self


class Team(Section):
    """CSMs with working hours of their own."""

    csms: tuple[str, ...] = Field(description="names of its CSMs, as the accounts have them", min_length=1)
    hours: WorkingHours = WorkingHours()


class GuardSettings(Section):
    """When a measure has moved across the portfolio, so that alerts that rest on it go on hold."""

    window_days: Days = Field(
        7, description="days within which a measure moves; use whole weeks, or weekdays distort it"
    )
    share: Share = Field(
        0.25,
        description="minimum balance: share of accounts where it got worse minus share where it got better, or reverse",
    )
    back_share: Share = Field(0.125, description="balance below which the measure is back at its old level")
    min_change: Amount = Field(
        0.1, description="minimum change of an account, in robust standard deviations across accounts"
    )
    min_standard_errors: Amount = Field(5, description="minimum balance in standard errors (matters for few accounts)")
    min_accounts: Count = Field(50, description="minimum number of accounts with the measure on both days")
    usual_windows: Windows = Field(4, description="earlier windows that show what is usual")
    min_windows: Windows = Field(
        2, description="minimum number of stored earlier windows; with fewer, no data alert opens"
    )
    join_days: DaysOrZero = Field(28, description="days in which further measures join the same data alert")
    back_days: DaysOrZero = Field(2, description="days at the old level before a data alert closes")
    max_days: DaysOrZero = Field(120, description="days after which the new level counts as normal")

    @model_validator(mode="after")
    def _back_below_moved(self) -> "GuardSettings":
        if self.back_share > self.share:
            raise ValueError("back_share must not be above share: a measure that has moved is not back")
        return self


class AlertSettings(Section):
    """The alert rules and the life of an alert."""

    silent_days: DaysOrZero = Field(14, description="days without usage that open `no_usage`")
    silent_minimum_tenure_days: DaysOrZero = Field(14, description="days of contract before silence counts")
    health_below: Points = Field(50, description="health points that open `health_low`")
    health_low_hours: Hours = Field(24, description="hours until the director has reviewed it")
    drop_points: Positive = Field(15, description="points below the window's highest that open `health_drop`")
    drop_window_days: DaysOrZero = Field(30, description="days of stored scores among which the highest counts")
    ticket_priorities: tuple[str, ...] = Field(
        ("urgent", "critical"), description="priorities that open `urgent_ticket`"
    )
    ticket_review_hours: Hours = Field(4, description="hours until the CSM has reviewed an urgent ticket")
    cool_down_days: DaysOrZero = Field(
        14, description="days after closing in which the same condition opens no new alert"
    )
    gone_days: DaysOrZero = Field(7, description="days that the cause must be gone before its alert closes")
    missing_days: DaysOrZero = Field(
        14,
        description="days after which alerts of an account close that is missing from the contracts, without notice, "
        "end or quarantine reason; until then they are on hold",
    )
    event_lookback_days: DaysOrZero = Field(7, description="days after which an event that arrives late opens no alert")
    prompt_minutes: WholeMinutesOrZero = Field(
        15, description="minutes from an event to its notification up to which deadlines count from the event itself"
    )
    storm_alerts: CountOrZero = Field(
        50, description="alerts of one run above which one digest replaces their messages"
    )
    storm_share: Share = Field(0.2, description="the same, as a share of all accounts")
    storm_minimum: CountOrZero = Field(10, description="minimum number of alerts for `storm_share` to apply")
    catch_up_days: DaysOrZero = Field(
        31, description="missed days that a run catches up, in order; of older days it reads events only"
    )
    recipients: Mapping[str, tuple[Role, ...]] = Field(
        {}, description="roles that an alert rule notifies, by rule; the others notify their default roles"
    )
    escalation: tuple[Role, ...] = Field(
        ("manager", "director", "executive"),
        description="role notified of a case's first missed deadline, its second, and so on",
        min_length=1,
    )
    rules: Mapping[RuleName, OwnRule] = Field({}, description="the company's own alert rules, by name")
    guard: GuardSettings = GuardSettings()
    clocks: Clocks = Clocks()
    model_clocks: Clocks = Clocks(acknowledge_hours=24, assess_hours=72)
    hours: WorkingHours = WorkingHours()
    teams: Mapping[str, Team] = Field({}, description="teams with hours of their own, by name")

    def hours_of(self, owner: str) -> WorkingHours:
        """The working hours of the owner's team, else the default hours."""
        return next((team.hours for team in self.teams.values() if owner in team.csms), self.hours)


class ActionSettings(Section):
    """The life of a next action."""

    rest_days: DaysOrZero = Field(
        14,
        description="days after an action was done, or closed by a person, before the next; a more urgent tier ends it",
    )
    watch_stable: bool = Field(
        True, description="whether stable accounts without risk are watched, without a dated action"
    )


class ReviewSettings(Section):
    """A sprint of the expert review."""

    accounts: Count = Field(36, description="accounts of a sprint; all if there are fewer")
    agreeing_share: Share = Field(0.25, description="share of accounts where risk and health agree, 0..1")
    min_reviewed: CountOrZero = Field(
        30, description="minimum number of accounts forecast and revealed before sign-off"
    )
    max_score_age_days: DaysOrZero = Field(7, description="maximum age of the scores at the start, days")
    open_days: DaysOrZero = Field(30, description="days after the start in which forecasts are accepted")


class Action(Section):
    """One entry of the playbook: when it applies, and what to do by when."""

    name: str = Field(description="what to do, as a command or a noun")
    owner: Literal["csm", "manager", "director", "finance", "executive", "product", "technical", "automation"]
    tiers: tuple[Literal["immediate", "outreach", "automated"], ...] = Field(
        description="tiers in which it applies", min_length=1
    )
    components: tuple[str, ...] = Field((), description="components of the leading factor; empty: any")
    features: tuple[str, ...] = Field((), description="features of the leading factor; empty: any")
    segments: tuple[str, ...] = Field((), description="segments in which it applies; empty: any")
    renewal_within_days: DaysOrZero | None = Field(
        None, description="only if the contract renews within this many days"
    )
    risk_from: Share | None = Field(None, description="only from this probability of churn on; never without a model")
    expansion_from: Share | None = Field(None, description="the same for expansion")
    advocacy_from: Share | None = Field(None, description="the same for advocacy")
    leaving: bool | None = Field(None, description="only accounts whose notice is known (true), or only others (false)")
    never_used: bool | None = Field(
        None, description="only accounts that never used the product (true), or only others (false)"
    )
    grows: bool = Field(False, description="an upsell or a reference: never while the account has an open alert")
    within_days: DaysOrZero | None = Field(
        None, description="calendar days to act, no more than the tier has; empty: the deadline of the tier"
    )
    because: str = Field(description="why this action fits this factor; the CSM and the CS director read it")
    talking_points: tuple[str, ...] = Field((), description="what to bring up with the customer")
    kind: str | None = Field(None, description="kind of intervention that it starts, one of work.kinds; empty: none")


class NeedSettings(Section):
    """Teams needed by component; the owner of the playbook's action is needed as well."""

    technical: tuple[str, ...] = Field(("support",), description="components that need the technical team")
    product: tuple[str, ...] = Field(("adoption",), description="components that need the product team")
    finance: tuple[str, ...] = Field(("billing",), description="components that need finance")


class OutreachSettings(Section):
    """Week 2 of the month: whom to call, who calls, and when."""

    calls_per_week: CountOrZero = Field(15, description="capacity: calls of a CSM per week")
    capacity: Mapping[str, CountOrZero] = Field({}, description="capacity of single CSMs, by name")
    calls_per_day: Count = Field(3, description="calls of a CSM per day")
    call_minutes: WholeMinutes = Field(45, description="length of a call, minutes")
    minutes_between: WholeMinutesOrZero = Field(15, description="minutes before each call, to prepare and take notes")
    notice_hours: HoursOrZero = Field(
        8, description="minimum hours from the week's first midnight (UTC) to the first call, so CSMs see it in time"
    )
    hold_out_share: Annotated[Share, Field(le=0.5)] = Field(
        0.0,
        description="share of the accounts to call that is held out at random, to measure the effect of calls; 0: none",
    )
    hold_out_high_value: bool = Field(False, description="whether high-value accounts can be held out too")
    share_calls: bool = Field(True, description="whether colleagues with capacity take over calls of a CSM without")
    share_across_segments: bool = Field(
        True, description="whether colleagues of other segments take over, once those of the segment are full"
    )
    unavailable_from: Mapping[str, date] = Field(
        {}, description="CSMs who left or are away, by name: their first day without calls"
    )
    full_decline: Positive = Field(30, description="health points lost within a month that get full weight")
    min_severity: Share = Field(
        0.25, description="minimum weight of the decline: of an account without one, or without earlier scores"
    )
    renewal_days: Days = Field(90, description="days before a renewal in which it raises the priority")
    renewal_weight: Amount = Field(0.5, description="share that a renewal today adds to the priority")
    needs: NeedSettings = NeedSettings()


class WorkSettings(Section):
    """Week 3 of the month: the words that people use to record work."""

    reached: tuple[str, ...] = Field(
        ("reached", "resolved", "intends_to_leave"),
        description="outcomes of a call that reached the customer",
    )
    not_reached: tuple[str, ...] = Field(
        ("no_answer", "postponed", "refused"), description="outcomes of a call that did not reach the customer"
    )
    causes: tuple[str, ...] = Field(
        (
            "product_defect", "slow_support", "missing_feature", "low_adoption", "onboarding", "champion_left", "price",
            "budget", "competitor", "merger", "no_need", "other",
        ),
        description="root causes",
    )  # fmt: skip
    max_override_days: Days = Field(90, description="maximum length of a health override, days")
    kinds: tuple[str, ...] = Field(
        ("technical_fix", "training", "support", "executive", "commercial"), description="kinds of intervention"
    )
    max_backdate_days: Days = Field(
        730, description="maximum age of recorded work, days; older dates are refused as a wrong year"
    )
    max_file_mb: Count = Field(50, description="maximum size of a file for `work import`, megabytes")
    cause_days: DaysOrZero = Field(90, description="days for which a recorded root cause counts")


class WeeklySettings(Section):
    """The weekly review: what it covers, and which healthy accounts could expand."""

    days: Days = Field(7, description="days that the review looks back on")
    max_staleness_days: DaysOrZero = Field(
        7, description="days by which the scores to compare with may be older than `days`"
    )
    trend_weeks: Weeks = Field(13, description="earlier reviews in the trend of bands, weeks")
    max_items: Count = Field(25, description="maximum number of items per section on the page; the mart holds all")
    past_days: Days = Field(365, description="days of interventions in the success rate")
    confidence: Share = Field(0.90, description="confidence of the interval of the success rate, 0..1")
    min_observations: Count = Field(10, description="minimum number of interventions or alerts behind a lesson")
    candidates: CountOrZero = Field(
        20, description="maximum number of expansion candidates: healthy accounts without a deal"
    )
    deals: tuple[str, ...] = Field(("expansion",), description="kinds of opportunities in the pipeline")
    closed_stages: tuple[str, ...] = Field(("won", "lost"), description="stages of a closed deal")
    min_signs: Count = Field(2, description="minimum number of signs of a candidate, if no model predicts expansion")
    seats_used: Share = Field(0.9, description="sign: minimum share of paid seats in use, 0..1")
    usage_rise: Number = Field(0.1, description="sign: rise in usage, last 28 days against the 28 before, share")
    promoter_from: Number = Field(9, description="sign: minimum mean NPS answer of the last year, 0..10")


class EscalationSettings(Section):
    """Week 4 of the month: what goes to an executive."""

    recent_days: Days = Field(31, description="days for which a missed plan or a failed intervention counts")
    answer_days: DaysOrZero = Field(3, description="days from the start of the week to the executive's answer")
    max_items: Count = Field(
        20, description="maximum number of escalations, suggestions and churned accounts on the page, each"
    )

"""Parameters of the customers' data: usage, tickets, invoices, conversations, deals.

`x` is the latent health (see settings.py). Rates are per account while it is a customer, unless they say otherwise.
A pair called "logit" holds the constant (at x = 0) and the slope per unit of x. Ranges are inclusive.
"""

from pydantic import BaseModel, ConfigDict, Field

Range = tuple[int, int]


class Frozen(BaseModel):
    """Immutable settings; an unknown name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Feature(Frozen):
    """One feature of the product."""

    name: str = Field(description="as in usage.feature")
    share: float = Field(description="probability to be used on a user's day once adopted, 0..1")
    events: float = Field(description="mean actions per user's day at x = 0, beyond the first")
    minutes: float = Field(description="minutes per action")


FEATURES = (
    Feature(name="alerts", share=0.16, events=3.0, minutes=0.6),
    Feature(name="api", share=0.10, events=14.0, minutes=0.2),
    Feature(name="automations", share=0.14, events=4.0, minutes=1.2),
    Feature(name="boards", share=0.30, events=7.0, minutes=1.5),
    Feature(name="dashboards", share=0.62, events=6.0, minutes=1.1),
    Feature(name="exports", share=0.18, events=2.0, minutes=0.5),
    Feature(name="integrations", share=0.10, events=5.0, minutes=0.8),
    Feature(name="reports", share=0.34, events=5.0, minutes=1.8),
)


class UsageSettings(Frozen):
    """Product use: user-days, and features and events within them."""

    features: tuple[Feature, ...] = Field(default=FEATURES, description="in the order of their names")
    core: str = Field(default="dashboards", description="the feature that everybody comes for")
    users_per_seat: float = Field(default=0.9, description="people who have a login, per seat")
    activity: tuple[float, float] = Field(
        default=(0.9, 3.2), description="Beta parameters of a user's daily probability to come"
    )
    level_spread: float = Field(default=0.8, description="standard deviation of an account's log activity")
    user_turn: tuple[float, float] = Field(
        default=(-0.6, 0.9), description="x at which a user's probability halves: mean, deviation"
    )
    user_slope: float = Field(default=1.7, description="logit of coming per unit of x")
    weekly_noise: float = Field(default=0.15, description="standard deviation of an account's week, x")
    weekend: float = Field(default=0.07, description="activity at weekends, share of a weekday")
    ramp_days: float = Field(default=25.0, description="days in which 63% of a new account's users have begun")
    holiday_days: tuple[str, str] = Field(default=("12-24", "01-01"), description="first and last, month-day")
    holiday: float = Field(default=0.25, description="activity on holidays, share of a usual day")
    summer_days: tuple[str, str] = Field(default=("06-15", "08-31"), description="first and last, month-day")
    summer: float = Field(default=0.25, description="activity of education in summer, share of a usual day")
    feature_turn: tuple[float, float] = Field(default=(-0.3, 1.0), description="x at which a feature is half dropped")
    feature_slope: float = Field(default=2.0, description="logit of use per unit of x")
    adoption_days: float = Field(default=60.0, description="mean days until a feature is first used")
    depth: float = Field(default=0.45, description="log events per unit of x")
    minutes_noise: float = Field(default=0.35, description="standard deviation of log minutes")


class SupportSettings(Frozen):
    """Tickets, from opening to satisfaction."""

    slope: float = Field(default=0.45, description="fall of log tickets per unit of x")
    severity: float = Field(default=0.5, description="fall of the severity per unit of x")
    priority_thresholds: tuple[float, ...] = Field(
        default=(-0.4, 0.8, 1.7, 2.25), description="severity from which medium .. critical"
    )
    response_hours: tuple[float, ...] = Field(
        default=(16.0, 9.0, 4.0, 1.5, 0.7), description="median first response, low .."
    )
    close_hours: tuple[float, ...] = Field(
        default=(60.0, 48.0, 40.0, 30.0, 24.0), description="median from answer to closing"
    )
    hours_spread: float = Field(default=0.9, description="standard deviation of log hours")
    escalation: tuple[float, float] = Field(default=(-4.2, 1.0), description="logit: constant, per unit of severity")
    csat_answered: float = Field(default=0.4, description="share of closed tickets with an answer, 0..1")
    csat: tuple[float, float, float] = Field(
        default=(3.5, 0.5, 0.9), description="mean at x = 0, per unit of x, deviation"
    )
    csat_sentiment: float = Field(default=0.5, description="satisfaction lost or won by a bad or good sentiment")
    csat_hours: float = Field(default=24.0, description="mean hours from closing to the answer")
    sentiment: tuple[float, float] = Field(
        default=(-1.1, 0.9), description="mean sentiment at x = 0 and per unit of x; unit deviation"
    )


class BillingSettings(Frozen):
    """Invoices and how they are paid."""

    history_months: int = Field(default=12, description="invoices reach back so many months before the first day")
    quarterly: float = Field(default=0.35, description="share of fixed terms billed every quarter, 0..1")
    terms_days: int = Field(default=30, description="payment term of fixed contracts, days")
    card_days: int = Field(default=7, description="payment term of monthly contracts, days")
    failure: tuple[float, float] = Field(
        default=(0.02, 0.06), description="probability of a failure at x = 0: fixed, monthly"
    )
    failure_slope: float = Field(default=0.6, description="fall of its log per unit of x")
    dispute: float = Field(default=0.025, description="probability of a dispute at x = 0")
    dispute_slope: float = Field(default=0.7, description="fall of its log per unit of x")
    unpaid: float = Field(default=0.015, description="probability of never being paid at x = 0; falls like a failure's")
    paid_after: tuple[float, float, float] = Field(
        default=(4.0, 3.5, 7.0), description="days late at x = 0, less per x, spread"
    )
    retry_days: Range = Field(default=(1, 12), description="days from failure to the payment that works")
    disputed_days: Range = Field(default=(3, 25), description="days from issue to dispute")
    settled: float = Field(default=0.85, description="share of disputes settled, 0..1")
    settled_days: Range = Field(default=(5, 45), description="days from dispute to settlement")


class RelationSettings(Frozen):
    """People and conversations."""

    jitter_days: int = Field(default=3, description="how far a regular meeting lies from its day")
    meeting: tuple[float, float] = Field(default=(0.9, 1.0), description="logit of coming: at x = 0, per unit of x")
    review: tuple[float, float] = Field(
        default=(0.3, 1.2), description="logit of coming to a review: at x = 0, per unit of x"
    )
    email: tuple[float, float] = Field(default=(-0.8, 0.8), description="logit of answering: at x = 0, per unit of x")
    executive: float = Field(
        default=0.6, description="share of reviews with an executive; the others with a sponsor, 0..1"
    )
    calls: float = Field(default=0.1, description="calls per month")
    webinars: float = Field(default=0.6, description="webinar invitations per month")
    webinar: tuple[float, float] = Field(default=(-1.4, 0.9), description="logit of coming")
    posts: tuple[float, float] = Field(
        default=(0.12, 0.5), description="community posts per month at x = 0; log per unit of x"
    )
    transcript: float = Field(default=0.6, description="share of meetings, calls, emails with a text, 0..1")
    engagement: float = Field(
        default=0.3, description="share of large accounts' attended meetings that a tool scored, 0..1"
    )
    sentiment: tuple[float, float] = Field(
        default=(-0.4, 0.9), description="mean sentiment at x = 0 and per unit of x; unit deviation"
    )
    engagement_logit: tuple[float, float, float] = Field(
        default=(0.0, 0.5, 1.0), description="logit of that score: at x = 0, per unit of x, deviation"
    )
    milestone_days: tuple[int, ...] = Field(
        default=(5, 16, 30, 50, 75), description="days from the start to each milestone"
    )
    onboarding: tuple[float, float] = Field(
        default=(0.93, 0.2), description="probability to come: usual, those who skip it"
    )
    departure_rate: float = Field(default=0.15, description="probability per year that a person leaves")
    replaced: float = Field(default=0.6, description="share of departed champions with a successor, 0..1")
    replaced_days: Range = Field(default=(20, 90), description="days until then")
    met_days: Range = Field(default=(0, 60), description="days from the first contract until a person is known")
    survey_days: int = Field(default=182, description="days between NPS waves")
    answered: tuple[float, float] = Field(default=(-0.6, 0.4), description="logit of answering a survey")
    nps: tuple[float, float, float] = Field(
        default=(5.7, 1.8, 1.4), description="mean at x = 0, per unit of x, deviation"
    )
    advocacy: tuple[float, float] = Field(
        default=(0.05, 1.0),
        description="references, reviews, referrals and case studies per year at x = 0; log per unit of x",
    )
    advocacy_shares: tuple[float, ...] = Field(default=(0.3, 0.4, 0.2, 0.1), description="shares of these four kinds")
    rating: tuple[float, float, float] = Field(
        default=(2.9, 1.0, 0.8), description="stars of a review: mean at x = 0, per unit of x, deviation"
    )
    comment: float = Field(default=0.45, description="share of answers with a comment, 0..1")
    foreign: float = Field(default=0.04, description="share of texts in German, Spanish or French, 0..1")


class CommercialSettings(Frozen):
    """Deals, the legacy score and notes."""

    renewal_days: tuple[int, ...] = Field(
        default=(90, 60, 30), description="days before the end: open, proposal, negotiation"
    )
    expansion_days: tuple[int, ...] = Field(
        default=(60, 35, 15), description="days before a win: open, proposal, negotiation"
    )
    pipeline: float = Field(
        default=0.35, description="expansion deals per year that are not won, for a delighted account"
    )
    lost_days: Range = Field(default=(70, 160), description="days from opening to losing such a deal")
    legacy: tuple[float, float, float] = Field(
        default=(48.0, 14.0, 17.0), description="old score at x = 0, per x, deviation"
    )
    legacy_lag_weeks: int = Field(default=8, description="how old the health is that the old score sees, weeks")
    legacy_bands: tuple[float, float] = Field(default=(40.0, 65.0), description="from which yellow, from which green")
    notes: float = Field(default=0.2, description="notes per year")
    note_days: Range = Field(default=(30, 180), description="days that a note holds, where it says so")
    note_expires: float = Field(default=0.7, description="share of notes with an expiry, 0..1")

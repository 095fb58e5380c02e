"""What was checked, set aside and run, and what each signal covers."""

from keepwell.tasks.marts.schemas.base import ACCOUNT, DAY, FLAG, NUMBER, TEXT, TEXTS, WHOLE, Mart

CHECK_RESULTS = Mart(
    "check_results", "expectation", ("table", "expectation", "column"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "column, where it is about one"),
        "expectation": (TEXT, "rule"),
        "says": (TEXT, "the rule in words"),
        "severity": (TEXT, "critical, warning or info, as in force for this company"),
        "success": (FLAG, "whether it held"),
        "rows": (WHOLE, "rows judged"),
        "failed_rows": (WHOLE, "rows that broke it"),
        "observed": (TEXT, "what was seen, for rules about a whole table"),
        "sample_keys": (TEXTS, "keys of the first rows that broke it"),
        "remedy": (TEXT, "what to do"),
        "reason": (TEXT, "why the severity was overridden"),
    },
)  # fmt: skip

QUARANTINE_MART = Mart(
    "quarantine", "row that a mapping set aside", ("table", "key", "reason", "event_on"),
    {
        "table": (TEXT, "canonical table that it was meant for"),
        "key": (TEXT, "key of the row"),
        "reason": (TEXT, "why it was set aside"),
        **ACCOUNT,
        "event_on": (DAY, "day of its event"),
    },
)  # fmt: skip

RUNS = Mart(
    "runs", "flow run", ("flow",),
    {
        "flow": (TEXT, "the flow"),
        "status": (TEXT, "done"),
        "rows": (WHOLE, "rows published"),
        "seconds": (NUMBER, "wall-clock seconds"),
        "snapshot_id": (TEXT, "the staged snapshot that it read"),
    },
    own_stamps=True,
)  # fmt: skip

SIGNAL_CATALOGUE = Mart(
    "signal_catalogue", "signal and segment", ("table", "column", "segment"),
    {
        "table": (TEXT, "canonical table"),
        "column": (TEXT, "the signal"),
        "segment": (TEXT, "segment, or `all`"),
        "source_system": (TEXT, "where it comes from"),
        "update_frequency": (TEXT, "how often it is expected"),
        "accessibility": (TEXT, "accessible, needs integration or absent"),
        "first": (DAY, "first day known"),
        "last": (DAY, "newest day known"),
        "fill_rate": (NUMBER, "share of rows that have it, 0-1"),
        "accounts_share": (NUMBER, "share of the segment's accounts that have any, 0-1"),
        "features": (TEXTS, "features that use it"),
        "blind_spot": (TEXT, "what it does not see"),
    },
)  # fmt: skip

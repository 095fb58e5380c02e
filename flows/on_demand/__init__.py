"""What a person starts: doctor, check, backfill, audit, review, champions, withdrawal."""

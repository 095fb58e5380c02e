-- Hold-outs: accounts that a draw assigned to contact or to a hold-out.
SELECT
    h.account_id AS account_id,
    h.drawn_at AS drawn_at,
    h.chance AS chance,
    h.held_out AS held_out
FROM hold_outs AS h

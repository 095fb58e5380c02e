"""Who is called, by whom and when; the randomized hold-out."""

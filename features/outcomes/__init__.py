"""What happened after an instant: the labels. The only room that looks beyond as_of."""

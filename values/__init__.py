"""What a number and a text may be: bounds and characters that every other package relies on."""

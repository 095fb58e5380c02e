"""What such a company would have on record, table by table."""

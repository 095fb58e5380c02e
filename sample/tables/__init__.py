"""The sample company's records, table by table."""

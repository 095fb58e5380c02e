"""What is published as parquet."""

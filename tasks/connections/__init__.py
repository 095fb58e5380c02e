"""Systems over the network: drivers, retries, kinds of errors."""

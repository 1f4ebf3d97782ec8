"""What the auditor finds and what it does not: hostile and harmless files made by code, real files, and times."""

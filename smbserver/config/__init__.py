"""Settings: what a person may choose, checked."""

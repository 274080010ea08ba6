"""Settings: what a person may choose, from whichever source it came, checked."""

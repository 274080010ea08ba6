"""Vocabulary of NT file semantics: statuses, rights, attributes, times, names. No I/O, no offsets."""

"""Tests of auth; a package so that they share a published login."""

"""Metrics for Prometheus: one scrape tells of all processes that share a database.

families      every metric: its name, its kind, its labels, and what it means. Pure
samples       the values of all metrics, from the figures or from what a web process answers. Pure
exposition    reads the figures for a scrape, at most every few seconds and for at most a second, and renders them
page          the HTTP server for scrapes

`rules.yml` are alert rules, and `dashboard.json` is a dashboard for Grafana: `receiver metrics` prints them.
"""

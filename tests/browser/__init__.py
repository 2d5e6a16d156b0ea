"""The console in a real browser. Run it with `.venv/bin/pytest -n0 tests/browser`; it needs the extra `browser`.

chromium   Debian's Chromium, its flags, and pages that fail on whatever a browser complains of
axe        axe-core from npm: what keeps people out who cannot see or use a mouse
fleet      one `receiver up --sandbox --all` for all tests, with something on every page
crawling   every page that links and forms lead to, found like a person finds it
hostile    what a stranger might write into titles, ids, errors and transcripts

`--screenshots DIR` writes a picture of every page: light, dark, and as wide as a phone.
"""

# ruff: noqa: E501, RUF001
"""Two hundred and more titles that try to be something else: a path, a command, markup, the end of a line."""

CONTROLS = [f"a{chr(number)}b" for number in (*range(1, 32), 127, 133, 0x2028, 0x2029)]
HIDDEN = [
    f"photo{chr(number)}gnp.exe"
    for number in (0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0x200E, 0x200F, 0x200B, 0x200C,
                   0x200D, 0x2060, 0xFEFF, 0xAD, 0x61C, 0x115F, 0x3164, 0xFFA0, 0xFE0F, 0xE0100, 0xE0041, 0xFFFE, 0xE000)
]  # fmt: skip
PATHS = [
    "../../etc/passwd", "..", ".", "...", "/etc/passwd", "~/.ssh/authorized_keys", "~root", "a/../../../b", "..\\..\\b",
    "C:\\Windows\\system32", "\\\\server\\share", "file:///etc/passwd", "a/b/c", "/", "//", "\\", "./.git/hooks/x",
    ".htaccess", ".env", "..%2f..%2fb", "%2e%2e%2f", "．．／．．／b", "‥/b", "a∕b", "a⁄b", "a⧸b", ".receiver-x",
    "foo/", "foo/.", "foo/..", "-rf", "--help", "- a", "-", "~", "x\\..\\y", "....//....//b", "a:b", "a:$DATA", "::$DATA",
    "index.md/../../x", ".../...//", "%", "%%", "%00", "$HOME", "${PATH}", "`id`", "$(id)", "a;id", "a|id", "a&id",
    "a>b", "<a", "*", "?", "a*b?c", "{title}", "{0}", "{id.__class__}", "{{title}}", "%s%n", "a\\0b", "NUL\\u0000",
]  # fmt: skip
RESERVED = [
    "CON", "con", "Prn", "AUX", "NUL", "COM1", "com9", "LPT1", "COM¹", "con.txt", "NUL .tar", "CONIN$", "aux.", "con ",
    "a.", "a ", "a. .", " a", "a...", "desktop.ini", "Thumbs.db",
]  # fmt: skip
MARKUP = [
    "---", "--- ", "---\ndraft: true", "\n---\n", "+++", "a: b", ": ", "- a", "? a", "# a", "#tag", "a #b", "[a](b)", "[[a]]",
    "![[a]]", "![a](javascript:b)", "{a: b}", "[a, b]", "&a", "*a", "!!python/object:os.system", "!a", "| a", "> a", "'a",
    '"a', "'a'", '"a"', "a\\", '\\"', "%YAML 1.2", "@a", "`a`", "null", "~", "true", "yes", "No", "1", "1.5", "1e3", "0x1f",
    "2026-01-01", "12:30", ".inf", "=", "<<", "<script>alert(1)</script>", "</title>", "<!--", "-->", "a --> b", "{{< b >}}",
    "{{% b %}}", "{{ b }}", "{% b %}", "%%b%%", "==b==", "$b$", "^b", "a^b", "a|b", "1. a", "1) a", "===", "***", "```", "WEBVTT",
    "1\n00:00:00,000 --> 00:00:01,000\nHi", "\ttab", "a\r\nb", "a\n\nb", "\n", " ", "", "\u3000", "\u00a0", "a\u2003b",
    '{"a": 1}', "'; drop table receiver.events; --", "\\x00", "\\u202e", "a\\nb",
]  # fmt: skip
SCRIPTS = [
    "Zoë", "Zoe\u0308", "ZOË", "Ångström", "A\u030angstro\u0308m", "\u212bngström", "ﬁn", "FIN", "fin", "straße", "STRASSE",
    "STRAẞE", "İstanbul", "i\u0307stanbul", "ıstanbul", "ΐ", "ΐ" * 90, "日本語の講義", "العربية", "עברית", "हिन्दी", "ไทย", "한국어",
    "\u1112\u1161\u11ab", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "e" + "\u0301" * 300, "𝕋𝕒𝕝𝕜", "a\u0338b", "¿Qué?", "“quoted”", "‹›",
]  # fmt: skip
LONG = [
    "a" * 10_000,
    "é" * 5_000,
    "日" * 255,
    "😀" * 100,
    "a" * 300 + ".md",
    ". " * 300,
    "a/" * 300,
    "ab " * 99,
    "x" * 255,
]

OTHERS = [
    "invoice\u202egpj.exe", "{{7*7}}${7*7}<%= 7*7 %>", "../../../../etc/cron.d/x", "</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://127.0.0.1","x")', "javascript:alert(1)", "Café 日本語 😀",
]  # fmt: skip

TITLES = [*CONTROLS, *HIDDEN, *PATHS, *RESERVED, *MARKUP, *SCRIPTS, *LONG, *OTHERS]

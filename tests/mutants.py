"""Break the code in known ways and see that the suite notices: `.venv/bin/python -m tests.mutants [WORD]`.

Each mutant is applied alone to a copy of the tree, and the tests that ought to notice are run there. Exit status 0 when
every mutant is killed. With WORD, only mutants whose name contains it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
COPIED = ("receiver", "handlers", "sql", "tests", "pyproject.toml", "Procfile", "README.md")
SECONDS = 300


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to be wrong: in `path`, `right` becomes `wrong`, and the test files in `tests` must notice."""

    name: str
    path: str
    right: str
    wrong: str
    tests: str


MUTANTS = (
    Mutant("signature: any MAC is good", "receiver/signature.py",
           "if hmac.compare_digest(mac, candidate) and secret:", "if candidate and secret:", "signature"),
    Mutant("signature: an empty secret matches", "receiver/signature.py",
           "if hmac.compare_digest(mac, candidate) and secret:", "if hmac.compare_digest(mac, candidate):",
           "signature"),
    Mutant("signature: only the past is checked", "receiver/signature.py",
           "if abs(now - int(stamp)) > TOLERANCE_SECONDS:", "if now - int(stamp) > TOLERANCE_SECONDS:", "signature"),
    Mutant("signature: the window is open at its end", "receiver/signature.py",
           "> TOLERANCE_SECONDS:", ">= TOLERANCE_SECONDS:", "signature"),
    Mutant("signature: two t are taken", "receiver/signature.py",
           "and len(stamps) == 1 and candidates", "and stamps and candidates", "signature"),
    Mutant("signature: the number is signed, not its bytes", "receiver/signature.py",
           '_TIMESTAMP = re.compile(rb"[1-9][0-9]{0,11}")', '_TIMESTAMP = re.compile(rb"[0-9]{1,13}")', "signature"),
    Mutant("events: a duplicate key is taken", "receiver/events.py",
           "if len(found) != len(pairs):", "if not pairs and found:", "events"),
    Mutant("events: a bool is an id", "receiver/events.py",
           "and not isinstance(value, bool) and 0 < value < 2**63", "and 0 < value < 2**63", "events"),
    Mutant("events: depth 65 is taken", "receiver/events.py", "if depth > DEPTH:", "if depth > DEPTH + 1:", "events"),
    Mutant("retry: the delay does not double", "receiver/retry.py", "2.0 ** min(tries - 1, 60)", "2.0", "retry"),
    Mutant("retry: one try too many", "receiver/retry.py",
           "if tries >= policy.attempts:", "if tries > policy.attempts:", "retry"),
    Mutant("retry: jitter shortens", "receiver/retry.py", "(1 + jitter / 2)", "(1 - jitter / 2)", "retry"),
    Mutant("inbox: a repeat is another event", "sql/queries/append_events.sql",
           "where answered.deliveries = answered.copies", "where answered.deliveries >= answered.copies", "inbox"),
    Mutant("inbox: a repeat is stored", "sql/queries/append_events.sql",
           "> answered.copies then 'duplicate'", "> answered.copies + 1 then 'duplicate'", "inbox"),
    Mutant("inbox: other bytes are a repeat", "sql/queries/append_events.sql",
           "        where e.raw = excluded.raw\n", "", "inbox"),
    Mutant("inbox: an id is everybody's", "receiver/inbox.py",
           "return content.source, self.api_url, self.account, content.id, about, isinstance(content, Event)",
           "return content.source, '', '', content.id, '', isinstance(content, Event)", "inbox"),
    Mutant("inbox: batches take rows in any order", "sql/queries/append_events.sql",
           "    order by source, api_url, account, event_id, transcription_id\n), event",
           "    order by random()\n), event", "inbox"),
    Mutant("claim: another's claim is waited for", "sql/queries/claim_jobs.sql",
           "    for update of j skip locked", "", "jobs"),
    Mutant("claim: the attempt is not counted", "sql/queries/claim_jobs.sql",
           "attempt = j.attempt + 1,", "attempt = j.attempt,", "jobs"),
    Mutant("claim: no lease", "sql/queries/claim_jobs.sql", "due_at = now() + $3::interval", "due_at = now()", "jobs"),
    Mutant("claim: not yet due", "sql/queries/claim_jobs.sql", "and j.due_at <= now()", "", "jobs"),
    Mutant("claim: another API's events", "sql/queries/claim_jobs.sql",
           "and e.api_url = $2", "and e.api_url >= $2 || ''", "jobs"),
    Mutant("fence: a late completion is written", "sql/queries/finish_job.sql",
           "and attempt = $2 and", "and attempt >= $2 and", "jobs"),
    Mutant("fence: completing without the lock", "sql/queries/lock_job.sql",
           "and attempt = $2 and state = 'running'", "and attempt >= $2", "handling"),
    Mutant("lease: never renewed", "sql/queries/renew_leases.sql",
           "set due_at = now() + $3::interval", "set due_at = j.due_at + 0 * $3::interval", "jobs"),
    Mutant("lease: a row that is being completed is waited for", "sql/queries/renew_leases.sql",
           "    for update of j skip locked", "    for update of j", "jobs worker"),
    Mutant("lapsed: taken by who claims for all lanes", "receiver/jobs.py",
           'return "running" if lapsed else "pending"', 'return "running" if not lapsed else "pending"', "worker"),
    Mutant("lapsed: taken from a worker that lives", "receiver/worker/lapsed.py",
           "        await asyncio.sleep(self._part + ", "        await asyncio.sleep(0 * ", "worker"),
    Mutant("finish: what is refused is tried for ever", "receiver/worker/lanes.py",
           "                if time.monotonic() - refused_since > self._lease.total_seconds():",
           "                if time.monotonic() < refused_since:", "worker"),
    Mutant("claim: one bad row stops all", "receiver/worker/claims.py",
           "            await self._take_one_by_one(most, start)\n", "            raise\n", "worker"),
    Mutant("organs: what fails is over", "receiver/organs.py",
           "            await asyncio.sleep(pause)\n", "            return\n", "organs"),
    Mutant("organs: who is cancelled by others is over", "receiver/organs.py",
           "if task is None or task.cancelling():", "if task is None or not task.done():", "organs"),
    Mutant("up: who hangs is left alone", "receiver/cli/children.py",
           "{life.ended, life.relieved, life.line.silent}", "{life.ended, life.relieved}", "children"),
    Mutant("line: who never beat is silent", "receiver/cli/line.py",
           "if BEAT in said or self._missed is not None:", "if said:", "line"),
    Mutant("release: counted", "sql/queries/release_jobs.sql", ", uncounted = j.uncounted + 1", "", "jobs"),
    Mutant("leases: who cleans up is stopped again", "receiver/worker/lanes.py",
           "if not ending and lane.task is not None and not lane.task.cancelling():",
           "if not ending and lane.task is not None:", "leases"),
    Mutant("leases: a thread that fails is not missed", "receiver/worker/leases.py",
           '                    self._stuck("leases can be renewed no longer")\n', "", "leases"),
    Mutant("store: the provider waits for a database that hangs", "receiver/web/store.py",
           "database: float = 2.0", "database: float = 20.0", "store"),
    Mutant("serve: the provider waits for a database that hangs", "receiver/cli/processes.py",
           "START_WITHOUT_SECONDS = 2.0", "START_WITHOUT_SECONDS = 20.0", "outages"),
    Mutant("store: a full spool is the end", "receiver/web/store.py",
           "            if tried:\n", "            if tried or not tried:\n", "store"),
    Mutant("spool: anybody's record is believed", "receiver/spool/folder.py",
           "return private.open_file(folder, name, flags, owner=os.geteuid())",
           "return os.open(name, flags | os.O_NONBLOCK, 0o600, dir_fd=folder)", "spool"),
    Mutant("spool: anybody's folder is believed", "receiver/spool/folder.py",
           "return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)",
           "return status.st_uid >= 0", "spool"),
    Mutant("spool: one bad segment stops all", "receiver/spool/drain.py",
           '                trouble = f"{place.name} cannot be drained: {exc.strerror}"',
           "                raise", "spool"),
    Mutant("release: one that is completed holds up all", "sql/queries/release_jobs.sql",
           "    for update of j skip locked\n", "    for update of j\n", "jobs"),
    Mutant("restarts: what cannot be begun ends the others", "receiver/cli/children.py",
           "    except Exception as exc:  # noqa: BLE001 - such as RuntimeError",
           "    except KeyError as exc:  # noqa: BLE001", "children"),
    Mutant("leases: what is lost is not told", "receiver/worker/leases.py",
           "lost = [key for key in held if key[0] in gone]", "lost = held[:0]", "worker"),
    Mutant("watchdog: a stuck loop is not seen", "receiver/watchdog.py",
           "stuck = self._unanswered >= BEATS", "stuck = self._unanswered < 0", "leases"),
    Mutant("watchdog: a loop that answers is stuck", "receiver/watchdog.py",
           "    def _answer(self) -> None:\n        self._unanswered = 0",
           "    def _answer(self) -> None:\n        pass", "leases watchdog"),
    Mutant("attempt: what a handler kept stays kept", "receiver/worker/attempt.py",
           "await _take_back(lent, handler, ctx)", "await asyncio.sleep(0)", "leases"),
    Mutant("attempt: a thread is answered for ever", "receiver/worker/attempt.py",
           "        ctx.bridge.close()\n", "", "threads"),
    Mutant("threads: the loop waits for itself", "receiver/threads.py",
           "if asyncio.get_running_loop() is self._loop:", "if asyncio.get_running_loop() is None:", "threads"),
    Mutant("replay: the quota is not new", "sql/queries/replay_jobs.sql", "uncounted = j.attempt, ", "", "jobs"),
    Mutant("replay: running jobs too", "sql/queries/replay_jobs.sql", "where j.state <> 'running'", "", "jobs"),
    Mutant("attempt: SystemExit gets through", "receiver/worker/attempt.py",
           "except BaseException as exc:", "except Exception as exc:", "attempt"),
    Mutant("session: commits are not on disk", "receiver/session.py",
           '    "synchronous_commit": "on",\n', "", "session"),
    Mutant("session: a pool forgets what we rely on", "receiver/database.py",
           "        await sessions.prepare(session)  # which that has undone\n", "", "session"),
    Mutant("session: one host has all the time", "receiver/session.py",
           "(end - time.monotonic()) / (len(tries) - number)", "end - time.monotonic()", "session"),
    Mutant("session: the first host is always asked first", "receiver/session.py",
           "                self._last_good = address\n", "", "session"),
    Mutant("dsn: what another client means is sent on", "receiver/dsn.py",
           "return name.lower() in ANOTHERS or ", "return ", "dsn"),
    Mutant("outages: everything is an outage", "receiver/outages.py",
           "if isinstance(error, AWAY) or _is_recovering(error):", "if error:", "database"),
    Mutant("outages: a pooler's outage is final", "receiver/outages.py",
           "ProtocolViolationError() if POOLERS.search(words):", "ProtocolViolationError():", "session"),
    Mutant("egress: a proxy is asked for what is here", "receiver/egress.py",
           "return _is_here(host) or any(", "return any(", "egress"),
    Mutant("database: nobody waits for room", "receiver/database.py",
           "exc.no_room and self._busy)", "exc.no_room and not exc)", "database"),
    Mutant("database: a hang is waited for", "receiver/database.py",
           "await asyncio.wait({task}, timeout=seconds)", "await asyncio.wait({task})", "database"),
    Mutant("database: no second try", "receiver/database.py",
           "                    if broken > 1:\n", "                    if broken:\n", "database"),
    Mutant("archive: fetched by everyone", "receiver/archive.py", "        if kept is None:\n            kept =",
           "        if kept is None or kept:\n            kept =", "archive"),
    Mutant("registration: asked before it is written down", "sql/queries/find_registrations.sql",
           "and retired_at is null", "and retired_at is null and registered_at is not null", "registration"),
    Mutant("keyring: every bad signature reads", "receiver/web/keyring.py",
           "if self._coming is None:", "if self._coming is None or self._coming:", "keyring"),
    Mutant("web: too much is read", "receiver/web/body.py",
           "                if size > BODY_BYTES:", "                if size > 2 * BODY_BYTES:", "web"),
    Mutant("web: a dripping client is waited for", "receiver/web/body.py",
           "began + RECEIVE_SECONDS", "began + 1000 * RECEIVE_SECONDS", "protocol"),
    Mutant("client: redirects are followed", "receiver/providers/transcribe_so/client.py",
           "follow_redirects=False", "follow_redirects=True", "transcribe_so"),
    Mutant("budget: a turn costs nothing", "sql/queries/take_turn.sql",
           "greatest(asked.full_at, now()) + $3 else", "asked.full_at else", "budget"),
    Mutant("budget: what can wait has the burst too", "receiver/budget.py",
           "return step * (BURST - 1) if live else 0.0", "return step * (BURST - 1)", "budget"),
    Mutant("budget: everybody has the same place in the line", "sql/queries/take_turn.sql",
           "case when asked.wait > $5 and $7 then asked.place else b.line_at end", "b.line_at", "budget"),
    Mutant("budget: a pause can be shortened", "sql/queries/pause_turns.sql",
           "full_at = greatest(b.full_at, now() + $3)", "full_at = now() + $3", "budget"),
    Mutant("calls: a new key after a timeout", "receiver/providers/transcribe_so/calls.py",
           "                maybe_done = maybe_done or", "                key = _next_key(key, 9) or", "calls"),
    Mutant("calls: the same key after a 429", "receiver/providers/transcribe_so/calls.py",
           "                if not maybe_done or repeated:", "                if repeated:", "calls"),
    Mutant("calls: a 429 pauses nobody", "receiver/providers/transcribe_so/calls.py",
           "await self.budget.pause(", "await self.budget.ask(live=True, patience=", "calls"),
    Mutant("list: pages do not overlap", "receiver/providers/transcribe_so/client.py",
           "(a_moment_later(page.next_cursor), page.next_cursor)", "(page.next_cursor,)", "client"),
    Mutant("regenerate: asked again", "receiver/providers/transcribe_so/client.py",
           "replace(self._calls, retries=()).send(", "self._calls.send(", "calls transcribe_so"),
    Mutant("flac: the header's count is believed", "receiver/media/flac.py",
           "return there / rate if total in (0, there) else None", "return (total or there) / rate", "media"),
    Mutant("ffprobe: a header without its packets is believed", "receiver/media/ffprobe.py",
           "if off <= 1 + duration / 100 else", "if off >= 0 else", "media"),
    Mutant("destinations: where a name leads is not looked at", "receiver/providers/destinations.py",
           "            if not _is_public(host):", "            if not host:", "destinations"),
    Mutant("large answers: nobody else has a turn", "receiver/providers/transcribe_so/reading.py",
           "            await asyncio.sleep(0)\n            began", "            began", "large_answers"),
    Mutant("under way: it is paid for again", "receiver/cli/recordings.py",
           "if one.status in UNDER_WAY and", "if not one.status and", "submit"),
    Mutant("price: what has begun is not billed", "receiver/providers/transcribe_so/prices.py",
           "math.ceil(round(seconds / 6, 6)) / 10", "round(seconds / 6) / 10", "submit"),
    Mutant("regenerate: the eleventh is asked for", "receiver/archive.py",
           "        if used >= REGENERATIONS:", "        if used > REGENERATIONS:", "archive"),
    Mutant("callbacks: a job's secret verifies everywhere", "receiver/web/keyring.py",
           "            return self.secrets, None\n",
           "            return (*self.secrets, *(one.secret for one in self._known.callbacks.values())), None\n",
           "keyring"),
    Mutant("callbacks: the webhook's secret verifies a job's", "receiver/web/keyring.py",
           "return ((), None) if found is None else ((found.secret,), found.transcription_id)",
           "return (self.secrets, None) if found is None else ((*self.secrets, found.secret), None)", "keyring"),
    Mutant("callbacks: a job's secret speaks of others", "receiver/events.py",
           "content.transcription.id == transcription_id", "content.id", "events web"),
    Mutant("rotation: the newest secret can be retired", "receiver/rotation.py",
           "if secret.replaced_at is None:", "if secret.replaced_at is None and not although_used:", "rotation"),
    Mutant("subtitles: milliseconds are cut off", "receiver/subtitles.py",
           "return round(max(0.0, min(seconds, LONGEST_SECONDS)) * 1000)",
           "return int(max(0.0, min(seconds, LONGEST_SECONDS)) * 1000)", "subtitles"),
    Mutant("uploads: what was sent is forgotten", "receiver/uploads.py",
           "location=notebook.progress.location", "location=None", "uploads"),
    Mutant("notebook: a changed file is gone on with", "receiver/notebook.py",
           "(found.size, found.modified) == (size, modified)", "found.size == size", "uploads notebook"),
    Mutant("notebook: every run has another key", "receiver/notebook.py",
           'return f"{self.progress.submission_key}-', 'return f"{secrets.token_hex(8)}-', "uploads notebook"),
    Mutant("tus: a location on another server is taken", "receiver/providers/tus.py",
           "if not location or (url.scheme, url.host, url.port) != _origin(self.endpoint):", "if not location:", "tus"),
    Mutant("tus: an offset beyond what was sent is believed", "receiver/providers/tus.py",
           "    if not least <= int(text) <= most:", "    if not least <= int(text):", "tus"),
    Mutant("spool: answered before it is on disk", "receiver/spool/segments.py",
           "        os.fsync(self._descriptor)\n        reach", "        reach", "spool"),
    Mutant("spool: a damaged record is believed", "receiver/spool/segments.py",
           "if whole and zlib.crc32(record) == FRAME.unpack_from(content, at)[2] else None",
           "if whole else None", "segments"),
    Mutant("spool: damage is removed unread", "receiver/spool/segments.py",
           "state if _is_cut_off(rest, marker) else State.DAMAGED)", "state)", "segments"),
    Mutant("spool: another process' segment is drained", "receiver/spool/folder.py",
           "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)\n", "            pass\n", "spool"),
    Mutant("spool: removed before it is taken", "receiver/spool/drain.py",
           "            await self._in_thread(self._settle, place, found, fates)\n", "", "spool"),
    Mutant("store: every delivery waits for a database that is away", "receiver/web/store.py",
           "        tried = self._away_since is None\n", "        tried = True\n", "store"),
    Mutant("store: what was judged unreadable is read again", "receiver/web/spooled.py",
           "            if self.unreadable is None\n", "            if self.source\n", "store"),
    Mutant("store: what is spooled is anybody's", "receiver/web/store.py",
           "one.database in (None, self._database):", "one.raw:", "store"),
    Mutant("store: one bad delivery is the database's trouble", "receiver/web/store.py",
           "            fates_of = await self._take_each(deliveries)\n", "            raise\n", "store"),
    Mutant("failures: a stranger's count too", "receiver/web/failures.py",
           "                self._mismatches += 1", "                self._count('wrong')", "web"),
    Mutant("failures: one that is played again counts again", "receiver/web/failures.py",
           "        self._stale[mac] = None\n", "", "web"),
    Mutant("failures: strangers are told", "receiver/web/app.py",
           "findings(trusted=receiver.trusts(request))", "findings(trusted=True)", "web"),
    Mutant("failures: never forgotten", "receiver/web/app.py",
           "        receiver.failures.taken()\n", "", "web"),
    Mutant("secrets: half a password is a database's name", "receiver/dsn.py",
           'if "#" in rest or "@" in path:', 'if "#" in rest:', "dsn"),
    Mutant("secrets: an error repeats the key", "receiver/providers/transcribe_so/calls.py",
           "error_from(answer.status_code, answer.headers, envelope, key=key)",
           "error_from(answer.status_code, answer.headers, envelope)", "secrecy"),
    Mutant("secrets: a proof shows its secret", "receiver/signature.py",
           "    secret: bytes = field(repr=False)", "    secret: bytes", "secrecy"),
    Mutant("secrets: a client shows its key", "receiver/providers/transcribe_so/calls.py",
           'Calls:\n    """How', "Calls:\n    __repr__ = lambda self: str(self.key and self.key.get_secret_value())"
           '\n    """How', "secrecy"),
    Mutant("tus: a packed answer is unpacked", "receiver/providers/tus.py",
           'if "content-encoding" in answer.headers:', 'if "content-encodings" in answer.headers:', "tus"),
    Mutant("store: answered before the commit", "receiver/web/store.py",
           "        answers = await self._connections.run(\n"
           "            lambda connection: inbox.append(connection, deliveries), seconds=self._deadlines.database\n"
           "        )\n",
           "        late = self._connections.run(lambda connection: inbox.append(connection, deliveries), seconds=2)\n"
           "        self._late, answers = asyncio.create_task(late), ['stored'] * len(deliveries)\n", "failpoints"),
    Mutant("spool: removed while it is drained", "receiver/spool/drain.py",
           "            before = len(fates)\n",
           "            before = len(fates)\n            place.folder.remove(place.name)\n", "failpoints"),
    Mutant("completing: the job is finished afterwards", "receiver/handling.py",
           "                await jobs.finish(connection, self.job, self.attempt, Done())\n", "", "failpoints"),
    Mutant("migrations: written down apart", "receiver/migrations.py",
           "            async with connection.transaction():\n", "            if connection:\n", "failpoints"),
    Mutant("embedded: a server that hangs is waited for", "receiver/embedded/server.py",
           "and waited > patience and", "and waited > 1000 * patience and", "outages"),
    Mutant("embedded: a socket in a folder with a comma", "receiver/embedded/sockets.py",
           '"," not in name and ', "", "sockets embedded"),
    Mutant("embedded: whatever is noted is believed", "receiver/embedded/sockets.py",
           " and not status.st_mode & 0o077", "", "sockets"),
    Mutant("private: a link is followed", "receiver/private.py",
           "SAFELY = os.O_NOFOLLOW | ", "SAFELY = ", "private embedded"),
    Mutant("connections: a delivery under way is closed", "receiver/web/protocol.py",
           "        elif self._in_line or (self._is_under_way() and not self.flow.write_paused):",
           "        elif self._in_line:", "connections"),
    Mutant("connections: the last that came is closed", "receiver/web/connections.py",
           "self._waiting[rank].popitem(last=False)", "self._waiting[rank].popitem()", "connections"),
    Mutant("connections: strangers take the reserve", "receiver/web/connections.py",
           "        if room < AT_ONCE:\n", "        if room < -MOST:\n", "connections"),
    Mutant("parting: closed while the client sends", "receiver/web/parting.py",
           "        if not self._is_unread():\n", "        if self._is_unread:\n", "protocol"),
    Mutant("parting: a dripping client is listened to for ever", "receiver/web/parting.py",
           '        self._end_in("longest", LONGEST_SECONDS)\n', "", "protocol"),
    Mutant("protocol: a line end begins a request", "receiver/web/protocol.py",
           "        if self._skipped <= LINE_END_BYTES:\n", "        if not self._skipped:\n", "protocol"),
    Mutant("connections: who has delivered is closed like others", "receiver/web/connections.py",
           "(Rank.KNOWN, half)):", "(Rank.KNOWN, 0)):", "connections"),
    Mutant("connections: nobody makes room", "receiver/web/connections.py",
           "        made = self._clients.close_longest_waiting()\n", "        made = False\n", "connections"),
    Mutant("connections: stopping forgets who stands in line", "receiver/web/protocol.py",
           "        self._parse()\n        super().shutdown()", "        super().shutdown()", "connections"),
    Mutant("turns: all at once", "receiver/web/turns.py",
           "        if self._left == 0 or any(self._lines[: rank + 1]):", "        if any(self._lines[: rank + 1]):",
           "turns"),
    Mutant("turns: a crowd keeps others out", "receiver/web/turns.py",
           "        for most in (EACH, AT_ONCE):", "        for most in (AT_ONCE,):", "turns"),
    Mutant("protocol: who is refused may go on for ever", "receiver/web/protocol.py",
           "if self._rank is Rank.OTHER and self._stands_behind():", "if self._rank is Rank.NEW:", "protocol"),
    Mutant("protocol: what came is forgotten", "receiver/web/protocol.py",
           "        if self._unparsed:\n            self.handle_events()\n", "", "protocol"),
    Mutant("protocol: what begins behind a delivery is cut off", "receiver/web/protocol.py",
           "        if unwanted or (self._half_closed",
           "        if self.conn.their_state is h11.SEND_BODY or (self._half_closed",
           "protocol"),
    Mutant("protocol: a second delivery is cut off by a closed side", "receiver/web/protocol.py",
           " and not self._in_line and not self._is_under_way()):\n            self.transport.close()\n\n    def pause",
           " and not self._in_line):\n            self.transport.close()\n\n    def pause", "protocol"),
    Mutant("protocol: who is refused is waited for", "receiver/web/protocol.py",
           "            self.cycle.disconnected = True\n", "", "protocol"),
    Mutant("worker: what is left behind grows for ever", "receiver/worker/lanes.py",
           " and not attempt.is_clogged():", ":", "processes"),
    Mutant("handling: any signature will do", "receiver/handling.py",
           "given = signature.bind(None, None).arguments", "given = signature.parameters", "handling"),
    Mutant("settings: a child reads the file again", "receiver/cli/environment.py",
           "    if READ in os.environ:", "    if not READ:", "environment"),
    Mutant("settings: a sandbox keeps an account's own key", "receiver/cli/environment.py",
           "return name.startswith(SOURCES) or", 'return (name.startswith(SOURCES) and "__" not in name) or',
           "environment"),
    Mutant("settings: a quoted secret is another one", "receiver/settings.py",
           "    _PACKED, _NAMED, (re", "    _NAMED, (re", "settings"),
    Mutant("handling: what is made another way is not looked at", "receiver/handling.py",
           '        if wrong:\n            raise HandlerLoadError(f"{self.name}: {wrong}")\n', "", "handling"),
    Mutant("redaction: a password that was not escaped is shown", "receiver/redaction.py",
           "if torn or behind", "if behind", "redaction"),
    Mutant("reasons: what an answer said is asked for on the network", "receiver/reasons.py",
           'getattr(response, "_content", None)', "response.content", "reasons"),
    Mutant("retry: a group is decided by the mildest", "receiver/retry.py",
           "return max(outcomes", "return min(outcomes", "retry"),
    Mutant("registry: a file of two names is two", "receiver/registry.py",
           "            if file in self._seen:\n                return None\n", "", "registry"),
    Mutant("lanes: a bug of ours keeps its lane", "receiver/worker/lanes.py",
           "except Exception as exc:  # noqa: BLE001 - a bug", "except AssertionError as exc:  #", "worker"),
    Mutant("keyring: everybody waits", "receiver/web/keyring.py",
           "        if self._waiting >= WAITING:", "        if not WAITING:", "keyring"),
    Mutant("keyring: what is new waits for its second", "receiver/web/keyring.py",
           "time.monotonic()):\n                await self._hint.wait()",
           "time.monotonic()):\n                await asyncio.Event().wait()", "keyring"),
    Mutant("restarts: the old one leaves before the new one is ready", "receiver/cli/children.py",
           "if fresh is None or not await self._is_ready(fresh):", "if fresh is None or fresh.ended.done():",
           "restarts"),
    Mutant("restarts: idle connections are closed", "receiver/cli/children.py",
           "self._patience.gap, signal.SIGUSR1", "self._patience.gap, signal.SIGTERM", "restarts"),
    Mutant("restarts: every old one may stay", "receiver/cli/children.py",
           "            late.tell(signal.SIGTERM)", "            late.was_ready", "restarts"),
    Mutant("restarts: a closed terminal is a restart", "receiver/cli/up.py",
           "        if attended and not os.isatty(0):", "        if attended and not attended:", "restarts"),
    Mutant("server: every address is every one of IPv6", "receiver/web/server.py",
           "dualstack_ipv6=both", "dualstack_ipv6=False", "server"),
    Mutant("the end: no answer says that its connection closes", "receiver/web/server.py",
           "if leaving.is_set() and ", "if not leaving and ", "protocol"),
    Mutant("the end: the inherited socket is passed on", "receiver/web/server.py",
           "    listener.set_inheritable(False)", "    listener.get_inheritable()", "protocol"),
    Mutant("handlers: an older end overwrites a newer", "sql/queries/store_transcript.sql",
           "where t.completed_at <= excluded.completed_at", "", "handlers"),
)  # fmt: skip


def fails(tests: str, tree: Path) -> bool:
    """Run test files on the tree; says whether a test failed, which a broken tree is not enough for."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"} | {"PYTHONPATH": str(tree)}
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider",
             *(f"tests/test_{name}.py" for name in tests.split())],
            cwd=tree, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return True
    if ran.returncode not in (0, 1):
        raise SystemExit(f"the tests of {tests} could not be run:\n{ran.stdout}{ran.stderr}")
    return ran.returncode == 1


def is_killed(mutant: Mutant, tree: Path) -> bool:
    """Apply a mutant to the tree, run its tests, put the tree back."""
    target = tree / mutant.path
    before = target.read_text()
    target.write_text(before.replace(mutant.right, mutant.wrong))
    try:
        return fails(mutant.tests, tree)
    finally:
        target.write_text(before)


def main(word: str = "") -> int:
    """Try every mutant whose name contains `word`; returns how many survived."""
    chosen = [mutant for mutant in MUTANTS if word in mutant.name]
    survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        for name in COPIED:
            source = REPOSITORY / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, tree / name)
        for tests in sorted({mutant.tests for mutant in chosen}):
            if fails(tests, tree):
                raise SystemExit(f"the tests of {tests} fail without any mutant")
        for mutant in chosen:
            killed = is_killed(mutant, tree)
            survivors += not killed
            print(f"{'killed  ' if killed else 'SURVIVED'}  {mutant.name}", flush=True)  # noqa: T201 - a script
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants killed")  # noqa: T201
    return survivors


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:2]), 1))

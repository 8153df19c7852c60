/*
 * statements.c - every SQL text that runs after the store is open; query.c runs them.
 *
 * Each is prepared once, at open, and reset after use. What the loop does per event or delivery
 * seeks in one index, which a test proves with EXPLAIN QUERY PLAN. `settled_at_ms IS NULL` beside
 * `state = 1` looks superfluous: SQLite takes a partial index only when its own condition stands
 * there.
 */
#include "store/store_internal.h"

#define EVENT_COLUMNS                                                                         \
	"e.seq, e.revision, e.source, e.id, e.type, e.device, e.document,"                    \
	" coalesce(e.correlation, substr(e.document, instr(e.document, '/') + 1)), e.origin," \
	" e.occurred_at_ms, coalesce(e.sent_at_ms, -1), e.received_at_ms, "

#define DELIVERY_COLUMNS                                                                      \
	"d.destination, d.seq, d.state, d.lane, d.batch, d.attempts, d.due_at_ms,"            \
	" d.claimed_at_ms, d.doubt_at_ms, d.settled_at_ms, d.last_status, d.ref, d.held_key," \
	" d.connector_revision, d.serial, d.looks, d.look_at_ms, d.accepted_at_ms,"           \
	" e.received_at_ms, e.revision, e.source, e.id, e.type, e.device, "
/* Behind them; carry comes with bodies. */
#define WITH_BODY "e.body, d.carry"
#define WITHOUT_BODY "NULL, NULL"

/* The planner is told its way where there is one right one, whatever statistics it may guess. */
#define DELIVERY_BY(index) " FROM delivery AS d INDEXED BY " index " CROSS JOIN event AS e"

#define CLAIM_IF(state)                                                                         \
	"UPDATE delivery SET state = 2, attempts = attempts + 1,"                               \
	" batch = coalesce(?3, batch), connector_revision = coalesce(?4, connector_revision),"  \
	" claimed_at_ms = coalesce(claimed_at_ms, ?5), doubt_at_ms = coalesce(doubt_at_ms, ?5)" \
	" WHERE destination = ?1 AND seq = ?2 AND state = " state

/* Unfinished deliveries in order of seq: the open index has a state and a lane before it. */
#define OPEN_SLOT(state, lane)                                                               \
	"SELECT * FROM (SELECT seq FROM delivery INDEXED BY delivery_open"                   \
	" WHERE destination = ?1 AND state = " #state                                        \
	" AND settled_at_ms IS NULL AND lane = " #lane " AND seq > ?3 AND ?2 IN (0, " #state \
	") ORDER BY seq LIMIT ?4)"
#define OPEN_SLOTS(state) \
	OPEN_SLOT(state, 0) " UNION ALL " OPEN_SLOT(state, 1) " UNION ALL " OPEN_SLOT(state, 2)

#define TALLY_KEY "day, source, device, type, destination, outcome, detail"
#define BACK_EVENT_COLUMNS                                                                        \
	"seq, source, id, revision, type, document, device, correlation, origin, occurred_at_ms," \
	" sent_at_ms, received_at_ms, digest, body, raw"
#define BACK_EXCEPTION_COLUMNS                                                                 \
	"state, kind, severity, code, reason, field, seq, destination, origin, device, owner," \
	" repeats, opened_at_ms, due_at_ms, resolved_at_ms, resolution, digest, raw"

#define EXCEPTION_COLUMNS                                                                    \
	"x.id, x.seq, x.repeats, x.opened_at_ms, x.due_at_ms, x.resolved_at_ms, x.state,"    \
	" x.destination, x.kind, x.severity, x.code, x.reason, x.field, x.origin, x.device," \
	" x.owner, x.resolution, e.id, e.type, "

const struct statement_text statement_texts[STATEMENTS] = {
	[TURN_BEGIN] = { "beginning a transaction", "BEGIN IMMEDIATE" },
	[TURN_COMMIT] = { "committing", "COMMIT" },
	[TURN_ROLLBACK] = { "rolling back", "ROLLBACK" },

	[EVENT_INSERT] = { "storing an event",
		"INSERT INTO event (seq, source, id, type, document, device, correlation, origin,"
		" occurred_at_ms, sent_at_ms, received_at_ms, digest, body, raw)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
		" ON CONFLICT (id, source) DO NOTHING" },
	[EVENT_KNOWN] = { "looking for a known event",
		"SELECT seq, digest FROM event WHERE id = ?1 AND source = ?2" },
	[EVENT_LABELS] = { "reading an event",
		"SELECT received_at_ms, origin, device, type FROM event WHERE seq = ?1" },
	[EVENT_BY_SEQ] = { "reading an event",
		"SELECT " EVENT_COLUMNS "e.body, e.raw FROM event AS e WHERE e.seq = ?1" },
	[EVENT_BY_ID] = { "reading an event",
		"SELECT " EVENT_COLUMNS "e.body, e.raw FROM event AS e"
		" WHERE e.seq = (SELECT max(seq) FROM event WHERE id = ?1)" },
	[EVENT_LIST] = { "listing events", "SELECT " EVENT_COLUMNS "NULL, NULL FROM event AS e"
					   " WHERE e.seq < ?1 ORDER BY e.seq DESC" },
	[EVENT_LIST_BY_ID] = { "listing events",
		"SELECT " EVENT_COLUMNS "NULL, NULL FROM event AS e"
		" WHERE e.seq < ?1 AND e.seq IN (SELECT seq FROM event WHERE id = ?2)"
		" ORDER BY e.seq DESC" },
	[EVENT_LIST_BY_DOCUMENT] = { "listing events",
		"SELECT " EVENT_COLUMNS "NULL, NULL FROM event AS e INDEXED BY event_document"
		" WHERE e.seq < ?1 AND e.document = ?2 ORDER BY e.seq DESC" },
	[EVENT_RECEIVED] = { "reading an event",
		"SELECT received_at_ms FROM event WHERE seq = ?1" },
	[EVENT_DELETE] = { "purging an event", "DELETE FROM event WHERE seq = ?1" },
	[EVENT_LIST_SEQS] = { "listing events",
		"SELECT seq FROM event WHERE seq > ?1 AND seq <= ?2 ORDER BY seq LIMIT ?3" },
	[EVENT_LAST_SEQ] = { "reading the last seq", "SELECT max(seq) FROM event" },

	[DESTINATION_LIST] = { "reading destinations",
		"SELECT id, name, is_paused, not_before_at_ms FROM destination ORDER BY id" },
	[DESTINATION_INSERT] = { "storing a destination",
		"INSERT INTO destination (id, name, is_paused, not_before_at_ms)"
		" VALUES (?1, ?2, ?3, ?4)" },
	[DESTINATION_PAUSE] = { "pausing a destination",
		"UPDATE destination SET is_paused = ?2 WHERE id = ?1" },
	[DESTINATION_THROTTLE] = { "storing how long a destination is left in peace",
		"UPDATE destination SET not_before_at_ms = ?2 WHERE id = ?1" },

	[REVISION_FIND] = { "looking for a connector revision",
		"SELECT id FROM connector_revision WHERE digest = ?1" },
	[REVISION_INSERT] = { "storing a connector revision",
		"INSERT INTO connector_revision (id, connector, digest, at_ms, text)"
		" VALUES (?1, ?2, ?3, ?4, ?5)" },
	[REVISION_TEXT] = { "reading a connector revision",
		"SELECT text FROM connector_revision WHERE id = ?1" },
	/* Never the last: its number would be given again. */
	[REVISION_UNUSED] = { "looking for connector revisions to purge",
		"SELECT id FROM connector_revision WHERE id > ?1 AND at_ms < ?2"
		" AND id < (SELECT max(id) FROM connector_revision)"
		" AND id NOT IN (SELECT connector_revision FROM delivery INDEXED BY delivery_open"
		" WHERE destination IN (SELECT id FROM destination) AND state BETWEEN 1 AND 6"
		" AND settled_at_ms IS NULL AND connector_revision IS NOT NULL)"
		" ORDER BY id LIMIT 1" },
	[REVISION_DELETE] = { "purging a connector revision",
		"DELETE FROM connector_revision WHERE id = ?1" },

	[DELIVERY_KEY_FIRST] = { "looking who holds an ordering key",
		"SELECT seq, state FROM delivery INDEXED BY delivery_key"
		" WHERE destination = ?1 AND held_key = ?2"
		" ORDER BY seq LIMIT 1" },
	[DELIVERY_INSERT] = { "storing a delivery",
		"INSERT INTO delivery (destination, seq, state, lane, held_key)"
		" VALUES (?1, ?2, ?3, ?4, ?5)" },
	[DELIVERY_FIND] = { "reading a delivery",
		"SELECT d.state, d.attempts, d.batch, d.carry IS NOT NULL OR d.looks IS NOT NULL,"
		" d.held_key, e.received_at_ms, e.origin, e.device, e.type"
		" FROM delivery AS d CROSS JOIN event AS e"
		" WHERE d.destination = ?1 AND d.seq = ?2 AND e.seq = d.seq" },
	[DELIVERY_CLAIM] = { "claiming a delivery", CLAIM_IF("1") },
	[DELIVERY_CLAIM_CHAINED] = { "claiming a delivery behind another one",
		CLAIM_IF("4 AND (SELECT f.state = 2 AND f.batch = ?3 FROM delivery AS f"
			 " INDEXED BY delivery_key WHERE f.destination = ?1"
			 " AND f.held_key = delivery.held_key ORDER BY f.seq LIMIT 1)") },
	[DELIVERY_SETTLE] = { "settling a delivery",
		"UPDATE delivery SET state = ?3, due_at_ms = ?4, attempts = attempts - ?5,"
		" claimed_at_ms = CASE WHEN ?5 OR (state = 6 AND ?3 IN (1, 4)) THEN NULL"
		" ELSE claimed_at_ms END,"
		" doubt_at_ms = CASE WHEN ?6 THEN ?7 ELSE doubt_at_ms END,"
		" batch = CASE WHEN ?8 THEN NULL ELSE batch END,"
		" held_key = CASE WHEN ?9 THEN NULL ELSE held_key END,"
		" last_status = coalesce(?10, last_status), ref = coalesce(?11, ref),"
		" settled_at_ms = ?12"
		" WHERE destination = ?1 AND seq = ?2" },
	/* What most deliveries never have. */
	[DELIVERY_SETTLE_DOUBT] = { "settling a delivery with steps or in doubt",
		"UPDATE delivery SET carry = CASE WHEN ?3 THEN NULL ELSE carry END,"
		" looks = CASE WHEN ?4 THEN NULL ELSE nullif(looks - ?7, 0) END, look_at_ms = ?5,"
		" accepted_at_ms = CASE WHEN state = 5 THEN coalesce(?6, accepted_at_ms) END"
		" WHERE destination = ?1 AND seq = ?2" },
	[DELIVERY_CARRY] = { "storing what the next step needs",
		"UPDATE delivery SET carry = ?3 WHERE destination = ?1 AND seq = ?2 AND state = 2" },
	[DELIVERY_SERIAL] = { "reading a delivery's number",
		"SELECT coalesce(serial, 0) FROM delivery WHERE destination = ?1 AND seq = ?2" },
	[DELIVERY_SET_SERIAL] = { "numbering a delivery",
		"UPDATE delivery SET serial = ?3 WHERE destination = ?1 AND seq = ?2" },
	[DELIVERY_LIST_LOOKS] = { "listing deliveries to look up",
		"SELECT " DELIVERY_COLUMNS WITH_BODY DELIVERY_BY(
			"delivery_look") " WHERE d.destination = ?1 AND d.look_at_ms BETWEEN 1 AND ?2"
					 " AND e.seq = d.seq ORDER BY d.look_at_ms LIMIT ?3" },
	[DELIVERY_NEXT_LOOK] = { "looking for the next look-up",
		"SELECT min(look_at_ms) FROM delivery INDEXED BY delivery_look"
		" WHERE destination = ?1 AND look_at_ms > 0" },
	[DELIVERY_LOOK] = { "looking a delivery up",
		"UPDATE delivery SET looks = coalesce(looks, 0) + 1, look_at_ms = ?3"
		" WHERE destination = ?1 AND seq = ?2 AND state = 5" },
	[DELIVERY_LIST_CHAIN] = { "listing deliveries behind another one",
		"SELECT " DELIVERY_COLUMNS WITH_BODY DELIVERY_BY(
			"delivery_key") " WHERE d.destination = ?1 AND d.held_key = ?2 AND d.seq > ?3"
					" AND e.seq = d.seq ORDER BY d.seq LIMIT ?4" },
	[DELIVERY_SET_READY] = { "making a delivery ready",
		"UPDATE delivery SET state = 1, due_at_ms = NULL"
		" WHERE destination = ?1 AND seq = ?2" },
	[DELIVERY_DUE] = { "looking for due deliveries",
		"SELECT seq FROM delivery INDEXED BY delivery_due"
		" WHERE destination = ?1 AND due_at_ms <= ?2"
		" ORDER BY due_at_ms LIMIT 1" },
	[DELIVERY_DUE_BEYOND] = { "looking for due deliveries",
		"SELECT seq FROM delivery INDEXED BY delivery_due"
		" WHERE destination = ?1 AND due_at_ms > ?2"
		" ORDER BY due_at_ms DESC LIMIT 1" },
	[DELIVERY_NEXT_DUE] = { "looking for the next due delivery",
		"SELECT min(due_at_ms) FROM delivery INDEXED BY delivery_due"
		" WHERE destination = ?1 AND due_at_ms IS NOT NULL" },
	[DELIVERY_OLDEST] = { "looking for the oldest delivery",
		"SELECT min(seq) FROM delivery INDEXED BY delivery_open"
		" WHERE destination = ?1 AND state = ?2 AND settled_at_ms IS NULL AND lane = ?3" },
	[DELIVERY_LIST_READY] = { "listing ready deliveries",
		"SELECT " DELIVERY_COLUMNS WITH_BODY DELIVERY_BY(
			"delivery_open") " WHERE d.destination = ?1 AND d.state = 1 AND d.settled_at_ms IS NULL AND d.lane = ?2"
					 " AND d.seq > ?3 AND coalesce(d.batch, d.seq) > ?3"
					 " AND e.seq = d.seq ORDER BY d.seq LIMIT ?4" },
	[DELIVERY_LIST_BATCH] = { "listing a batch",
		"SELECT " DELIVERY_COLUMNS WITH_BODY DELIVERY_BY(
			"delivery_batch") " WHERE d.destination = ?1 AND d.batch = ?2 AND d.settled_at_ms IS NULL"
					  " AND e.seq = d.seq ORDER BY d.seq" },
	/* As many as were in flight: the sort is of a handful. */
	[DELIVERY_LIST_CLAIMED] = { "listing claimed deliveries",
		"SELECT " DELIVERY_COLUMNS WITHOUT_BODY DELIVERY_BY(
			"delivery_open") " WHERE d.destination = ?1 AND d.state = 2 AND d.settled_at_ms IS NULL"
					 " AND e.seq = d.seq ORDER BY d.seq" },
	[DELIVERY_LIST_SUSPECT] = { "listing deliveries in doubt",
		"SELECT " DELIVERY_COLUMNS WITHOUT_BODY DELIVERY_BY(
			"delivery_look") " WHERE d.destination = ?1 AND d.look_at_ms = 0"
					 " AND e.seq = d.seq ORDER BY d.seq LIMIT ?2" },
	[DELIVERY_LIST_UNFINISHED] = { "listing deliveries",
		"SELECT " DELIVERY_COLUMNS WITHOUT_BODY " FROM delivery AS d CROSS JOIN event AS e"
		" WHERE d.destination = ?1 AND e.seq = d.seq AND d.seq IN (SELECT seq FROM (" OPEN_SLOTS(1) " UNION ALL " OPEN_SLOTS(2) " UNION ALL " OPEN_SLOTS(
			3) " UNION ALL " OPEN_SLOTS(4) " UNION ALL " OPEN_SLOTS(5) " UNION ALL " OPEN_SLOTS(6) ") ORDER BY seq LIMIT ?4) ORDER BY d.seq" },
	[DELIVERY_LIST_FINISHED] = { "listing deliveries",
		"SELECT " DELIVERY_COLUMNS WITHOUT_BODY " FROM (SELECT * FROM delivery"
		" WHERE destination = ?1 AND seq > ?3 ORDER BY seq LIMIT ?5) AS d"
		" CROSS JOIN event AS e WHERE d.state = ?2 AND e.seq = d.seq LIMIT ?4" },
	[DELIVERY_LIST_EVENT] = { "listing the deliveries of an event",
		"SELECT " DELIVERY_COLUMNS WITHOUT_BODY " FROM destination AS x"
		" CROSS JOIN delivery AS d CROSS JOIN event AS e"
		" WHERE d.destination = x.id AND d.seq = ?1 AND e.seq = ?1 ORDER BY x.id" },
	[DELIVERY_REPLAY_END] = { "looking for deliveries to replay",
		"SELECT max(seq) FROM (SELECT seq FROM delivery WHERE destination = ?1"
		" AND seq > ?2 ORDER BY seq LIMIT ?3)" },
	[DELIVERY_LIST_REPLAY] = { "listing deliveries to replay",
		"SELECT " DELIVERY_COLUMNS WITH_BODY " FROM delivery AS d CROSS JOIN event AS e"
		" WHERE d.destination = ?1 AND d.seq > ?2 AND d.seq <= ?3 AND d.state = 7"
		" AND e.seq = d.seq AND e.received_at_ms BETWEEN ?4 AND ?5"
		" AND (?6 IS NULL OR e.type = ?6) ORDER BY d.seq LIMIT ?7" },
	[DELIVERY_REPLAY] = { "replaying a delivery",
		"UPDATE delivery SET state = ?3, settled_at_ms = NULL, held_key = ?4,"
		" doubt_at_ms = ?5, claimed_at_ms = NULL, batch = NULL, looks = NULL,"
		" connector_revision = CASE WHEN ?6 THEN NULL ELSE connector_revision END"
		" WHERE destination = ?1 AND seq = ?2 AND state = 7" },
	[DELIVERY_UNPIN] = { "forgetting what a delivery was sent with",
		"UPDATE delivery SET connector_revision = NULL, batch = NULL, carry = NULL"
		" WHERE destination = ?1 AND seq = ?2 AND state IN (1, 3, 4, 6)"
		" AND doubt_at_ms IS NULL" },
	[DELIVERY_DELETE] = { "purging a delivery",
		"DELETE FROM delivery WHERE destination = ?1 AND seq = ?2 RETURNING state" },

	[ATTEMPT_INSERT] = { "storing an attempt",
		"INSERT OR REPLACE INTO attempt (seq, destination, attempt, at_ms, took_ms, outcome,"
		" status, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
	[ATTEMPT_LIST] = { "listing attempts",
		"SELECT destination, attempt, at_ms, took_ms, outcome, message, status FROM attempt"
		" WHERE seq = ?1 ORDER BY destination, attempt" },
	[ATTEMPT_DELETE] = { "purging attempts", "DELETE FROM attempt WHERE seq = ?1" },

	[DEPTH_LIST] = { "reading the depths", "SELECT destination, state, n FROM depth" },
	[DEPTH_ADD] = { "counting deliveries",
		"INSERT INTO depth (destination, state, n) VALUES (?1, ?2, ?3)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n" },
	[TALLY_ADD] = { "counting",
		"INSERT INTO tally (day, source, device, type, destination, outcome, detail, n)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT DO UPDATE SET n = n + excluded.n" },
	[TALLY_METRICS] = { "summing the tally",
		"SELECT 0, source, '', type, destination, outcome, detail, sum(n) FROM tally"
		" GROUP BY source, type, destination, outcome, detail" },
	[TALLY_DEVICE] = { "summing the tally",
		"SELECT 0, '', device, '', destination, outcome, '', sum(n) FROM tally"
		" GROUP BY device, destination, outcome" },
	[TALLY_TODAY] = { "summing the tally",
		"SELECT day, '', '', type, destination, outcome, '', sum(n) FROM tally"
		" WHERE day = ?1 GROUP BY type, destination, outcome" },
	[TALLY_OLDEST] = { "folding the tally",
		"SELECT day, source, device, type, destination, outcome, detail, n FROM tally"
		" WHERE day > ?1 AND day < ?2 ORDER BY day LIMIT 1" },
	[TALLY_DELETE] = { "folding the tally",
		"DELETE FROM tally WHERE day = ?1 AND source = ?2 AND device = ?3 AND type = ?4"
		" AND destination = ?5 AND outcome = ?6 AND detail = ?7" },
	[SEQUENCE_SEEN] = { "counting a device's sequence",
		"INSERT INTO sequence (source, first, last, seen) VALUES (?1, ?2, ?2, 1)"
		" ON CONFLICT DO UPDATE SET first = min(first, excluded.first),"
		" last = max(last, excluded.last), seen = seen + 1" },
	[SEQUENCE_LIST] = { "listing sequences",
		"SELECT source, first, last, seen FROM sequence ORDER BY source" },

	[EXCEPTION_INSERT] = { "opening an exception",
		"INSERT INTO exception (state, kind, severity, code, reason, field, seq, destination,"
		" origin, device, opened_at_ms, due_at_ms, digest, raw)"
		" VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)" },
	[EXCEPTION_REPEAT] = { "opening an exception",
		"UPDATE exception SET repeats = repeats + 1, code = ?2, reason = ?3, field = ?4,"
		" device = coalesce(?5, device) WHERE id = ?1" },
	[EXCEPTION_SAME] = { "looking for the same exception",
		"SELECT id FROM exception INDEXED BY exception_same"
		" WHERE digest = ?1 AND state < 3" },
	[EXCEPTION_LIST_OPEN] = { "listing exceptions",
		"SELECT " EXCEPTION_COLUMNS "NULL FROM exception AS x INDEXED BY exception_open"
		" LEFT JOIN event AS e ON e.seq = x.seq"
		" WHERE x.id < ?1 AND x.state < 3 ORDER BY x.id DESC" },
	[EXCEPTION_LIST_ALL] = { "listing exceptions",
		"SELECT " EXCEPTION_COLUMNS "NULL FROM exception AS x"
		" LEFT JOIN event AS e ON e.seq = x.seq WHERE x.id < ?1 ORDER BY x.id DESC" },
	[EXCEPTION_GET] = { "reading an exception",
		"SELECT " EXCEPTION_COLUMNS "x.raw FROM exception AS x"
		" LEFT JOIN event AS e ON e.seq = x.seq WHERE x.id = ?1" },
	[EXCEPTION_OPEN_KIND] = { "reading an exception",
		"SELECT kind, severity FROM exception WHERE id = ?1 AND state < 3" },
	[EXCEPTION_RESOLVE] = { "resolving an exception",
		"UPDATE exception SET state = 3, resolution = ?2, resolved_at_ms = ?3 WHERE id = ?1" },
	[EXCEPTION_HOLD] = { "looking for a hold",
		"SELECT id FROM exception INDEXED BY exception_event"
		" WHERE seq = 0 AND destination = ?1 AND state < 3 AND kind = 'hold' LIMIT 1" },
	[EXCEPTION_COUNT_OPEN] = { "counting exceptions",
		"SELECT kind, severity, count(*) FROM exception INDEXED BY exception_open"
		" WHERE state < 3 GROUP BY kind, severity" },
	[EXCEPTION_OLD] = { "looking for exceptions to purge",
		"SELECT id FROM exception WHERE resolved_at_ms < ?1 LIMIT 1" },
	[EXCEPTION_PURGE] = { "purging exceptions",
		"DELETE FROM exception WHERE id IN (SELECT id FROM exception"
		" WHERE resolved_at_ms < ?1 ORDER BY resolved_at_ms LIMIT ?2)" },

	[AUDIT_LAST] = { "reading the audit trail",
		"SELECT hash FROM audit ORDER BY id DESC LIMIT 1" },
	[AUDIT_INSERT] = { "writing the audit trail",
		"INSERT INTO audit (id, at_ms, who, what, object, why, hash)"
		" VALUES (max(coalesce((SELECT max(id) FROM audit), 0), ?7) + 1,"
		" ?1, ?2, ?3, ?4, ?5, ?6)" },

	[PURGE_NEXT] = { "looking for what to purge",
		"SELECT e.seq, e.received_at_ms < ?2, EXISTS (SELECT 1 FROM destination AS x"
		" CROSS JOIN delivery AS d WHERE d.destination = x.id AND d.seq = e.seq"
		" AND d.settled_at_ms IS NULL) OR EXISTS (SELECT 1 FROM exception INDEXED BY exception_event"
		" WHERE seq = e.seq AND state < 3)"
		" FROM event AS e WHERE e.seq > ?1 ORDER BY e.seq LIMIT 1" },
	[PURGE_VACUUM] = { "freeing pages", "PRAGMA incremental_vacuum(50)" },
	/* A slice ends at its last event, whether that may go or not. */
	[STRIP_END] = { "looking for content to give up",
		"SELECT max(seq), count(*) FROM"
		" (SELECT seq FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2)" },
	[STRIP_TAKE] = { "giving up content",
		"INSERT INTO temp.stripped SELECT " STRIP_COLUMNS " FROM event AS e"
		" WHERE e.seq > ?1 AND e.seq <= ?2 AND (e.body IS NOT NULL OR e.raw IS NOT NULL)"
		" AND EXISTS (SELECT 1 FROM destination AS x CROSS JOIN delivery AS d"
		" WHERE d.destination = x.id AND d.seq = e.seq)"
		" AND NOT EXISTS (SELECT 1 FROM destination AS x CROSS JOIN delivery AS d"
		" WHERE d.destination = x.id AND d.seq = e.seq AND d.state NOT IN (7, 8))"
		" AND NOT EXISTS (SELECT 1 FROM exception INDEXED BY exception_event"
		" WHERE seq = e.seq AND state < 3)" },
	[STRIP_DELETE] = { "giving up content",
		"DELETE FROM event WHERE seq IN (SELECT seq FROM temp.stripped)" },
	[STRIP_INSERT] = { "giving up content",
		"INSERT INTO event (" STRIP_COLUMNS ") SELECT " STRIP_COLUMNS
		" FROM temp.stripped ORDER BY seq" },
	[STRIP_FORGET] = { "giving up content", "DELETE FROM temp.stripped" },
	[REFERENCE_PUT] = { "storing reference data",
		"INSERT INTO reference (kind, id, source, seen_at_ms, body)"
		" VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET version = NULL,"
		" source = excluded.source, seen_at_ms = excluded.seen_at_ms, closed_at_ms = NULL,"
		" body = excluded.body" },
	[REFERENCE_DELETE] = { "removing reference data",
		"DELETE FROM reference WHERE kind = ?1 AND id = ?2 RETURNING 1" },
	[REFERENCE_GET] = { "reading reference data",
		"SELECT kind, id, source, seen_at_ms, body FROM reference"
		" WHERE kind = ?1 AND id = ?2" },
	[REFERENCE_LIST] = { "listing reference data",
		"SELECT kind, id, source, seen_at_ms, body FROM reference"
		" WHERE (kind, id) > (?1, ?2) ORDER BY kind, id LIMIT ?3" },
	[REFERENCE_LIST_KIND] = { "listing reference data",
		"SELECT kind, id, source, seen_at_ms, body FROM reference"
		" WHERE kind = ?1 AND id > ?2 ORDER BY id LIMIT ?3" },
	[REFERENCE_HAS] = { "looking for reference data",
		"SELECT 1 FROM reference WHERE kind = ?1 LIMIT 1" },
	[ALIAS_TAKEN] = { "storing reference data",
		"SELECT 1 FROM alias WHERE scheme = ?1 AND code = ?2 AND kind = ?3 AND id <> ?4" },
	[ALIAS_PUT] = { "storing reference data",
		"INSERT INTO alias (scheme, code, kind, id, pack) VALUES (?1, ?2, ?3, ?4, ?5)"
		" ON CONFLICT DO UPDATE SET id = excluded.id, pack = excluded.pack" },
	[ALIAS_DELETE] = { "removing reference data",
		"DELETE FROM alias WHERE kind = ?1 AND id = ?2" },
	[ALIAS_FIND] = { "looking for reference data",
		"SELECT id, pack FROM alias WHERE scheme = ?1 AND code = ?2 AND kind = ?3" },
	[CURSOR_GET] = { "reading a cursor", "SELECT value FROM cursor WHERE name = ?1" },
	[CURSOR_PUT] = { "writing a cursor",
		"INSERT INTO cursor (name, value, at_ms) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (name) DO UPDATE SET value = excluded.value, at_ms = excluded.at_ms" },
	[COUNTER_GET] = { "reading a counter", "SELECT value FROM counter WHERE name = ?1" },
	[COUNTER_SET] = { "storing a counter",
		"INSERT INTO counter (name, value) VALUES (?1, ?2)"
		" ON CONFLICT DO UPDATE SET value = excluded.value" },
	[COUNTER_ADD] = { "adding to a counter",
		"INSERT INTO counter (name, value) VALUES (?1, ?2)"
		" ON CONFLICT DO UPDATE SET value = value + excluded.value" },
	[COUNTER_LIST_OPEN] = { "counting exceptions",
		"SELECT name, value FROM counter WHERE name > 'open/' AND name < 'open0'" },
	[SIZE_PAGES] = { "measuring the store", "PRAGMA page_count" },
	[SIZE_FREE] = { "measuring the store", "PRAGMA freelist_count" },

	[BACK_EVENT_THERE] = { "looking for an event that comes back",
		"SELECT 1 FROM event WHERE seq = ?1" },
	[BACK_EVENT] = { "bringing back an event",
		"INSERT INTO event (" BACK_EVENT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7,"
		" ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)" },
	[BACK_EVENT_TOUCHED] = { "looking whether an event was tried",
		"SELECT count(*) FROM destination AS x CROSS JOIN delivery AS d"
		" WHERE d.destination = x.id AND d.seq = ?1"
		" AND (d.state NOT IN (1, 4) OR d.attempts > 0)" },
	[BACK_EVENT_BODY] = { "reading an event", "SELECT body, digest FROM event WHERE seq = ?1" },
	[BACK_DELIVERY] = { "bringing back a delivery",
		"INSERT INTO delivery (destination, seq, state, lane, batch, attempts, due_at_ms,"
		" claimed_at_ms, doubt_at_ms, settled_at_ms, last_status, ref, held_key,"
		" connector_revision, carry, serial, looks, accepted_at_ms, look_at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
		" ?17, ?18, iif(?3 = 5, 0, NULL))" },
	[BACK_DELIVERY_PARK] = { "parking a delivery behind one that came back",
		"UPDATE delivery SET state = 4, due_at_ms = NULL"
		" WHERE destination = ?1 AND seq = ?2" },
	[BACK_DELIVERY_DELETE] = { "taking back a delivery",
		"DELETE FROM delivery WHERE destination = ?1 AND seq = ?2"
		" RETURNING state, held_key" },
	[BACK_ATTEMPT] = { "bringing back an attempt",
		"INSERT OR IGNORE INTO attempt (destination, seq, attempt, at_ms, took_ms, outcome,"
		" status, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)" },
	[BACK_SEQUENCE] = { "bringing back a device's sequence",
		"INSERT INTO sequence (source, first, last, seen) VALUES (?1, ?2, ?3, ?4)"
		" ON CONFLICT DO UPDATE SET first = min(first, excluded.first),"
		" last = max(last, excluded.last), seen = seen + excluded.seen" },
	[BACK_SEQUENCE_LESS] = { "counting a device's sequence",
		"UPDATE sequence SET seen = seen - 1 WHERE source ="
		" (SELECT source FROM event WHERE seq = ?1"
		" AND iif(json_valid(body), json_extract(body, '$.sequence'), NULL) IS NOT NULL)" },
	[BACK_CURSOR] = { "bringing back a cursor",
		"INSERT OR IGNORE INTO cursor (name, value, at_ms) VALUES (?1, ?2, ?3)" },
	[BACK_EXCEPTION] = { "bringing back an exception",
		"INSERT INTO exception (id, " BACK_EXCEPTION_COLUMNS ") SELECT"
		" CASE WHEN EXISTS (SELECT 1 FROM exception WHERE id = ?1) THEN NULL ELSE ?1 END,"
		" ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19"
		" WHERE NOT EXISTS (SELECT 1 FROM exception WHERE id = ?1 AND digest = ?18)" },
	[BACK_EXCEPTION_REPEATS] = { "bringing back an exception",
		"UPDATE exception SET repeats = repeats + ?2 WHERE id = ?1" },
	[BACK_EXCEPTION_MISSING] = { "looking for exceptions that are lost",
		"SELECT d.destination, d.seq, d.state = 6 AND NOT EXISTS"
		" (SELECT 1 FROM exception AS x INDEXED BY exception_event WHERE x.seq = d.seq"
		" AND x.destination = d.destination AND x.state < 3),"
		" json_array(d.destination, d.state, d.lane, d.seq)"
		" FROM delivery AS d INDEXED BY delivery_open WHERE d.settled_at_ms IS NULL"
		" AND (d.destination, d.state, d.lane, d.seq) > (json_extract(?1, '$[0]'),"
		" json_extract(?1, '$[1]'), json_extract(?1, '$[2]'), json_extract(?1, '$[3]'))"
		" ORDER BY d.destination, d.state, d.lane, d.seq LIMIT ?2" },
	[BACK_AUDIT] = { "bringing back the audit trail",
		"INSERT INTO audit (id, at_ms, who, what, object, why, hash) SELECT"
		" CASE WHEN EXISTS (SELECT 1 FROM audit WHERE id = ?1) THEN NULL ELSE ?1 END,"
		" ?2, ?3, ?4, ?5, ?6, ?7"
		" WHERE NOT EXISTS (SELECT 1 FROM audit WHERE id = ?1 AND hash = ?7)" },
	[BACK_REFERENCE] = { "bringing back reference data",
		"INSERT OR IGNORE INTO reference (kind, id, version, source, seen_at_ms,"
		" closed_at_ms, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)" },
	[BACK_ALIAS] = { "bringing back reference data",
		"INSERT OR IGNORE INTO alias (scheme, code, kind, id, pack)"
		" SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM reference"
		" WHERE kind = ?3 AND id = ?4)" },
	[BACK_PROGRESS] = { "bringing back reference data",
		"INSERT OR IGNORE INTO progress (document, line, measure, quantity, at_ms)"
		" VALUES (?1, ?2, ?3, ?4, ?5)" },
	[BACK_CONFIG] = { "bringing back configurations",
		"INSERT OR IGNORE INTO config_revision (id, at_ms, origin, digest, result, reason,"
		" body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)" },
	[BACK_TALLY] = { "counting",
		"SELECT " TALLY_KEY ", n, json_array(" TALLY_KEY ") FROM tally WHERE (" TALLY_KEY
		") > (json_extract(?1, '$[0]'), json_extract(?1, '$[1]'),"
		" json_extract(?1, '$[2]'), json_extract(?1, '$[3]'), json_extract(?1, '$[4]'),"
		" json_extract(?1, '$[5]'), json_extract(?1, '$[6]')) ORDER BY " TALLY_KEY
		" LIMIT ?2" },
	[RESTORE_SLICE] = { "looking for deliveries that a restore has put in doubt",
		"SELECT max(seq) FROM (SELECT seq FROM delivery WHERE destination = ?1"
		" AND seq > ?2 AND seq < ?3 ORDER BY seq LIMIT ?4)" },
	[RESTORE_DOUBT] = { "noting the doubt that a restore has left",
		"UPDATE delivery SET doubt_at_ms = ?4 WHERE destination = ?1 AND seq > ?2"
		" AND seq <= ?3 AND settled_at_ms IS NULL AND doubt_at_ms IS NULL" },
	/* Their ids go on above those of the database before: a million each. */
	[FRESH_EXCEPTION_IDS] = { "numbering exceptions",
		"INSERT INTO sqlite_sequence (name, seq) SELECT 'exception', ?1 * 1000000"
		" WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'exception'"
		" AND seq >= ?1 * 1000000)" },
};

int statements_prepare(struct store *store, struct error *err)
{
	for (int id = 0; id < PREPARED_AT_OPEN; id++) {
		if (sqlite3_prepare_v3(store->db, statement_texts[id].sql, -1,
			    SQLITE_PREPARE_PERSISTENT, &store->statements[id], NULL) != SQLITE_OK)
			return error_set(err, NULL, "cannot prepare for %s: %s",
				statement_texts[id].doing, sqlite3_errmsg(store->db));
	}
	return 0;
}

static void finalize_from(struct store *store, int id)
{
	for (; id < STATEMENTS; id++) {
		(void)sqlite3_finalize(store->statements[id]);
		store->statements[id] = NULL;
	}
}

void statements_finalize(struct store *store)
{
	finalize_from(store, 0);
}

void statements_release(struct store *store)
{
	finalize_from(store, PREPARED_AT_OPEN);
}

void statements_reset(struct store *store)
{
	for (int id = 0; id < STATEMENTS; id++)
		(void)sqlite3_reset(store->statements[id]);
}

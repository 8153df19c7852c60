/*
 * schema.c - the tables, and how an older file becomes a newer one.
 *
 * schema_texts[n] takes a file from user_version n to n + 1, in one transaction. A text that has
 * shipped is never edited. Every unfinished delivery survives every migration.
 *
 * Small columns stand first, bodies last: a row read without its body doesn't touch its overflow
 * pages. What can be derived isn't stored: `correlation` is NULL where it is the document's id.
 */
#include <stdio.h>
#include <string.h>

#include "store/store_internal.h"

static const char schema_1[] =
	"CREATE TABLE event ("
	" seq INTEGER PRIMARY KEY,"
	" source TEXT NOT NULL,"
	" id TEXT NOT NULL,"
	" revision INTEGER NOT NULL DEFAULT 1,"
	" type TEXT NOT NULL,"
	" document TEXT," /* NULL: none */
	" device TEXT NOT NULL,"
	" correlation TEXT," /* NULL: the document's id, or none */
	" origin TEXT NOT NULL,"
	" occurred_at_ms INTEGER NOT NULL,"
	" sent_at_ms INTEGER," /* NULL: not said */
	" received_at_ms INTEGER NOT NULL,"
	" digest BLOB NOT NULL,"
	" body TEXT," /* NULL: given up under pressure */
	" raw BLOB,"  /* NULL: the canonical form says it all */
	" UNIQUE (id, source)"
	") STRICT;"
	"CREATE INDEX event_document ON event (document, seq) WHERE document IS NOT NULL;"

	"CREATE TABLE destination ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" is_paused INTEGER NOT NULL DEFAULT 0,"
	" not_before_at_ms INTEGER NOT NULL DEFAULT 0" /* 0: it asked for no wait */
	") STRICT;"

	"CREATE TABLE connector_revision ("
	" id INTEGER PRIMARY KEY,"
	" connector TEXT NOT NULL,"
	" digest BLOB NOT NULL UNIQUE,"
	" at_ms INTEGER NOT NULL,"
	" text TEXT NOT NULL"
	") STRICT;"

	"CREATE TABLE delivery ("
	" destination INTEGER NOT NULL,"
	" seq INTEGER NOT NULL,"
	" state INTEGER NOT NULL," /* enum delivery_state; up to 6 unfinished */
	" lane INTEGER NOT NULL,"
	" batch INTEGER,"
	" attempts INTEGER NOT NULL DEFAULT 0,"
	" due_at_ms INTEGER,"     /* only while WAITING */
	" claimed_at_ms INTEGER," /* first attempt */
	" doubt_at_ms INTEGER,"   /* first attempt whose fate is unknown */
	" settled_at_ms INTEGER," /* NULL: unfinished */
	" last_status INTEGER,"
	" ref TEXT,"
	" held_key TEXT," /* only while it keeps others with this key waiting */
	" connector_revision INTEGER,"
	" carry TEXT," /* cursor of a delivery with several steps */
	" PRIMARY KEY (destination, seq)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX delivery_open ON delivery (destination, state, lane, seq)"
	" WHERE settled_at_ms IS NULL;"
	"CREATE INDEX delivery_key ON delivery (destination, held_key, seq)"
	" WHERE held_key IS NOT NULL;"
	"CREATE INDEX delivery_due ON delivery (destination, due_at_ms)"
	" WHERE due_at_ms IS NOT NULL;"
	"CREATE INDEX delivery_batch ON delivery (destination, batch, seq)"
	" WHERE batch IS NOT NULL AND settled_at_ms IS NULL;"

	/* An attempt that was taken back gives its number, and so its row, to the next one: a
	 * destination that can't be reached for days leaves one row. */
	"CREATE TABLE attempt ("
	" seq INTEGER NOT NULL,"
	" destination INTEGER NOT NULL,"
	" attempt INTEGER NOT NULL,"
	" at_ms INTEGER NOT NULL,"
	" took_ms INTEGER NOT NULL,"
	" outcome TEXT NOT NULL,"
	" status INTEGER,"
	" message TEXT,"
	" PRIMARY KEY (seq, destination, attempt)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE depth ("
	" destination INTEGER NOT NULL,"
	" state INTEGER NOT NULL,"
	" n INTEGER NOT NULL,"
	" PRIMARY KEY (destination, state)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE tally ("
	" day INTEGER NOT NULL,"
	" source TEXT NOT NULL,"
	" device TEXT NOT NULL,"
	" type TEXT NOT NULL,"
	" destination INTEGER NOT NULL,"
	" outcome TEXT NOT NULL,"
	" detail TEXT NOT NULL,"
	" n INTEGER NOT NULL,"
	" PRIMARY KEY (day, source, device, type, destination, outcome, detail)"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE sequence ("
	" source TEXT PRIMARY KEY,"
	" first INTEGER NOT NULL,"
	" last INTEGER NOT NULL,"
	" seen INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE counter ("
	" name TEXT PRIMARY KEY,"
	" value INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"

	"CREATE TABLE exception ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" state INTEGER NOT NULL," /* enum exception_state; below 3 open */
	" kind TEXT NOT NULL,"
	" severity TEXT NOT NULL,"
	" code TEXT,"
	" reason TEXT NOT NULL,"
	" field TEXT,"
	" seq INTEGER NOT NULL,"         /* 0: no event */
	" destination INTEGER NOT NULL," /* 0: none */
	" origin TEXT,"
	" device TEXT,"
	" owner TEXT,"
	" repeats INTEGER NOT NULL DEFAULT 0,"
	" opened_at_ms INTEGER NOT NULL,"
	" due_at_ms INTEGER NOT NULL,"
	" resolved_at_ms INTEGER,"
	" resolution TEXT,"
	" digest BLOB NOT NULL," /* of what makes two the same */
	" raw BLOB"
	") STRICT;"
	"CREATE UNIQUE INDEX exception_same ON exception (digest) WHERE state < 3;"
	"CREATE INDEX exception_open ON exception (id) WHERE state < 3;"
	"CREATE INDEX exception_event ON exception (seq, destination) WHERE state < 3;"
	"CREATE INDEX exception_resolved ON exception (resolved_at_ms)"
	" WHERE resolved_at_ms IS NOT NULL;"

	"CREATE TABLE audit ("
	" id INTEGER PRIMARY KEY,"
	" at_ms INTEGER NOT NULL,"
	" who TEXT NOT NULL,"
	" what TEXT NOT NULL,"
	" object TEXT NOT NULL,"
	" why TEXT NOT NULL,"
	" hash BLOB NOT NULL"
	") STRICT;"

	"CREATE TABLE reference ("
	" kind TEXT NOT NULL," /* item, supplier, location, purchase_order, asn, … */
	" id TEXT NOT NULL,"
	" version TEXT,"
	" source TEXT NOT NULL,"
	" seen_at_ms INTEGER NOT NULL,"
	" closed_at_ms INTEGER,"
	" body TEXT NOT NULL,"
	" PRIMARY KEY (kind, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE alias ("
	" scheme TEXT NOT NULL," /* gtin, supplier_item, … */
	" code TEXT NOT NULL,"
	" kind TEXT NOT NULL,"
	" id TEXT NOT NULL,"
	" pack TEXT," /* how many base units, a decimal */
	" PRIMARY KEY (scheme, code, kind)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX alias_target ON alias (kind, id);"
	"CREATE TABLE progress ("
	" document TEXT NOT NULL,"
	" line TEXT NOT NULL,"
	" measure TEXT NOT NULL," /* received, picked, shipped, invoiced, … */
	" quantity TEXT NOT NULL,"
	" at_ms INTEGER NOT NULL,"
	" PRIMARY KEY (document, line, measure)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE config_revision ("
	" id INTEGER PRIMARY KEY,"
	" at_ms INTEGER NOT NULL,"
	" origin TEXT NOT NULL,"
	" digest BLOB NOT NULL,"
	" result TEXT NOT NULL,"
	" reason TEXT,"
	" body TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE cursor ("
	" name TEXT PRIMARY KEY,"
	" value TEXT NOT NULL,"
	" at_ms INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;";

/*
 * Deliveries with several steps, in doubt, or numbered for the other side. The columns cost old rows
 * nothing: a row without them reads as NULL. The index is made by one pass over the rows.
 */
static const char schema_2[] =
	"ALTER TABLE delivery ADD COLUMN serial INTEGER;"     /* its number at the other side */
	"ALTER TABLE delivery ADD COLUMN looks INTEGER;"      /* lookups so far */
	"ALTER TABLE delivery ADD COLUMN look_at_ms INTEGER;" /* only while SUSPECT; 0: not said */
	"ALTER TABLE delivery ADD COLUMN accepted_at_ms INTEGER;" /* likewise: of a repeat */
	"CREATE INDEX delivery_look ON delivery (destination, look_at_ms)"
	" WHERE look_at_ms IS NOT NULL;"
	"UPDATE delivery INDEXED BY delivery_open SET look_at_ms = 0 WHERE destination IN (SELECT id FROM destination)"
	" AND state = 5 AND settled_at_ms IS NULL;";

const char *const schema_texts[] = { schema_1, schema_2 };
const int schema_version = (int)(sizeof(schema_texts) / sizeof(schema_texts[0]));

int schema_configure(sqlite3 *db)
{
	/* auto_vacuum has an effect only before the first table, journal_mode writes the header:
	 * hence the order. Debian's library overwrites what it deletes unless told not to. */
	static const char pragmas[] = "PRAGMA auto_vacuum = INCREMENTAL;"
				      "PRAGMA journal_mode = WAL;"
				      "PRAGMA synchronous = FULL;"
				      "PRAGMA wal_autocheckpoint = 0;"
				      "PRAGMA cache_size = -1024;"
				      "PRAGMA temp_store = MEMORY;"
				      "PRAGMA foreign_keys = OFF;"
				      "PRAGMA trusted_schema = OFF;"
				      "PRAGMA secure_delete = OFF;";
	/* A planner that peeks at bound values, to see whether a partial index fits, prepares the
	 * statement anew at every bind: half of what a delivery cost. */
	int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, NULL);
	if (rc != SQLITE_OK)
		return rc;
	return sqlite3_exec(db, pragmas, NULL, NULL, NULL);
}

int schema_make_room(sqlite3 *db, struct error *err)
{
	if (sqlite3_exec(db, "CREATE TEMP TABLE stripped (" STRIP_COLUMNS ", PRIMARY KEY (seq))",
		    NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, NULL, "cannot prepare the database: %s", sqlite3_errmsg(db));
	return 0;
}

static int read_version(sqlite3 *db, int *ret_version)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*ret_version = sqlite3_column_int(stmt, 0);
	int ended = sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? ended : rc;
}

static int migrate_once(sqlite3 *db, const char *text, int version)
{
	char set_version[64];
	(void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version);
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, text, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, set_version, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	return rc;
}

int schema_migrate(sqlite3 *db, const char *const *texts, int n, struct error *err)
{
	int version = 0;
	if (read_version(db, &version) != SQLITE_OK)
		return error_set(
			err, NULL, "cannot read the schema version: %s", sqlite3_errmsg(db));
	if (version > n)
		return error_set(err, NULL,
			"the database has schema %d, this program knows up to %d: "
			"install the newer version again, or restore a backup",
			version, n);
	for (; version < n; version++) {
		if (migrate_once(db, texts[version], version + 1) != SQLITE_OK)
			return error_set(err, NULL, "cannot bring the database to schema %d: %s",
				version + 1, sqlite3_errmsg(db));
	}
	return 0;
}

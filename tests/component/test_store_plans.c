/* Every statement that runs per event or delivery seeks in the index that was made for it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "help_store.h"
#include "store/store_internal.h"

static void assert_plan(struct shed *shed, enum statement id, const char *wanted, bool may_sort)
{
	char sql[8192];
	sqlite3_stmt *stmt;
	bool is_found = false;
	(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", statement_texts[id].sql);
	assert_int_equal(sqlite3_prepare_v2(shed->store->db, sql, -1, &stmt, NULL), SQLITE_OK);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(stmt, 3);
		is_found |= strstr(step, wanted) != NULL;
		if (strncmp(step, "SCAN", 4) == 0 || (!may_sort && strstr(step, "TEMP B-TREE")))
			fail_msg("%s: %s", statement_texts[id].sql, step);
	}
	assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
	if (!is_found)
		fail_msg("%s: no %s", statement_texts[id].sql, wanted);
}

static void test_what_the_loop_does_per_event_and_delivery_seeks(void **state)
{
	(void)state;
	struct shed shed;
	static const struct {
		enum statement id;
		const char *wanted;
		bool may_sort;
	} cases[] = {
		{ EVENT_KNOWN, "event_1 (id=? AND source=?)", false },
		{ EVENT_LABELS, "INTEGER PRIMARY KEY (rowid=?)", false },
		{ DELIVERY_KEY_FIRST, "delivery_key (destination=? AND held_key=?)", false },
		{ DELIVERY_FIND, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_CLAIM, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_CLAIM_CHAINED, "delivery_key (destination=? AND held_key=?)", false },
		{ DELIVERY_SETTLE_DOUBT, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ EVENT_LIST_SEQS, "INTEGER PRIMARY KEY (rowid>? AND rowid<?)", false },
		{ DELIVERY_UNPIN, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_CARRY, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_SET_SERIAL, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_LIST_SUSPECT, "delivery_look (destination=? AND look_at_ms=?)", false },
		{ DELIVERY_LIST_LOOKS,
			"delivery_look (destination=? AND look_at_ms>? AND look_at_ms<?)", false },
		{ DELIVERY_NEXT_LOOK, "delivery_look (destination=? AND look_at_ms>?)", false },
		{ DELIVERY_LOOK, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_LIST_CHAIN, "delivery_key (destination=? AND held_key=? AND seq>?)",
			false },
		{ DELIVERY_SETTLE, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_SET_READY, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_DUE, "delivery_due (destination=? AND due_at_ms<?)", false },
		{ DELIVERY_DUE_BEYOND, "delivery_due (destination=? AND due_at_ms>?)", false },
		{ DELIVERY_NEXT_DUE, "delivery_due (destination=? AND due_at_ms>?)", false },
		{ DELIVERY_OLDEST, "delivery_open (destination=? AND state=? AND lane=?)", false },
		{ DELIVERY_LIST_READY,
			"delivery_open (destination=? AND state=? AND lane=? AND seq>?)", false },
		{ DELIVERY_LIST_BATCH, "delivery_batch (destination=? AND batch=?)", false },
		{ DELIVERY_LIST_CLAIMED, "delivery_open (destination=? AND state=?)", true },
		{ DELIVERY_REPLAY_END, "PRIMARY KEY (destination=? AND seq>?)", false },
		{ DELIVERY_LIST_REPLAY, "PRIMARY KEY (destination=? AND seq>? AND seq<?)", false },
		{ DELIVERY_REPLAY, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ DELIVERY_DELETE, "PRIMARY KEY (destination=? AND seq=?)", false },
		{ ATTEMPT_DELETE, "PRIMARY KEY (seq=?)", false },
		{ AUDIT_INSERT, "SEARCH audit", false },
		{ BACK_TALLY, "PRIMARY KEY ((day,source,device,type,destination,outcome,detail)>(",
			false },
		{ BACK_EXCEPTION_MISSING, "delivery_open ((destination,state,lane,seq)>(", false },
		{ EXCEPTION_SAME, "exception_same (digest=?)", false },
		{ EXCEPTION_HOLD, "exception_event (seq=? AND destination=?)", false },
		{ EXCEPTION_LIST_OPEN, "exception_open (id<?)", false },
		{ REFERENCE_GET, "PRIMARY KEY (kind=? AND id=?)", false },
		{ REFERENCE_DELETE, "PRIMARY KEY (kind=? AND id=?)", false },
		{ REFERENCE_LIST, "PRIMARY KEY ((kind,id)>(?,?))", false },
		{ REFERENCE_LIST_KIND, "PRIMARY KEY (kind=? AND id>?)", false },
		{ REFERENCE_HAS, "PRIMARY KEY (kind=?)", false },
		{ ALIAS_TAKEN, "PRIMARY KEY (scheme=? AND code=? AND kind=?)", false },
		{ ALIAS_FIND, "PRIMARY KEY (scheme=? AND code=? AND kind=?)", false },
		{ ALIAS_DELETE, "alias_target (kind=? AND id=?)", false },
		{ EVENT_LIST, "INTEGER PRIMARY KEY (rowid<?)", false },
		{ EVENT_LIST_BY_DOCUMENT, "event_document (document=? AND seq<?)", false },
	};
	shed_init(&shed, NULL);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_plan(&shed, cases[i].id, cases[i].wanted, cases[i].may_sort);
	shed_done(&shed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_loop_does_per_event_and_delivery_seeks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

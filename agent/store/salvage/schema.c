/*
 * schema.c - see schema.h
 */
#include "store/salvage/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/salvage/page.h"
#include "store/store_internal.h"

#define ENTRIES_MAX MAP_TREES_MAX

struct entry {
	char type[8]; /* "table", "index" */
	char name[MAP_NAME_BYTES];
	char table[MAP_NAME_BYTES];
	uint32_t root;
	char *sql; /* NULL: an index that a constraint implies */
};

struct entries {
	struct entry at[ENTRIES_MAX];
	unsigned n;
};

/* Words that only matter to who writes; types, since what the file has is checked by the reader. */
static const char *const spared_words[] = { " NOT NULL", " STRICT,", " STRICT", " TEXT", " BLOB" };

static void spare_words(char *sql)
{
	for (size_t i = 0; i < sizeof(spared_words) / sizeof(spared_words[0]); i++) {
		size_t len = strlen(spared_words[i]);
		for (char *at; (at = strstr(sql, spared_words[i])) != NULL;)
			memmove(at, at + len, strlen(at + len) + 1);
	}
}

static void free_entries(struct entries *entries)
{
	for (unsigned i = 0; i < entries->n; i++)
		free(entries->at[i].sql);
	entries->n = 0;
}

/* depths are counted anew; sqlite_sequence is for inserting. */
static bool is_needed(const char *name)
{
	return strcmp(name, "depth") != 0 && strcmp(name, "sqlite_sequence") != 0;
}

static void copy_name(char *out, size_t size, const unsigned char *name)
{
	(void)snprintf(out, size, "%s", name ? (const char *)name : "");
}

static int take_entry(sqlite3_stmt *stmt, struct entries *entries)
{
	if (entries->n == ENTRIES_MAX)
		return -1;
	struct entry *entry = &entries->at[entries->n];
	const char *sql = (const char *)sqlite3_column_text(stmt, 4);
	copy_name(entry->type, sizeof(entry->type), sqlite3_column_text(stmt, 0));
	copy_name(entry->name, sizeof(entry->name), sqlite3_column_text(stmt, 1));
	copy_name(entry->table, sizeof(entry->table), sqlite3_column_text(stmt, 2));
	entry->root = (uint32_t)sqlite3_column_int64(stmt, 3);
	entry->sql = NULL;
	if (!is_needed(entry->name))
		return 0;
	if (sql != NULL && (entry->sql = strdup(sql)) == NULL)
		return -1;
	if (entry->sql != NULL)
		spare_words(entry->sql);
	entries->n++;
	return 0;
}

static int list_entries(sqlite3 *db, struct entries *entries)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db,
		"SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema"
		" WHERE type = 'table' OR sql IS NULL",
		-1, &stmt, NULL);
	while (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		rc = take_entry(stmt, entries) < 0 ? SQLITE_NOMEM : SQLITE_OK;
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* What a fresh file of this program has. */
static int list_fresh(struct entries *entries, struct error *err)
{
	sqlite3 *db = NULL;
	int result = -1;
	if (sqlite3_open(":memory:", &db) == SQLITE_OK && schema_configure(db) == SQLITE_OK &&
		schema_migrate(db, schema_texts, schema_version, err) == 0)
		result = list_entries(db, entries);
	(void)sqlite3_close(db);
	return result < 0 ? error_set(err, NULL, "cannot make a schema to read with") : 0;
}

/* --- the file's own roots ---------------------------------------------------------------------------- */

/*
 * A header that says: rollback mode, so many pages, nothing free, no auto_vacuum (its page map may be
 * destroyed, and only a writer needs it). https://www.sqlite.org/fileformat2.html#the_database_header
 */
static void settle_header(uint8_t *page, uint32_t n_pages)
{
	memcpy(page, "SQLite format 3", 16);
	page[16] = PAGE_BYTES >> 8;
	page[17] = PAGE_BYTES & 0xff;
	page[18] = page[19] = 1;
	page[20] = 0;
	page_put_big(page + 28, n_pages);
	memcpy(page + 92, page + 24, 4); /* the count of pages is valid */
	page_put_big(page + 32, 0);
	page_put_big(page + 36, 0);
	page_put_big(page + 44, 4);
	page_put_big(page + 52, 0);
	page_put_big(page + 56, 1);
	page_put_big(page + 64, 0);
}

static const struct entry *find_entry(const struct entries *entries, const char *name)
{
	for (unsigned i = 0; i < entries->n; i++) {
		if (strcmp(entries->at[i].name, name) == 0)
			return &entries->at[i];
	}
	return NULL;
}

static bool is_root_taken(const struct entries *entries, unsigned n, uint32_t root)
{
	for (unsigned i = 0; i < n; i++) {
		if (entries->at[i].root == root)
			return true;
	}
	return false;
}

/* Every one is there and makes sense, or none is believed. */
static void adopt_roots(struct entries *ours, const struct entries *own, uint32_t n_pages)
{
	struct entries adopted = *ours;
	for (unsigned i = 0; i < adopted.n; i++) {
		const struct entry *entry = find_entry(own, adopted.at[i].name);
		if (entry == NULL || entry->root < 2 || entry->root > n_pages ||
			is_root_taken(&adopted, i, entry->root))
			return;
		adopted.at[i].root = entry->root;
	}
	*ours = adopted;
}

static int read_own_roots(struct view *view, struct entries *ours)
{
	uint8_t page[PAGE_BYTES];
	struct entries own = { .n = 0 };
	if (view_read_page(view, 1, page) < 0)
		return 0;
	settle_header(page, view_pages(view));
	if (view_replace_page(view, 1, page) < 0)
		return -1;
	sqlite3 *db = view_connect(view, NULL);
	if (db != NULL && list_entries(db, &own) == 0)
		adopt_roots(ours, &own, view_pages(view));
	(void)sqlite3_close(db);
	free_entries(&own);
	return 0;
}

/* --- the page ---------------------------------------------------------------------------------------- */

static int write_entries(sqlite3 *db, const struct entries *entries)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(
		db, "INSERT INTO sqlite_schema VALUES (?1, ?2, ?3, ?4, ?5)", -1, &stmt, NULL);
	for (unsigned i = 0; rc == SQLITE_OK && i < entries->n; i++) {
		const struct entry *entry = &entries->at[i];
		if (sqlite3_bind_text(stmt, 1, entry->type, -1, SQLITE_STATIC) != SQLITE_OK ||
			sqlite3_bind_text(stmt, 2, entry->name, -1, SQLITE_STATIC) != SQLITE_OK ||
			sqlite3_bind_text(stmt, 3, entry->table, -1, SQLITE_STATIC) != SQLITE_OK ||
			sqlite3_bind_int64(stmt, 4, entry->root) != SQLITE_OK ||
			sqlite3_bind_text(stmt, 5, entry->sql, -1, SQLITE_STATIC) != SQLITE_OK ||
			sqlite3_step(stmt) != SQLITE_DONE)
			rc = SQLITE_ERROR;
		else
			rc = sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	return rc == SQLITE_OK ? 0 : -1;
}

static int make_page(const struct entries *entries, uint8_t *page)
{
	static const char pragmas[] = "PRAGMA page_size = 4096;"
				      "PRAGMA auto_vacuum = NONE;"
				      "PRAGMA writable_schema = ON;";
	sqlite3 *db = NULL;
	int result = -1;
	if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
		sqlite3_exec(db, pragmas, NULL, NULL, NULL) == SQLITE_OK &&
		write_entries(db, entries) == 0) {
		sqlite3_int64 len = 0;
		unsigned char *bytes = sqlite3_serialize(db, "main", &len, 0);
		if (bytes != NULL && len == PAGE_BYTES) {
			memcpy(page, bytes, PAGE_BYTES);
			result = 0;
		}
		sqlite3_free(bytes);
	}
	(void)sqlite3_close(db);
	return result;
}

/* --- the trees -------------------------------------------------------------------------------------- */

static bool fits(void *ctx, uint32_t page, const uint8_t *bytes)
{
	const struct map *map = ctx;
	if (page == 1)
		return true;
	const struct map_tree *tree = map_find_tree(map, page);
	return tree != NULL ? map_fits_tree(tree, bytes) : map_fits_list(map, page, bytes);
}

static int count_table(sqlite3 *db, const struct entry *entry)
{
	sqlite3_stmt *stmt = NULL;
	char sql[MAP_NAME_BYTES + 16];
	int n = -1;
	(void)snprintf(sql, sizeof(sql), "SELECT * FROM %s", entry->name);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK)
		n = sqlite3_column_count(stmt);
	(void)sqlite3_finalize(stmt);
	return n;
}

/* How many columns are its primary key. */
static int count_keys(sqlite3 *db, const struct entry *entry)
{
	sqlite3_stmt *stmt = NULL;
	int n = 0;
	int rc = sqlite3_prepare_v2(
		db, "SELECT max(pk) FROM pragma_table_info(?1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, entry->name, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		n = sqlite3_column_int(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

/* Its own columns, and the rowid. */
static int count_index(sqlite3 *db, const struct entry *entry)
{
	sqlite3_stmt *stmt = NULL;
	int n = 0;
	int rc = sqlite3_prepare_v2(db, "SELECT * FROM pragma_index_xinfo(?1)", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_text(stmt, 1, entry->name, -1, SQLITE_STATIC);
	while (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
		n++;
	(void)sqlite3_finalize(stmt);
	return n > 0 ? n : -1;
}

/* Columns that were added since are not in the rows that were there before. */
static sqlite3 *open_first_schema(void)
{
	sqlite3 *db = NULL;
	if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
		schema_migrate(db, schema_texts, 1, NULL) == 0)
		return db;
	(void)sqlite3_close(db);
	return NULL;
}

static int fill_map(struct view *view, const struct entries *entries, struct map *ret)
{
	sqlite3 *db = view_connect(view, NULL);
	sqlite3 *first = open_first_schema();
	*ret = (struct map){ .view = view };
	for (unsigned i = 0; db != NULL && first != NULL && i < entries->n; i++) {
		const struct entry *entry = &entries->at[i];
		bool is_table = strcmp(entry->type, "table") == 0;
		struct map_tree *tree = &ret->trees[ret->n_trees];
		memcpy(tree->name, entry->name, sizeof(tree->name));
		tree->root = entry->root;
		tree->is_rowid = is_table && entry->sql != NULL &&
				 strstr(entry->sql, "WITHOUT ROWID") == NULL;
		tree->columns = is_table ? count_table(db, entry) : count_index(db, entry);
		tree->columns_least = is_table ? count_table(first, entry) : tree->columns;
		if (tree->columns_least < 0)
			tree->columns_least = tree->columns;
		tree->keys = is_table ? count_keys(db, entry) : 0;
		if (tree->columns > 0)
			ret->n_trees++;
	}
	(void)sqlite3_close(first);
	(void)sqlite3_close(db);
	return ret->n_trees == entries->n ? 0 : -1;
}

/* SQLite refuses a schema whose roots lie behind the end of a truncated file. */
static void extend_to_roots(struct view *view, const struct entries *entries)
{
	for (unsigned i = 0; i < entries->n; i++)
		view_extend(view, entries->at[i].root);
}

int salvage_plant_schema(struct view *view, struct map *ret_map, struct error *err)
{
	struct entries entries = { .n = 0 };
	uint8_t page[PAGE_BYTES];
	int result = list_fresh(&entries, err);
	if (result == 0 && read_own_roots(view, &entries) < 0)
		result = error_set(err, NULL, "out of memory");
	if (result == 0 && make_page(&entries, page) < 0)
		result = error_set(err, NULL, "the schema does not fit into one page");
	if (result == 0) {
		extend_to_roots(view, &entries);
		settle_header(page, view_pages(view));
		result = view_replace_page(view, 1, page);
	}
	if (result == 0 && fill_map(view, &entries, ret_map) < 0)
		result = error_set(err, NULL, "the schema that was made can't be read");
	if (result == 0)
		view_guard(view, fits, ret_map);
	free_entries(&entries);
	return result;
}

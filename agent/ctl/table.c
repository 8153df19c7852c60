#include "ctl/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl/format.h"

#define GAP 2
#define NARROWEST 12
#define CELL_MAX 1024

struct cell {
	char *text;
	enum color color;
};

struct table {
	const char *const *heads;
	size_t n_columns;
	size_t widths[TABLE_COLUMNS_MAX];
	struct cell *cells;
	size_t n, cap;
};

static void *must(void *memory)
{
	if (!memory) {
		(void)fputs("drayctl: no memory\n", stderr);
		exit(CTL_NO);
	}
	return memory;
}

struct table *table_new(const char *const *heads)
{
	struct table *table = must(calloc(1, sizeof(*table)));

	table->heads = heads;
	while (heads[table->n_columns] && table->n_columns < TABLE_COLUMNS_MAX) {
		const char *head = heads[table->n_columns];

		table->widths[table->n_columns++] = format_width(head) - (head[0] == '>');
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n; i++)
		free(table->cells[i].text);
	free(table->cells);
	free(table);
}

void table_text(struct table *table, const char *text, enum color color)
{
	char cell[CELL_MAX];
	size_t column = table->n % table->n_columns;
	size_t width;

	format_cell(text && text[0] ? text : "-", CELL_MAX, cell, sizeof(cell));
	if (table->n == table->cap) {
		table->cap = table->cap ? 2 * table->cap : 64;
		table->cells = must(realloc(table->cells, table->cap * sizeof(*table->cells)));
	}
	table->cells[table->n++] = (struct cell){ must(strdup(cell)), color };
	width = format_width(cell);
	if (width > table->widths[column])
		table->widths[column] = width;
}

void table_count(struct table *table, int64_t n, enum color color)
{
	char text[FORMAT_MAX];

	format_count(n, text);
	table_text(table, n == 0 ? "-" : text, n == 0 ? COLOR_DIM : color);
}

void table_age(struct table *table, const cJSON *seconds)
{
	char text[FORMAT_MAX] = "-";

	if (cJSON_IsNumber(seconds) && fabs(seconds->valuedouble) < 0x1p53)
		format_age((int64_t)seconds->valuedouble, text);
	table_text(table, text, COLOR_NONE);
}

/* Columns of the terminal; 0: not a terminal, no bound. */
static size_t terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0)
		return 0;
	return size.ws_col;
}

static void fit(struct table *table)
{
	size_t bound = terminal_width();
	size_t all = 0;

	for (size_t i = 0; i < table->n_columns; i++)
		all += table->widths[i] + (i > 0 ? GAP : 0);
	while (bound > 0 && all > bound) {
		size_t widest = 0;

		for (size_t i = 1; i < table->n_columns; i++)
			if (table->widths[i] > table->widths[widest])
				widest = i;
		if (table->widths[widest] <= NARROWEST)
			return;
		table->widths[widest]--;
		all--;
	}
}

static void print_cell(const struct ctl *ctl, const struct table *table, size_t column,
	const char *text, enum color color)
{
	bool is_right = table->heads[column][0] == '>';
	bool is_last = column + 1 == table->n_columns;
	char cell[CELL_MAX];
	size_t pad;

	format_cell(text, table->widths[column], cell, sizeof(cell));
	pad = table->widths[column] - format_width(cell);
	if (is_right)
		(void)printf("%*s", (int)pad, "");
	print_colored(ctl, color, cell);
	if (!is_right && !is_last)
		(void)printf("%*s", (int)pad, "");
	(void)fputs(is_last ? "\n" : "  ", stdout);
}

void table_print(const struct ctl *ctl, struct table *table)
{
	size_t column = 0;

	fit(table);
	for (size_t i = 0; i < table->n_columns; i++)
		print_cell(
			ctl, table, i, table->heads[i] + (table->heads[i][0] == '>'), COLOR_HEAD);
	for (size_t i = 0; i < table->n; i++) {
		print_cell(ctl, table, column, table->cells[i].text, table->cells[i].color);
		column = column + 1 == table->n_columns ? 0 : column + 1;
	}
}

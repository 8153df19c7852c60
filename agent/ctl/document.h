/*
 * document.h - configurations as `drayctl config` reads and shows them.
 */
#ifndef DRAY_CTL_DOCUMENT_H
#define DRAY_CTL_DOCUMENT_H

#include "ctl/ctl.h"

/* What a file holds. */
struct document {
	struct buf text; /* as it is */
	cJSON *root;     /* of a signed one what is in the envelope; NULL: it is no JSON object */
	struct error err;
	/* desired.h: it has `config`, or is signed. Else it is a configuration as drayd reads one. */
	bool is_desired;
};

/* CTL_DONE, or CTL_USAGE after a line on stderr. What is no JSON is told by `err`, and is read all the same. */
int document_read(const char *name, struct document *ret);
void document_done(struct document *document);

/* For people: indented, and what could steer the terminal is taken out. */
void document_print(const cJSON *root);

/* What a row is about, by its revision: "revision 12", "the files" where it has none, or "a document" that
 * was refused before its number could be read. */
void document_name(const cJSON *row, char out[32]);

#endif

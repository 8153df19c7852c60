/*
 * json_lex.h - the words of JSON: blanks, strings, numbers. Inside the scanner only.
 *
 * A lexer walks over borrowed bytes. What it passes stays in the span; json_scan.c copies spans
 * whole, and only a number that becomes a string, or a comment, ends one.
 */
#ifndef DRAY_JSON_LEX_H
#define DRAY_JSON_LEX_H

#include "dray/json.h"

struct lexer {
	const char *text;
	const char *p;
	const char *end;  /* of what may be read: of the text, or one byte past the bound */
	const char *span; /* start of what was read and not yet copied */
	struct buf *out;
	bool has_comments; /* are allowed */
	bool is_cut;       /* the text goes on behind `end` */
	enum json_flaw flaw;
	const char *flaw_at;
	const char *message;
};

/* Note the flaw. Returns false, always. */
bool lex_fail(struct lexer *lex, enum json_flaw flaw, const char *at, const char *message);
/* The text ended too early, or was too long. Returns false, always. */
bool lex_fail_at_end(struct lexer *lex);
/* Copy what was passed up to `upto`. */
void lex_flush(struct lexer *lex, const char *upto);

bool lex_more_blanks(struct lexer *lex);

/* White space, and comments where they are allowed. Most often there is none. */
static inline bool lex_blanks(struct lexer *lex)
{
	if (lex->p < lex->end && (unsigned char)*lex->p > ' ' && *lex->p != '/')
		return true;
	return lex_more_blanks(lex);
}

/* From the opening quote to behind the closing one. */
bool lex_string(struct lexer *lex, bool *ret_has_escape);
bool lex_number(struct lexer *lex);
/* true, false, null */
bool lex_word(struct lexer *lex, const char *word);

/* The code unit of four hex digits at `p`, or -1. */
long lex_hex_unit(const char *p, const char *end);

#endif

/*
 * certificate.h - what a PEM file of X.509 certificates says of itself. Pure.
 */
#ifndef DRAY_CERTIFICATE_H
#define DRAY_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#define CERTIFICATE_NAME_MAX 256

struct certificate {
	unsigned n;              /* certificates in the file */
	int64_t begins_at_ms;    /* of the first: it isn't valid before */
	int64_t first_end_at_ms; /* when the first of them all ends, */
	int64_t last_end_at_ms;  /* and when the last does */
	char name
		[CERTIFICATE_NAME_MAX]; /* of the first: the first DNS name, else its CN; "" none */
};

/* 0, or -1: there is no certificate in it, or one that can't be read. */
int certificate_read(const char *pem, size_t len, struct certificate *ret);

#endif

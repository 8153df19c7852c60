/*
 * doctor_certificates.c - does a certificate end soon, of all that the configuration names?
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/doctor.h"
#include "ctl/machine.h"
#include "dray/certificate.h"
#include "dray/times.h"
#include "file.h"

#define DAY_MS INT64_C(86400000)
#define SOON_MS (30 * DAY_MS)

static void judge(struct doctor *doctor, const char *what, const char *path,
	const struct certificate *certificate, bool is_ca)
{
	/* While CAs change places, a bundle holds the old and the new one. */
	int64_t ends_at_ms = is_ca ? certificate->last_end_at_ms : certificate->first_end_at_ms;
	int64_t left_ms = ends_at_ms - now_ms();
	char at[TIME_TEXT_MAX];

	time_format(ends_at_ms, at);
	if (left_ms <= 0)
		found(doctor, "certificates", FINDING_WRONG, "renew it",
			"%s: %s has ended on %.10s", what, path, at);
	else if (!is_ca && certificate->begins_at_ms > now_ms())
		found(doctor, "certificates", FINDING_WRONG, "is the clock right? (timedatectl)",
			"%s: %s is not valid yet", what, path);
	else
		found(doctor, "certificates", left_ms < SOON_MS ? FINDING_WARNING : FINDING_OK,
			left_ms < SOON_MS ? "renew it" : "",
			"%s: %s ends on %.10s, in %" PRId64 " days", what, path, at,
			left_ms / DAY_MS);
}

void look_at_certificate(struct doctor *doctor, const char *what, const char *path, bool is_ca)
{
	struct certificate certificate;
	struct buf pem = BUF_INIT;
	int failed;

	if (!path)
		return;
	failed = file_read(path, MACHINE_FILE_MAX, &pem);
	if (failed)
		found(doctor, "certificates", FINDING_WRONG, "put it there, or name another",
			"%s: %s: %s", what, path, strerror(failed));
	else if (certificate_read(pem.data, pem.len, &certificate) != 0)
		found(doctor, "certificates", FINDING_WRONG, "put a certificate there, in PEM",
			"%s: %s holds no certificate, or one that can't be read", what, path);
	else
		judge(doctor, what, path, &certificate, is_ca);
	buf_done(&pem);
}

static void look_at_tls(struct doctor *doctor, const char *where, const struct config_tls *tls)
{
	char what[128];

	(void)snprintf(what, sizeof(what), "%s.tls.ca", where);
	look_at_certificate(doctor, what, tls->ca, true);
	(void)snprintf(what, sizeof(what), "%s.tls.cert", where);
	look_at_certificate(doctor, what, tls->cert, false);
}

void look_at_certificates(struct doctor *doctor)
{
	const struct config *config = doctor->config;
	char where[96];

	look_at_tls(doctor, "mqtt", &config->mqtt.tls);
	look_at_tls(doctor, "listen", &config->listen.tls);
	look_at_tls(doctor, "fleet", &config->fleet.tls);
	for (size_t i = 0; i < config->n_destinations; i++) {
		(void)snprintf(
			where, sizeof(where), "destinations.%.64s", config->destinations[i].name);
		look_at_tls(doctor, where, &config->destinations[i].tls);
	}
}
